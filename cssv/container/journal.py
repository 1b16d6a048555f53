"""The journal of a file that is being written, and the completion of a file whose writer was killed.

The tables of a ``.cssv`` are written at its end, so that a file without its end cannot be read. While a live
recording is written, a second file beside it, the journal, lists what the tables will say. It is no part of
the file format: it is removed with the end of the recording, and a reader takes only what :class:`Journal` of
the same version wrote. One JSON array a line: ``["track", ...]``, ``["about", ...]``, ``["frames", ...]`` and
``["chunk", ...]``.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

from cssv.container.entries import Kind
from cssv.container.index import IndexMeta
from cssv.errors import ContainerError, OutputError

#: First values of the first line, before the name of the output; they change with the form of a journal.
_HEAD = ["cssv journal", 1]


@dataclass(frozen=True, slots=True)
class JournalTrack:
    """A track as it was added.

    Attributes:
        kind: ``"video"``, ``"audio"`` or ``"scene"``.
        time_base: seconds per unit.
        width, height: in pixels; 0 unless video.
        language: of audio.
    """

    kind: Kind
    time_base: Fraction
    width: int
    height: int
    language: str


@dataclass(frozen=True, slots=True)
class JournalChunk:
    """Samples of one track that lie end to end in the file.

    Attributes:
        track: id of the track.
        offset: of the first byte.
        crc: CRC-32 of all bytes.
        sizes: bytes of each sample.
        ticks: times of decoding in media units; without reordering, times of presentation.
        duration: in media units, of that sample of the track so far that is shown last; 0 for unknown.
        keys: places of the key samples within the chunk, from 0.
        shifts: time from decoding to showing of each sample; empty for a chunk of a track without reordering.
    """

    track: int
    offset: int
    crc: int
    sizes: tuple[int, ...]
    ticks: tuple[int, ...]
    duration: int
    keys: frozenset[int]
    shifts: tuple[int, ...] = ()


@dataclass(slots=True)
class JournalContent:
    """What a journal lists, as far as it was written.

    Attributes:
        output: the name that the file gets when it is complete.
        tracks: in the order of their ids, from 1.
        heads: sample entries, or MP4 files that hold them, by track.
        about: of version 1; None if the writer had not stated it.
        stegos: CRC-32 of the planes of each frame.
        chunks: in the order of writing.
    """

    output: str = ""
    tracks: list[JournalTrack] = field(default_factory=list)
    heads: dict[int, bytes] = field(default_factory=dict)
    about: IndexMeta | None = None
    stegos: list[int] = field(default_factory=list)
    chunks: list[JournalChunk] = field(default_factory=list)


class Journal:
    """Writer of a journal; each line is given to the system at once.

    Args:
        file: opened for writing, unbuffered.
        output: the name that the file gets when it is complete.
    """

    def __init__(self, file: BinaryIO, output: str) -> None:
        self._file = file
        self._put([*_HEAD, output])

    def add_track(self, track: JournalTrack) -> None:
        """List a track."""
        time_base = str(track.time_base)
        self._put(["track", track.kind, time_base, track.width, track.height, track.language])

    def add_about(self, heads: Mapping[int, bytes], about: IndexMeta) -> None:
        """List what else the tables need: sample entries and the description of the version."""
        coded = {str(track): base64.b64encode(head).decode("ascii") for track, head in heads.items()}
        self._put(["about", coded, about.created_s, about.author, about.message, dict(about.meta)])

    def add_frames(self, stegos: Sequence[int]) -> None:
        """List the checksums of the next frames."""
        self._put(["frames", *stegos])

    def add_chunk(self, chunk: JournalChunk) -> None:
        """List a chunk whose bytes the system has."""
        row = [chunk.track, chunk.offset, chunk.crc, chunk.sizes, chunk.ticks, chunk.duration]
        shifts = [chunk.shifts] if chunk.shifts else []
        self._put(["chunk", *row, sorted(chunk.keys), *shifts])

    def _put(self, values: list[Any]) -> None:
        try:
            self._file.write(json.dumps(values, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise OutputError("cannot write the journal of the recording", found=error.strerror) from error


def read_journal(path: str | os.PathLike[str]) -> JournalContent:
    """Read a journal up to its first incomplete line.

    Raises:
        ContainerError: it is no journal, or one of another version.
    """
    lines = _lines(Path(path))
    head = next(lines, None)
    if not isinstance(head, list) or head[:-1] != _HEAD:
        raise ContainerError("not the journal of a recording", found=str(path))
    content = JournalContent(str(head[-1]))
    try:
        for kind, *values in lines:
            _add(content, kind, values)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise ContainerError("the journal of a recording is damaged", found=str(path)) from error
    return content


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            # The last line of a killed process may be cut off.
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError:
                return


def _add(content: JournalContent, kind: object, values: list[Any]) -> None:
    if kind == "track":
        name, time_base, width, height, language = values
        track = JournalTrack(cast("Kind", name), Fraction(time_base), int(width), int(height), str(language))
        content.tracks.append(track)
    elif kind == "about":
        heads, created_s, author, message, meta = values
        content.heads = {int(track): base64.b64decode(head) for track, head in heads.items()}
        content.about = IndexMeta(int(created_s), str(author), str(message), dict(meta))
    elif kind == "frames":
        content.stegos += map(int, values)
    elif kind == "chunk":
        track_id, offset, crc, sizes, ticks, duration, keys, *shifts = values
        chunk = JournalChunk(
            int(track_id),
            int(offset),
            int(crc),
            tuple(map(int, sizes)),
            tuple(map(int, ticks)),
            int(duration),
            frozenset(map(int, keys)),
            tuple(int(shift) for listed in shifts for shift in listed),
        )
        content.chunks.append(chunk)


def sound_chunks(file: BinaryIO, content: JournalContent) -> list[JournalChunk]:
    """The chunks up to the first one whose bytes are not in the file as the journal says."""
    found: list[JournalChunk] = []
    for chunk in content.chunks:
        file.seek(chunk.offset)
        data = file.read(sum(chunk.sizes))
        # After a power failure the journal can be ahead of the file.
        if len(data) != sum(chunk.sizes) or zlib.crc32(data) != chunk.crc:
            break
        found.append(chunk)
    return found


def complete_frames(content: JournalContent, chunks: Sequence[JournalChunk]) -> int:
    """Number of frames with a video sample, a scene sample and a checksum.

    None of them is decoded from a frame that is missing.
    """
    frames, shifted = len(content.stegos), list[JournalChunk]()
    for number, track in enumerate(content.tracks, 1):
        if track.kind != "audio":
            own = [chunk for chunk in chunks if chunk.track == number]
            frames = min(frames, sum(len(chunk.sizes) for chunk in own))
            shifted = own if any(chunk.shifts for chunk in own) else shifted
    return _shown_whole(shifted, frames) if shifted else frames


def _shown_whole(chunks: Sequence[JournalChunk], frames: int) -> int:
    """The most frames, up to ``frames``, that are decoded before all later ones."""
    latest = whole = count = 0
    for chunk in chunks:
        for ticks, shift in zip(chunk.ticks, chunk.shifts or [0] * len(chunk.ticks), strict=True):
            latest, count = max(latest, ticks + shift), count + 1
            # The samples so far are shown no later than as many frames are, so they are these frames.
            if latest == ticks and count <= frames:
                whole = count
    return whole
