"""The clip that was encoded, opened again in the way it was opened then."""

from __future__ import annotations

from pathlib import Path

from cssv.pipeline.config import RecordedConfig, planes_for
from cssv.pipeline.exact_number import to_fraction
from cssv.video import DAMAGED, DEFAULT_DAMAGED, FrameReader, Span, open_clip


def open_cover(path: Path, recorded: RecordedConfig) -> FrameReader:
    """Open a clip with the options that a version records; errors are those of :func:`open_clip`."""
    opened = recorded.opened
    rate, start, stop = (to_fraction(opened.get(key)) for key in ("rate", "start", "stop"))
    stream, damaged = opened.get("stream", ""), opened.get("damaged", "")
    return open_clip(
        path,
        planes=planes_for(recorded.config.carrier, "rgb" if recorded.layout == "rgb24" else "native"),
        rate=rate,
        span=Span(start, stop),
        stream=int(stream) if stream.isdecimal() else None,
        damaged=next((choice for choice in DAMAGED if choice == damaged), DEFAULT_DAMAGED),
    )
