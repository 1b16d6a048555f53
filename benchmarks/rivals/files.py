"""Versions as ``.cssv`` files: appended to one file, as separate files, and by hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cssv.container import Appender, Reader
from cssv.frames import U8
from cssv.video import FrameCursor, open_frames
from rivals.corpus import Finished
from rivals.store import Store, View, write_whole


class CssvView(View):
    """A version of a ``.cssv``; None is the current one."""

    def __init__(self, path: Path, version: int | None = None) -> None:
        self._reader = Reader(path, version=version)
        self._cursor = FrameCursor(open_frames(self._reader.source), self._reader.video.pts().tolist())

    def frame(self, number: int) -> U8:
        return self._cursor.read(number).planes

    def scene(self, number: int) -> bytes:
        return self._reader.scene_sample(number)

    def close(self) -> None:
        self._cursor.close()
        self._reader.close()


class CssvFile(Store):
    """CSSV: changes are appended to one file."""

    name = "cssv"
    is_one_file = True

    def begin(self, first: Finished) -> None:
        write_whole(self.playable(), first.file.read_bytes())

    def commit(self, new: Finished) -> None:
        with Appender(self.playable()) as appender:
            for frame, coded in new.video.items():
                appender.write_video(
                    frame, coded.data, is_key=coded.is_key, stego_crc=coded.stego_crc, head=coded.entry
                )
            for frame, data in new.scenes.items():
                appender.write_scene(frame, data)
            appender.stage(new.about, frames_changed=len(new.planes))
            appender.publish()

    def numbers(self) -> list[int]:
        return list(range(1, len(self._versions()) + 1))

    def open(self, number: int) -> View:
        return CssvView(self.playable(), self._versions()[number - 1])

    def _versions(self) -> list[int]:
        # A file extracted from another one continues its version numbers.
        with Reader(self.playable()) as reader:
            return [version.number for version in reader.index.versions]

    def playable(self) -> Path:
        return self.folder / "clip.cssv"


class WholeCopies(Store):
    """Each version is a separate file."""

    name = "whole copies"
    is_one_file = False

    def begin(self, first: Finished) -> None:
        self.commit(first)

    def commit(self, new: Finished) -> None:
        write_whole(self._path(new.number), new.file.read_bytes())

    def numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.cssv"))

    def open(self, number: int) -> View:
        return CssvView(self._path(number))

    def playable(self) -> Path:
        return self._path(self.numbers()[-1])

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04}.cssv"


class ContentAddressed(Store):
    """Storage like that of DVC: each file under the hash of its bytes, and a small file with the names."""

    name = "content-addressed"
    is_one_file = False

    def begin(self, first: Finished) -> None:
        self._keep(first, [])

    def commit(self, new: Finished) -> None:
        self._keep(new, self._rows())

    def _keep(self, new: Finished, rows: list[dict[str, object]]) -> None:
        data = new.file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if not self._path(digest).exists():
            write_whole(self._path(digest), data)
        rows.append({"number": new.number, "sha256": digest, "message": new.about.message})
        write_whole(self.folder / "versions.json", json.dumps(rows).encode())

    def _rows(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads((self.folder / "versions.json").read_bytes())
        return rows

    def _path(self, digest: object) -> Path:
        return self.folder / "objects" / str(digest)[:2] / str(digest)[2:]

    def numbers(self) -> list[int]:
        return [int(str(row["number"])) for row in self._rows()]

    def open(self, number: int) -> View:
        (digest,) = (row["sha256"] for row in self._rows() if row["number"] == number)
        return CssvView(self._path(digest))

    def playable(self) -> Path:
        return self._path(self._rows()[-1]["sha256"])
