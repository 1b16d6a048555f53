"""Tracks of sequences and clips for the benchmark of equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reference import read_size, read_truth

from cssv.payload.track_code import CHANNELS, Frames
from cssv.perception import BoxesDetector, Tracks, detector
from cssv.perception.given_boxes import BoxesAre
from cssv.perception.offline import perceive, track_boxes
from cssv.video import VideoReader

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One track: its frames, and its numbers by channel in pixels, (n,) each."""

    frames: Frames
    values: dict[str, F64]

    @property
    def raw_bytes(self) -> int:
        """Four numbers of 16 bits a frame."""
        return 8 * len(self.frames)


def tracks_of(sequence: Path, boxes_are: BoxesAre) -> list[Sample]:
    """The annotated tracks of a sequence: as they are, or smoothed as detections with ids are."""
    truth, rate = read_truth(sequence)
    times = [number / Fraction(rate).limit_denominator(1000) for number in range(len(truth))]
    boxes = BoxesDetector(sequence / "gt/gt.txt", boxes_are=boxes_are)
    return list(samples(track_boxes(boxes, times, size=read_size(sequence))))


def motion_tracks(clip: Path, rate: Fraction | None) -> list[Sample]:
    """The tracks that the ``motion`` detector gives on a clip."""
    with VideoReader(clip, rate=rate) as reader:
        return list(samples(perceive(reader, detector("motion"))))


def periodic_tracks(seconds: float = 60.0, rate: int = 25, noise_px: float = 0.3) -> list[Sample]:
    """Made tracks of machines: boxes on circles and pendulums, with the noise of a detector."""
    times = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(11)
    found = []
    for turn in (0.4, 0.9, 1.6, 2.5):
        angle = turn * times + rng.uniform(0, 6)
        values = (
            320 + 140 * np.cos(angle),
            240 + 90 * np.sin(angle),
            40 + 6 * np.sin(angle),
            60 + 9 * np.sin(angle),
        )
        noisy = [each + rng.normal(size=len(times)) * noise_px for each in values]
        found.append(Sample(Frames.from_times(times.tolist()), dict(zip(CHANNELS, noisy, strict=True))))
    return found


def samples(tracks: Tracks) -> Iterator[Sample]:
    """The tracks as the encoding takes them."""
    for track in tracks:
        x, y, w, h = track.boxes_px.T
        values = (x + w / 2, y + h, w, h)
        yield Sample(Frames.from_times(track.times_s.tolist()), dict(zip(CHANNELS, values, strict=True)))
