"""Files are read in memory that follows their size, whatever bound or length is asked for."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import suppress
from threading import Thread

import pytest

from cssv.errors import BoxesError, SceneError
from cssv.files.bounded import PIECE_BYTES, read_at_most
from cssv.files.patched import read_at
from cssv.interop.mot import LARGEST_BYTES, read_boxes
from cssv.scene import Scene


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_within_the_bound_is_read_whole(tmp_path, size):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(size)))
    with path.open("rb") as file:
        assert read_at_most(file, 100) == bytes(range(size))


def test_a_file_beyond_the_bound_is_none(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(101))
    with path.open("rb") as file:
        assert read_at_most(file, 100) is None
        assert file.tell() == 0


@pytest.mark.parametrize(
    ("size", "most"), [(3 * PIECE_BYTES + 7, 1 << 30), (3 * PIECE_BYTES, 2 * PIECE_BYTES), (5, 4)]
)
def test_a_pipe_has_no_size_but_the_same_bound(size, most):
    out, into = os.pipe()

    def write():
        # The reader stops beyond the bound.
        with suppress(BrokenPipeError), os.fdopen(into, "wb") as file:
            file.write(b"x" * size)

    writer = Thread(target=write)
    writer.start()
    with os.fdopen(out, "rb") as file:
        assert read_at_most(file, most) == (b"x" * size if size <= most else None)
    writer.join()


def test_a_large_bound_allocates_no_memory(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"short")

    def read():
        with path.open("rb") as file:
            assert read_at_most(file, 1 << 40) == b"short"

    assert peak(read) < 2 * PIECE_BYTES


def test_a_file_of_holes_is_refused_by_its_size(tmp_path):
    path = tmp_path / "boxes.txt"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)

    def read():
        with pytest.raises(BoxesError, match="too large for a box file"):
            read_boxes(path)

    assert peak(read) < PIECE_BYTES


def test_a_box_file_of_20_bytes_takes_little_memory(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text("1,-1,10,20,30,40,1\n")
    assert peak(lambda: read_boxes(path)) < 2 * PIECE_BYTES


def test_a_short_scene_takes_little_memory(tmp_path):
    path = tmp_path / "scene.json"
    path.write_text('{"cssv_scene": 1}')
    Scene.read(path)
    assert peak(lambda: Scene.read(path)) < 2 * PIECE_BYTES


def test_a_scene_beyond_the_bound_is_refused(tmp_path):
    path = tmp_path / "scene.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    def read():
        with pytest.raises(SceneError, match="too large"):
            Scene.read(path)

    assert peak(read) < PIECE_BYTES


def test_a_false_length_reads_what_is_there(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        assert peak(lambda: read_at(file, 4, 1 << 40)) < 20_000_000
        assert read_at(file, 4, 1 << 40) == b"456789"
        assert read_at(file, 4, 3) == b"456"
        assert read_at(file, 40, 3) == b""


def test_a_read_longer_than_a_piece_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("cssv.files.patched._LARGEST_READ", 7)
    path = tmp_path / "x"
    path.write_bytes(bytes(range(100)))
    with path.open("rb") as file:
        assert read_at(file, 3, 90) == bytes(range(3, 93))
