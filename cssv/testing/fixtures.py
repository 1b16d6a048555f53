"""Pytest plug-in: the synthetic clip and files encoded from it, made once and shared by all workers.

Use it by ``pytest_plugins = ["cssv.testing.fixtures"]`` in the top ``conftest.py``.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import cssv
from cssv.testing import clips as synthetic
from cssv.testing import thermal_clips

#: ``shared_folder(key, make)``.
SharedFolder = Callable[[str, Callable[[Path], object]], Path]
CREATED_S = 1_700_000_000


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> SharedFolder:
    """``shared_folder(key, make)``: a folder, filled once for all workers by ``make(folder)``.

    What is in it is read only: other tests read it at the same time.
    """
    base = tmp_path_factory.getbasetemp()
    # Each worker of pytest-xdist has a folder of its own in one that they share.
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def find(key: str, make: Callable[[Path], object]) -> Path:
        folder = root / "shared" / hashlib.sha256(key.encode()).hexdigest()[:16]
        folder.parent.mkdir(exist_ok=True)
        done = folder.with_suffix(".done")
        # The lock is held while the files are written, so that another worker waits for them.
        with FileLock(folder.with_suffix(".lock")):
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        return folder

    return find


@pytest.fixture(scope="session")
def clips(shared_folder: SharedFolder) -> Path:
    """A folder with ``clip.mkv``, ``sound.mp4`` and ``boxes.txt``; read only."""

    def make(folder: Path) -> None:
        synthetic.write_clip(folder / "clip.mkv")
        synthetic.write_clip(folder / "sound.mp4", codec="mpeg4", audio=True, options={"qscale": "2"})
        synthetic.write_boxes(folder / "boxes.txt")

    return shared_folder("clips of two blocks", make)


@pytest.fixture(scope="session")
def encode(clips: Path, shared_folder: SharedFolder) -> Callable[..., Path]:
    """``encode(codec="vp9")``: the clip encoded with its boxes, once for each set of options; read only."""

    def make(name: str = "clip.mkv", **options: Any) -> Path:
        def write(folder: Path) -> None:
            cssv.encode(
                clips / name,
                folder / "clip.cssv",
                boxes=clips / "boxes.txt",
                scene=synthetic.SCENE,
                created_s=CREATED_S,
                **options,
            )

        key = f"encoded {name} {sorted(options.items())!r}"
        return shared_folder(key, write) / "clip.cssv"

    return make


@pytest.fixture(scope="session")
def stego(encode: Callable[..., Path]) -> Path:
    """A ``.cssv`` of the clip by default options; read only."""
    return encode()


@pytest.fixture
def listing() -> Callable[[Path], dict[str, bytes]]:
    """``listing(folder)``: the bytes of every file in it, hidden files too, by name."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read


@dataclass(frozen=True)
class Heat:
    """Thermal pictures of the clip and the files made of them.

    Attributes:
        pictures: (H, W) degrees Celsius of each frame.
        video: the pictures as a 16-bit video.
        folder: the pictures as PNG files.
        file: a ``.cssv`` encoded with them.
        encoded: what :func:`cssv.encode` returned for it.
    """

    pictures: list[thermal_clips.F64]
    video: Path
    folder: Path
    file: Path
    encoded: cssv.Encoded


@pytest.fixture(scope="session")
def heat(clips: Path, shared_folder: SharedFolder) -> Heat:
    """The clip beside a thermal camera; read only."""
    temperatures = (thermal_clips.WARM, thermal_clips.COLD)
    pictures = [
        thermal_clips.thermal_picture(synthetic.boxes_at(number), temperatures)
        for number in range(synthetic.COUNT)
    ]

    def make(folder: Path) -> None:
        video = thermal_clips.write_video(folder / "thermal.mkv", pictures)
        thermal_clips.write_folder(folder / "stills", pictures)
        encoded = thermal_clips.encode(clips, folder / "clip.cssv", thermal_clips.PLACED, video)
        (folder / "encoded.pickle").write_bytes(pickle.dumps(encoded))

    folder = shared_folder("clips beside a thermal camera", make)
    encoded = pickle.loads((folder / "encoded.pickle").read_bytes())
    return Heat(pictures, folder / "thermal.mkv", folder / "stills", folder / "clip.cssv", encoded)
