"""ClipSlice: some frames of a clip, in order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import overload

from cssv.errors import OptionTypeError
from cssv.pipeline.moment import Moment


class ClipSlice:
    """Some frames of a clip, as ``clip[10:50]`` gives them. No frame is decoded until it is used.

    It has a length, can be indexed, sliced again and iterated over several times. It needs the clip open.

    Attributes:
        numbers: the frames of the source, counted from 0.
    """

    def __init__(self, read: Callable[[int], Moment], numbers: range) -> None:
        self._read, self.numbers = read, numbers

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Moment: ...

    @overload
    def __getitem__(self, index: slice) -> ClipSlice: ...

    def __getitem__(self, index: int | slice) -> Moment | ClipSlice:
        """The moment of a frame, or a slice of this slice. Raises IndexError beyond it."""
        if isinstance(index, slice):
            return ClipSlice(self._read, select_frames(self.numbers, index))
        return self._read(find_frame(self.numbers, index))

    def __iter__(self) -> Iterator[Moment]:
        return map(self._read, self.numbers)

    def __repr__(self) -> str:
        return f"<cssv.ClipSlice of {len(self)} frames: {self.numbers}>"


def find_frame(numbers: range, index: int) -> int:
    """The frame at a place, negative from the end. Raises IndexError beyond, else OptionTypeError."""
    try:
        place = operator.index(index)
    except TypeError as error:
        found = type(index).__name__
        raise OptionTypeError("a clip is indexed by one whole number or a slice", found=found) from error
    if not -len(numbers) <= place < len(numbers):
        raise IndexError(f"frame {place} of a clip of {len(numbers)} frames")
    return numbers[place]


def select_frames(numbers: range, index: slice) -> range:
    """The frames of a slice. Raises OptionTypeError unless its bounds and its step are whole numbers."""
    try:
        return numbers[index]
    except (TypeError, ValueError) as error:
        found = str(index)
        raise OptionTypeError(
            "a slice of a clip has whole bounds and a step other than 0", found=found
        ) from error
