"""The benchmark of carriers and rivals, on one small clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from carriers import COPIES, Copy, load, main, make_copies, measure, scale, table_head, write_lossless
from meters.lattice import to_rgb
from psnr import Comparison
from rivals.hiders import Answer, PlainLsb, Watermark, all_hiders, from_rgb, payloads

from cssv.carriers import make_carrier
from cssv.frames import cut_planes
from cssv.video import VideoReader

#: At this rate the 24 frames of the clip last 4.8 s, so that a crop of 4 s holds a window.
RATE = 5


@pytest.fixture(scope="module")
def source(clips):
    return load(clips / "clip.mkv", 5, None, Fraction(RATE), clips / "boxes.txt")


@pytest.fixture(scope="module")
def hiders():
    return {hider.name: hider for hider in all_hiders(3)}


def cells(row):
    return [cell.strip() for cell in row.strip("|").split(" | ")]


class Bright(Watermark):
    """A watermark in the brightness of 32 squares."""

    name = "bright"

    def mark(self, picture, bits):
        marked = picture.astype(np.int16)
        for number, bit in enumerate(bits):
            y, x = divmod(number, 8)
            marked[16 * y : 16 * y + 16, 16 * x : 16 * x + 16] = 200 if bit else 60
        return marked

    def unmark(self, picture):
        if picture.shape[0] < 64 or picture.shape[1] < 128:
            raise ValueError("too small")
        return [float(picture[16 * (n // 8) + 8, 16 * (n % 8) + 8].mean() > 130) for n in range(32)]


def test_all_frames_have_the_objects_of_the_clip(source):
    assert len(source.frames) == len(source.contents) == 24
    for content in source.contents:
        assert {state.track for state in content.objects} == {1, 2}
        assert all(state.temperature_c.value == 36.6 for state in content.objects)


def test_planes_are_scaled(source):
    large = scale(source.frames[0], (384, 320))
    assert (large.width, large.height, large.layout) == (384, 320, "yuv420p")
    assert abs(large.planes.mean() - source.frames[0].planes.mean()) < 2


def test_the_constructive_carrier_comes_back_from_lossless_copies(source, hiders, tmp_path):
    name, amount, psnr, video, _, _, *shares = cells(measure(hiders["constructive"], source, tmp_path, 1))
    assert name == "constructive"
    carrier = make_carrier("constructive", {})
    mean = np.mean([len(payload) for payload in payloads(source, carrier)])
    assert amount == f"{mean:.0f} bytes, in every part"
    assert 65 < float(psnr) < 95
    assert 0 < float(video.removesuffix(" %")) < 10
    assert shares == ["100 %", "100 %", "100 %", "100 %", "0 %"]


def test_the_nibble_carrier_comes_back_but_for_objects_outside_the_crop(source, hiders, tmp_path):
    name, amount, psnr, _, _, _, *shares = cells(measure(hiders["nibble, sparse"], source, tmp_path, 1))
    assert (name, amount) == ("nibble, sparse", "the heat map itself")
    assert 25 < float(psnr) < 60
    assert shares[:3] == ["100 %", "100 %", "100 %"]
    assert shares[4] == "0 %"


def test_plain_lsb_is_lost_in_a_crop(source, tmp_path):
    row = cells(measure(PlainLsb(), source, tmp_path, 1))
    assert row[6:] == ["100 %", "100 %", "100 %", "0 %", "0 %"]


@pytest.mark.parametrize("message", [b"", b"x", bytes(range(256)) * 3])
def test_plain_lsb_reads_what_it_writes(source, message):
    lsb, cover = PlainLsb(), source.frames[0]
    stego = lsb.write(cover, message)
    assert lsb.read(stego) == message
    assert np.abs(stego.planes.astype(int) - cover.planes).max() <= 1
    assert lsb.read(cover) is None


def test_a_rival_gets_the_first_frames(source, tmp_path):
    row = cells(measure(Bright(3), source, tmp_path, 1))
    assert row[:2] == ["bright (3 frames)", "4 bytes, in each frame"]
    # Squares survive a lossy codec; a crop moves them.
    assert row[6:] == ["100 %", "100 %", "100 %", "0 %", "100 %"]


def test_rgb_comes_back_from_planes():
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (96, 128, 3), np.uint8), (0, 0), 6)
    again = to_rgb(from_rgb(picture))
    assert np.abs(again.astype(int) - picture).mean() < 1.5


def test_copies_hold_the_frames_that_they_say(source, tmp_path):
    write_lossless(source.frames, source, tmp_path / "stego.mp4")
    found = list(make_copies(tmp_path / "stego.mp4", source, tmp_path, 1))
    assert tuple(copy.name for copy in found) == COPIES
    (tmp_path / "more").mkdir()
    more = list(make_copies(tmp_path / "stego.mp4", source, tmp_path / "more", 3))
    assert [copy.name for copy in more].count("crop") == 3
    for copy in found[:4]:
        with VideoReader(copy.path) as reader:
            frames = list(reader)
        original = source.frames[copy.first : copy.first + len(frames)]
        assert copy.first <= copy.judged[0] <= copy.judged[-1] < copy.first + len(frames)
        assert set(range(10, 20)) <= set(copy.judged)
        if copy.name == "crop":
            assert frames[0].planes.shape == (240, 160)
            places = [
                (left, top)
                for left in range(0, 33, 2)
                for top in (0,)
                if all(
                    np.array_equal(cut_planes(each.planes, "yuv420p", (left, top, 160, 160)), part.planes)
                    for each, part in zip(original, frames, strict=True)
                )
            ]
            assert len(places) == 1
        else:
            assert all(np.array_equal(a.planes, b.planes) for a, b in zip(original, frames, strict=True))
    difference = Comparison()
    with VideoReader(found[4].path) as reader:
        for cover, frame in zip(source.frames, reader, strict=True):
            difference.add(cover, frame)
    assert 20 < difference.psnr_db < 60


def test_only_frames_that_are_judged_count():
    truth = [Answer(bytes([number]), frozenset({1, 2})) for number in range(4)]
    found = [Answer(b"\1", frozenset({1, 2, 3})), None, Answer(b"\3", frozenset({1}))]
    assert Copy("trim", Path("x"), 1, range(1, 4)).share(truth, found) == pytest.approx(2 / 3)
    assert Copy("trim", Path("x"), 1, [1]).share(truth, found) == 1
    # In a crop the objects count, not the heat map.
    assert Copy("crop", Path("x"), 1, [1, 3]).share(truth, found) == 0.5
    assert Copy("remux", Path("x"), 0, range(4)).share(truth, []) == 0


def test_a_frame_without_objects_has_nothing_to_list():
    assert Answer(b"another crop", frozenset()).lists(Answer(b"whole", frozenset()))
    assert not Answer(b"", frozenset()).lists(Answer(b"", frozenset({1})))


def test_a_message_is_compared_itself():
    assert Answer(b"m").lists(Answer(b"m"))
    assert not Answer(b"n").lists(Answer(b"m"))


def test_the_command_prints_a_row_with_a_cell_for_each_head(clips, monkeypatch, capsys):
    arguments = ["carriers.py", str(clips / "clip.mkv"), "--rate", "5", "--seconds", "1"]
    arguments += ["--boxes", str(clips / "boxes.txt"), "--only", "LSB", "--size", "240x200"]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    title, _, head, rule, row, _ = capsys.readouterr().out.split("\n")[:6]
    assert title == "clip, 240x200, 5 frames a second, 5 frames"
    assert f"{head}\n{rule}" == table_head()
    assert head.count("|") == row.count("|")
    assert row.startswith("| plain LSB | ")
