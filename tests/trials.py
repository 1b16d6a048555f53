"""Trials of the default form, made once for each clip: its input alone decides the result."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

from cssv.carriers.prepared import Recode, Report, no_report
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.recoding import Recoding
from cssv.carriers.robust.strength import Response
from cssv.carriers.robust.trial import measure_response
from cssv.frames import Frame
from cssv.pipeline.preparation import Recoder

Measure = Callable[..., Response]


def kept_in(folder: Path) -> Measure:
    """``measure_response`` that keeps its results in a folder, for all processes that share it."""

    def measure(
        samples: Sequence[Sequence[Frame]],
        rate: Fraction,
        recodings: Sequence[Recoding],
        recode: Recode,
        key: bytes = PUBLIC_KEY,
        report: Report = no_report,
    ) -> Response:
        # Only of a value it is known that equal ones do the same.
        if not isinstance(recode, Recoder):
            return measure_response(samples, rate, recodings, recode, key, report)
        told = hashlib.sha256(repr((recode, rate, recodings, key)).encode())
        for sample in samples:
            told.update(b"sample")
            for frame in sample:
                told.update(repr((frame.layout, frame.planes.shape)).encode())
                told.update(frame.planes.tobytes())
        kept = folder / told.hexdigest()
        if kept.exists():
            response: Response = pickle.loads(kept.read_bytes())
            total = len(samples) * len(recodings)
            for done in range(1, total + 1):
                report(done, total)
            return response
        response = measure_response(samples, rate, recodings, recode, key, report)
        part = kept.with_suffix(f".{uuid4().hex}")
        part.write_bytes(pickle.dumps(response))
        part.replace(kept)
        return response

    return measure
