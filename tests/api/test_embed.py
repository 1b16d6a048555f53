"""Pictures embedded for programs that encode video themselves: form, order, errors, equality with Encoder."""

from __future__ import annotations

import weakref
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.errors import CarrierError, ClosedError, FrameError, OptionError, OptionTypeError
from cssv.testing import clips as synthetic

RATE = 25
SMALL = (synthetic.WIDTH, synthetic.HEIGHT)
#: Large enough for the robust carrier; few frames a second are enough where no codec follows.
LARGE, SLOW = (512, 384), 5
BLOCKS = (
    synthetic.Block(1, "block", (40, 60), (2, 1), (60, 80), (230, 200, 150)),
    synthetic.Block(2, "block", (400, 200), (-2, 0), (50, 70), (30, 60, 210)),
)


def found_at(number, blocks=synthetic.BLOCKS):
    return cssv.detections(
        synthetic.boxes_at(number, blocks), labels="block", ids=[block.track for block in blocks]
    )


def pairs(pictures, blocks=synthetic.BLOCKS):
    return [(picture, found_at(number, blocks)) for number, picture in enumerate(pictures)]


def to_frames(pictures, rate=RATE, first_pts=0):
    """Native planes of RGB pictures."""
    return [
        cssv.Frame(
            cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), "yuv420p", first_pts + number, Fraction(1, rate)
        )
        for number, picture in enumerate(pictures)
    ]


@pytest.fixture(scope="module")
def large():
    return synthetic.pictures(*LARGE, 6 * SLOW, BLOCKS)


@pytest.mark.parametrize(("form", "strength"), [("arrays", "auto"), ("frames", 46)])
def test_objects_survive_the_codec_of_the_caller(form, strength, tmp_path):
    """H.264 at CRF 28 by PyAV alone; the copy knows nothing but pixels."""
    pictures = synthetic.pictures(*LARGE, 4 * RATE, BLOCKS)
    given = pairs(pictures if form == "arrays" else to_frames(pictures), BLOCKS)
    stegos = list(cssv.embed(given, {"cssv_scene": 1}, rate=RATE, strength=strength))
    if form == "frames":
        stegos = [av.VideoFrame.from_ndarray(stego.planes, format="yuv420p") for stego in stegos]
    synthetic.write_clip(tmp_path / "x.mp4", stegos, codec="libx264", rate=RATE, options={"crf": "28"})
    with cssv.Decoder(tmp_path / "x.mp4") as decoder:
        moments = list(decoder)
    assert [moment.number for moment in moments] == list(range(4 * RATE))
    for moment in moments:
        assert moment.source == "robust"
        assert [row.track for row in moment.objects] == [1, 2]
        for row, box in zip(moment.objects, synthetic.boxes_at(moment.number, BLOCKS), strict=True):
            assert np.abs(np.subtract((row.x_px, row.y_px, row.w_px, row.h_px), box)).max() <= 2


@pytest.mark.parametrize("strength", [48, "auto"])
def test_frames_are_those_that_the_encoder_writes(strength, large, tmp_path):
    frames = to_frames(large, SLOW)
    with cssv.Encoder(
        tmp_path / "x.cssv", size=LARGE, rate=SLOW, carrier="robust", codec="ffv1", strength=strength
    ) as encoder:
        for number, frame in enumerate(frames):
            encoder.write(frame, found_at(number, BLOCKS))
    stegos = list(cssv.embed(pairs(frames, BLOCKS), rate=SLOW, strength=strength))
    with cssv.open(tmp_path / "x.cssv") as clip:
        for moment, stego, frame in zip(clip, stegos, frames, strict=True):
            assert stego.planes.tobytes() == moment.frame.planes.tobytes() != frame.planes.tobytes()
            assert (stego.layout, stego.pts, stego.time_base) == ("yuv420p", frame.pts, frame.time_base)


def test_arrays_are_those_that_the_encoder_writes(large, tmp_path):
    with cssv.Encoder(
        tmp_path / "x.cssv", size=LARGE, rate=SLOW, carrier="robust", codec="ffv1", strength=48
    ) as encoder:
        for given in pairs(large, BLOCKS):
            encoder.write(*given)
    stegos = list(cssv.embed(pairs(large, BLOCKS), rate=SLOW, strength=48))
    with cssv.open(tmp_path / "x.cssv") as clip:
        for moment, stego in zip(clip, stegos, strict=True):
            assert stego.tobytes() == cv2.cvtColor(moment.frame.planes, cv2.COLOR_YUV2RGB_I420).tobytes()


@pytest.mark.parametrize("carrier", ["nibble", "constructive"])
def test_other_carriers_before_a_lossless_codec(carrier, tmp_path):
    given = pairs(synthetic.pictures())
    stegos = cssv.embed(given, synthetic.SCENE, rate=RATE, carrier=carrier)
    synthetic.write_clip(tmp_path / "x.mkv", stegos, codec="ffv1", pix_fmt="bgr0", rate=RATE)
    with cssv.Decoder(tmp_path / "x.mkv") as decoder:
        moments = list(decoder)
    assert len(moments) == len(given)
    assert [row.track for row in moments[12].objects] == [1, 2]
    assert moments[12].objects[0].temperature_c == pytest.approx(36.2, abs=3)


@pytest.mark.parametrize("lag_s", [0, 0.2, 1.0])
def test_pictures_come_in_order_and_few_wait(lag_s):
    taken = []

    def camera():
        for number, picture in enumerate(synthetic.pictures(count=60)):
            taken.append(number)
            yield picture, found_at(number)

    stegos = []
    for stego in cssv.embed(camera(), rate=RATE, carrier="nibble", lag_s=lag_s):
        stegos.append(stego)
        # The lag, a quarter of it, because frames are smoothed in groups, and the picture itself.
        assert len(taken) - len(stegos) <= 1.25 * lag_s * RATE + 2
    for stego, picture in zip(stegos, synthetic.pictures(count=60), strict=True):
        assert 0 < np.abs(stego.astype(int) - picture).max() <= 15


def test_a_window_is_the_most_that_waits(large):
    taken, given = [], 0
    source = (taken.append(0) or each for each in pairs(large, BLOCKS))
    for _ in cssv.embed(source, rate=SLOW, strength=48):
        given += 1
        assert len(taken) - given <= (1 + 0.25 + 2) * SLOW + 1
    assert given == len(large)


def test_memory_of_a_picture_may_be_used_again():
    buffer = np.empty((*SMALL[::-1], 3), np.uint8)

    def camera():
        for number, picture in enumerate(synthetic.pictures()):
            buffer[...] = picture
            yield buffer, found_at(number)
            buffer[...] = 0

    stegos = list(cssv.embed(camera(), rate=RATE, carrier="nibble"))
    for stego, picture in zip(stegos, synthetic.pictures(), strict=True):
        assert np.abs(stego.astype(int) - picture).max() <= 15


def test_frames_keep_their_times_and_durations():
    """A stream that begins after an hour begins at time 0 in the pixels, and at its own time outside."""
    frames = to_frames(synthetic.pictures(count=10), first_pts=3600 * RATE)
    frames[-1] = replace(frames[-1], duration=3)
    stegos = list(cssv.embed(pairs(frames), rate=RATE, carrier="nibble"))
    assert [stego.pts for stego in stegos] == [frame.pts for frame in frames]
    assert {stego.time_base for stego in stegos} == {Fraction(1, RATE)}
    assert [stego.duration for stego in stegos] == [0] * 9 + [3]
    assert [stego.layout for stego in stegos] == ["yuv420p"] * 10


def test_forms_may_be_mixed(large):
    frames = to_frames(large, SLOW)
    mixed = [large[n] if n % 3 else frames[n] for n in range(len(large))]
    stegos = list(cssv.embed(pairs(mixed, BLOCKS), rate=SLOW, strength=48))
    assert [type(stego) for stego in stegos] == [type(picture) for picture in mixed]


def test_the_detector_finds_objects_of_pictures_without_detections():
    truth = synthetic.Truth()
    given = [(picture, None) if n % 2 else picture for n, picture in enumerate(synthetic.pictures())]
    with cssv.embed(given, rate=RATE, carrier="nibble", detector=truth) as stegos:
        assert len(list(stegos)) == synthetic.COUNT
    assert truth.numbers == list(range(synthetic.COUNT))


def test_thermal_pictures_give_temperatures():
    thermal = np.full((SMALL[1] // 2, SMALL[0] // 2), 21.5, np.float32)
    given = [(*pair, thermal) for pair in pairs(to_frames(synthetic.pictures()))]
    stegos = list(cssv.embed(given, rate=RATE, carrier="nibble"))
    plain = list(cssv.embed(pairs(to_frames(synthetic.pictures())), rate=RATE, carrier="nibble"))
    assert any((one.planes != other.planes).any() for one, other in zip(stegos, plain, strict=True))


def test_warnings_and_notes():
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "ghost"}, "temperature_c": 3}]}
    stegos = cssv.embed(pairs(synthetic.pictures()), scene, rate=RATE, carrier="nibble")
    assert stegos.warnings == stegos.notes == ()
    assert len(list(stegos)) == synthetic.COUNT
    (warning,) = stegos.warnings
    assert "ghost" in warning
    assert stegos.notes[0].startswith("boxes with ids are the truth")


def test_no_pictures():
    assert list(cssv.embed([], rate=RATE)) == []


def test_a_password_is_needed_to_read(large):
    pytest.importorskip("cryptography")
    given = pairs(large, BLOCKS)
    sealed = list(cssv.embed(given, rate=SLOW, strength=48, password="six random words"))
    plain = list(cssv.embed(given, rate=SLOW, strength=48))
    assert all((one != other).any() for one, other in zip(sealed, plain, strict=True))


class Camera:
    """An iterator of pictures that states when it is gone."""

    def __init__(self, count=1000):
        self.numbers = iter(range(count))
        self.picture = synthetic.pictures(count=1)[0]

    def __iter__(self):
        return self

    def __next__(self):
        return self.picture, found_at(next(self.numbers) % 20)


def test_closing_early_releases_everything():
    camera = Camera()
    gone = weakref.ref(camera)
    stegos = cssv.embed(camera, rate=RATE, carrier="nibble")
    del camera
    for _ in range(3):
        next(stegos)
    stream = weakref.ref(stegos._stream)
    stegos.close()
    stegos.close()
    assert gone() is stream() is None
    with pytest.raises(ClosedError, match="closed"):
        next(stegos)


def test_leaving_the_loop_releases_everything():
    camera = Camera()
    gone = weakref.ref(camera)
    for _ in cssv.embed(camera, rate=RATE, carrier="nibble"):
        break
    del camera, _
    assert gone() is None


WRONG = {
    "size": np.zeros((160, 190, 3), np.uint8),
    "grey": np.zeros((160, 192), np.uint8),
    "rgba": np.zeros((160, 192, 4), np.uint8),
    "float": np.zeros((160, 192, 3), np.float64),
    "word": "picture",
    "None": None,
    "nothing": (),
    "four": (1, 2, 3, 4),
    "time base": cssv.Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 99, Fraction(1, 30)),
    "past pts": cssv.Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 1, Fraction(1, 25)),
    "layout": cssv.Frame(np.zeros((240, 192), np.uint8), "yuv420p", 99, Fraction(1, 25)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_picture_is_refused_and_the_others_go_on(wrong):
    given = pairs(synthetic.pictures())
    given.insert(5, WRONG[wrong])
    stegos = cssv.embed(given, rate=RATE, carrier="nibble", lag_s=0)
    got = [next(stegos) for _ in range(5)]
    with pytest.raises(FrameError):
        next(stegos)
    got += stegos
    assert len(got) == synthetic.COUNT
    plain = cssv.embed(pairs(synthetic.pictures()), rate=RATE, carrier="nibble", lag_s=0)
    for one, other in zip(got, plain, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("wrong", ["grey", "float", "word", "None", "nothing", "four"])
def test_a_wrong_first_picture_decides_nothing(wrong):
    stegos = cssv.embed([WRONG[wrong], *pairs(synthetic.pictures())], rate=RATE, carrier="nibble")
    with pytest.raises(FrameError):
        next(stegos)
    assert len(list(stegos)) == synthetic.COUNT


def test_odd_sides_have_no_chroma_planes():
    with pytest.raises(FrameError, match="even sides"):
        next(cssv.embed([np.zeros((385, 513, 3), np.uint8)], rate=RATE))


def test_pictures_too_small_for_the_objects():
    stegos = cssv.embed(pairs(synthetic.pictures()), rate=RATE)
    for _ in range(2):
        with pytest.raises(CarrierError, match="does not fit"):
            next(stegos)


def test_pictures_before_an_error_of_the_embedding_come_first(monkeypatch):
    stegos = cssv.embed(pairs(synthetic.pictures()), rate=RATE, carrier="nibble")
    count = 0

    def failing(*values):
        nonlocal count
        count += 1
        if count > 7:
            raise ZeroDivisionError("mine")
        return whole(*values)

    whole = cssv.pipeline.live_drawing.take_temperatures
    monkeypatch.setattr("cssv.pipeline.live_drawing.take_temperatures", failing)
    assert len([next(stegos) for _ in range(7)]) == 7
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="mine"):
            next(stegos)


def test_an_error_of_the_source_is_passed_on():
    def camera():
        yield from pairs(synthetic.pictures(count=5))
        raise OSError("unplugged")

    stegos = cssv.embed(camera(), rate=RATE, carrier="nibble")
    with pytest.raises(OSError, match="unplugged"):
        next(stegos)
    # The pictures before it are there.
    assert len(list(stegos)) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0}, {"rate": "fast"}, {"rate": 10**6}, {"lag_s": -1}, {"boxes_are": "some"},
        {"carrier": "pigeon"}, {"carrier": "robust", "strength": "loud"}, {"strength": 99},
        {"carrier": "nibble", "strength": 48}, {"carrier": "nibble", "password": "six random words"},
        {"detector": "crystal ball"}, {"nms_iou": 2},
    ],
)  # fmt: skip
def test_impossible_options_are_refused_at_once(options):
    with pytest.raises(OptionError):
        cssv.embed([], **({"rate": RATE} | options))


@pytest.mark.parametrize("frames", ["clip.mp4", b"x", 7, None, synthetic.pictures(count=1)[0]])
def test_what_are_no_pictures_is_refused_at_once(frames):
    with pytest.raises(OptionTypeError, match="no pictures"):
        cssv.embed(frames, rate=RATE)
