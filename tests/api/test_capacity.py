"""What a clip needs and what carriers offer, against what is really embedded."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.carriers.constructive.windows import read_windows
from cssv.carriers.nibble.forms import FORM_NAMES
from cssv.errors import OptionError, PasswordError, VideoError
from cssv.testing import clips as synthetic
from cssv.video import VideoReader

#: The clip has 24 frames; at this rate windows of 2 s hold 10, 10 and 4 of them.
RATE = 5


@pytest.fixture(scope="module")
def arguments(clips):
    return {"scene": synthetic.SCENE, "boxes": clips / "boxes.txt", "rate": RATE}


@pytest.fixture(scope="module")
def plain(clips, arguments):
    return cssv.capacity(clips / "clip.mkv", **arguments)


@pytest.fixture(scope="module")
def file(clips, arguments, tmp_path_factory):
    path = tmp_path_factory.mktemp("capacity") / "clip.cssv"
    cssv.encode(clips / "clip.mkv", path, carrier="constructive", created_s=1, **arguments)
    return path


def of(found, carrier):
    (wanted,) = (each for each in found.carriers if each.carrier == carrier)
    return wanted


def measured_without_a_trial(found):
    """The carriers whose numbers do not depend on a re-encoding of the pixels."""
    return [each for each in found.carriers if each.carrier != "robust"]


def planes_of(path, **options):
    with VideoReader(path, **options) as reader:
        return [frame.planes for frame in reader]


def test_every_carrier_has_an_entry(plain):
    # The forms of one carrier share the entry of their family.
    wanted = [name for name in cssv.CARRIERS if name not in FORM_NAMES]
    assert [each.carrier for each in plain.carriers] == wanted


def test_the_clip_is_described(plain):
    assert (plain.width, plain.height, plain.layout) == (synthetic.WIDTH, synthetic.HEIGHT, "yuv420p")
    assert (plain.frames, plain.rate, plain.duration_s, plain.objects) == (24, RATE, Fraction(24, RATE), 2)


def test_the_numbers_of_a_plain_clip_are_those_of_its_encoding(plain, file):
    payloads = [len(window.payload) for window in read_windows(planes_of(file), "yuv420p")]
    found = of(plain, "constructive")
    assert len(payloads) == found.windows == 3
    assert found.largest_bytes == max(payloads)
    assert found.mean_bytes == pytest.approx(sum(payloads) / 3)
    assert found.bytes_per_s == pytest.approx(sum(payloads) / plain.duration_s)
    assert found.fits
    assert found.offered_bytes > found.largest_bytes


def test_the_expected_psnr_is_the_measured_one(clips, plain, file):
    squares = [
        np.mean((after.astype(float) - before) ** 2)
        for before, after in zip(planes_of(clips / "clip.mkv", rate=RATE), planes_of(file), strict=True)
    ]
    measured = 10 * math.log10(255**2 / np.mean(squares))
    assert of(plain, "constructive").psnr_db == pytest.approx(measured, abs=0.1)


def test_a_cssv_needs_what_it_holds(plain, file):
    stored = cssv.capacity(file)
    assert stored.carriers == plain.carriers
    assert stored.objects == plain.objects
    # With another scene the objects are taken over, as encoding it again would do.
    other = of(cssv.capacity(file, scene={"cssv_scene": 1}), "constructive")
    assert other.mean_bytes < of(stored, "constructive").mean_bytes


def test_the_window_of_a_cssv_is_its_own(clips, arguments, tmp_path):
    path = tmp_path / "long.cssv"
    cssv.encode(clips / "clip.mkv", path, carrier="constructive", window=4, **arguments)
    assert of(cssv.capacity(path), "constructive").window_s == 4
    assert of(cssv.capacity(path, window=1), "constructive").window_s == 1


def test_a_password_needs_more_bytes(clips, arguments, plain, tmp_path):
    path = tmp_path / "sealed.cssv"
    cssv.encode(clips / "clip.mkv", path, carrier="constructive", password="swordfish", **arguments)
    sealed = cssv.capacity(path, password="swordfish")
    # The carrier of pictures cannot hide with a password.
    assert [each.carrier for each in sealed.carriers] == ["constructive", "robust"]
    again = cssv.capacity(clips / "clip.mkv", password="swordfish", **arguments)
    assert measured_without_a_trial(sealed) == measured_without_a_trial(again)
    assert sealed.carriers[0].mean_bytes > of(plain, "constructive").mean_bytes
    for wrong in (None, "swordfisch"):
        with pytest.raises(PasswordError):
            cssv.capacity(path, password=wrong)


def test_a_password_of_a_clip_without_one_is_for_what_would_be_embedded(file, plain):
    sealed = cssv.capacity(file, password="swordfish")
    assert of(sealed, "constructive").mean_bytes > of(plain, "constructive").mean_bytes


def test_a_carrier_of_pictures_has_no_payload(plain):
    found = of(plain, "nibble")
    assert found.fits
    assert not found.has_payload
    assert found.largest_bytes is found.offered_bytes is found.psnr_db is None


def test_a_scene_that_is_too_large_does_not_fit(clips):
    # One frame holds less than so many long names.
    letters = np.random.default_rng(1)
    objects = [
        {
            "name": letters.bytes(120).hex(),
            "label": "cart",
            "trajectory": [{"time_s": time_s, "box_px": [10, 20, 40, 30]} for time_s in (0, 99)],
        }
        for _ in range(9)
    ]
    found = cssv.capacity(
        clips / "clip.mkv",
        scene={"cssv_scene": 1, "objects": objects},
        rate=1,
        window=1,
        boxes=clips / "boxes.txt",
    )
    constructive = of(found, "constructive")
    assert found.objects == 11
    assert not constructive.fits
    assert 0 < constructive.unfit_windows <= constructive.windows == 24
    assert constructive.largest_bytes > constructive.offered_bytes > 0
    assert constructive.psnr_db is None
    assert of(found, "nibble").fits


def test_frames_that_are_too_small_offer_nothing(tmp_path):
    clip = synthetic.write_clip(
        tmp_path / "small.mkv", synthetic.pictures(96, 80, 5), width=96, height=80, rate=5
    )
    found = of(cssv.capacity(clip, detector=synthetic.Truth()), "constructive")
    assert (found.offered_bytes, found.unfit_windows, found.fits) == (0, 1, False)


def test_windows_are_counted_from_time_0_of_the_file(tmp_path):
    # By its own clock the clip begins at 1001.4 s, and four windows would hold its frames.
    late = synthetic.write_clip(tmp_path / "late.mkv", rate=5, pts=range(5007, 5031))
    found = cssv.capacity(late, detector=synthetic.Truth())
    assert of(found, "constructive").windows == 3
    cssv.encode(late, tmp_path / "late.cssv", detector=synthetic.Truth(), carrier="constructive")
    stored = cssv.capacity(tmp_path / "late.cssv")
    assert measured_without_a_trial(stored) == measured_without_a_trial(found)


def test_the_result_is_plain_json(plain):
    node = json.loads(json.dumps(plain.to_json()))
    assert node["rate"] == "5"
    assert [each["fits"] for each in node["carriers"]] == [each.fits for each in plain.carriers]
    assert {len(each["offers"]) > 0 for each in node["carriers"]} == {True, False}


def test_a_small_picture_has_no_room_for_marks_that_survive(plain):
    robust = of(plain, "robust")
    assert not robust.fits
    assert robust.offered_bytes == 0
    assert {offer.recoding for offer in robust.offers} == {"h264-28"}
    # Weaker marks never hold more.
    held = [offer.offered_bytes for offer in sorted(robust.offers, key=lambda offer: -offer.psnr_db)]
    assert held == sorted(held)


def test_progress_is_reported(clips, arguments):
    seen = []
    cssv.capacity(clips / "clip.mkv", progress=lambda *each: seen.append(each), **arguments)
    assert seen[-3:] == [("measure", 10, 24), ("measure", 20, 24), ("measure", 24, 24)]


@pytest.mark.parametrize("window", ["0.5", "61", "1/0", "x"])
def test_a_window_out_of_bounds_is_refused(clips, window):
    with pytest.raises(OptionError):
        cssv.capacity(clips / "clip.mkv", window=window)


def test_what_is_no_clip_is_refused(tmp_path):
    text = tmp_path / "x.txt"
    text.write_text("no clip")
    with pytest.raises(VideoError):
        cssv.capacity(text)
    with pytest.raises(VideoError):
        cssv.capacity(tmp_path / "absent.mp4")
