"""Scores of tracks by TrackEval: HOTA, CLEAR MOT and identity measures."""

from __future__ import annotations

import configparser
import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import overlaps
from cssv.interop.mot import MotRows
from cssv.perception import BoxesDetector, Detections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from trackeval.metrics import CLEAR, HOTA, Identity


#: Sequences of MOT15 in the test data, with public boxes and truth.
SEQUENCES = (
    "PETS09-S2L1",
    "TUD-Campus",
    "TUD-Stadtmitte",
    "KITTI-13",
    "KITTI-17",
    "ADL-Rundle-6",
    "ETH-Bahnhof",
    "ETH-Pedcross2",
    "Venice-2",
)
#: Those on which no constant was chosen before they were added.
ADDED = ("ETH-Pedcross2", "Venice-2")


@dataclass(frozen=True)
class Sequence15:
    """One MOT15 sequence: name, frames per second, number of frames, picture size, truth and public boxes."""

    name: str
    rate: Fraction
    frames: int
    size: tuple[int, int]
    truth: tuple[Detections, ...]
    public: tuple[Detections, ...]

    @classmethod
    def read(cls, folder: Path) -> Sequence15:
        info = configparser.ConfigParser()
        info.read(folder / "seqinfo.ini")
        rate, count = Fraction(info["Sequence"]["frameRate"]), info.getint("Sequence", "seqLength")
        truth, public = BoxesDetector(folder / "gt/gt.txt"), BoxesDetector(folder / "det/det.txt")
        return cls(
            info["Sequence"]["name"],
            rate,
            count,
            (info.getint("Sequence", "imWidth"), info.getint("Sequence", "imHeight")),
            tuple(truth.in_frame(k) for k in range(count)),
            tuple(public.in_frame(k) for k in range(count)),
        )

    def thinned(self, step: int) -> Sequence15:
        """The sequence with every ``step``-th frame only."""
        truth, public = self.truth[::step], self.public[::step]
        return Sequence15(self.name, self.rate / step, len(truth), self.size, truth, public)


@dataclass(frozen=True)
class Score:
    """HOTA, MOTA and IDF1 in percent, and the number of identity switches."""

    hota: float
    mota: float
    idf1: float
    switches: int
    recall: float
    precision: float


def _dense(ids: Sequence[NDArray[np.int64]]) -> tuple[list[NDArray[np.int64]], int]:
    known = np.unique(np.concatenate([*ids, np.empty(0, np.int64)]))
    return [np.searchsorted(known, one) for one in ids], len(known)


def measures(truth: Sequence[Detections], rows: MotRows) -> dict[str, Any]:
    """TrackEval's raw counts for one sequence; :func:`combined` computes scores from them."""
    borders = np.searchsorted(rows.numbers, np.arange(len(truth) + 1))
    spans = [slice(low, high) for low, high in itertools.pairwise(borders)]
    gt_ids, gt_count = _dense([frame.ids for frame in truth])
    ids, count = _dense([rows.ids[span] for span in spans])
    data = {
        "num_gt_dets": sum(map(len, truth)),
        "num_tracker_dets": int(borders[-1] - borders[0]),
        "num_gt_ids": gt_count,
        "num_tracker_ids": count,
        "num_timesteps": len(truth),
        "gt_ids": gt_ids,
        "tracker_ids": ids,
        "similarity_scores": [
            overlaps(frame.boxes_px, rows.boxes_px[span]) for frame, span in zip(truth, spans, strict=True)
        ],
    }
    quiet = {"PRINT_CONFIG": False}
    return {m.get_name(): m.eval_sequence(data) for m in (HOTA(), CLEAR(quiet), Identity(quiet))}


def combined(results: Mapping[str, Mapping[str, Any]]) -> Score:
    """One score for several sequences, combined as TrackEval does: by counts, not by means."""
    quiet = {"PRINT_CONFIG": False}
    hota, clear, identity = (
        m.combine_sequences({name: result[m.get_name()] for name, result in results.items()})
        for m in (HOTA(), CLEAR(quiet), Identity(quiet))
    )
    return Score(
        100 * float(np.mean(hota["HOTA"])),
        100 * clear["MOTA"],
        100 * identity["IDF1"],
        int(clear["IDSW"]),
        100 * clear["CLR_Re"],
        100 * clear["CLR_Pr"],
    )
