"""Time stamps of frames, put into a strictly growing row."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.testing.clips import write_clip
from cssv.video import VideoReader, shown_stamps
from cssv.video.timing import REORDER_WINDOW, order_stamps

MS = Fraction(1, 1000)


def ordered(pts, dts=(), step=40):
    row = order_stamps(pts, dts, time_base=MS, step=step)
    assert len(row.pts) == len(pts)
    assert all(earlier < later for earlier, later in pairwise(row.pts))
    return row


def rows(least=1):
    """Strictly growing rows of stamps."""
    steps = st.lists(st.integers(1, 5000), min_size=least, max_size=80)
    return steps.map(lambda steps: tuple(accumulate(steps)))


growing_rows = rows()


@given(growing_rows)
def test_a_growing_row_is_not_touched(row):
    assert ordered(row) == order_stamps(row, row, time_base=MS, step=1)
    assert ordered(row).pts == row
    assert not ordered(row).is_repaired


@st.composite
def reordered(draw):
    """A growing row, and the same stamps with each at most a decoder's delay from its place."""
    row = draw(growing_rows)
    delay = draw(st.integers(1, REORDER_WINDOW // 2))
    keys = [n + draw(st.integers(0, delay)) for n in range(len(row))]
    return row, [row[n] for n in sorted(range(len(row)), key=lambda n: (keys[n], -n))]


@given(reordered())
def test_a_row_out_of_order_is_put_in_order(rows):
    row, mixed = rows
    found = ordered(mixed)
    assert found.pts == row
    assert found.is_repaired == (tuple(mixed) != row)


@given(st.lists(st.one_of(st.none(), st.integers(-10_000, 10_000)), min_size=1, max_size=60), st.data())
def test_any_row_becomes_one_that_grows(pts, data):
    dts = data.draw(st.lists(st.one_of(st.none(), st.integers(-100, 100)), max_size=60))
    ordered(pts, dts)


@given(rows(2 * REORDER_WINDOW), st.integers(1, 10**9))
def test_a_clock_that_falls_back_goes_on(row, back):
    """The same recording twice, the second one on an earlier clock."""
    length = row[-1] - row[0]
    again = [stamp - length - back for stamp in row]
    found = ordered([*row, *again])
    assert found.pts[: len(row)] == row
    second = found.pts[len(row) :]
    assert [b - a for a, b in pairwise(second)] == [b - a for a, b in pairwise(row)]
    steps = sorted(b - a for a, b in pairwise(row))
    assert second[0] - row[-1] == steps[(len(steps) - 1) // 2], "a usual step lies between"
    assert len(found.notes) == 1
    assert f"at frame {len(row)}" in found.notes[0]


def test_a_short_recording_before_a_fall_is_told_by_the_decoding_times():
    first = [0, 40, 80, 120, 160]
    stamps = first + first
    assert ordered(stamps, stamps).pts == tuple(range(0, 400, 40))


def test_several_falls_are_counted():
    part = list(range(5000, 7000, 40))
    (note,) = ordered(part * 3).notes
    assert note == (
        "the clock of the clip falls back at 2 places, first at frame 50, from 6.960 s to 5.000 s; "
        "the frames from there on follow without a gap and keep their distances"
    )


@pytest.mark.parametrize(
    ("pts", "wanted"),
    [
        ([0, 40, 80, 80, 160, 200, 200, 280], [0, 40, 80, 120, 160, 200, 240, 280]),
        ([0, None, None, 120], [0, 40, 80, 120]),
        ([None, None, 100, 140], [20, 60, 100, 140]),
        ([0, 40, None, 1000, 1040], [0, 40, 80, 1000, 1040]),
        ([0, 40, None, None], [0, 40, 80, 120]),
        ([None, None, None], [0, 40, 80]),
        ([5, 5, 5, 6, 100], [5, 6, 7, 8, 100]),
    ],
)
def test_frames_without_a_time_of_their_own_lie_between_their_neighbours(pts, wanted):
    found = ordered(pts)
    assert list(found.pts) == wanted
    assert "put between their neighbours" in found.notes[0]


@pytest.mark.parametrize("wrong", [0, 10**9])
def test_one_stamp_far_off_changes_no_other(wrong):
    right = list(range(5000, 7000, 40))
    found = ordered([*right[:25], wrong, *right[26:]])
    assert list(found.pts) == right


def test_a_late_stamp_is_no_fall_of_the_clock():
    pts = [0, 40, 79, 120, 118, 160]
    assert ordered(pts, pts).pts == (0, 40, 79, 118, 120, 160)


def best_effort(probed):
    """The times that ffprobe gives; those of the last frames, which it does not know, go on evenly."""
    found = [frame.get("best_effort_timestamp") for frame in probed["frames"]]
    # The decoder's delay: these frames come out after the last packet.
    known = found[:-2]
    step = known[-1] - known[-2]
    return [*known, known[-1] + step, known[-1] + 2 * step]


@pytest.mark.parametrize("name", ["bframes.avi", "pcm.avi", "naive.mp4"])
def test_b_frames_in_the_order_of_decoding_have_the_times_of_ffprobe(data, ffprobe, name):
    path = data / "cases" / name
    probed = ffprobe(path, "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp")
    with VideoReader(path) as reader:
        pts = [frame.pts for frame in reader]
        assert pts == best_effort(probed)
        assert reader.timestamps() == shown_stamps(reader) == pts
        assert (reader.info.rate, len(reader.info.notes)) == (25, 1)
        assert "put in order" in reader.info.notes[0]
    with VideoReader(path) as reader:
        for number in (30, 31, 4, 0):
            reader.seek(number, pts[number])
            assert [frame.pts for frame in reader] == pts[number:]


@pytest.fixture(scope="module")
def b_frames(tmp_path_factory):
    """A clip with B-frames in a file that keeps their times."""
    options = {"x264-params": "keyint=30:bframes=3:b-adapt=0:scenecut=0"}
    path = tmp_path_factory.mktemp("b") / "right.mp4"
    return write_clip(path, codec="libx264", options=options, count=60)


@pytest.mark.parametrize("ending", ["avi", "mp4"])
def test_b_frames_that_lost_their_order(tmp_path, b_frames, ffmpeg, ffprobe, ending):
    """Without B-frames' times a file holds the order of decoding only."""
    raw, path = tmp_path / "raw.h264", tmp_path / f"lost.{ending}"
    ffmpeg("-i", b_frames, "-c", "copy", raw)
    ffmpeg("-r", 25, "-i", raw, "-c", "copy", "-bsf:v", "setts=pts=DTS", path)
    with VideoReader(path) as reader:
        pts = [frame.pts for frame in reader]
        assert reader.timestamps() == pts
        assert reader.info.rate == 25
        base = reader.info.time_base
    # An edit list of this ffmpeg leaves frames out, so single steps are longer there.
    assert len(pts) >= 58
    steps = [(later - earlier) * base * 25 for earlier, later in pairwise(pts)]
    assert steps.count(1) >= len(steps) - 2
    assert set(steps) <= {1, 2, 3}


def test_right_files_with_b_frames_are_not_decoded_twice(b_frames, monkeypatch):
    def refuse(*_):
        raise AssertionError("the whole file was decoded for its time stamps")

    monkeypatch.setattr("cssv.video.stamps._decode_stamps", refuse)
    with VideoReader(b_frames) as reader:
        assert reader.timestamps() == [frame.pts for frame in reader]
        assert reader.info.notes == ()


def test_joined_recordings_follow_each_other(data):
    path = data / "cases" / "ts_jump_cc_ok.ts"
    with VideoReader(path) as reader:
        pts = [frame.pts for frame in reader]
        assert pts == list(range(126000, 126000 + 100 * 3600, 3600))
        assert "falls back at frame 50, from 3.360 s to 1.400 s" in reader.info.notes[0]
    with VideoReader(path) as reader:
        assert reader.timestamps() == pts
        assert reader.info.duration_s == 4


@pytest.mark.parametrize("codec", ["flv", "libx264"])
def test_joined_flash_files_of_uneven_frames(tmp_path, codec):
    """FLV has a time in every tag, so files can be joined behind their headers of 13 bytes."""
    stamps = [1000 * k + t for k in range(5) for t in (0, 33, 100, 140, 200, 240, 277)]
    base = Fraction(1, 1000)
    one = write_clip(
        tmp_path / "one.flv", codec=codec, count=len(stamps), time_base=base, pts=stamps, options={"bf": "0"}
    )
    path = tmp_path / "two.flv"
    path.write_bytes(one.read_bytes() + one.read_bytes()[13:])
    with VideoReader(path) as reader:
        pts = [frame.pts for frame in reader]
        assert reader.timestamps() == pts
        assert f"at frame {len(stamps)}," in reader.info.notes[0]
    again = pts[len(stamps)]
    assert 0 < again - stamps[-1] <= 100
    assert pts == stamps + [again + stamp for stamp in stamps]
