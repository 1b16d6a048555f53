"""Runs of lossy frames between frames that a codec with other settings has coded."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from cssv.container import extract_entry
from cssv.frames import Frame, planes_shape
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.splice import SpliceSettings
from cssv.video import LOSSY_CODECS, VideoInfo
from tests.carriers.brightness_carrier import BrightnessCarrier

WIDTH, HEIGHT = 192, 128
TICK = Fraction(1, 25)
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", TICK, Fraction(25))
#: Options of another release, as far as they change what a decoder must know.
OTHER = {
    "h264": ("x264-params", ":ref=1:cabac=0"),
    "hevc": ("x265-params", ":ref=1:no-sao=1:ctu=32"),
    "vp9": ("cpu-used", ""),
    "av1": ("svtav1-params", ":enable-cdef=0:enable-restoration=0"),
}


def moving(count, seed):
    wide = cv2.GaussianBlur(np.random.default_rng(seed).uniform(-900, 1100, (200, 300)), (0, 0), 3)
    frames = []
    for number in range(count):
        planes = np.full(planes_shape("yuv420p", WIDTH, HEIGHT), 128, np.uint8)
        planes[:HEIGHT] = np.clip(wide[number : number + HEIGHT, 2 * number : 2 * number + WIDTH], 16, 235)
        frames.append(Frame(planes, "yuv420p", number, TICK, number))
    return frames


def coded(settings, frames):
    with settings.encoder() as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        head = encoder.mp4_head()
    return [(settings.sets if packet.is_key else b"") + packet.data for packet in packets], head


def decoded(samples, head):
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        pictures = [picture for sample in samples for picture in context.decode(av.Packet(sample))]
        return [p.to_ndarray(format="yuv420p") for p in (*pictures, *context.decode(None))]


@pytest.mark.parametrize("codec", LOSSY_CODECS)
def test_frames_of_other_settings_can_follow_and_be_followed(codec, monkeypatch):
    """Players may know the first sample entry only; key samples bring what else they need."""
    crf, lossy = LOSSY_CODECS[codec].crf, LOSSY_CODECS[codec]
    one, two = moving(30, 1), moving(12, 2)
    config = EncoderConfig(codec, BrightnessCarrier(), crf)
    first = SpliceSettings(INFO, codec, crf)
    old, head = coded(first, one)
    entry = extract_entry(head, "video")
    assert SpliceSettings.from_entries(INFO, config, [entry], one[0]) == first

    key, more = OTHER[codec]
    options = lossy.settings.options | {key: lossy.settings.options[key] + more if more else "8"}
    other = replace(lossy, settings=replace(lossy.settings, options=options))
    monkeypatch.setitem(LOSSY_CODECS, codec, other)
    second = SpliceSettings.from_entries(INFO, config, [entry], two[0])
    new, new_head = coded(second, two)
    assert (extract_entry(new_head, "video") == entry) == (codec in ("vp9", "av1"))
    assert bool(second.sets) == (codec == "h264")

    found = decoded([*old, *new, *old], head)
    wanted = [*decoded(old, head), *decoded(new, new_head), *decoded(old, head)]
    assert len(found) == len(wanted) == 72
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
