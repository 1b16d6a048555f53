"""Decoded pictures of all versions of a file, deflated, for pages in browsers that cannot decode it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from cssv.container import Archive, Reader
from cssv.frames import U8
from cssv.pipeline.arguments import Progress
from cssv.video import open_frames
from cssv.view.html import PlaneStore, check_embedded

#: Pictures in a group at most, and bytes of their planes: a browser inflates a whole group for one picture.
_GROUP, _GROUP_BYTES = 16, 16_000_000
#: Level of zlib: beyond it, time grows much faster than size shrinks.
_LEVEL = 6


def embed_planes(archive: Archive, progress: Progress | None = None) -> PlaneStore:
    """Decode the pictures of all versions, and deflate their differences. Equal pictures are stored once.

    Args:
        archive: the file.
        progress: called after every frame.

    Raises:
        OptionError: the result would be too large for a page.
        VideoError, ChecksumError, ContainerError: a version is damaged.
    """
    packer: _Packer | None = None
    #: Number and checksum of a frame -> picture; two versions have a frame in common where both are equal.
    known: dict[tuple[int, int], int] = {}
    versions: dict[int, tuple[int, ...]] = {}
    for row in archive.index.versions:
        with Reader(archive.source, version=row.number) as reader:
            keys = list(enumerate(reader.frames.stegos.tolist()))
            if not all(key in known for key in keys):
                for planes, key in zip(_planes(reader, progress), keys, strict=True):
                    if key not in known:
                        packer = packer or _Packer(planes.size)
                        known[key] = packer.add(planes)
                        check_embedded(packer.bytes)
            versions[row.number] = tuple(known[key] for key in keys)
    # A version has at least one frame.
    assert packer is not None
    return packer.finish(versions)


def _planes(reader: Reader, progress: Progress | None) -> Iterator[U8]:
    with open_frames(reader.source) as frames:
        for number, frame in enumerate(frames):
            yield frame.planes
            if progress is not None:
                progress("embed", number + 1, len(reader))


class _Packer:
    """Groups of pictures, deflated one after the other."""

    def __init__(self, picture_bytes: int) -> None:
        self._group = max(1, min(_GROUP, _GROUP_BYTES // picture_bytes))
        self._pictures: list[U8] = []
        self._parts: list[bytes] = []
        self._count = 0
        #: Bytes of all complete groups.
        self.bytes = 0

    def add(self, planes: U8) -> int:
        """Add a picture; returns its number."""
        self._pictures.append(np.array(planes))
        self._count += 1
        if len(self._pictures) == self._group:
            self._close_group()
        return self._count - 1

    def _close_group(self) -> None:
        pictures = np.stack([each.ravel() for each in self._pictures])
        # Differences modulo 256: bytes that wrap around in both directions.
        pictures[1:] = pictures[1:] - pictures[:-1]
        self._parts.append(zlib.compress(pictures.data, _LEVEL))
        self.bytes += len(self._parts[-1])
        self._pictures.clear()

    def finish(self, versions: dict[int, tuple[int, ...]]) -> PlaneStore:
        """Close the last group."""
        if self._pictures:
            self._close_group()
        return PlaneStore(self._group, tuple(map(len, self._parts)), versions, b"".join(self._parts))


def without_media(archive: Archive) -> bytes:
    """The deflated bytes of the file with zeros in place of all video and audio samples.

    Index, tables and scene track stay where they are, so that a page reads them as those of the file.
    """
    data = bytearray(archive.read(0, archive.end))
    for offset, size in _media_extents(archive):
        data[offset : offset + size] = bytes(size)
    return zlib.compress(data, _LEVEL)


def _media_extents(archive: Archive) -> Iterator[tuple[int, int]]:
    """Offset and size of each video and audio sample of each version."""
    for row in archive.index.versions:
        for track in archive.movie(row, archive.table(row)).tracks:
            if track.kind != "scene":
                table = track.table
                yield from zip(table.offsets.tolist(), table.sizes.tolist(), strict=True)
