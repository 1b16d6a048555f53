"""Appends versions and tags to a file, and changes the playing version (SPEC.md, section 7).

Everything is appended. The only older bytes that ever change are the four of one type field: the ``moov`` box
that players used becomes ``free``. Each step is flushed to the disk before the next one begins, so that an
interruption at any moment leaves a file that plays.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path

from cssv.container.archive import Archive
from cssv.container.chunks import CHUNK_BYTES, CHUNK_S, Samples, samples_to_table, table_to_samples
from cssv.container.entries import extract_entry
from cssv.container.index import FrameTable, Index, IndexMeta, Revision, VersionRow, index_size, write_index
from cssv.container.limits import MOOV_LIMIT, SAMPLE_LIMIT, TOP_BOXES_LIMIT, check_limit
from cssv.container.moov import MediaTrack, Movie, write_moov
from cssv.container.mp4_boxes import U64, open_file, write_box
from cssv.container.reader import Reader
from cssv.container.texts import check_tag
from cssv.errors import ChecksumError, ContainerError, CssvError, LimitError, OutputError
from cssv.files.closing import Closing
from cssv.files.lock import WriterLock
from cssv.files.patched import PatchedFile

#: Size that an ``mdat`` box claims until its samples are complete: larger than any file.
_UNFINISHED = 1 << 62
_MDAT_HEADER = 16
#: Top-level boxes that one version adds: mdat, moov, index.
_BOXES = 3


class Appender(Closing):
    """Holds a file for writing, from construction to :meth:`close`.

    Write the samples that change, in any order of frames; all other samples are the parent's. Then
    :meth:`stage` appends the version, which players and readers still ignore, and :meth:`publish` makes it
    the playing version by changing four bytes. :meth:`close` cuts off what was not published.

    Args:
        path: a CSSV file. The torn end of an earlier append is cut off.
        parent: number or tag of the version to start from; None for the playing one.

    Attributes:
        reader: shows the parent.
        cut_bytes: bytes of a torn append that were cut off.

    Raises:
        LockedError: another writer holds the file.
        InputError, ContainerError: as :class:`Reader`.
        ChecksumError: an index behind the versions is damaged, and its tags would be lost.
        OutputError: the system refuses to write; the file is as it was. Any method may raise it.
    """

    def __init__(self, path: str | os.PathLike[str], *, parent: Revision = None) -> None:
        # Opened before it is locked, so that a missing file is an InputError and leaves no lock file.
        open_file(path).close()
        self._path = Path(path)
        self._file: FileIO | None = None
        self._lock = WriterLock(path)
        try:
            self.reader = Reader(self._path, version=parent)
            self.reader.archive.check_end()
            with self._writing("open"):
                self._file = FileIO(self._path, "r+b")
            self._reset()
            self.cut_bytes = self.reader.torn_bytes
            with self._writing("cut off the end of"):
                if self.cut_bytes:
                    self._cut(self._file)
        except BaseException:
            self.close()
            raise

    def _reset(self) -> None:
        """Start a version that is equal to the parent."""
        archive = self.reader.archive
        self._base = self._end = archive.end
        self._live = archive.live.offset
        self._boxes = len(archive.boxes())
        self._has_appended = False
        self._index: Index = archive.index
        self._staged: VersionRow | None = None
        self._mdat: int | None = None
        self._written: set[tuple[str, int]] = set()
        self._queue: list[tuple[bool, int, int, bytes]] = []
        self._queue_bytes = 0
        self._entry_numbers: dict[bytes, int] = {}
        table, video, scene = self.reader.frames, self.reader.video, self.reader.scene
        self._samples: dict[str, Samples] = {
            "video": table_to_samples(video.table, table.samples),
            "scene": table_to_samples(scene.table, table.scenes),
        }
        self._stegos = table.stegos.copy()
        self._times = video.table.times()
        self._chunk_units = CHUNK_S * video.timescale

    def close(self) -> None:
        """Cut off what was not published and release the lock; may be called twice."""
        try:
            self._roll_back()
        finally:
            # The constructor closes too, and may fail before the reader is open.
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
        place: int | None = None,
    ) -> None:
        """Replace the video sample of a frame.

        Args:
            frame: from 0; each frame at most once.
            data: the sample, at least one byte.
            is_key: whether decoding can start here.
            stego_crc: CRC-32 of the frame's decoded planes.
            head: an MP4 that holds the sample entry, or the entry itself, with which the sample is
                decoded; None for that of the parent's frame.
            place: in the order of decoding; the number of the frame by default.
        """
        self._mark_written("video", frame)
        samples = self._samples["video"]
        entry = int(samples.entries[frame]) if head is None else self._entry_number(head)
        place = check_limit("no such place", frame if place is None else place, len(self.reader) - 1)
        self._enqueue("video", frame, place, data)
        samples.places[frame] = place
        samples.entries[frame], samples.keys[frame] = entry, is_key
        self._stegos[frame] = check_limit("CRC-32 is out of range", stego_crc, 0xFFFFFFFF)

    def write_scene(self, frame: int, data: bytes) -> None:
        """Replace the scene sample of a frame: JSON in UTF-8."""
        self._mark_written("scene", frame)
        self._enqueue("scene", frame, frame, data)

    def share_video(self, frame: int, other: Reader) -> None:
        """Use the video sample that another version of this file has for a frame; adds no bytes."""
        self._check_same_file(other, frame)
        self._mark_written("video", frame)
        table, is_key = other.video.table, other.is_key(other.video.number, frame)
        self._samples["video"].take(frame, table, is_key=is_key, crc=int(other.frames.samples[frame]))
        self._stegos[frame] = other.frames.stegos[frame]

    def share_scene(self, frame: int, other: Reader) -> None:
        """Use the scene sample that another version of this file has for a frame; adds no bytes."""
        self._check_same_file(other, frame)
        self._mark_written("scene", frame)
        table, is_key = other.scene.table, other.is_key(other.scene.number, frame)
        self._samples["scene"].take(frame, table, is_key=is_key, crc=int(other.frames.scenes[frame]))

    def _check_same_file(self, other: Reader, frame: int) -> None:
        """Raise ContainerError unless the other version lies in this file and has this frame."""
        theirs, ours = other.archive.file, self.reader.archive.file
        # Offsets mean nothing in another file; a path would not tell, since files can be replaced.
        if not os.path.samestat(os.fstat(theirs.fileno()), os.fstat(ours.fileno())):
            raise ContainerError("versions of different files cannot share samples", found=str(other.source))
        if frame >= len(other):
            raise ContainerError("the other version has no such frame", found=frame)

    def _mark_written(self, kind: str, frame: int) -> None:
        """Note that a sample is given; ContainerError if it was given before."""
        self._check_open()
        check_limit(f"there is no such {kind} sample", frame, len(self.reader) - 1)
        if (kind, frame) in self._written:
            raise ContainerError(f"{kind} of frame {frame} is given twice")
        self._written.add((kind, frame))

    def _entry_number(self, head: bytes) -> int:
        """Number of the sample entry in ``head``; each head is parsed once."""
        if head not in self._entry_numbers:
            self._entry_numbers[head] = self._samples["video"].head(extract_entry(head, "video"))
        return self._entry_numbers[head]

    def _enqueue(self, kind: str, frame: int, place: int, data: bytes) -> None:
        """Queue a sample until its chunk is full, so that the samples of a chunk lie end to end."""
        check_limit("sample is empty or too long", len(data), SAMPLE_LIMIT, 1)
        if self._queue and not self._is_near(place):
            self._write_queue()
        self._queue.append((kind == "scene", place, frame, bytes(data)))
        self._queue_bytes += len(data)
        if self._queue_bytes >= CHUNK_BYTES:
            self._write_queue()

    def _is_near(self, place: int) -> bool:
        """Whether a sample is decoded within the duration of a chunk after the first queued one."""
        first = self._queue[0][1]
        return 0 <= int(self._times[place]) - int(self._times[first]) < self._chunk_units

    def _write_queue(self) -> None:
        """Write the queued samples, video before scene, in the order of decoding, and empty the queue."""
        with self._writing("write samples to"):
            # The box claims more bytes than any file has: until the samples are complete and flushed, every
            # walk of the file ends here.
            if self._mdat is None and self._queue:
                self._mdat = self._end
                self._put(b"\0\0\0\1mdat" + U64.pack(_UNFINISHED))
            for is_scene, _, frame, data in sorted(self._queue):
                samples = self._samples["scene" if is_scene else "video"]
                samples.offsets[frame], samples.sizes[frame] = self._end, len(data)
                samples.crcs[frame] = zlib.crc32(data)
                self._put(data)
        self._queue.clear()
        self._queue_bytes = 0

    # A version.

    def stage(self, meta: IndexMeta, *, root: int | None = None, frames_changed: int) -> PatchedFile:
        """Write the complete version to the disk; it does not play before :meth:`publish`.

        Args:
            meta: time, author, message and facts of the version.
            root: number of the version whose pictures those of this one were drawn from; None for the
                parent's root, 0 for the version itself.
            frames_changed: how many frames differ from the parent's.

        Returns:
            The file as it will read after :meth:`publish`.
        """
        self._check_open()
        self._check_path()
        parent = self.reader.version
        if not self._samples["video"].keys[0]:
            raise ContainerError("first video sample is not a key sample")
        self._check_playing_moov()
        self._write_queue()
        number = check_limit("there are no more version numbers", self._index.next_number, 0xFFFFFFFE)
        root = parent.root if root is None else root or number
        if root not in (parent.root, number):
            raise ContainerError("pictures come from the parent's root or a cover", found=root)
        tracks = tuple(self._track(track) for track in self.reader.tracks)
        moov = write_moov(Movie(tracks, meta.created_s))
        check_limit("moov is too long", len(moov), MOOV_LIMIT)
        with self._writing("write a version to"):
            self._finish_mdat()
            row = VersionRow(
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
                versions=(*self._index.versions, row),
                playing=number,
                next_number=number + 1,
                live_offset=self._end,
            )
            # The size of the index is known only when all its other fields are.
            added = self._end + len(moov) + index_size(index, has_table=True) - self._base
            row = replace(row, bytes_added=added)
            index = replace(index, versions=(*self._index.versions, row))
            # In this order: an index on the disk never names a moov that is not there.
            self._put(moov)
            self._flush()
            self._put(write_index(index, self._frame_table(), self._end))
            self._flush()
        self._staged = row
        # Between here and publish() the caller reads the staged file by its path.
        self._check_path()
        return PatchedFile(self._path, ((self._live + 4, b"free"),))

    def _finish_mdat(self) -> None:
        """Write the true size of the new ``mdat`` box, if there are new samples, and flush it."""
        if self._mdat is not None:
            self._put_at(self._mdat + 8, U64.pack(self._end - self._mdat))
            # Before the moov, so that no moov on the disk points at samples that are not there.
            self._flush()

    def publish(self) -> VersionRow:
        """Make the staged version the playing one, and the parent of what is written next."""
        if self._staged is None:
            raise ContainerError("there is no staged version to publish", remedy="Call `stage()` first.")
        # A file that took this one's place meanwhile would look like success.
        self._check_path()
        self._rename_old_moov()
        number = self._staged.number
        self._reopen()
        return self._index.find(number)

    def _track(self, track: MediaTrack) -> MediaTrack:
        # All versions of a file have the same audio.
        if track.kind == "audio":
            return track
        return replace(track, table=samples_to_table(self._samples[track.kind], track.table, track.timescale))

    def _frame_table(self) -> FrameTable:
        video, scene = self._samples["video"], self._samples["scene"]
        return FrameTable(self.reader.frames.audio, video.crcs, scene.crcs, self._stegos)

    # Everything else that is appended.

    def checkout(self, number: int) -> None:
        """Make another version the playing one; a copy of its ``moov`` is appended."""
        self._check_unchanged()
        if number == self._index.playing:
            return
        self._check_playing_moov()
        # Players would show a damaged version, so it is opened and checked first.
        with Reader(self._path, version=number) as reader:
            moov = write_box(b"moov", reader.archive.moov(reader.version))
        index = replace(self._index, playing=number, live_offset=self._end)
        with self._writing("write the playing version to"):
            self._put(moov)
            self._flush()
            self._put(write_index(index, None, self._end))
            self._flush()
        self._rename_old_moov()
        self._reopen()

    def tag(self, name: str, number: int | None) -> None:
        """Give a version this name, also if another version had it; None removes the name."""
        self._check_unchanged()
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
            # A tag is valid with its index: the live moov stays, so that nothing is renamed.
            self._base = self._end
        self._reopen(self.reader.version.number)

    def _reopen(self, number: int | None = None) -> None:
        """Read the file again as it is now, with this version as the parent."""
        self.reader.close()
        self.reader = Reader(self._path, version=number)
        self._reset()

    # Bytes.

    def _check_open(self) -> None:
        """Raise ContainerError unless samples can be written, and room is left for the boxes of a version."""
        if self._file is None or self._staged is not None:
            raise ContainerError("no sample can be added to a version that is staged or was given up")
        most = TOP_BOXES_LIMIT - _BOXES
        if self._boxes > most:
            raise LimitError(
                "file has too many boxes to append to",
                found=self._boxes,
                bound=f"0 to {most}",
                remedy="Compact the file by `cssv.gc()`.",
            )

    def _check_path(self) -> None:
        """Raise OutputError if the path no longer leads to the file that is being written."""
        assert self._file is not None
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                return
        raise OutputError(
            "the file was moved or replaced while it was being written",
            found=str(self._path),
            remedy="What was written is cut off again.",
        )

    def _check_unchanged(self) -> None:
        """Raise ContainerError if samples were written: a tag or checkout would end up behind them."""
        self._check_open()
        self._check_path()
        if self._written:
            raise ContainerError("a new version was started already", remedy="Do it before or after.")

    def _check_playing_moov(self) -> None:
        """Raise ChecksumError if the playing version could not be read any more once another one plays.

        It may play by a copy of its ``moov``, made by a checkout. Once the copy is renamed to ``free``, the
        version is read from the original box, which must therefore be sound.
        """
        archive = self.reader.archive
        if archive.live.offset == self._index.current.moov_offset:
            return
        try:
            archive.moov(self._index.current)
        except ContainerError as error:
            raise ChecksumError(
                f"version {self._index.playing} would be lost if another played",
                found=error.what,
                remedy="Continue with a compacted copy, made by `cssv.gc()`.",
            ) from error

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        """Turn errors of the system into OutputError, after restoring the file."""
        try:
            yield
        except OSError as error:
            # An OutputError of an inner block has restored the file already.
            if isinstance(error, CssvError):
                raise
            self._roll_back()
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
        self._has_appended = True
        self._file.seek(offset)
        view = memoryview(data)
        # An unbuffered file may write less than it was given.
        while view:
            view = view[self._file.write(view) :]

    def _flush(self) -> None:
        assert self._file is not None
        os.fsync(self._file.fileno())

    def _rename_old_moov(self) -> None:
        """Rename the ``moov`` that players use to ``free``: from here on they find the new one."""
        with self._writing("rename the old moov of"):
            try:
                self._put_at(self._live + 4, b"free")
                self._flush()
            except OSError:
                # The new version may be cut off only when the old name is on the disk again; if writing
                # it back fails as well, nothing is cut.
                self._has_appended = False
                self._put_at(self._live + 4, b"moov")
                self._has_appended = False
                self._flush()
                self._has_appended = True
                raise
        self._base = self._end

    def _roll_back(self) -> None:
        """Cut the file back and close it, unless the new version was published already.

        An interruption, such as Ctrl-C, can arrive right after the old ``moov`` was renamed. The new version
        plays then, and must not be cut off.
        """
        file, self._file = self._file, None
        if file is None:
            return
        with suppress(OSError):
            if self._has_appended and self._is_unpublished(file):
                self._cut(file)
        with suppress(OSError):
            file.close()

    def _is_unpublished(self, file: FileIO) -> bool:
        file.seek(self._live + 4)
        return file.read(4) == b"moov"

    def _cut(self, file: FileIO) -> None:
        """Cut off everything behind the last published version, and flush."""
        file.truncate(self._base)
        os.fsync(file.fileno())


def repair(path: str | os.PathLike[str]) -> int:
    """Cut off a torn append, but no damaged index; returns the bytes cut. Raises as :class:`Appender`."""
    with Archive(path) as archive:
        if archive.index.damaged_at is not None:
            return 0
    with Appender(path) as appender:
        return appender.cut_bytes
