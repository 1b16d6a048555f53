"""Trials of marks, each measured once in a run of the tests.

What a trial measures depends on its arguments alone, and many tests encode the same short clip.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

from cssv.carriers.prepared import Report, no_report
from cssv.carriers.robust.recoding import Recoding
from cssv.carriers.robust.strength import Response
from cssv.carriers.robust.trial import measure_response
from cssv.frames import Frame
from cssv.pipeline.preparation import Recoder


def measure_once(folder: Path) -> Callable[..., Response]:
    """``measure_response`` with a file in ``folder`` for each result; all processes of the run share them."""

    def measure(
        samples: Sequence[Sequence[Frame]],
        rate: Fraction,
        recodings: Sequence[Recoding],
        recode: Callable,
        key: bytes,
        report: Report = no_report,
    ) -> Response:
        # Only of the library's own copies is it known that they are always the same.
        if not isinstance(recode, Recoder):
            return measure_response(samples, rate, recodings, recode, key, report)
        path = folder / f"{_digest(samples, rate, recodings, recode, key)}.json"
        if not path.exists():
            found = measure_response(samples, rate, recodings, recode, key, report)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(found.bits), encoding="ascii")
            partial.rename(path)
            return found
        total = len(samples) * len(recodings)
        for done in range(total):
            report(done + 1, total)
        return Response(tuple(json.loads(path.read_text(encoding="ascii"))))

    return measure


def _digest(
    samples: Sequence[Sequence[Frame]],
    rate: Fraction,
    recodings: Sequence[Recoding],
    recode: Recoder,
    key: bytes,
) -> str:
    words = (rate, [str(each) for each in recodings], recode, key)
    digest = sha256(repr(words).encode())
    for sample in samples:
        for frame in sample:
            digest.update(repr((frame.layout, frame.planes.shape)).encode())
            digest.update(frame.planes.tobytes())
        digest.update(b"end of sample")
    return digest.hexdigest()
