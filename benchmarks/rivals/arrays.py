"""Decoded planes as compressed chunks of an array, one chunk per group of pictures: Icechunk, Zarr in a zip.

The packages are imported when a store is used. They are installed by ``pip install '.[bench]'``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cssv.frames import U8
from rivals.corpus import Finished
from rivals.store import Store, View

#: A chunk: its source, its first frame, the frame after its last.
Read = Callable[[str, int, int], U8]
_NAMES = ("planes", "scenes")


class ArrayView(View):
    """A version whose chunks ``read`` reads; keeps the last one of each array. ``close`` closes the rest."""

    def __init__(self, read: Read, gop: int, close: Callable[[], None] = lambda: None) -> None:
        self._read, self._gop, self._also_close = read, gop, close
        self._last: dict[str, tuple[int, U8]] = {}

    def _row(self, name: str, number: int) -> U8:
        at = number // self._gop
        if self._last.get(name, (-1,))[0] != at:
            self._last[name] = (at, self._read(name, at * self._gop, (at + 1) * self._gop))
        return self._last[name][1][number % self._gop]

    def frame(self, number: int) -> U8:
        return self._row("planes", number)

    def scene(self, number: int) -> bytes:
        return self._row("scenes", number).tobytes().rstrip(b"\0")

    def close(self) -> None:
        self._also_close()


def _rows(new: Finished, name: str, width: int) -> dict[int, U8]:
    """New rows of a version; scene samples are padded with zeros, which JSON does not contain."""
    if name == "planes":
        return new.planes
    return {frame: np.frombuffer(data.ljust(width, b"\0"), np.uint8) for frame, data in new.scenes.items()}


def _width(first: Finished) -> int:
    """Bytes of a row of scene samples; later versions may have longer ones."""
    return 4 * max(map(len, first.scenes.values()))


def _blocks(
    rows: dict[int, U8], gop: int, frames: int, before: Callable[[int, int], U8]
) -> Iterator[tuple[int, U8]]:
    """Chunks that rows change: first frame and all rows of the chunk, the unchanged ones from ``before``."""
    for first in sorted({frame // gop * gop for frame in rows}):
        span = range(first, min(first + gop, frames))
        if all(frame in rows for frame in span):
            block = np.stack([rows[frame] for frame in span])
        else:
            block = before(span.start, span.stop).copy()
            for frame in span:
                if frame in rows:
                    block[frame - first] = rows[frame]
        yield first, block


def _create(store: Any, name: str, shape: tuple[int, ...], gop: int, attributes: dict[str, Any]) -> Any:
    import zarr
    from zarr.codecs import ZstdCodec

    return zarr.create_array(
        store,
        name=name,
        shape=shape,
        chunks=(gop, *shape[1:]),
        dtype="uint8",
        compressors=ZstdCodec(),
        attributes=attributes,
    )


class IcechunkStore(Store):
    """One snapshot for each commit, in a local folder."""

    name = "Icechunk"
    is_one_file = False

    def _repository(self, verb: str) -> Any:
        import icechunk

        # It warns of several writers at the same time; here there is only one.
        icechunk.set_logs_filter("error")
        storage = icechunk.local_filesystem_storage(str(self.folder))
        return getattr(icechunk.Repository, verb)(storage)

    def begin(self, first: Finished) -> None:
        session = self._repository("create").writable_session("main")
        width = _width(first)
        for name in _NAMES:
            rows = _rows(first, name, width)
            shape = (first.frames, *rows[0].shape)
            array = _create(session.store, name, shape, first.gop, {"gop": first.gop})
            self._write(array, rows, first)
        session.commit(first.about.message or "first", metadata={"number": first.number})

    def commit(self, new: Finished) -> None:
        import zarr

        session = self._repository("open").writable_session("main")
        for name in _NAMES:
            array = zarr.open_array(session.store, path=name, mode="r+")
            self._write(array, _rows(new, name, array.shape[1]), new)
        session.commit(new.about.message, metadata={"number": new.number})

    @staticmethod
    def _write(array: Any, rows: dict[int, U8], new: Finished) -> None:
        for first, block in _blocks(rows, new.gop, new.frames, lambda low, high: array[low:high]):
            array[first : first + len(block)] = block

    def _snapshots(self, repository: Any) -> dict[int, str]:
        found = repository.ancestry(branch="main")
        return {int(s.metadata["number"]): s.id for s in found if "number" in s.metadata}

    def numbers(self) -> list[int]:
        return sorted(self._snapshots(self._repository("open")))

    def open(self, number: int) -> View:
        import zarr

        repository = self._repository("open")
        session = repository.readonly_session(snapshot_id=self._snapshots(repository)[number])
        arrays = {name: zarr.open_array(session.store, path=name, mode="r") for name in _NAMES}
        gop = arrays["planes"].chunks[0]
        return ArrayView(lambda name, low, high: arrays[name][low:high], gop)

    def playable(self) -> Path:
        return max((p for p in self.folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


class ZarrZip(Store):
    """One zip; each version is a group with the changed chunks and a list of the versions with the others."""

    name = "Zarr in a zip"
    is_one_file = True

    def begin(self, first: Finished) -> None:
        self._add(first, "w")

    def commit(self, new: Finished) -> None:
        self._add(new, "a")

    def _add(self, new: Finished, mode: Any) -> None:
        from zarr.storage import ZipStore

        with ZipStore(self.playable(), mode=mode) as store:
            for name in _NAMES:
                self._add_array(store, new, name)
        with self.playable().open("rb+") as file:
            os.fsync(file.fileno())

    def _add_array(self, store: Any, new: Finished, name: str) -> None:
        import zarr

        if new.number == 1:
            rows = _rows(new, name, _width(new))
            shape = (new.frames, *rows[0].shape)
            owners = [0] * -(-new.frames // new.gop)
        else:
            old = zarr.open_array(store, path=_path(new.number - 1, name), mode="r+")
            shape, owners = old.shape, list(old.attrs["owners"])
            rows = _rows(new, name, shape[-1])
        read = _reader(store, name, list(owners), new.gop)
        blocks = list(_blocks(rows, new.gop, new.frames, read))
        for first, _ in blocks:
            owners[first // new.gop] = new.number
        array = _create(store, _path(new.number, name), shape, new.gop, {"owners": owners})
        for first, block in blocks:
            array[first : first + len(block)] = block

    def numbers(self) -> list[int]:
        from zipfile import ZipFile

        with ZipFile(self.playable()) as file:
            # A version is complete when its last array is written.
            return sorted(int(n.split("/")[0]) for n in file.namelist() if n.endswith("/scenes/zarr.json"))

    def open(self, number: int) -> View:
        import zarr
        from zarr.storage import ZipStore

        store = ZipStore(self.playable(), mode="r")
        arrays = {name: zarr.open_array(store, path=_path(number, name), mode="r") for name in _NAMES}
        gop = arrays["planes"].chunks[0]
        readers = {
            name: _reader(store, name, list(array.attrs["owners"]), gop) for name, array in arrays.items()
        }
        return ArrayView(lambda name, low, high: readers[name](low, high), gop, store.close)

    def playable(self) -> Path:
        return self.folder / "clip.zip"


def _path(number: int, name: str) -> str:
    return f"{number:04}/{name}"


def _reader(store: Any, name: str, owners: list[int], gop: int) -> Callable[[int, int], U8]:
    """Function that reads a chunk from the version that holds it."""

    def read(low: int, high: int) -> U8:
        import zarr

        mode: Any = "r" if store.read_only else "r+"
        array = zarr.open_array(store, path=_path(owners[low // gop], name), mode=mode)
        found: U8 = array[low:high]
        return found

    return read
