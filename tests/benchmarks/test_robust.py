"""The benchmark of the robust carrier: clips, marks, copies, tallies and results, without long clips."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from survival.clip import Clip, load
from survival.coding import code, coded_bytes, psnr_of_luma
from survival.marked import Trial, choose_strength, mark
from survival.reading import Tally, is_whole, read_piece, read_windows
from survival.results import Results

from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.strength import Response
from cssv.video import VideoInfo

RATE, SECONDS, SIZE = Fraction(5), 7, (512, 384)


@pytest.fixture(scope="module")
def clip():
    """A soft picture that moves."""
    width, height = SIZE
    rng = np.random.default_rng(3)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (height, width + 80), np.uint8), (0, 0), 4)
    planes = []
    for number in range(int(SECONDS * RATE)):
        whole = np.full((height * 3 // 2, width), 128, np.uint8)
        whole[:height] = scene[:, 2 * number : 2 * number + width]
        planes.append(whole)
    return Clip("soft", None, planes, RATE)


@pytest.fixture(scope="module")
def marked(clip):
    return mark(clip, 64, Strength(28))


def test_windows_are_those_of_the_carrier(marked):
    assert marked.windows == [range(10), range(10, 20), range(20, 30), range(30, 35)]
    assert [is_whole(marked, number) for number in range(4)] == [True, True, True, False]
    assert len(set(marked.payloads)) == 4


def test_all_windows_come_back_from_the_stego_frames(marked):
    results = read_windows(marked, marked.planes)
    assert [result.is_right for result in results] == [True, True, True]
    # Nothing is lost: each of many more chips than bits has nearly a bit.
    assert all(result.margin > 2 and len(result.slots) == 2 for result in results)


def test_nothing_comes_back_from_the_cover(clip, marked):
    assert not any(result.is_right for result in read_windows(marked, clip.planes))
    assert read_piece(marked, clip.planes[:20]) == []


def test_a_piece_is_read_without_its_time(marked):
    copy, _ = code(marked.planes, RATE, "h264-20")
    first, count = 7, 20
    tally = Tally()
    tally.add(marked, first, count, read_piece(marked, copy[first : first + count]))
    assert (tally.pieces, tally.windows, tally.wrong, tally.lost) == ([1, 1], [1, 1], 0, [])


def test_a_tally_counts_what_is_lost_and_what_is_wrong(marked):
    tally = Tally()
    tally.add(marked, 0, 20, [marked.payloads[1]])
    tally.add(marked, 0, 20, [b"nobody sent this", marked.payloads[3]])
    assert (tally.pieces, tally.windows) == ([2, 1], [4, 1])
    assert (tally.wrong, tally.lost) == (2, [0])


def test_a_worse_copy_is_smaller_and_less_like_the_clip(clip):
    copies = [code(clip.planes, RATE, f"h264-{crf}") for crf in (18, 38)]
    assert copies[0][1] > copies[1][1]
    good, bad = (psnr_of_luma(clip.planes, planes) for planes, _ in copies)
    assert good > bad + 5
    assert psnr_of_luma(clip.planes, clip.planes) == float("inf")


def test_sizes_are_those_of_all_frames(clip):
    info = VideoInfo(*SIZE, "yuv420p", 1 / RATE, RATE)
    few, all_of_them = (coded_bytes(planes, info, 23) for planes in (clip.planes[:2], clip.planes))
    assert 0 < 2 * few < all_of_them


def test_the_weakest_strength_is_chosen_and_what_is_not_enough_is_said(clip):
    trial = Trial.from_text(str(Trial(Response((0.2, 0.4, 0.6)), 1.5)))
    assert (trial.response.bits, trial.seconds) == ((0.2, 0.4, 0.6), 1.5)
    small, large = (choose_strength(clip, size, trial) for size in (64, 256))
    assert small.strength.step < large.strength.step
    assert small.is_enough
    # The last window of a copy is starved.
    assert small.last.step > small.strength.step
    nothing = choose_strength(clip, 640, Trial(Response((0.0, 0.0, 0.0)), 0))
    assert str(nothing).endswith("(not enough)")


def test_a_clip_has_its_first_seconds(clips):
    found = load(clips, str(clips / "clip.mkv"), 0.5)
    assert (found.name, len(found.planes), found.rate) == ("clip", 12, 25)
    large = load(clips, str(clips / "clip.mkv"), 0.5, size=(384, 320))
    assert (large.width, large.height) == (384, 320)
    assert {frame.width for part in large.sample().parts for frame in part} == {384}


def test_rows_are_measured_once(tmp_path):
    calls = []

    def row():
        calls.append(1)
        return {"clip": "a", "windows": "3 of 3"}

    for _ in range(2):
        results = Results(tmp_path / "rows.json")
        results.measure("Table", "a", row)
        assert results.remember("trial", lambda: f"{len(calls)}") == "1"
    assert len(calls) == 1
    results.measure("Table", "b", lambda: {"clip": "b", "lost dB": "1"})
    assert results.to_markdown().splitlines() == [
        "**Table**",
        "",
        "| clip | windows | lost dB |",
        "| --- | --- | --- |",
        "| a | 3 of 3 |  |",
        "| b |  | 1 |",
    ]
