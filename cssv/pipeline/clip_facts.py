"""What a clip is, in words: for notebooks."""

from __future__ import annotations

from cssv.pipeline.decoder import Decoder
from cssv.pipeline.frame_times import end_of


def clip_facts(decoder: Decoder) -> dict[str, str]:
    """Facts about a clip by their names. No frame is decoded."""
    info, total = decoder.info, len(decoder)
    length_s = float(end_of(decoder) - decoder.time_of(0))
    facts = {
        "frames": f"{total} in {length_s:.2f} s, {float(info.rate):.6g} per second",
        "picture": f"{info.width} x {info.height}, {info.layout}, {info.codec}",
    }
    if decoder.reader is None:
        return facts | {"file": "a copy: objects are read from the pixels"}
    version = decoder.reader.version
    message = f", {version.about.message}" if version.about.message else ""
    known, unit = ("unknown", "pixels") if decoder.plane is None else ("known", "metres")
    ground = f"{known}: speeds in {unit} per second"
    return facts | {"version": f"{version.number}{message}", "ground": ground}
