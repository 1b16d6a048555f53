"""Rows of rivals: watermarks of pictures, with one message in all frames, beside a payload of CSSV."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator

import numpy as np
from meters.lattice import to_rgb
from rivals.hiders import BlindWatermark, InvisibleWatermark, Watermark, from_rgb

from cssv.carriers.robust.codewords import OVERHEAD
from cssv.frames import U8
from survival.channel_rows import Study
from survival.clip import Clip
from survival.coding import code, psnr_of_luma
from survival.reading import read_windows
from survival.results import Row

#: Copies of which messages are read.
COPIES = ("h264-23", "h264-28", "hevc-28", "vp9-36")
#: Rivals: package, name of the row, and how it is made with a number of frames.
RIVALS: tuple[tuple[str, str, Callable[[int], Watermark]], ...] = (
    ("imwatermark", "invisible-watermark, dwtDctSvd", lambda most: InvisibleWatermark("dwtDctSvd", most)),
    (
        "imwatermark",
        "invisible-watermark, dwtDctSvd, 256 bits",
        lambda most: InvisibleWatermark("dwtDctSvd", most, 256),
    ),
    ("onnxruntime", "invisible-watermark, rivaGan", lambda most: InvisibleWatermark("rivaGan", most)),
    ("blind_watermark", "blind-watermark", BlindWatermark),
    ("blind_watermark", "blind-watermark, 256 bits", lambda most: BlindWatermark(most, 256)),
)


def installed_rivals(frames: int) -> Iterator[tuple[str, Callable[[], Watermark] | None]]:
    """Names of the rivals, and how each is made; None where its package is missing."""
    for package, name, make in RIVALS:
        is_there = importlib.util.find_spec(package) is not None
        if package == "onnxruntime":
            is_there = is_there and importlib.util.find_spec("imwatermark") is not None
        yield name, (lambda make=make: make(frames)) if is_there else None


def made_row(clip: Clip, name: str, make: Callable[[], Watermark]) -> Row:
    """The row of a rival that is made now, since some load networks."""
    return rival_row(clip, name, make())


def rival_row(clip: Clip, name: str, rival: Watermark) -> Row:
    """Bits of one message that come back from copies: each frame has all of it, and the majority counts.

    Args:
        clip: its first frames are used.
        name: of the row.
        rival: the package.
    """
    covers = clip.planes[: rival.most_frames]
    bits = np.random.default_rng(5).integers(0, 2, rival.bits).astype(np.uint8)
    began = time.process_time()
    marked = [_to_planes(rival.mark(_to_bgr(cover), bits)) for cover in covers]
    spent, reading = time.process_time() - began, 0.0
    row = {
        "clip": f"{clip.name}, {len(covers)} frames",
        "what": name,
        "message": f"{rival.bits} bits, in each frame",
        "cover dB": f"{psnr_of_luma(covers, marked):.1f}",
    }
    for chain in COPIES:
        copy, _ = code(marked, clip.rate, chain)
        began = time.process_time()
        found = np.array([np.asarray(rival.unmark(_to_bgr(each)), np.float64) > 0.5 for each in copy])
        reading += time.process_time() - began
        row[chain] = rival_result(found, bits)
    per_frame = 1000 / len(covers)
    return row | {
        "ms a frame: mark, read": f"{spent * per_frame:.0f}, {reading * per_frame / len(COPIES):.0f}"
    }


def rival_result(found: np.ndarray, bits: U8) -> str:
    """Share of right bits in single frames and by the majority of all, and whether the majority is right."""
    single = float((found == bits).mean())
    majority = (found.mean(axis=0) > 0.5) == bits
    whole = "whole" if majority.all() else "not whole"
    return f"{100 * single:.0f} %, majority {100 * majority.mean():.0f} %, {whole}"


def own_row(study: Study) -> Row:
    """The same of CSSV: windows of 2 s that come back with their checksum."""
    clip = study.clip
    _, marked = study.marked(study.class_bytes, study.survive)
    row = {
        "clip": f"{clip.name}, {len(clip.planes)} frames",
        "what": "CSSV, robust",
        "message": f"{8 * (study.class_bytes - OVERHEAD)} bits, in each 2 s",
        "cover dB": f"{psnr_of_luma(clip.planes, marked.planes):.1f}",
    }
    reading = 0.0
    for chain in COPIES:
        copy, _ = study.copy(study.class_bytes, study.survive, chain)
        began = time.process_time()
        windows = read_windows(marked, copy)
        reading += time.process_time() - began
        row[chain] = f"{sum(each.is_right for each in windows)} of {len(windows)} windows whole"
    per_frame = 1000 / len(clip.planes)
    return row | {
        "ms a frame: mark, read": f"{marked.seconds * per_frame:.1f}, {reading * per_frame / len(COPIES):.1f}"
    }


def missing_row(clip: Clip, name: str) -> Row:
    """A rival that is not installed."""
    return {"clip": clip.name, "what": name, "message": "its package is not installed"}


def _to_bgr(planes: U8) -> U8:
    return to_rgb(planes)[..., ::-1].copy()


def _to_planes(picture: U8) -> U8:
    marked = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return from_rgb(marked[..., ::-1].copy())
