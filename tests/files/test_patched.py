"""A file with patches over it reads as the patched bytes would."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.container import Reader
from cssv.errors import OptionError, VideoError
from cssv.files.patched import PatchedFile, as_input_file
from cssv.video import VideoReader, open_frames

PATCHES = st.lists(st.tuples(st.integers(0, 80), st.binary(min_size=1, max_size=12)), max_size=5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seek"), st.integers(0, 90)),
        st.tuples(st.just("read"), st.integers(-1, 90)),
        st.tuples(st.just("readinto"), st.integers(1, 90)),
        st.tuples(st.just("end"), st.just(0)),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("patched") / "file"


def laid(data, patches):
    """What the patches make of the data."""
    made = bytearray(data)
    for offset, patch in patches:
        seen = patch[: max(len(made) - offset, 0)]
        made[offset : offset + len(seen)] = seen
    return bytes(made)


def did(file, step, count):
    if step == "seek":
        return file.seek(count)
    if step == "end":
        return file.seek(0, os.SEEK_END)
    if step == "read":
        return file.read(count)
    buffer = bytearray(count)
    return file.readinto(buffer), bytes(buffer)


@given(data=st.binary(max_size=80), patches=PATCHES, steps=STEPS)
def test_it_reads_as_the_patched_bytes(data, patches, steps, scratch):
    scratch.write_bytes(data)
    patched = PatchedFile(scratch, tuple(patches))
    with patched.open() as file, io.BytesIO(laid(data, patches)) as expected:
        assert file.raw.read(-1) == expected.read()
        for step in (("seek", 0), *steps):
            assert did(file, *step) == did(expected, *step)
            assert file.tell() == expected.tell()
    assert scratch.read_bytes() == data


def test_as_a_path_it_is_the_file(tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"moov")
    patched = PatchedFile(place, ((0, b"free"),))
    assert os.fspath(patched) == str(patched) == str(place)
    assert as_input_file(patched) is patched
    assert as_input_file(str(place)) == place
    with patched.with_patches((1, b"x")).open() as file:
        assert file.read() == b"fxee"
    with pytest.raises(OSError, match="absent"):
        PatchedFile(tmp_path / "absent", ()).open()


@pytest.mark.parametrize("patch", [(-1, b"a"), (0, b"")])
def test_impossible_patches(patch, tmp_path):
    with pytest.raises(OptionError, match="patch"):
        PatchedFile(tmp_path, (patch,))


# Clips.


GOLDEN = Path(__file__).resolve().parents[1] / "vectors" / "container_v2.cssv"


def crcs(frames):
    return [zlib.crc32(frame.planes.tobytes()) for frame in frames]


@pytest.mark.parametrize("number", range(1, 7))
def test_a_version_that_does_not_play_is_decoded_as_if_it_did(number):
    """The first moov of the file is another's, but under the patches it is this version's."""
    with Reader(GOLDEN, version=number) as reader:
        source, stegos, stamps = reader.source, reader.frames.stegos.tolist(), reader.video.pts().tolist()
    with open_frames(source) as clip:
        assert isinstance(clip, VideoReader)
        frames = list(clip)
        assert crcs(frames) == stegos
        assert [frame.pts for frame in frames] == clip.timestamps() == stamps
        clip.seek(5)
        assert crcs(clip) == stegos[5:]


def test_patched_clips_are_closed():
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("no /proc")
    patched = PatchedFile(GOLDEN, ())
    before = len(list(folder.iterdir()))
    for _ in range(20):
        with VideoReader(patched) as clip:
            next(iter(clip))
            clip.timestamps()
            clip.seek(3)
    assert len(list(folder.iterdir())) == before


def test_clips_that_cannot_be_read(tmp_path):
    (tmp_path / "text").write_bytes(b"moov and free")
    for patched in (PatchedFile(tmp_path / "absent", ()), PatchedFile(tmp_path / "text", ((0, b"free"),))):
        with pytest.raises(VideoError, match=patched.path.name):
            open_frames(patched)
