"""The benchmark of the robust carrier: rows of rivals, scenes, files and the base layer."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import robust
from rivals.hiders import Watermark
from survival.base_rows import back_and_forth
from survival.channel_rows import Study, copy_row, size_row
from survival.clip import Clip
from survival.file_rows import SceneScore
from survival.results import Results
from survival.rival_rows import COPIES, installed_rivals, missing_row, rival_result, rival_row

from cssv.scene import Ranges, Value
from cssv.template.state import ObjectState

RATE = Fraction(5)


@pytest.fixture(scope="module")
def clip():
    """Noise of a few levels on grey, 8 s."""
    rng = np.random.default_rng(2)
    planes = [np.full((480, 448), 128, np.uint8) for _ in range(40)]
    still = rng.integers(90, 160, (20, 28)).repeat(16, 0).repeat(16, 1)
    for each in planes:
        each[:320] = still
    return Clip("grey", None, planes, RATE)


@pytest.fixture
def state():
    return ObjectState(
        track=4,
        label="person",
        score=1.0,
        box_px=(20.0, 50.0, 30.0, 80.0),
        velocity_px_s=(30.0, 40.0),
        past_px_s=(30.0, 40.0),
        future_px_s=(30.0, 40.0),
        sigma_px_s=3.0,
        temperature_c=Value(30.0, 0.5),
    )


class Squares(Watermark):
    """A watermark in the brightness of squares, which any codec keeps."""

    def mark(self, picture, bits):
        marked = picture.copy()
        for number, bit in enumerate(bits):
            marked[16 * number : 16 * number + 16, :16] = 200 if bit else 60
        return marked

    def unmark(self, picture):
        return [float(picture[16 * n + 8, 8].mean() > 130) for n in range(self.bits)]


def test_a_watermark_that_codecs_keep_is_whole_in_all_copies(clip):
    row = rival_row(clip, "squares", Squares(4, 16))
    assert [row[copy] for copy in COPIES] == ["100 %, majority 100 %, whole"] * len(COPIES)
    assert (row["clip"], row["message"]) == ("grey, 4 frames", "16 bits, in each frame")


def test_the_majority_of_the_frames_decides():
    bits = np.array([1, 0, 1, 1], np.uint8)
    found = np.array([[1, 0, 1, 1], [1, 0, 1, 0], [0, 0, 1, 1]], bool)
    assert rival_result(found, bits) == "83 %, majority 100 %, whole"
    found[:, 0] = False
    assert rival_result(found, bits) == "67 %, majority 75 %, not whole"


def test_missing_packages_are_said(clip, monkeypatch):
    monkeypatch.setattr("survival.rival_rows.importlib.util.find_spec", lambda _: None)
    rivals = dict(installed_rivals(3))
    assert len(rivals) == 5
    assert set(rivals.values()) == {None}
    assert missing_row(clip, "a")["message"] == "its package is not installed"


def test_scenes_are_compared_in_pixels_and_shares_of_the_ranges(state):
    ranges = Ranges(speed_px_s=(0.0, 100.0), temperature_c=(0.0, 40.0))
    other = replace(
        state, box_px=(21.0, 50.0, 30.0, 83.0), velocity_px_s=(33.0, 44.0), temperature_c=Value(32.0, 0.5)
    )
    score = SceneScore()
    score.add_objects([state], [other], ranges)
    assert (score.foot_px, score.size_px) == ([3.0], [3.0])
    assert score.shares == {"speed": [pytest.approx(0.05)], "temperature_c": [pytest.approx(0.05)]}
    assert score.frames[2] == 1
    score.add_objects([state, replace(state, track=9)], [replace(other, temperature_c=None)], ranges)
    assert score.shares["temperature_c"][1] == math.inf
    # One object of two is missing in the second frame.
    assert score.frames[2] == 1


def test_heat_maps_are_compared_in_their_support():
    one, other = np.zeros((6, 4), np.uint8), np.zeros((6, 4), np.uint8)
    one[0, :2] = 16
    other[0, 1:3] = 16
    # In chroma 0xF0 is -16: the difference from 16 is 32.
    one[5, 0], other[5, 0] = 0xF0, 0x10
    score = SceneScore()
    score.add_heat(one, other, 4)
    assert score.squares == [2 * 16**2 + 32**2, 4]
    assert score.equal == 1
    assert score.heat_db == pytest.approx(10 * math.log10(255**2 * 4 / score.squares[0]))


def test_a_short_clip_is_played_back_and_forth(clip):
    short = replace(clip, planes=clip.planes[:3])
    first, second, third = short.planes
    longer = back_and_forth(short)
    assert len(longer.planes) == 50
    assert all(a is b for a, b in zip(longer.planes, [first, second, third, second, first], strict=False))
    assert back_and_forth(longer) is longer


def test_rows_share_copies_and_say_what_came_back(clip, tmp_path):
    results = Results(None)
    # What the trial would find: nearly all chips come back from still squares.
    results.remember(f"trial of {clip.title}, h264-20", lambda: "0.9000,0.9500,0.9900 1.0")
    study = Study(clip, "h264-20", (), 3, 1, None, tmp_path, results)
    row = copy_row(study, 64, "h264-20", "h264-20")
    assert row["pieces right"] == "3 of 3"
    assert (row["all windows"], row["lost, of how many"], row["wrong"]) == ("4 of 4", "none / 4", "0")
    sizes = size_row(study, 64, "h264-20", 20)
    assert float(sizes["lost dB"]) > 0
    # Still squares cost nothing, and marks do.
    assert sizes["marked there"].startswith("+")


def test_the_command_measures_what_was_not_measured(tmp_path, monkeypatch, capsys, clip):
    calls = []

    def measure(study, results):
        results.measure("Table", study.clip.name, lambda: calls.append(1) or {"clip": study.clip.name})

    monkeypatch.setattr(robust, "load", lambda *_: clip)
    monkeypatch.setattr(robust, "ROWS", {"pieces": measure})
    options = ["robust.py", "--data", str(tmp_path), "--clips", "grey", "--results", str(tmp_path / "r.json")]
    for _ in range(2):
        monkeypatch.setattr("sys.argv", options)
        robust.main()
        assert "| grey |" in capsys.readouterr().out
    assert len(calls) == 1
