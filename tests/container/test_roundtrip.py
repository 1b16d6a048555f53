"""What goes into a file comes out of it, in both readers."""

from __future__ import annotations

import io
import tempfile
import zlib
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import IndexMeta, Reader, is_cssv, walk_boxes
from cssv.errors import ChecksumError, ContainerError, InputError, LimitError
from cssv.testing.container import duration_of, problems_of

TIME_BASES = st.one_of(
    st.sampled_from(
        [Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 90000), Fraction(1, 7), Fraction(1, 1)]
    ),
    st.builds(Fraction, st.integers(1, 2000), st.integers(1, 2**31 - 1)),
)
DATA = st.binary(min_size=1, max_size=40)
JSON = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=9)),
    max_size=4,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def packets(draw, first, most):
    """(pts, duration, data) rows with uneven steps."""
    steps = draw(st.lists(st.one_of(st.just(1), st.integers(1, 5000)), max_size=most))
    times = list(accumulate(steps, initial=draw(first)))
    durations = [b - a for a, b in pairwise(times)] + [draw(st.integers(1, 5000))]
    return [(pts, duration, draw(DATA)) for pts, duration in zip(times, durations, strict=True)]


@st.composite
def clips(draw, clip_class, sound_class):
    rows = draw(packets(st.integers(0, 100000), 12))
    frames = [
        (pts, duration, at == 0 or draw(st.booleans()), data, draw(DATA))
        for at, (pts, duration, data) in enumerate(rows)
    ]
    sounds = [
        sound_class(draw(TIME_BASES), draw(packets(st.integers(-5000, 5000), 12)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    about = IndexMeta(draw(st.integers(0, 2**37)), draw(TEXT), draw(TEXT), draw(JSON))
    side = st.integers(1, 65535)
    return clip_class(frames, draw(TIME_BASES), draw(side), draw(side), sounds, about=about)


def units(rows, time_base):
    return [(pts * time_base.numerator, duration * time_base.numerator) for pts, duration in rows]


@given(data=st.data())
@settings(max_examples=120)
def test_any_clip_reads_back_in_both_readers(data, clip_class, sound_class, second_reader):
    clip = data.draw(clips(clip_class, sound_class))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.cssv"
        clip.write(path)
        check_own_reader(clip, path)
        check_second_reader(clip, second_reader.read(path))


def check_own_reader(clip, path):
    with Reader(path) as reader:
        assert problems_of(reader) == []
        assert reader.version.about == clip.about
        assert len(reader) == len(clip.frames)
        assert (reader.video.width, reader.video.height) == (clip.width, clip.height)
        assert [track.kind for track in reader.tracks] == ["video", "scene"] + ["audio"] * len(clip.sounds)
        number = reader.video.number
        times = units([frame[:2] for frame in clip.frames], clip.time_base)
        for at, (_, _, is_key, sample, scene) in enumerate(clip.frames):
            assert reader.sample(number, at) == sample
            assert reader.scene_sample(at) == scene
            assert (reader.pts(number, at), duration_of(reader, number, at)) == times[at]
            assert reader.is_key(number, at) == is_key
            assert int(reader.frames.stegos[at]) == zlib.crc32(sample) ^ 1
        assert reader.video.pts().tolist() == reader.scene.pts().tolist() == [pts for pts, _ in times]
        assert reader.video.time_base * times[0][0] == clip.frames[0][0] * clip.time_base
        sounding = [track for track in reader.tracks if track.kind == "audio"]
        for track, sound in zip(sounding, clip.sounds, strict=True):
            assert [reader.sample(track.number, at) for at in range(len(track.table))] == [
                p[2] for p in sound.packets
            ]
            assert track.pts().tolist() == [
                pts for pts, _ in units([p[:2] for p in sound.packets], sound.time_base)
            ]


def check_second_reader(clip, read):
    assert (read.shown.author, read.shown.message) == (clip.about.author, clip.about.message)
    assert (read.shown.created, read.shown.facts) == (clip.about.created_s, dict(clip.about.meta))
    video, scene, *sounding = read.tracks
    times = units([frame[:2] for frame in clip.frames], clip.time_base)
    assert video.size == (clip.width, clip.height)
    assert [(s.pts, s.duration) for s in video.samples] == times
    assert [(s.key, s.data) for s in video.samples] == [frame[2:4] for frame in clip.frames]
    assert [s.data for s in scene.samples] == [frame[4] for frame in clip.frames]
    assert read.stego_crcs == [zlib.crc32(frame[3]) ^ 1 for frame in clip.frames]
    assert read.behind == 0
    for track, sound in zip(sounding, clip.sounds, strict=True):
        assert [s.data for s in track.samples] == [packet[2] for packet in sound.packets]
        assert [(s.pts, s.duration) for s in track.samples] == units(
            [p[:2] for p in sound.packets], sound.time_base
        )


def test_equal_clips_are_equal_bytes(small_clip, small_bytes):
    again = io.BytesIO()
    small_clip.write(again)
    assert again.getvalue() == small_bytes


def test_path_and_file_object_get_the_same_bytes(small_clip, small_bytes, tmp_path):
    small_clip.write(tmp_path / "a.cssv")
    assert (tmp_path / "a.cssv").read_bytes() == small_bytes
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.cssv"]


@pytest.fixture
def small(small_bytes, tmp_path):
    path = tmp_path / "small.cssv"
    path.write_bytes(small_bytes)
    return path


def test_boxes_lie_in_the_specified_order(small, small_bytes):
    found = list(walk_boxes(small))
    assert [box.kind for box in found if box.depth == 0] == [b"ftyp", b"mdat", b"moov", b"cssv"]
    assert sum(box.size for box in found if box.depth == 0) == len(small_bytes)
    assert all(box.whole for box in found)
    assert sum(box.kind == b"stbl" for box in found) == 3
    mdat = found[1]
    assert mdat.payload[1] - mdat.payload[0] == sum(map(len, (
        b"first frame", b'{"scene":1}', b"second", b"{}", b"third frame!", b'{"o":[]}', b"priming", b"sound"
    )))  # fmt: skip


def test_keys_are_found_before_any_frame(small):
    with Reader(small) as reader:
        number = reader.video.number
        assert [reader.key_before(number, at) for at in range(3)] == [0, 0, 2]
        assert [reader.is_key(reader.scene.number, at) for at in range(3)] == [True] * 3


@pytest.mark.parametrize("sample", [-1, 3, 10**30])
def test_samples_out_of_range_are_refused(small, sample):
    with Reader(small) as reader:
        for ask in (reader.sample, reader.pts, reader.is_key, reader.key_before):
            with pytest.raises(LimitError):
                ask(1, sample)
        with pytest.raises(LimitError):
            reader.scene_sample(sample)


def test_unknown_track_and_version_are_refused(small):
    with Reader(small) as reader, pytest.raises(ContainerError, match="no such track"):
        reader.sample(9, 0)
    with pytest.raises(ContainerError, match="no such version"):
        Reader(small, version=2)


def test_damaged_sample_is_not_returned_and_verify_names_its_frame(small, small_bytes):
    small.write_bytes(small_bytes.replace(b"second", b"sEcond"))
    with Reader(small) as reader:
        assert reader.sample(1, 0) == b"first frame"
        with pytest.raises(ChecksumError, match="frame 1"):
            reader.sample(1, 1)
        assert [(problem.kind, problem.frame) for problem in problems_of(reader)] == [("sample", 1)]


def test_damaged_scene_and_audio_are_named(small, small_bytes):
    small.write_bytes(small_bytes.replace(b'{"o":[]}', b'{"o":[ }').replace(b"priming", b"Priming"))
    with Reader(small) as reader:
        assert [(p.kind, p.frame) for p in problems_of(reader)] == [
            ("scene", 2),
            ("audio", None),
        ]
        with pytest.raises(ChecksumError):
            reader.scene_sample(2)


def test_sniffing(small, small_bytes, tmp_path):
    assert is_cssv(small)
    other = tmp_path / "other.mp4"
    mp4 = small_bytes[: small_bytes.rindex(b"CSIX") - 24].replace(b"cssv", b"isom")
    for content in (b"", b"hello", small_bytes[:27], mp4, mp4 + b"\0\0\0\x08free", mp4 + b"cssv" * 3):
        other.write_bytes(content)
        assert not is_cssv(other)


def test_a_damaged_file_is_not_taken_for_another_kind(small_bytes, tmp_path):
    """Its brand, or type, UUID and magic of its index, are enough, each alone; so is a part of the file."""
    other = tmp_path / "other.mp4"
    start = small_bytes.rindex(b"CSIX") - 24
    flips = [*range(32), *range(start, start + 40)]
    for at in flips:
        other.write_bytes(small_bytes[:at] + bytes([small_bytes[at] ^ 0xFF]) + small_bytes[at + 1 :])
        assert is_cssv(other), at
    for content in (
        small_bytes[:32],
        small_bytes[: small_bytes.index(b"moov")],
        small_bytes[:-1],
        small_bytes.replace(b"cssv", b"cssw"),
        small_bytes.replace(b"CSIX", b"CSIW").replace(b"cssv", b"cssw", 1),
    ):
        other.write_bytes(content)
        assert is_cssv(other)


@pytest.mark.parametrize("ask", [Reader, is_cssv, lambda path: list(walk_boxes(path))])
def test_what_cannot_be_opened_is_an_input_error(ask, tmp_path):
    for path in (tmp_path / "absent", tmp_path, "/dev/null", "nul\0byte"):
        with pytest.raises(InputError, match=r"cannot (open|be read)"):
            ask(path)
