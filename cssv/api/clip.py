"""Clip: random access to the frames of a clip that carries a heat map."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

from cssv.api.clip_slice import ClipSlice, find_frame, select_frames
from cssv.api.commit import Committed, commit
from cssv.api.history import Version, log, version_of
from cssv.api.trajectories import DEFAULT_BOUND_PX, Trajectory, trajectories_of
from cssv.api.widget import DEFAULT_HEIGHT_PX, make_widget
from cssv.container import Reader, Revision
from cssv.errors import OptionError
from cssv.files.closing import Closing
from cssv.files.paths import Path_
from cssv.interop.data_frame import columns_to_arrow, columns_to_pandas
from cssv.interop.rows import ObjectRow
from cssv.pipeline.arguments import Progress, SceneLike
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_facts import clip_facts
from cssv.pipeline.clip_rows import read_clip_columns
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.frame_times import frame_at
from cssv.pipeline.moment import Moment
from cssv.pipeline.object_columns import Columns, joined, rows_in
from cssv.pipeline.sealed_track import are_sealed
from cssv.scene import Scene
from cssv.video import VideoInfo
from cssv.video.cursor import Cursor
from cssv.view.notebook import card, facts_html


class Clip(Closing):
    """A clip opened for random access.

    ::

        with cssv.open("clip.cssv") as clip:
            moment = clip[100]                  # .frame .heat .objects .time
            for moment in clip: ...
            clip.commit("scene2.json", message="thermometer recalibrated")
            old = clip.at(1)                    # the same clip, another version
            clip.trajectories()                 # each track as equations

    ``clip[i]`` is the i-th frame of the source, counted from 0; negative numbers count from the end, and
    ``clip[10:50]`` is a :class:`ClipSlice`. Going forward frame by frame costs no seek.

    Args:
        path: what :class:`Decoder` takes.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the clip; ignored if the clip has none.
    """

    @checked_call
    def __init__(
        self,
        path: Path_,
        version: Revision = None,
        *,
        stream: int | None = None,
        password: str | None = None,
    ) -> None:
        self._path, self._stream = Path(path), stream
        self._password = password
        self._decoder = decoder = Decoder(path, version, stream=stream, password=password)
        self._moments: Cursor[Moment] = Cursor(decoder.seek, lambda: iter(decoder), len(decoder))

    def __len__(self) -> int:
        """Number of frames of the source."""
        return len(self._moments)

    @overload
    def __getitem__(self, index: int) -> Moment: ...

    @overload
    def __getitem__(self, index: slice) -> ClipSlice: ...

    def __getitem__(self, index: int | slice) -> Moment | ClipSlice:
        """The moment of a frame, or a :class:`ClipSlice`, which decodes nothing until it is used.

        Raises IndexError beyond the clip, TypeError for all but whole numbers and slices.
        """
        frames = range(len(self))
        if isinstance(index, slice):
            return ClipSlice(self._moments.read, select_frames(frames, index))
        return self._moments.read(find_frame(frames, index))

    @checked_call
    def at_time(self, time_s: Fraction | float | str) -> Moment:
        """The moment of the frame on show at a time of the file: the last one that does not begin later.

        Args:
            time_s: seconds; 1.5, "1.5" and "3/2" are the same. Of a trimmed copy it counts as its player
                does, while :attr:`Moment.time` is the time in the clip that was encoded.

        Raises:
            OptionError: not a number, before the first frame, or at or after the end of the last one.
        """
        time = to_fraction(time_s)
        assert time is not None
        return self._moments.read(frame_at(self._decoder, time))

    def __iter__(self) -> Iterator[Moment]:
        for index in range(len(self)):
            yield self[index]

    def __repr__(self) -> str:
        info = self._decoder.info
        size = f"{info.width}x{info.height} {info.layout}"
        return f"<cssv.Clip {str(self._path)!r}: {len(self)} frames, {size}>"

    def _repr_html_(self) -> str:
        """For notebooks: facts about the clip, and its frame in the middle."""
        middle = len(self) // 2
        return card(
            self._path.name,
            [
                lambda: facts_html(clip_facts(self._decoder)),
                lambda: self[middle]._repr_html_(),
            ],
        )

    @checked_call
    def widget(self, *, height_px: int = DEFAULT_HEIGHT_PX) -> Any:  # noqa: ANN401 - an anywidget.AnyWidget
        """The page of this version (:func:`cssv.page`) as a widget of a notebook (extra ``jupyter``).

        Args:
            height_px: of the widget, 200 to 4000.

        Raises:
            OptionError: a copy, which has no page; a height out of range; or a file too large for a page.
            MissingExtraError: anywidget is not installed.
        """
        return make_widget(self._path, self._reader().version.number, height_px)

    @checked_call
    def objects(
        self,
        *,
        track: int | None = None,
        label: str | None = None,
        start: int | None = None,
        stop: int | None = None,
    ) -> tuple[ObjectRow, ...]:
        """Rows of the objects table. Of a ``.cssv`` from the scene track, and no frame is decoded.

        Of a copy, which has no scene track, the frames are decoded.

        Args:
            track: only this track.
            label: only objects with exactly this label.
            start: first frame, as in a slice; None for the first of the clip.
            stop: the frame after the last one, as in a slice; None for the end.

        Raises:
            ChecksumError, ContainerError: the scene track is damaged.
        """
        frames = select_frames(range(len(self)), slice(start, stop))
        rows = rows_in(self._columns(frames))
        return tuple(row for row in rows if track in (None, row.track) and label in (None, row.label))

    @checked_call
    def to_arrow(self) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """The objects table as a ``pyarrow.Table``; unknown is null. See :meth:`objects`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        return columns_to_arrow(self._columns(range(len(self))))

    @checked_call
    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """The objects table as a ``pandas.DataFrame``; unknown is null. See :meth:`objects`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return columns_to_pandas(self._columns(range(len(self))))

    def _columns(self, frames: range) -> Columns:
        """The objects of adjacent frames as columns."""
        if self._decoder.reader is not None:
            return joined(list(read_clip_columns(self._decoder, frames.start, frames.stop)))
        # A decoder of its own, so that random access keeps its place.
        with Decoder(self._path, stream=self._stream, password=self._password) as decoder:
            return joined(list(read_clip_columns(decoder, frames.start, frames.stop)))

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
        """The scene; of a copy without a scene track, as far as its pixels carry it."""
        return self._decoder.scene

    @property
    def version(self) -> Version:
        """The version of this clip, as it was when the clip was opened.

        Raises OptionError for a copy, which has no versions.
        """
        reader = self._reader()
        return version_of(reader.version, reader.index)

    @property
    def versions(self) -> tuple[Version, ...]:
        """All versions of the file as it is now, oldest first; empty for a copy."""
        return () if self._decoder.reader is None else log(self._path).versions

    @property
    def torn_bytes(self) -> int:
        """Bytes after the versions when the clip was opened: an append that is incomplete or in progress."""
        return 0 if self._decoder.reader is None else self._decoder.reader.torn_bytes

    @checked_call
    def at(self, version: Revision) -> Clip:
        """The same file at another version, opened again; close it separately."""
        return Clip(self._path, version, password=self._password)

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
        """Append a version with another scene, with this version as parent (:func:`cssv.commit`).

        This clip stays at its version; :meth:`at` opens the new one.
        """
        reader = self._reader()
        return commit(
            self._path,
            scene,
            parent=reader.version.number,
            cover=cover,
            message=message,
            author=author,
            created_s=created_s,
            progress=progress,
            # A file without a password can be opened with any, but a commit to it refuses one.
            password=self._password if are_sealed(reader.version.about.meta) else None,
        )

    @checked_call
    def trajectories(
        self,
        *,
        bound_px: float = DEFAULT_BOUND_PX,
        symbolic: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[Trajectory, ...]:
        """Describe each track by equations, with the shortest encoding of all methods.

        Of a ``.cssv`` the tracks come from the scene track, and no frame is decoded; of a copy all are.

        Args:
            bound_px: largest error of the encodings, 0.25 to 64, rounded down to 1/16 px.
            symbolic: ``"pyoperon"`` or ``"pysr"``: a package for symbolic regression that proposes more
                expressions, for up to 2 s for each number of a track.
            progress: called after every track.

        Raises:
            OptionError: an option outside its bounds. MissingExtraError: the package is not installed.
            InputError: a track does not fit an encoding. ChecksumError: the scene track is damaged.
        """
        if self._decoder.reader is not None:
            return trajectories_of(self._decoder, bound_px, symbolic, progress)
        # A decoder of its own, so that random access keeps its place.
        with Decoder(self._path, stream=self._stream, password=self._password) as decoder:
            return trajectories_of(decoder, bound_px, symbolic, progress)

    def _reader(self) -> Reader:
        if self._decoder.reader is None:
            raise OptionError("only a .cssv holds versions", found=str(self._path))
        return self._decoder.reader

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._decoder.close()
