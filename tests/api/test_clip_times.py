"""Frames of clips by their time, and as RGB."""

from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import OptionError, OptionTypeError
from cssv.pipeline.frame_times import end_of
from cssv.view.plane_colour import PlaneColour, yuv_to_rgb


def test_the_frame_on_show_is_the_last_one_that_has_begun(stego):
    with cssv.open(stego) as clip:
        times = [moment.time for moment in clip]
        for number, time in enumerate(times):
            assert clip.at_time(time).number == number
            assert clip.at_time(str(time)).number == number
        half = (times[3] + times[4]) / 2
        assert clip.at_time(half).number == clip.at_time(float(half)).number == 3
        assert clip.at_time(times[4] - Fraction(1, 10**12)).number == 3
        end = end_of(clip._decoder)
        assert clip.at_time(end - Fraction(1, 10**12)).number == len(clip) - 1
        assert clip.at_time(0).number == 0


def test_times_without_a_frame_are_refused(stego):
    with cssv.open(stego) as clip:
        end = end_of(clip._decoder)
        for wrong in (-1, "-0.001", end, float(end) + 9, "1e99"):
            with pytest.raises(OptionError, match=r"0 s up to, but not, "):
                clip.at_time(wrong)
        for wrong in ("soon", "1/0", float("nan"), float("inf")):
            with pytest.raises(OptionError, match="not a number"):
                clip.at_time(wrong)
        for wrong in (None, True, [1]):
            with pytest.raises(OptionTypeError):
                clip.at_time(wrong)


def test_copies_count_as_their_player_does(stego, ffmpeg, tmp_path):
    copy = tmp_path / "copy.mkv"
    ffmpeg("-i", stego, "-map", "0:v", "-c", "copy", "-output_ts_offset", "2", copy)
    with cssv.open(copy) as clip:
        first = clip[0].frame
        assert clip.at_time(first.pts * first.time_base).number == clip[0].number
        third = clip[2].frame
        assert clip.at_time(third.pts * third.time_base + Fraction(1, 1000)).frame.pts == third.pts
        with pytest.raises(OptionError, match="on show"):
            clip.at_time("1.5")


def test_rgb_is_that_of_the_tags(stego):
    with cssv.open(stego) as clip:
        moment = clip[1]
        rgb, planes = moment.rgb, moment.frame.planes
        assert rgb.dtype == np.uint8
        assert rgb.shape == (moment.frame.height, moment.frame.width, 3)
        if moment.frame.layout == "rgb24":
            assert np.array_equal(rgb, planes)
        for colour in (PlaneColour(1), PlaneColour(6, is_full_range=True)):
            moment._memory.colour = colour
            expected = planes if moment.frame.layout == "rgb24" else yuv_to_rgb(planes, colour)
            assert np.array_equal(moment.rgb, expected)
