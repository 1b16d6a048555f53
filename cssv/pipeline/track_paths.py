"""Boxes of each track over the whole clip."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.pipeline.decoder import Decoder
from cssv.template.state import ObjectState

F64 = NDArray[np.float64]


@dataclass
class TrackPath:
    """One track: its times and boxes.

    Attributes:
        track: its id.
        label, name: of the latest frame that has one.
        is_given: whether it is a trajectory of the scene.
        first_s, last_s: its first and last time, exact.
    """

    track: int
    label: str
    name: str | None
    is_given: bool
    first_s: Fraction
    last_s: Fraction
    # Five numbers a frame: time, x, y, w, h.
    _rows: array[float] = field(default_factory=lambda: array("d"), repr=False)

    def add(self, time_s: Fraction, state: ObjectState) -> None:
        """Add the box of a later frame; one that does not lie later is a copy of a frame, and left out."""
        if self._rows and time_s <= self.last_s:
            return
        self.label, self.name = state.label or self.label, state.name or self.name
        self.last_s = time_s
        self._rows.extend((float(time_s), *state.box_px))

    @property
    def times_s(self) -> F64:
        """Times of its frames, (n,)."""
        return np.array(self._rows).reshape(-1, 5)[:, 0]

    @property
    def boxes_px(self) -> F64:
        """Boxes x, y, w, h, (n, 4)."""
        return np.array(self._rows).reshape(-1, 5)[:, 1:]


class TrackPaths:
    """The tracks of the frames so far; iterating gives them by id."""

    def __init__(self) -> None:
        self._paths: dict[int, TrackPath] = {}

    def add(self, time_s: Fraction, states: Iterable[ObjectState]) -> None:
        """Add the objects of a frame."""
        for state in states:
            path = self._paths.get(state.track)
            if path is None:
                path = TrackPath(state.track, state.label, state.name, state.is_given, time_s, time_s)
                self._paths[state.track] = path
            path.add(time_s, state)

    def __iter__(self) -> Iterator[TrackPath]:
        return (self._paths[track] for track in sorted(self._paths))

    def __len__(self) -> int:
        return len(self._paths)


def read_paths(decoder: Decoder) -> TrackPaths:
    """The tracks of a whole source: of a ``.cssv`` from its scene track alone, else from all frames.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    paths = TrackPaths()
    reader = decoder.reader
    if reader is None:
        for moment in decoder:
            paths.add(moment.time, moment.states)
        return paths
    # No frame has to be decoded.
    time_base = reader.video.time_base
    for number in range(len(reader)):
        states = decoder.stored_sample(number).objects
        paths.add(reader.pts(reader.video.number, number) * time_base, states)
    return paths
