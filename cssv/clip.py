"""Random access to the moments of a clip that carries."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from fractions import Fraction

from cssv.closing import Closing
from cssv.decoder import Decoder, Moment
from cssv.errors import InputError
from cssv.painter import Path_
from cssv.scene import Scene
from cssv.video import VideoInfo


class Clip(Closing):
    """A clip opened for random access.

    ::

        with cssv.open("clip.cssv") as clip:
            moment = clip[100]                  # .frame .heat .objects .time
            for moment in clip: ...

    ``clip[i]`` is the i-th frame of the source, counted from 0; negative numbers count from the end. Going
    forward frame by frame costs no seek.

    Args:
        path: what :class:`Decoder` takes.
    """

    def __init__(self, path: Path_) -> None:
        self._decoder = Decoder(path)
        self._length = len(self._decoder)
        self._next = 0
        self._moments = iter(self._decoder)

    def __len__(self) -> int:
        """Frames of the source."""
        return self._length

    def __getitem__(self, index: int) -> Moment:
        """The moment at a frame. Raises IndexError beyond the clip, TypeError for all but whole numbers."""
        if not hasattr(index, "__index__"):
            raise TypeError(f"a clip is indexed by one whole number, not by {type(index).__name__}")
        index = operator.index(index)
        wanted = index + self._length if index < 0 else index
        if not 0 <= wanted < self._length:
            raise IndexError(f"frame {index} of a clip of {self._length} frames")
        if wanted != self._next:
            self._decoder.seek(wanted)
            self._moments = iter(self._decoder)
        # A loop that breaks off leaves the position unknown; -1 matches no frame.
        self._next = -1
        moment = next(self._moments, None)
        if moment is None:
            raise InputError(
                "the clip ended early", found=f"no frame {wanted}", bound=f"{self._length} frames"
            )
        self._next = wanted + 1
        return moment

    def __iter__(self) -> Iterator[Moment]:
        for index in range(self._length):
            yield self[index]

    @property
    def info(self) -> VideoInfo:
        """Size, layout, time base and rate of the frames."""
        return self._decoder.info

    @property
    def rate(self) -> Fraction:
        """Average frames per second, exact."""
        return self._decoder.info.rate

    @property
    def scene(self) -> Scene:
        """The scene; of a copy without scene track, as far as its pixels tell."""
        return self._decoder.scene

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._decoder.close()
