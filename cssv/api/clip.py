"""Random access to the moments of a clip that carries."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from cssv.api.commit import Committed, commit
from cssv.api.history import Version, log
from cssv.container import Reader, Revision
from cssv.errors import InputError, OptionError
from cssv.files.closing import Closing
from cssv.files.paths import Path_
from cssv.pipeline.arguments import Progress, SceneLike
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.moment import Moment
from cssv.scene import Scene
from cssv.video import VideoInfo


class Clip(Closing):
    """A clip opened for random access.

    ::

        with cssv.open("clip.cssv") as clip:
            moment = clip[100]                  # .frame .heat .objects .time
            for moment in clip: ...
            clip.commit("scene2.json", message="thermometer recalibrated")
            old = clip.at(1)                    # the same clip, another version

    ``clip[i]`` is the i-th frame of the source, counted from 0; negative numbers count from the end. Going
    forward frame by frame costs no seek.

    Args:
        path: what :class:`Decoder` takes.
        version: of a ``.cssv``: number or tag; None for the version that plays.
    """

    def __init__(self, path: Path_, version: Revision = None) -> None:
        self._path = Path(path)
        self._decoder = Decoder(path, version)
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

    @property
    def version(self) -> Version:
        """The version shown. Raises OptionError for a copy, which has none."""
        number = self._reader().version.number
        return next(version for version in self.versions if version.number == number)

    @property
    def versions(self) -> tuple[Version, ...]:
        """All versions of the file as it is now, oldest first; none for a copy."""
        return () if self._decoder.reader is None else log(self._path).versions

    @property
    def torn_bytes(self) -> int:
        """Bytes behind the versions when the clip was opened: an append that broke off or is under way."""
        return 0 if self._decoder.reader is None else self._decoder.reader.torn_bytes

    def at(self, version: Revision) -> Clip:
        """The same file at another version, opened anew; to be closed by itself."""
        return Clip(self._path, version)

    def commit(
        self,
        scene: SceneLike,
        *,
        cover: Path_ | None = None,
        message: str = "",
        author: str = "",
        created_s: int | None = None,
        progress: Progress | None = None,
    ) -> Committed:
        """Append a version with another scene, made from the version shown here (:func:`cssv.commit`).

        This clip goes on showing what it shows; open the new version by :meth:`at`.
        """
        return commit(
            self._path,
            scene,
            parent=self._reader().version.number,
            cover=cover,
            message=message,
            author=author,
            created_s=created_s,
            progress=progress,
        )

    def _reader(self) -> Reader:
        if self._decoder.reader is None:
            raise OptionError("only a .cssv holds versions", found=str(self._path))
        return self._decoder.reader

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._decoder.close()
