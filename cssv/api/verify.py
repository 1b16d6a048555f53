"""Verify: stored bytes, decoded pixels and embedded content of every version are as written."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cssv.carriers.base import AnyCarrier
from cssv.container import Archive, Reader, find_problems
from cssv.container import repair as cut_tail
from cssv.errors import ChecksumError, ContainerError, PasswordError, SceneError, VideoError
from cssv.files.paths import Path_
from cssv.files.system import is_of_system
from cssv.frames import Frame, planes_crc
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import Progress, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.frame_check import planes_are_exact
from cssv.pipeline.sealed_track import (
    are_sealed,
    carrier_of_version,
    check_sealed_sample,
    open_facts,
    read_stored_sample,
)
from cssv.pipeline.window_check import is_intact, whole_windows, windows_of
from cssv.video import REORDER_WINDOW, FrameCursor, VideoReader

#: Identity of a video sample: its place in the file, and the checksum of its pixels.
_SAMPLE = np.dtype([("offset", np.int64), ("crc", np.uint32)])


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file.

    Attributes:
        kind: ``"sample"``, ``"scene"``, ``"audio"``, ``"ftyp"``, ``"index"``, ``"history"`` (stored bytes),
            ``"video"`` (cannot be decoded), ``"pixels"`` (decoded planes differ) or ``"marks"``.
        text: description.
        frame: number of the frame, from 0; None if it concerns no single frame.
        version: number of the version; of several that share the bytes the one that plays, else the newest;
            None if it concerns no single version.
    """

    kind: str
    text: str
    frame: int | None
    version: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the fault as plain JSON types."""
        return {"kind": self.kind, "text": self.text, "frame": self.frame, "version": self.version}


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of :func:`verify`.

    Attributes:
        frames: number of frames of the version that plays.
        version: number of that version.
        faults: all faults; empty for a sound file.
        versions: number of versions; all were checked.
        torn_bytes: bytes after the versions: an append that is incomplete or in progress. It is not a
            fault: all versions before it are complete.
        cut_bytes: bytes that a repair has removed.
        notes: what was not checked.
        is_lossy: whether the video of a version is lossy. Then the coded bytes of its frames and their
            content were checked, and their decoded pixels were not.
    """

    frames: int
    version: int
    faults: tuple[Fault, ...]
    versions: int = 1
    torn_bytes: int = 0
    cut_bytes: int = 0
    notes: tuple[str, ...] = ()
    is_lossy: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "sound": self.is_sound,
            "frames": self.frames,
            "version": self.version,
            "versions": self.versions,
            "torn_bytes": self.torn_bytes,
            "cut_bytes": self.cut_bytes,
            "faults": [fault.to_json() for fault in self.faults],
            "notes": list(self.notes),
            "lossy": self.is_lossy,
        }


@checked_call
def verify(
    path: Path_,
    *,
    repair: bool = False,
    password: str | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check stored bytes and decoded pixels against their checksums, and the embedded content of every frame.

    Args:
        path: a ``.cssv``; all its versions are checked, shared frames once.
        repair: first remove an incomplete append. Nothing else can be repaired. A damaged index after the
            versions is a fault and stays: the tags in it would be lost for good.
        password: that of the file. Without it, what its pixels and its scene track hold is not checked.
        progress: called after every frame.

    Raises:
        PasswordError: another password than that of the file.
        ContainerError: the file is not a CSSV file, or its index is damaged.
        VideoError: the system does not let the frames be read, such as with too many open files.
        LockedError: another process writes to a file that is to be repaired.
    """
    return verify_with_key(path, to_key(password), repair=repair, progress=progress)


def verify_with_key(
    path: Path_,
    key: PayloadKey | None,
    *,
    repair: bool = False,
    progress: Progress | None = None,
    reads_pixels: bool = True,
) -> Verification:
    """Verify a file (:func:`verify`) whose password has been converted to a key already.

    Args:
        path: of the file.
        key: that of the file; None if it has no password.
        repair: first remove an incomplete append.
        progress: called after every frame.
        reads_pixels: whether all frames are decoded, or the first one alone.
    """
    cut = cut_tail(path) if repair else 0
    with Archive(path) as archive:
        index, torn = archive.index, archive.torn_bytes
        found = find_problems(archive, index.current)
        faults = [Fault(p.kind, p.text, p.frame, p.version) for p in found if p.kind != "tail"]
    others = [v.number for v in reversed(index.versions) if v.number != index.playing]
    survey = _Survey(path, [index.playing, *others], faults, key, reads_pixels=reads_pixels)
    faults += survey.scene_faults()
    faults += survey.pixel_faults(progress)
    shown, count = index.current.frames, len(index.versions)
    return Verification(shown, index.playing, tuple(faults), count, torn, cut, survey.notes, survey.is_lossy)


class _Survey:
    """Check of all versions, the one that plays first; what they share is checked once.

    Args:
        path: the file.
        numbers: of the versions, in the order in which they are checked.
        known: faults of stored bytes; those samples are not checked again.
        key: that of the file; None if it has no password, or if the password is not known.
        reads_pixels: whether all frames are decoded, or the first one of each version alone.

    Attributes:
        is_lossy: whether the video of a version is lossy.
    """

    def __init__(
        self,
        path: Path_,
        numbers: Sequence[int],
        known: Sequence[Fault],
        key: PayloadKey | None,
        *,
        reads_pixels: bool,
    ) -> None:
        self._path = path
        self._key = key
        self._reads_pixels = reads_pixels
        self._unread = 0
        self.is_lossy = False
        self._broken = {fault.version for fault in known if fault.kind == "history"}
        self._numbers = [number for number in numbers if number not in self._broken]
        self._damaged = {(fault.version, fault.frame) for fault in known if fault.kind == "sample"}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be checked."""
        lossy = (
            "the video is lossy: the coded bytes of its frames and their content were checked, and their "
            "pixels cannot be compared",
        )
        sealed = ("sealed content of pixels and scene track was not checked; give `password=`",)
        return (lossy if self.is_lossy else ()) + (sealed if self._unread else ())

    def _is_readable(self, reader: Reader) -> bool:
        """Whether the content of a version is not sealed, or its key is known.

        Raises PasswordError if the version is sealed with another key.
        """
        facts = reader.version.about.meta
        if self._key is None and are_sealed(facts):
            self._unread += 1
            return False
        open_facts(facts, self._key)
        return True

    def _fresh(self, kind: Literal["video", "scene"]) -> Iterator[tuple[Reader, list[int]]]:
        """Each version, and those of its frames that no version before it has."""
        seen = np.zeros(0, _SAMPLE)
        for number in self._numbers:
            with Reader(self._path, version=number) as reader:
                samples = np.zeros(len(reader), _SAMPLE)
                samples["offset"] = (reader.video if kind == "video" else reader.scene).table.offsets
                if kind == "video":
                    samples["crc"] = reader.frames.stegos
                fresh = np.flatnonzero(np.isin(samples, seen, invert=True))
                seen = np.union1d(seen, samples)
                yield reader, fresh.tolist()

    def scene_faults(self) -> Iterator[Fault]:
        """Faults of scene samples whose bytes are as written but whose content is wrong."""
        for reader, fresh in self._fresh("scene"):
            is_readable = self._is_readable(reader)
            for frame in fresh:
                if (text := _scene_fault(reader, frame, self._key, is_readable=is_readable)) is not None:
                    yield Fault("scene", f"scene sample of frame {frame}{text}", frame, reader.version.number)

    def pixel_faults(self, progress: Progress | None) -> Iterator[Fault]:
        """Faults of frames that decode to something else than was written."""
        most = None if self._reads_pixels else 1
        total = sum(len(fresh[:most]) for _, fresh in self._fresh("video"))
        done = 0
        for reader, found in self._fresh("video"):
            version, fresh = reader.version.number, found[:most]
            for kind, text, frame in self._decoded(reader, fresh):
                done += 1
                if progress is not None:
                    progress("verify", done, total)
                if kind:
                    yield Fault(kind, text, frame, version)

    def _decoded(self, reader: Reader, frames: Sequence[int]) -> Iterator[tuple[str, str, int | None]]:
        """Decode frames: (kind, text, frame) of each fault, an empty kind for a sound frame."""
        version = reader.version.number
        # A frame that depends on a damaged sample decodes to anything; only the cause is reported.
        spoilt = {f for v, f in self._damaged if v == version and f is not None}
        try:
            source = VideoReader(reader.source) if frames else None
        except VideoError as error:
            # Too many open files, for example, are no fault of the file.
            if is_of_system(error):
                raise
            if 0 not in spoilt:
                yield "video", str(error), None
            return
        if source is None:
            return
        facts = reader.version.about.meta
        carrier = carrier_of_version(facts, self._key)
        self.is_lossy = self.is_lossy or not planes_are_exact(carrier, facts)
        info, time_base = source.info, reader.video.time_base
        times = (int(pts) * time_base for pts in reader.video.pts())
        windows = windows_of(carrier, times, info.layout, (info.width, info.height))
        with FrameCursor(source, reader.video.pts().tolist()) as cursor:
            wanted, is_readable = frozenset(frames), self._is_readable(reader)
            checker = _WindowChecker(reader, carrier, cursor, spoilt, is_readable=is_readable)
            for _, window in whole_windows(frames, windows):
                yield from checker.check(window, wanted)


class _WindowChecker:
    """Check of the frames of one version, window by window.

    Args:
        reader: of the version.
        carrier: of the version.
        cursor: its frames.
        spoilt: frames whose samples are damaged.
        is_readable: whether the content can be read; if not, only the pixels are checked.
    """

    def __init__(
        self,
        reader: Reader,
        carrier: AnyCarrier,
        cursor: FrameCursor,
        spoilt: AbstractSet[int],
        *,
        is_readable: bool,
    ) -> None:
        self._reader = reader
        self._carrier = carrier
        self._cursor = cursor
        self._table = reader.video.table
        self._spoilt = sorted(map(self._table.place, spoilt))
        self._is_readable = is_readable
        self._is_exact = planes_are_exact(carrier, reader.version.about.meta)
        self._last_key, self._is_failed = -1, False

    def check(self, window: range, wanted: AbstractSet[int]) -> Iterator[tuple[str, str, int | None]]:
        """Kind and text of the fault of each frame that is wanted, both empty for a sound one.

        A frame that depends on a damaged sample is left out.
        """
        pictures: list[Frame] = []
        for number in window:
            if (checked := self._read(number)) is None:
                continue
            picture, kind, text = checked
            pictures += [] if picture is None else [picture]
            # Nothing is known of the content of a window with a damaged frame.
            if number == window[-1] and len(pictures) == len(window):
                kind, text = self._content_fault(window, pictures)
            if kind or number in wanted:
                yield kind, text, number

    def _read(self, number: int) -> tuple[Frame | None, str, str] | None:
        """A frame, and kind and text of its fault; None if it depends on a damaged sample."""
        key = self._reader.key_before(self._reader.video.number, number)
        if key != self._last_key:
            self._last_key, self._is_failed = key, False
        # What is decoded behind the first damaged sample of a group may depend on it.
        place, at = self._table.place(number), bisect_left(self._spoilt, key)
        damaged = self._spoilt[at] if at < len(self._spoilt) else math.inf
        if self._is_failed or damaged <= place:
            return None
        try:
            frame = self._cursor.read(number)
            kind, text = self._frame_fault(frame, number)
        except (VideoError, ContainerError) as error:
            if is_of_system(error):
                raise
            self._is_failed = True
            frame, kind, text = None, "video", f"frame {number}: {error}"
        # Where frames are reordered, a decoder may meet the damage before it returns the frames ahead of it.
        if kind and self._table.order is not None and damaged <= place + REORDER_WINDOW:
            self._is_failed = True
            return None
        return None if kind else frame, kind, text

    def _frame_fault(self, frame: Frame, number: int) -> tuple[str, str]:
        """Kind and text of the fault in the pixels of a frame; both empty for a sound one."""
        shown = self._cursor.stamps[number]
        if frame.pts != shown:
            return "video", f"frame {number} is shown at pts {frame.pts}, not {shown}"
        # A lossy codec gives other pixels than were coded. Its coded bytes have been compared already, so
        # what is left is whether the carrier reads its content.
        written = int(self._reader.frames.stegos[number])
        if self._is_exact and planes_crc(frame.planes) != written:
            return "pixels", f"frame {number} decodes to other pixels than were written"
        return "", ""

    def _content_fault(self, window: range, pictures: Sequence[Frame]) -> tuple[str, str]:
        if not self._is_readable or is_intact(self._carrier, pictures):
            return "", ""
        if len(window) == 1:
            return "marks", f"frame {window[0]} has damaged marks"
        return "marks", f"frames {window[0]} to {window[-1]} carry no payload that can be read"


def _scene_fault(reader: Reader, frame: int, key: PayloadKey | None, *, is_readable: bool) -> str | None:
    """The fault of a scene sample whose bytes are as written; None for a sound one."""
    try:
        sample = reader.scene_sample(frame)
    except ChecksumError:
        return None
    try:
        if not is_readable:
            check_sealed_sample(sample, frame)
            return None
        number = read_stored_sample(reader, frame, key).frame
    except (ContainerError, SceneError, PasswordError) as error:
        # A scene with several faults has a line for each.
        return f": {'; '.join(line.strip() for line in str(error).splitlines())}"
    return None if number == frame else f" is that of frame {number}"


def check(
    path: Path_,
    progress: Progress | None = None,
    key: PayloadKey | None = None,
    *,
    pixels_known: bool = False,
) -> Verification:
    """Verify a file just written. Raises ChecksumError unless it is sound.

    Args:
        path: of the file.
        progress: called after every frame.
        key: that of the file; None if it has no password.
        pixels_known: whether all frames were decoded and compared while they were coded. Then their stored
            bytes are compared, and the first window alone is decoded once more.
    """
    found = verify_with_key(path, key, progress=progress, reads_pixels=not pixels_known)
    if not found.is_sound:
        first = found.faults[0]
        is_too_coarse = first.kind == "marks" and found.is_lossy
        remedy = "Give a lower `crf=`." if is_too_coarse else "Try another `codec=`."
        raise ChecksumError("the file written does not read back", found=first.text, remedy=remedy)
    return found
