"""Random access to the samples of a ``.cssv`` file; every value is checked before it is used."""

from __future__ import annotations

import os
import zlib
from bisect import bisect_right

from cssv.container.archive import Archive
from cssv.container.index import FrameTable, Index, Revision, VersionRow
from cssv.container.moov import MediaTrack, Movie
from cssv.container.tables import U32s
from cssv.errors import ChecksumError, ContainerError, LimitError
from cssv.files.closing import Closing
from cssv.files.patched import PatchedFile


class Reader(Closing):
    """Random access to the samples of one version of a file.

    Everything except the checksums of samples is checked when the file is opened. The memory for tables
    stays below 64 times the size of the file, and below 2 GiB, for any input.

    Args:
        path: the file, or an :class:`cssv.files.patched.PatchedFile`.
        version: number or tag of the version to show; None for the playing one.

    Attributes:
        index: all versions.
        version: the version shown.
        tracks: its tracks in file order.

    Raises:
        InputError: the file cannot be opened.
        ContainerError: not a CSSV file, or an impossible one. ChecksumError: its tables are
            damaged. LimitError: a length beyond its bound.
    """

    def __init__(self, path: str | os.PathLike[str], *, version: Revision = None) -> None:
        self._archive = Archive(path)
        try:
            self.index: Index = self._archive.index
            self.version: VersionRow = self.index.find(version)
            self._frame_table: FrameTable = self._archive.table(self.version)
            self._movie: Movie = self._archive.movie(self.version, self._frame_table)
        except BaseException:
            self._archive.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    @property
    def torn_bytes(self) -> int:
        """Bytes behind the index: the torn end of an interrupted append."""
        return self._archive.torn_bytes

    @property
    def archive(self) -> Archive:
        """The open file with its index, which all versions share."""
        return self._archive

    @property
    def source(self) -> PatchedFile:
        """The file as players must read it to show this version."""
        live = self._archive.live.offset
        is_playing = self.version.number == self.index.playing
        shown = live if is_playing else self.version.moov_offset
        # Also for the playing version: another one may be published while this one is being read.
        patches = [(shown + 4, b"moov")]
        # Players use the first moov of a file, so one before it must not be called so.
        if live < shown:
            patches.append((live + 4, b"free"))
        source = self._archive.source
        base = source if isinstance(source, PatchedFile) else PatchedFile(source, ())
        return base.with_patches(*patches)

    @property
    def tracks(self) -> tuple[MediaTrack, ...]:
        """Tracks of the version shown, in file order."""
        return self._movie.tracks

    @property
    def video(self) -> MediaTrack:
        """The video track."""
        return self._movie.only("video")

    @property
    def scene(self) -> MediaTrack:
        """The scene track."""
        return self._movie.only("scene")

    @property
    def frames(self) -> FrameTable:
        """Checksums of the version shown, one row per frame."""
        return self._frame_table

    def __len__(self) -> int:
        """Frames of the version shown."""
        return self.version.frames

    def track(self, number: int) -> MediaTrack:
        """Return the track with this id."""
        for track in self.tracks:
            if track.number == number:
                return track
        raise ContainerError("no such track", found=number)

    def pts(self, track: int, sample: int) -> int:
        """Presentation time of a sample in the track's media units (1 / ``timescale`` s)."""
        found = self.track(track)
        return found.start + found.table.time(_check_sample(found, sample))

    def is_key(self, track: int, sample: int) -> bool:
        """Whether decoding can start at this sample."""
        found = self.track(track)
        return self.key_before(track, _check_sample(found, sample)) == sample

    def key_before(self, track: int, sample: int) -> int:
        """Return the last sample at or before this one at which decoding can start."""
        found = self.track(track)
        _check_sample(found, sample)
        syncs = found.table.syncs
        if syncs is None:
            return sample
        at = bisect_right(syncs, sample + 1)
        if at == 0:
            raise ContainerError("no key sample lies before this one", found=sample)
        return int(syncs[at - 1]) - 1

    def sample(self, track: int, sample: int) -> bytes:
        """Bytes of a sample; ChecksumError if a video or scene sample is damaged.

        Audio is not checked: the file has one checksum for all samples of an audio track together
        (:meth:`check_audio`).
        """
        found = self.track(track)
        data = self._bytes(found, sample)
        expected = self._expected(found)
        if expected is not None and zlib.crc32(data) != int(expected[sample]):
            raise ChecksumError(
                f"{found.kind} sample of frame {sample} is damaged",
                remedy="Run `cssv.verify()` to find all damage.",
            )
        return data

    def check_audio(self) -> None:
        """Read all audio samples; ChecksumError unless they are what was written."""
        for track in self.tracks:
            if track.kind == "audio":
                self._archive.check_audio(track, self._frame_table)

    def scene_sample(self, frame: int) -> bytes:
        """JSON of the scene at this frame; that of frame 0 holds the whole scene."""
        return self.sample(self.scene.number, frame)

    def _bytes(self, track: MediaTrack, sample: int) -> bytes:
        _check_sample(track, sample)
        table = track.table
        return self._archive.read(int(table.offsets[sample]), int(table.sizes[sample]))

    def _expected(self, track: MediaTrack) -> U32s | None:
        if track.kind == "audio":
            return None
        table = self._frame_table
        return table.samples if track.kind == "video" else table.scenes


def _check_sample(track: MediaTrack, sample: int) -> int:
    if not 0 <= sample < len(track.table):
        raise LimitError(
            f"{track.kind} track has no such sample", found=sample, bound=f"0 to {len(track.table) - 1}"
        )
    return sample
