"""Adds a version or a tag behind a file, or lets another version play; four older bytes change."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path

from cssv.container.chunks import CHUNK_BYTES, CHUNK_S, Samples, samples_to_table, table_to_samples
from cssv.container.entries import lift_entry
from cssv.container.index import FrameTable, Index, IndexMeta, Revision, VersionRow, index_size, write_index
from cssv.container.limits import (
    AUTHOR_LIMIT,
    CREATED_LIMIT_S,
    MESSAGE_LIMIT,
    MOOV_LIMIT,
    SAMPLE_LIMIT,
    TAG_LIMIT,
    TOP_BOXES_LIMIT,
    check_limit,
)
from cssv.container.moov import MediaTrack, Movie, write_moov
from cssv.container.mp4_boxes import U64, open_file, write_box
from cssv.container.reader import Reader
from cssv.errors import ChecksumError, ContainerError, CssvError, OptionError, OutputError
from cssv.files.closing import Closing
from cssv.files.lock import WriterLock
from cssv.files.patched import PatchedFile

#: What an ``mdat`` says of its length until its samples are there: nothing follows it.
_UNFINISHED = 1 << 62
_MDAT_HEADER = 16
#: Boxes that one version adds.
_BOXES = 3


class Appender(Closing):
    """Holds a file for writing, from construction to :meth:`close`.

    Write the samples that change, in any order of frames; all others are the parent's. Then
    :meth:`stage` puts the version behind the file, where nobody sees it yet, and :meth:`publish` makes
    it the one that plays, by four bytes. What has not landed is cut off again by :meth:`close`.

    Args:
        path: a CSSV file. What a broken-off append left at its end is cut off.
        parent: number or tag of the version to begin from; None for the one that plays.

    Attributes:
        reader: shows the parent.
        cut_bytes: how much was cut off.

    Raises:
        LockedError: another writer holds the file.
        InputError, ContainerError: as :class:`Reader`.
        OutputError: the system refuses to write; the file is as it was. Any method may raise it.
    """

    def __init__(self, path: str | os.PathLike[str], *, parent: Revision = None) -> None:
        # A missing file is the caller's mistake, not the lock's.
        open_file(path).close()
        self._path = Path(path)
        self._file: FileIO | None = None
        self._lock = WriterLock(path)
        try:
            self.reader = Reader(self._path, version=parent)
            with self._writing("open"):
                self._file = FileIO(self._path, "r+b")
            self._begin()
            self.cut_bytes = self.reader.torn_bytes
            with self._writing("cut off the end of"):
                if self.cut_bytes:
                    self._cut(self._file)
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        archive = self.reader.archive
        self._base = self._end = archive.end
        self._live = archive.live.offset
        self._boxes = len(archive.boxes())
        self._is_touched = False
        self._index: Index = archive.index
        self._staged: VersionRow | None = None
        self._mdat: int | None = None
        self._given: set[tuple[str, int]] = set()
        self._waiting: list[tuple[str, int, bytes]] = []
        self._waiting_bytes = 0
        self._lifted: dict[bytes, int] = {}
        table, video, scene = self.reader.frames, self.reader.video, self.reader.scene
        self._samples: dict[str, Samples] = {
            "video": table_to_samples(video.table, table.samples),
            "scene": table_to_samples(scene.table, table.scenes),
        }
        self._stegos = table.stegos.copy()
        self._times = video.table.times()
        self._chunk_units = CHUNK_S * video.timescale

    def close(self) -> None:
        """Cut off what has not landed, and let the next writer in; may be called twice."""
        try:
            self._give_up()
        finally:
            reader = getattr(self, "reader", None)
            if reader is not None:
                reader.close()
            self._lock.close()

    # Samples.

    def write_video(
        self,
        frame: int,
        data: bytes,
        *,
        is_key: bool,
        stego_crc: int,
        head: bytes | None = None,
    ) -> None:
        """Give a frame other video.

        Args:
            frame: from 0, each once.
            data: the sample, at least one byte.
            is_key: whether decoding can start here.
            stego_crc: CRC-32 of the frame's decoded planes.
            head: an MP4 holding the sample entry, or the entry, with which it is to be decoded;
                None for that of the parent's frame.
        """
        self._claim("video", frame)
        samples = self._samples["video"]
        entry = int(samples.entries[frame]) if head is None else self._lift(head)
        self._wait("video", frame, data)
        samples.entries[frame], samples.keys[frame] = entry, is_key
        self._stegos[frame] = check_limit("CRC-32 is out of range", stego_crc, 0xFFFFFFFF)

    def write_scene(self, frame: int, data: bytes) -> None:
        """Give a frame another scene sample: JSON in UTF-8."""
        self._claim("scene", frame)
        self._wait("scene", frame, data)

    def share_video(self, frame: int, other: Reader) -> None:
        """Let a frame have the video that it has in another version of this file, without a byte added."""
        self._check_like(other, frame)
        self._claim("video", frame)
        table, samples = other.video.table, self._samples["video"]
        samples.offsets[frame], samples.sizes[frame] = table.offsets[frame], table.sizes[frame]
        samples.entries[frame] = samples.head(table.entries[table.entry_of(frame)])
        samples.keys[frame] = other.is_key(other.video.number, frame)
        samples.crcs[frame] = other.frames.samples[frame]
        self._stegos[frame] = other.frames.stegos[frame]

    def share_scene(self, frame: int, other: Reader) -> None:
        """As :meth:`share_video`, for the scene sample."""
        self._check_like(other, frame)
        self._claim("scene", frame)
        table, samples = other.scene.table, self._samples["scene"]
        samples.offsets[frame], samples.sizes[frame] = table.offsets[frame], table.sizes[frame]
        samples.crcs[frame] = other.frames.scenes[frame]

    def _check_like(self, other: Reader, frame: int) -> None:
        theirs, ours = other.archive.file, self.reader.archive.file
        if not os.path.samestat(os.fstat(theirs.fileno()), os.fstat(ours.fileno())):
            raise ContainerError("only versions of one file share samples", found=str(other.source))
        if frame >= len(other):
            raise ContainerError("the other version has no such frame", found=frame)

    def _claim(self, kind: str, frame: int) -> None:
        self._check_open()
        check_limit(f"there is no such {kind} sample", frame, len(self.reader) - 1)
        if (kind, frame) in self._given:
            raise ContainerError(f"{kind} of frame {frame} is given twice")
        self._given.add((kind, frame))

    def _lift(self, head: bytes) -> int:
        if head not in self._lifted:
            self._lifted[head] = self._samples["video"].head(lift_entry(head, "video"))
        return self._lifted[head]

    def _wait(self, kind: str, frame: int, data: bytes) -> None:
        """Keep a sample until its chunk is full."""
        check_limit("sample is empty or too long", len(data), SAMPLE_LIMIT, 1)
        if self._waiting and not self._is_near(frame):
            self._write_queue()
        self._waiting.append((kind, frame, bytes(data)))
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= CHUNK_BYTES:
            self._write_queue()

    def _is_near(self, frame: int) -> bool:
        """Whether a frame lies within one chunk's time of the first that waits."""
        first = self._waiting[0][1]
        return 0 <= int(self._times[frame]) - int(self._times[first]) < self._chunk_units

    def _write_queue(self) -> None:
        with self._writing("write samples to"):
            if self._mdat is None and self._waiting:
                self._mdat = self._end
                self._put(b"\0\0\0\1mdat" + U64.pack(_UNFINISHED))
            for kind in ("video", "scene"):
                self._put_samples(kind, sorted(row[1:] for row in self._waiting if row[0] == kind))
        self._waiting.clear()
        self._waiting_bytes = 0

    def _put_samples(self, kind: str, rows: Sequence[tuple[int, bytes]]) -> None:
        samples = self._samples[kind]
        for frame, data in rows:
            samples.offsets[frame], samples.sizes[frame] = self._end, len(data)
            samples.crcs[frame] = zlib.crc32(data)
            self._put(data)

    # A version.

    def stage(self, meta: IndexMeta, *, root: int | None = None, frames_changed: int) -> PatchedFile:
        """Put the version on the disk, where it is whole but nobody sees it.

        Args:
            meta: what to say about it.
            root: number of the version whose pictures its own were drawn from; None for that of
                the parent, 0 for itself.
            frames_changed: frames that differ from the parent's.

        Returns:
            The file as it will read once the version has landed.
        """
        self._check_open()
        self._check_place()
        parent = self.reader.version
        if not self._samples["video"].keys[0]:
            raise ContainerError("first video sample is not a key sample")
        self._check_old_moov()
        self._write_queue()
        number = check_limit("there are no more version numbers", self._index.next_number, 0xFFFFFFFE)
        root = parent.root if root is None else root or number
        if root not in (parent.root, number):
            raise ContainerError("pictures come from the parent's root or a cover", found=root)
        tracks = tuple(self._track(track) for track in self.reader.tracks)
        moov = write_moov(Movie(tracks, meta.created_s))
        check_limit("moov is too long", len(moov), MOOV_LIMIT)
        with self._writing("write a version to"):
            if self._mdat is not None:
                self._put_at(self._mdat + 8, U64.pack(self._end - self._mdat))
                self._flush()
            version = VersionRow(
                number=number,
                parent=parent.number,
                about=meta,
                moov_offset=self._end,
                moov_size=len(moov),
                moov_crc=zlib.crc32(moov[8:]),
                table_offset=0,
                table_crc=0,
                frames=parent.frames,
                audio_tracks=parent.audio_tracks,
                root=root,
                frames_changed=frames_changed,
                bytes_added=0,
            )
            index = replace(
                self._index,
                versions=(*self._index.versions, version),
                playing=number,
                next_number=number + 1,
                live_offset=self._end,
            )
            added = self._end + len(moov) + index_size(index, has_table=True) - self._base
            version = replace(version, bytes_added=added)
            index = replace(index, versions=(*self._index.versions, version))
            self._put(moov)
            self._flush()
            self._put(write_index(index, self._frame_table(), self._end))
            self._flush()
        self._staged = version
        self._check_place()
        return PatchedFile(self._path, ((self._live + 4, b"free"),))

    def publish(self) -> VersionRow:
        """Make the staged version the one that plays."""
        if self._staged is None:
            raise ContainerError("there is no version to land", remedy="Call stage first.")
        self._check_place()
        self._flip()
        number = self._staged.number
        self._reopen()
        return self._index.find(number)

    def _track(self, track: MediaTrack) -> MediaTrack:
        if track.kind == "audio":
            return track
        return replace(track, table=samples_to_table(self._samples[track.kind], track.table, track.timescale))

    def _frame_table(self) -> FrameTable:
        video, scene = self._samples["video"], self._samples["scene"]
        return FrameTable(self.reader.frames.audio, video.crcs, scene.crcs, self._stegos)

    # Everything else that is appended.

    def checkout(self, number: int) -> None:
        """Make an older version the one that plays; its ``moov`` is appended once more."""
        self._check_fresh()
        if number == self._index.playing:
            return
        self._check_old_moov()
        # Only a version that can be opened may be put in front of players.
        with Reader(self._path, version=number) as reader:
            moov = write_box(b"moov", reader.archive.moov(reader.version))
        index = replace(self._index, playing=number, live_offset=self._end)
        with self._writing("write the playing version to"):
            self._put(moov)
            self._flush()
            self._put(write_index(index, None, self._end))
            self._flush()
        self._flip()
        self._reopen()

    def tag(self, name: str, number: int | None) -> None:
        """Give a version a name, which another may have had before; None takes the name away."""
        self._check_fresh()
        check_tag(name)
        tags = dict(self._index.tags)
        if number is None:
            self._index.find(name)
            del tags[name]
        elif tags.get(name) == self._index.find(number).number:
            return
        else:
            tags[name] = number
        ascending = sorted(tags.items(), key=lambda tag: tag[0].encode())
        index = replace(self._index, tags=tuple(ascending))
        with self._writing("write a tag to"):
            self._put(write_index(index, None, self._end))
            self._flush()
            # It counts from here on; there is no moov to rename.
            self._base = self._end
        self._reopen(self.reader.version.number)

    def _reopen(self, number: int | None = None) -> None:
        self.reader.close()
        self.reader = Reader(self._path, version=number)
        self._begin()

    # Bytes.

    def _check_open(self) -> None:
        if self._file is None or self._staged is not None:
            raise ContainerError("a version that is staged or given up takes no more samples")
        most = TOP_BOXES_LIMIT - _BOXES
        check_limit("file has too many boxes to append to; compact it", self._boxes, most)

    def _check_place(self) -> None:
        """Raise OutputError when the path no longer leads to the file that is written to."""
        assert self._file is not None
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                return
        raise OutputError(
            "the file was moved or replaced while it was written to",
            found=str(self._path),
            remedy="What was written to it is cut off again.",
        )

    def _check_fresh(self) -> None:
        self._check_open()
        self._check_place()
        if self._given:
            raise ContainerError("a version has been begun already", remedy="Do it before or after.")

    def _check_old_moov(self) -> None:
        """The version that plays may do so by a copy; without it, it is read from the first one."""
        archive = self.reader.archive
        if archive.live.offset == self._index.current.moov_offset:
            return
        try:
            archive.moov(self._index.current)
        except ContainerError as error:
            raise ChecksumError(
                f"version {self._index.playing} would be lost if another played",
                found=error.what,
                remedy="Go on with a compacted copy.",
            ) from error

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        """Turn errors of the system into OutputError, with the file put back as it was."""
        try:
            yield
        except OSError as error:
            if isinstance(error, CssvError):
                raise
            self._give_up()
            raise OutputError(
                f"cannot {what} {str(self._path)!r}",
                found=error.strerror or str(error),
                remedy="The file is as it was before.",
            ) from error

    def _put(self, data: bytes) -> None:
        self._put_at(self._end, data)
        self._end += len(data)

    def _put_at(self, offset: int, data: bytes) -> None:
        assert self._file is not None
        self._is_touched = True
        self._file.seek(offset)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _flush(self) -> None:
        assert self._file is not None
        os.fsync(self._file.fileno())

    def _flip(self) -> None:
        """Let players pass over the old ``moov``; from here on the file is another version."""
        with self._writing("rename the old moov of"):
            try:
                self._put_at(self._live + 4, b"free")
                self._flush()
            except OSError:
                # What follows may be cut off only when the old name is on the disk again.
                self._is_touched = False
                self._put_at(self._live + 4, b"moov")
                self._is_touched = False
                self._flush()
                self._is_touched = True
                raise
        self._base = self._end

    def _give_up(self) -> None:
        """Cut the file back and close it; whoever was interrupted while it was renaming has landed."""
        file, self._file = self._file, None
        if file is None:
            return
        with suppress(OSError):
            if self._is_touched and self._is_live(file):
                self._cut(file)
        with suppress(OSError):
            file.close()

    def _is_live(self, file: FileIO) -> bool:
        file.seek(self._live + 4)
        return file.read(4) == b"moov"

    def _cut(self, file: FileIO) -> None:
        file.truncate(self._base)
        os.fsync(file.fileno())


def check_texts(about: IndexMeta) -> None:
    """Raise OptionError unless author, message and time can be a version's, before any work is done."""
    for what, text, limit in (
        ("author", about.author, AUTHOR_LIMIT),
        ("message", about.message, MESSAGE_LIMIT),
    ):
        if not isinstance(text, str):
            raise OptionError(f"{what} is not a text", found=type(text).__name__)
        if len(text.encode(errors="surrogatepass")) > limit:
            raise OptionError(f"{what} is too long", found=f"{len(text.encode())} bytes", bound=f"{limit}")
    if not 0 <= about.created_s <= CREATED_LIMIT_S:
        raise OptionError("time of creation is out of range", found=about.created_s)


def check_tag(name: str) -> str:
    """Return a tag's name; OptionError unless it is one that cannot be taken for anything else."""
    if not isinstance(name, str):
        raise OptionError("the name of a tag is a text", found=type(name).__name__)
    fault = None
    if not name or len(name.encode(errors="surrogatepass")) > TAG_LIMIT:
        fault = f"{len(name.encode(errors='surrogatepass'))} bytes"
    elif name.isdigit():
        fault = "digits only, as a version's number"
    elif any(letter.isspace() or not letter.isprintable() for letter in name):
        fault = ascii(name)
    if fault is not None:
        raise OptionError(
            "this cannot be the name of a tag",
            found=fault,
            bound=f"1 to {TAG_LIMIT} bytes, no white space or control characters, not only digits",
        )
    return name


def repair(path: str | os.PathLike[str]) -> int:
    """Cut off what a broken-off append left at the end of a file; returns how many bytes, 0 for none.

    Raises as :class:`Appender`.
    """
    with Appender(path) as appender:
        return appender.cut_bytes
