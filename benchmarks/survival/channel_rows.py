"""Rows of random payloads: pieces of copies, codecs, the least class at CRF 33, and sizes of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from cssv.carriers.robust.recoding import DEFAULT_SURVIVE
from cssv.frames import U8
from cssv.video import VideoInfo
from survival.clip import Clip
from survival.coding import code, coded_bytes, psnr_of_luma
from survival.marked import Chosen, Marked, Trial, choose_strength, mark, run_trial
from survival.reading import Tally, WindowResult, read_piece, read_windows
from survival.results import Results, Row

#: Seconds of a piece: any piece of this length holds a whole window.
PIECE_S = 4
#: Re-encodings of the row of codecs.
CHAINS = ("h264-23", "hevc-28", "vp9-36", "av1-40", "h264-20,h264-23", "h264-20,h264-28", "h264-20,vp9-36")
#: The class of the smallest payloads.
LEAST_CLASS = 64


@dataclass
class Study:
    """A clip, its marks by class and strength, and its copies, which several rows share.

    Args:
        clip: the cover.
        survive: re-encodings of the trial, for all rows but those of one strength.
        chains: copies of the row of codecs; a comma separates the codecs of a copy of a copy.
        pieces: number of random pieces of a row.
        rival_frames: number of frames that rivals get.
        payload: the payload class; None for the one that is the aim in a clip of this size.
        folder: for files.
        results: keeps what the trials have found.
    """

    clip: Clip
    survive: str
    chains: Sequence[str]
    pieces: int
    rival_frames: int
    payload: int | None
    folder: Path
    results: Results
    _marked: dict[tuple[int, str], tuple[Chosen, Marked]] = field(default_factory=dict, init=False)
    _copies: dict[tuple[int, str, str], tuple[list[U8], int]] = field(default_factory=dict, init=False)

    @property
    def class_bytes(self) -> int:
        """The payload class of rows that have no class of their own."""
        return self.payload or self.clip.class_bytes

    @property
    def title(self) -> str:
        """Key of rows: the clip, and what is not the default of the marks."""
        made_for = f", for {self.survive}" if self.survive != DEFAULT_SURVIVE else ""
        payload = f", {self.payload} B" if self.payload else ""
        return self.clip.title + payload + made_for

    def marked(self, class_bytes: int, survive: str) -> tuple[Chosen, Marked]:
        """The clip with random payloads, at the strength that the trial finds."""
        key = class_bytes, survive
        if key not in self._marked:
            name = f"trial of {self.clip.title}, {survive}"
            found = self.results.remember(name, lambda: str(run_trial(self.clip, survive)))
            chosen = choose_strength(self.clip, class_bytes, Trial.from_text(found))
            self._marked[key] = chosen, mark(self.clip, class_bytes, chosen.strength, chosen.last)
        return self._marked[key]

    def copy(self, class_bytes: int, survive: str, chain: str) -> tuple[list[U8], int]:
        """A copy of the clip with payloads, and the bytes of its file."""
        key = class_bytes, survive, chain
        if key not in self._copies:
            before, _, last = chain.rpartition(",")
            if before:
                source = self.copy(class_bytes, survive, before)[0]
            else:
                source = self.marked(class_bytes, survive)[1].planes
            self._copies[key] = code(source, self.clip.rate, last)
        return self._copies[key]

    def starts(self) -> np.ndarray:
        """Numbers of the first frames of pieces."""
        last = len(self.clip.planes) - self.piece_frames
        return np.random.default_rng(7).integers(0, max(last, 0) + 1, self.pieces)

    @property
    def piece_frames(self) -> int:
        """Frames of a piece."""
        return min(round(PIECE_S * self.clip.rate), len(self.clip.planes))


def copy_row(study: Study, class_bytes: int, survive: str, chain: str) -> Row:
    """Windows and random pieces of one copy of the whole clip."""
    chosen, marked = study.marked(class_bytes, survive)
    copy, _ = study.copy(class_bytes, survive, chain)
    tally, count = Tally(), study.piece_frames
    for first in study.starts():
        tally.add(marked, int(first), count, read_piece(marked, copy[first : first + count]))
    windows = read_windows(marked, copy)
    return {
        "clip": study.clip.title,
        "copy": chain.replace(",", ", then "),
        "payload": f"{class_bytes} B",
        "made for": survive.replace(",", ", "),
        **_cover(study, chosen, marked),
        "pieces right": share(tally.pieces[1], tally.pieces[0]),
        "their whole windows": share(tally.windows[1], tally.windows[0]),
        "wrong": str(tally.wrong),
        "all windows": share(sum(each.is_right for each in windows), len(windows)),
        "lost, of how many": _lost(windows),
        "information: least, median": _margins(windows),
    }


def cut_row(study: Study, class_bytes: int, survive: str, crf: int, count: int) -> Row:
    """Pieces that are cut from the stego clip first, and encoded each by itself."""
    chosen, marked = study.marked(class_bytes, survive)
    tally, length = Tally(), study.piece_frames
    for first in study.starts()[:count]:
        copy, _ = code(marked.planes[first : first + length], study.clip.rate, f"h264-{crf}")
        tally.add(marked, int(first), length, read_piece(marked, copy))
    return {
        "clip": study.clip.title,
        "copy": f"each {PIECE_S} s, h264-{crf}",
        "payload": f"{class_bytes} B",
        "made for": survive.replace(",", ", "),
        **_cover(study, chosen, marked),
        "pieces right": share(tally.pieces[1], tally.pieces[0]),
        "their whole windows": share(tally.windows[1], tally.windows[0]),
        "wrong": str(tally.wrong),
    }


def size_row(study: Study, class_bytes: int, survive: str, crf: int) -> Row:
    """Size of the coded file and PSNR after coding, against those of the plain clip."""
    clip = study.clip
    chosen, marked = study.marked(class_bytes, survive)
    plain, plain_bytes = code(clip.planes, clip.rate, f"h264-{crf}")
    copy, copy_bytes = study.copy(class_bytes, survive, f"h264-{crf}")
    info = VideoInfo(clip.width, clip.height, "yuv420p", 1 / Fraction(clip.rate), clip.rate)
    own = [coded_bytes(planes, info, crf) for planes in (clip.planes, marked.planes)]
    before, after = (psnr_of_luma(clip.planes, planes) for planes in (plain, copy))
    return {
        "clip": clip.title,
        "CRF": str(crf),
        "payload": f"{class_bytes} B",
        "made for": survive.replace(",", ", "),
        **_cover(study, chosen, marked),
        "settings of CSSV: plain KiB": f"{own[0] / 1024:.0f}",
        "marked": _more(own[1], own[0]),
        "FFmpeg's defaults: plain KiB": f"{plain_bytes / 1024:.0f}",
        "marked there": _more(copy_bytes, plain_bytes),
        "PSNR to the clip, plain dB": f"{before:.2f}",
        "lost dB": f"{before - after:.2f}",
    }


def _cover(study: Study, chosen: Chosen, marked: Marked) -> Row:
    return {
        "step by trial": str(chosen),
        "cover dB": f"{psnr_of_luma(study.clip.planes, marked.planes):.2f}",
        "trial, s": f"{chosen.trial.seconds:.0f}",
    }


def share(part: int, whole: int) -> str:
    """A number out of another one."""
    return f"{part} of {whole}"


def _more(size: int, plain: int) -> str:
    return f"{100 * (size / plain - 1):+.1f} %"


def _lost(windows: list[WindowResult]) -> str:
    """Numbers of the lost windows, with the information of both slots."""
    found = [
        f"{number} ({' + '.join(f'{slot:.2f}' for slot in each.slots)})"
        for number, each in enumerate(windows)
        if not each.is_right
    ]
    return f"{', '.join(found) or 'none'} / {len(windows)}"


def _margins(windows: list[WindowResult]) -> str:
    margins = [each.margin for each in windows]
    return f"{min(margins):.2f}, {np.median(margins):.2f}"
