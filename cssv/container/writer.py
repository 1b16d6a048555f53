"""Writes a ``.cssv`` file sample by sample; memory does not grow with the bytes of the samples."""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from cssv.container.chunks import CHUNK_BYTES, CHUNK_S
from cssv.container.decode_order import U32s, to_frames
from cssv.container.entries import Kind, extract_entry, scene_entry
from cssv.container.index import FrameTable, Index, IndexMeta, VersionRow, index_size, write_index
from cssv.container.journal import (
    Journal,
    JournalChunk,
    JournalContent,
    JournalTrack,
    complete_frames,
    sound_chunks,
)
from cssv.container.limits import (
    DURATION_LIMIT,
    MOOV_LIMIT,
    SAMPLE_LIMIT,
    SAMPLES_LIMIT,
    SIDE_LIMIT,
    TIMESCALE_LIMIT,
    TRACKS_LIMIT,
    check_limit,
    ticks_limit,
)
from cssv.container.moov import UNDETERMINED, MediaTrack, Movie, check_language, write_moov
from cssv.container.mp4_boxes import U64, write_box
from cssv.container.track_record import TrackRecord
from cssv.errors import ContainerError, OutputError
from cssv.files.atomic import whole_file

#: First box of every file: ordinary ISO base media with the additional brand ``cssv``.
FTYP = write_box(b"ftyp", b"isom", bytes((0, 0, 2, 0)), b"isom", b"iso2", b"mp41", b"cssv")

_MDAT_HEADER = 16


class Writer:
    """A file with one version that is being written, front to back.

    Add the tracks, write samples in the order of decoding (all tracks mixed, so that players need not
    seek), note a checksum per decoded frame, and finish. As a context manager it deletes what it wrote,
    unless :meth:`finish` was called.

    Args:
        target: a path, written under a temporary name and renamed when complete; or a seekable binary file
            at position 0, which stays open, and stays incomplete if writing is interrupted.
        journal: lists what is in the file, so that :meth:`resume` can complete it after a kill.
        overwrite: replace an existing file at the path.

    Raises:
        ContainerError: calls out of order, times that do not ascend.
        LimitError: a size, time or count that the format cannot hold.
        OutputError: the system refuses to write.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        journal: Journal | None = None,
        overwrite: bool = False,
    ) -> None:
        self._journal = journal
        self._listed = 0
        self._stack = ExitStack()
        self._records: list[TrackRecord] = []
        self._stegos = array("I")
        self._count = 0
        self._open = True
        if isinstance(target, str | os.PathLike):
            path = self._stack.enter_context(whole_file(target, overwrite=overwrite))
            self._file: BinaryIO = self._stack.enter_context(path.open("wb"))
        else:
            self._file = target
            if not target.seekable() or target.tell() != 0:
                raise ContainerError("the target must be seekable and at position 0")
        self._end = 0
        self._mdat = len(FTYP)
        try:
            self._put(FTYP + b"\0\0\0\1mdat" + U64.pack(_MDAT_HEADER))
        except OutputError:
            self.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def add_video(self, *, width: int, height: int, time_base: Fraction) -> int:
        """Add the only video track and return its id. ``width`` and ``height`` in pixels."""
        check_limit("width does not fit a track header", width, SIDE_LIMIT, 1)
        check_limit("height does not fit a track header", height, SIDE_LIMIT, 1)
        self._refuse_second("video")
        return self._add(TrackRecord("video", time_base, width, height))

    def add_audio(self, *, time_base: Fraction, language: str = UNDETERMINED) -> int:
        """Add an audio track and return its id. A track without samples is left out of the file.

        ``language``: ISO 639-2/T code, three letters; ``"und"`` for unknown.
        """
        check_language(language)
        return self._add(TrackRecord("audio", time_base, language=language))

    def add_scene(self) -> int:
        """Add the only scene track, in the time base of the video, and return its id."""
        self._refuse_second("scene")
        return self._add(TrackRecord("scene", self._only("video").time_base))

    def _refuse_second(self, kind: Kind) -> None:
        if any(record.kind == kind for record in self._records):
            raise ContainerError(f"a CSSV file has one {kind} track")

    def _only(self, kind: Kind) -> TrackRecord:
        for record in self._records:
            if record.kind == kind:
                return record
        raise ContainerError(f"there is no {kind} track yet", remedy=f"Call `add_{kind}()` first.")

    def _add(self, record: TrackRecord) -> int:
        self._check_open()
        check_limit("time base is out of range", record.time_base.denominator, TIMESCALE_LIMIT, 1)
        check_limit("time base is out of range", record.time_base.numerator, TIMESCALE_LIMIT, 1)
        check_limit("file has too many tracks", len(self._records) + 1, TRACKS_LIMIT)
        self._records.append(record)
        if self._journal is not None:
            self._journal.add_track(
                JournalTrack(record.kind, record.time_base, record.width, record.height, record.language)
            )
        return len(self._records)

    def write_sample(
        self,
        track: int,
        data: bytes,
        *,
        pts: int,
        duration: int,
        is_key: bool = True,
        dts: int | None = None,
    ) -> None:
        """Append one sample.

        Args:
            track: id from :meth:`add_video`, :meth:`add_audio` or :meth:`add_scene`.
            data: its bytes, at least one.
            pts: presentation time in the track's time base. Only audio may start before 0.
            duration: in the track's time base; 0 for unknown. Used for the last sample only: any other
                lasts until the next one, and a last one of unknown duration lasts as long as the one before.
            is_key: whether decoding can start here; the first sample must be.
            dts: of a video whose frames are decoded in another order than they are shown: the presentation
                time of the frame that is shown as the n-th, if this sample is the n-th. ``pts`` by default.
                It is above that of the sample before. A key sample has both at the same time.
        """
        self._check_open()
        if not 1 <= track <= len(self._records):
            raise ContainerError("no such track", found=track, bound=f"1 to {len(self._records)}")
        record = self._records[track - 1]
        scale = record.time_base.numerator
        ticks, span = int(pts if dts is None else dts) * scale, int(duration) * scale
        shift = int(pts) * scale - ticks
        check_limit("sample is empty or too long", len(data), SAMPLE_LIMIT, 1)
        latest = ticks_limit(record.time_base.denominator)
        check_limit("presentation time is out of range", ticks, latest, -latest)
        check_limit("sample duration is out of range", span, DURATION_LIMIT)
        check_limit("file has too many samples", self._count + 1, SAMPLES_LIMIT)
        self._check_place(record, ticks, is_key=is_key)
        _check_shift(record, shift, is_key=is_key)
        if record.chunk and ticks - record.chunk_start >= CHUNK_S * record.time_base.denominator:
            self._put_chunk(track - 1)
        record.add(bytes(data), ticks, shift, span, is_key=is_key)
        self._count += 1
        if record.chunk_bytes >= CHUNK_BYTES:
            self._put_chunk(track - 1)

    def _check_place(self, record: TrackRecord, ticks: int, *, is_key: bool) -> None:
        if record.sizes:
            check_limit(
                f"{record.kind} times do not ascend, or have too large a gap",
                ticks - record.last,
                DURATION_LIMIT,
                1,
            )
            return
        if not is_key:
            raise ContainerError(f"first {record.kind} sample is not a key sample")
        if ticks < 0 and record.kind != "audio":
            raise ContainerError(
                f"{record.kind} begins before time 0",
                found=f"pts {ticks // record.time_base.numerator}",
                remedy="Shift all tracks so that the first frame is at 0 or later.",
            )

    def note_frame(self, crc32: int) -> None:
        """Add the CRC-32 of the decoded stego planes of the next frame, in the order of frames."""
        self._check_open()
        self._stegos.append(check_limit("CRC-32 is out of range", crc32, 0xFFFFFFFF))

    def describe(self, heads: Mapping[int, bytes], meta: IndexMeta) -> None:
        """State in the journal what :meth:`finish` will get, as far as it is known."""
        self._check_open()
        if self._journal is not None:
            self._journal.add_about(heads, meta)

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return len(self._stegos)

    def save(self) -> None:
        """Write the samples of the open chunks, and list them in the journal."""
        self._check_open()
        for number in range(len(self._records)):
            self._put_chunk(number)

    @classmethod
    def resume(cls, file: BinaryIO, content: JournalContent) -> Writer:
        """The writer of a file whose writer was killed, ready to :meth:`finish` it.

        It has the frames that are complete: with a video sample, a scene sample and a checksum. The rest is
        cut off.

        Args:
            file: opened for reading and writing, at position 0.
            content: of its journal.

        Raises:
            ContainerError: no frame is complete.
        """
        chunks = sound_chunks(file, content)
        frames = complete_frames(content, chunks)
        if not frames or content.about is None:
            raise ContainerError("the recording holds no complete frame")
        file.seek(0)
        writer = cls(file)
        for track in content.tracks:
            writer._add(TrackRecord(track.kind, track.time_base, track.width, track.height, track.language))
        for chunk in chunks:
            writer._take(chunk, frames)
        # Both tracks end together, and with reordered frames the last video sample need not be shown last.
        writer._only("video").last_duration = writer._only("scene").last_duration
        for crc in content.stegos[:frames]:
            writer.note_frame(crc)
        file.seek(writer._end)
        file.truncate()
        return writer

    def _take(self, chunk: JournalChunk, frames: int) -> None:
        """Add a chunk that is in the file already, but of video and scene no more than ``frames`` samples."""
        record, at = self._records[chunk.track - 1], chunk.offset
        count = len(chunk.sizes) if record.kind == "audio" else frames - len(record.sizes)
        self._file.seek(at)
        shifts = chunk.shifts or (0,) * len(chunk.sizes)
        for number, (size, ticks) in enumerate(zip(chunk.sizes[:count], chunk.ticks, strict=False)):
            data = self._file.read(size)
            # Only the last duration of all is used; one that is not listed is unknown.
            duration = chunk.duration if number == len(chunk.sizes) - 1 else 0
            record.add(data, ticks, shifts[number], duration, is_key=number in chunk.keys)
            self._count, at = self._count + 1, at + size
        if record.chunk:
            record.end_chunk(chunk.offset)
            self._end = max(self._end, at)

    def finish(self, heads: Mapping[int, bytes], meta: IndexMeta) -> None:
        """Write the tables and the index; for a path, rename the complete file to it.

        Args:
            heads: for each video and audio track with samples, an MP4 that holds its sample entry, or
                the entry itself.
            meta: time, author, message and facts of version 1.
        """
        self._check_open()
        self._check_complete()
        self.save()
        mdat_size = self._end - self._mdat
        movie = Movie(tuple(self._finished(heads)), meta.created_s)
        moov = write_moov(movie)
        check_limit("moov is too long", len(moov), MOOV_LIMIT)
        video = self._only("video")
        version = VersionRow(
            number=1,
            parent=0,
            about=meta,
            moov_offset=self._end,
            moov_size=len(moov),
            moov_crc=zlib.crc32(moov[8:]),
            table_offset=0,
            table_crc=0,
            frames=len(video.sizes),
            audio_tracks=sum(record.kind == "audio" and bool(record.sizes) for record in self._records),
            root=1,
            frames_changed=len(video.sizes),
            bytes_added=0,
        )
        index = Index((version,), zlib.crc32(FTYP), playing=1, next_number=2, live_offset=self._end)
        whole = self._end + len(moov) + index_size(index, has_table=True)
        index = replace(index, versions=(replace(version, bytes_added=whole),))
        self._put(moov)
        self._put(write_index(index, self._frame_table(movie.only("video").table.order), self._end))
        # Last, so that a file cut short before is one torn box and not mistaken for a complete one.
        self._put_at(self._mdat + 8, U64.pack(mdat_size))
        self._open = False
        self._stack.close()

    def _check_complete(self) -> None:
        """Raise ContainerError unless every frame has a video sample, a scene sample and a checksum."""
        video, scene = self._only("video"), self._only("scene")
        if not video.sizes:
            raise ContainerError("there are no frames")
        counts = (len(video.sizes), len(scene.sizes), len(self._stegos))
        if len(set(counts)) != 1:
            raise ContainerError(
                "frames, scene samples and checksums differ in number",
                found=" / ".join(str(count) for count in counts),
            )
        same = (video.first, video.last, video.run_counts, video.run_deltas) == (
            scene.first,
            scene.last,
            scene.run_counts,
            scene.run_deltas,
        )
        if not same:
            raise ContainerError("a scene sample is not at its frame's time")

    def _finished(self, heads: Mapping[int, bytes]) -> list[MediaTrack]:
        tracks: list[MediaTrack] = []
        for number, record in enumerate(self._records, 1):
            if not record.sizes:
                continue
            if record.kind == "scene":
                entry = scene_entry()
            elif number in heads:
                entry = extract_entry(heads[number], record.kind)
            else:
                raise ContainerError(f"{record.kind} track {number} has no head")
            table = record.table(entry)
            timescale = record.time_base.denominator
            size = record.width, record.height
            track = MediaTrack(number, record.kind, timescale, record.first, table, *size, record.language)
            tracks.append(track)
        return tracks

    def _frame_table(self, order: U32s | None) -> FrameTable:
        audio = tuple(
            (number, len(record.sizes), record.crc)
            for number, record in enumerate(self._records, 1)
            if record.kind == "audio" and record.sizes
        )
        columns = (self._only("video").crcs, self._only("scene").crcs, self._stegos)
        samples, scenes, stegos = (np.array(column, np.uint32) for column in columns)
        return FrameTable(audio, to_frames(samples, order), scenes, stegos)

    def abort(self) -> None:
        """Stop and delete the temporary file. Does nothing after :meth:`finish`."""
        if not self._open:
            return
        self._open = False
        error = ContainerError("writing was aborted")
        # On a full disk the buffer cannot be flushed; the file is deleted anyway.
        with suppress(OutputError, OSError):
            self._stack.__exit__(ContainerError, error, None)

    def _check_open(self) -> None:
        if not self._open:
            raise ContainerError("the file is finished or was aborted")

    def _put_chunk(self, number: int) -> None:
        record, offset = self._records[number], self._end
        if not record.chunk:
            return
        for data in record.chunk:
            self._put(data)
        if self._journal is not None:
            # The bytes first: what the journal lists must be there.
            self._flush()
            self._journal.add_frames(self._stegos[self._listed :])
            self._listed = len(self._stegos)
            self._journal.add_chunk(record.to_journal(number + 1, offset))
        record.end_chunk(offset)

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError("cannot write the file", found=error.strerror) from error

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError("cannot write the file", found=error.strerror) from error
        self._end += len(data)

    def _put_at(self, offset: int, data: bytes) -> None:
        try:
            self._file.seek(offset)
            self._file.write(data)
            self._file.seek(self._end)
            self._file.flush()
        except OSError as error:
            raise OutputError("cannot write the file", found=error.strerror) from error


def _check_shift(record: TrackRecord, shift: int, *, is_key: bool) -> None:
    """Raise an error if a sample cannot be shown so long after or before it is decoded."""
    if not shift:
        return
    if record.kind != "video":
        raise ContainerError(f"a {record.kind} sample has another time of decoding than of presentation")
    if is_key:
        raise ContainerError("a key sample has another time of decoding than of presentation")
    # Offsets are counted from the largest negative shift.
    longest = DURATION_LIMIT // 2
    check_limit("frames are reordered over too long a time", shift, longest, -longest)
