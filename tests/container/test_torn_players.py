"""What players show of a file while something is appended to it, wherever that breaks off."""

from __future__ import annotations

import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest

from cssv.container import Appender, Reader, walk_boxes


@pytest.fixture(scope="module")
def before(tmp_path_factory, encode_planes, squares, playable, append_version):
    """(bytes of a file of two versions, first frame of the one that plays); that of version 1 is another."""
    encoded = encode_planes(squares(4, 64, 48), list(range(4)), Fraction(1, 25), gop=2)
    path = tmp_path_factory.mktemp("torn") / "clip.cssv"
    playable(encoded).write(path)
    append_version(path, {at: encoded.packets[at + 2][3] for at in (0, 1)}, {0: b"{}"})
    return path.read_bytes(), encoded.planes[2]


def add_version(path, append_version):
    with Reader(path, version=1) as reader:
        old = reader.sample(1, 0)
    append_version(path, {0: old}, {1: b'{"new": 1}', 3: b'{"new": 3}'})


def add_checkout(path, append_version):
    with Appender(path) as appender:
        appender.checkout(1)


def add_tag(path, append_version):
    with Appender(path) as appender:
        appender.tag("tag", 1)


def cut_places(length):
    """Every byte of the first and last 64, and 64 between."""
    middle = random.Random(length).sample(range(64, length - 64), min(64, length - 128))
    return sorted({*range(65), *middle, *range(length - 64, length)})


@pytest.fixture(params=[add_version, add_checkout, add_tag], ids=lambda add: add.__name__[4:])
def torn_files(request, before, tmp_path, append_version):
    """Files with what was appended cut, and with zeros behind each cut."""
    path = tmp_path / "clip.cssv"
    path.write_bytes(before[0])
    request.param(path, append_version)
    assert np.array_equal(first_frame(path), before[1]) == (request.param is add_tag)
    added = path.read_bytes()[len(before[0]) :]
    path.unlink()
    found = []
    for at in cut_places(len(added)):
        for name, rest in (("cut", b""), ("zeros", bytes(len(added) - at))):
            found.append(tmp_path / f"{at}-{name}.cssv")
            found[-1].write_bytes(before[0] + added[:at] + rest)
    return found


def first_frame(path):
    with av.open(str(path)) as source:
        return next(source.decode(source.streams.video[0])).to_ndarray()


def test_pyav_shows_the_old_version_wherever_an_append_broke_off(torn_files, before):
    assert len(torn_files) > 250
    for path in torn_files:
        assert np.array_equal(first_frame(path), before[1]), path.name


def test_ffmpeg_shows_the_old_version_wherever_an_append_broke_off(torn_files, before, tool):
    def shown(path):
        command = [tool("ffmpeg"), "-v", "error", "-i", str(path), "-map", "0:v", "-frames:v", "1"]
        command += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=60)
        return path.name, run.returncode, run.stdout

    # Now a cut, now zeros.
    chosen = [*torn_files[::16], *torn_files[9::16]]
    with ThreadPoolExecutor(2) as pool:
        for name, code, planes in pool.map(shown, chosen):
            assert (code, planes) == (0, before[1].tobytes()), name


def test_a_uuid_box_would_break_players(before, tmp_path):
    """Why the index is none: if this ever fails, FFmpeg has changed, and nothing else is wrong."""
    start = next(box for box in reversed(list(boxes_of(before[0], tmp_path))) if box.kind == b"cssv").offset
    index = before[0][start:]
    path = tmp_path / "cut.cssv"
    for kind, opens in ((b"cssv", True), (b"uuid", False)):
        path.write_bytes(before[0] + (index[:4] + kind + index[8:])[:12])
        try:
            first_frame(path)
        except av.error.FFmpegError:
            assert not opens
        else:
            assert opens


def boxes_of(data, folder):
    path = folder / "whole.cssv"
    path.write_bytes(data)
    return walk_boxes(path)
