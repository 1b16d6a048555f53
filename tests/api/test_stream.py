"""The streaming encoder: what it takes and refuses, that it equals the offline one, and its memory."""

from __future__ import annotations

import gc
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.errors import FrameError, OptionError, OutputError, VideoError
from cssv.perception import detections
from cssv.testing import clips as synthetic

SIZE = (192, 160)


def found_at(number):
    return detections(synthetic.boxes_at(number), labels="block", ids=[1, 2])


def write_all(encoder, count=None):
    for number, picture in enumerate(synthetic.pictures(count=count or synthetic.COUNT)):
        encoder.write(picture, found_at(number))


@pytest.mark.parametrize("layout", [None, "rgb24", "yuv420p"])
@pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
def test_pictures_in_file_out(layout, codec, tmp_path):
    path = tmp_path / "x.cssv"
    options = {"layout": layout, "codec": codec, "scene": synthetic.SCENE, "lossless": True}
    with cssv.Encoder(path, size=SIZE, rate=25, **options) as encoder:
        write_all(encoder)
        assert not path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.cssv"]
    assert cssv.verify(path).is_sound
    with cssv.open(path) as clip:
        assert len(clip) == synthetic.COUNT
        assert clip.info.layout == (layout or "rgb24")
        assert [moment.time for moment in clip] == [Fraction(n, 25) for n in range(synthetic.COUNT)]
        moment = clip[12]
        assert [row.track for row in moment.objects] == [1, 2]
        assert moment.objects[0].temperature_c == 36.2
        assert moment.objects[1].temperature_c == 12


@pytest.mark.parametrize("lag_s", [0.0, 0.2, 1.0, 5.0])
def test_equals_the_offline_encoder(lag_s, tmp_path, clips):
    offline = cssv.encode(
        clips / "clip.mkv", tmp_path / "a.cssv", detector=synthetic.Truth(), lossless=True
    ).path
    with (
        cssv.Encoder(
            tmp_path / "b.cssv",
            size=SIZE,
            rate=25,
            layout="yuv420p",
            detector=synthetic.Truth(),
            lag_s=lag_s,
            lossless=True,
        ) as encoder,
        cssv.open(offline) as clip,
    ):
        for number, planes in enumerate(synthetic.source_planes(clips / "clip.mkv")):
            encoder.write(cssv.Frame(planes, "yuv420p", number, Fraction(1, 25)))
    with cssv.open(offline) as clip, cssv.open(tmp_path / "b.cssv") as live:
        assert len(clip) == len(live) == synthetic.COUNT
        for number in range(synthetic.COUNT):
            before, after = clip[number].objects, live[number].objects
            if lag_s < 0.3 and number < 6:
                continue  # an object is shown once it was seen a few times
            assert [row.track for row in before] == [row.track for row in after]
            for one, other in zip(before, after, strict=True):
                assert np.hypot(one.x_px - other.x_px, one.y_px - other.y_px) < 1
                assert abs(one.w_px - other.w_px) < 1
                if lag_s >= 1:
                    assert abs(one.vx_px_s - other.vx_px_s) < 5


def test_memory_of_a_picture_may_be_used_again(tmp_path, clips):
    """Cameras hand out the same array for every picture."""
    buffer = np.empty((160, 192, 3), np.uint8)
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lag_s=1.0, lossless=True) as encoder:
        for number, picture in enumerate(synthetic.pictures()):
            buffer[...] = picture
            encoder.write(buffer, found_at(number))
        buffer[...] = 0
    with cssv.open(tmp_path / "x.cssv") as clip:
        for moment, picture in zip(clip, synthetic.pictures(), strict=True):
            assert np.abs(moment.frame.planes.astype(int) - picture).max() <= 15


def test_frames_memory_may_be_used_again(tmp_path, clips):
    planes = np.empty((240, 192), np.uint8)
    covers = synthetic.source_planes(clips / "clip.mkv")
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lossless=True) as encoder:
        for number, cover in enumerate(covers):
            planes[...] = cover
            encoder.write(cssv.Frame(planes, "yuv420p", number, Fraction(1, 25)), found_at(number))
    with cssv.open(tmp_path / "x.cssv") as clip:
        for moment, cover in zip(clip, covers, strict=True):
            assert np.abs(moment.frame.planes.astype(int) - cover).max() <= 15


class Noted:
    """Sees nothing, and has a licence; says at the end what it could not know before."""

    name = "noted"

    def __init__(self):
        self.notes = ("objects found by Noted, licence X",)

    def detect(self, frame):
        if frame.number == 3:
            self.notes += ("frame 3 was dark",)
        return detections([])


def test_notes_of_the_detector_reach_the_file(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, detector=Noted(), lossless=True) as encoder:
        assert encoder.notes == ()
        for picture in synthetic.pictures(count=5):
            encoder.write(picture)
    assert encoder.notes == ("objects found by Noted, licence X", "frame 3 was dark")
    assert cssv.info(tmp_path / "x.cssv").facts["notes"] == list(encoder.notes)


def test_a_detector_that_was_never_asked_has_no_say(tmp_path):
    scene = {"cssv_scene": 1, "camera": {"tilt_deg": 20}}
    with cssv.Encoder(
        tmp_path / "x.cssv", size=SIZE, rate=25, detector=Noted(), scene=scene, lossless=True
    ) as encoder:
        write_all(encoder, count=5)
    ground, truth = encoder.notes
    assert "does not determine the ground" in ground
    assert truth.startswith("boxes with ids are the truth")
    assert cssv.info(tmp_path / "x.cssv").facts["notes"] == list(encoder.notes)


@pytest.mark.parametrize("wrong", [[], "boxes", [(1, 2, 3, 4)]])
def test_what_are_no_detections_is_refused_and_nothing_lost(wrong, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lossless=True) as encoder:
        for number, picture in enumerate(synthetic.pictures(count=3)):
            with pytest.raises(OptionError, match="does not give detections"):
                encoder.write(picture, wrong)
            encoder.write(picture, found_at(number))
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert len(clip) == 3


WRONG = {
    "size": lambda: np.zeros((160, 190, 3), np.uint8),
    "turned": lambda: np.zeros((192, 160, 3), np.uint8),
    "grey": lambda: np.zeros((160, 192), np.uint8),
    "rgba": lambda: np.zeros((160, 192, 4), np.uint8),
    "float": lambda: np.zeros((160, 192, 3), np.float64),
    "int64": lambda: np.zeros((160, 192, 3), np.int64),
    "empty": lambda: np.zeros((0, 0, 3), np.uint8),
    "scalar": lambda: np.uint8(3),
    "layout": lambda: cssv.Frame(np.zeros((240, 192), np.uint8), "yuv420p", 99, Fraction(1, 25)),
    "time base": lambda: cssv.Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 99, Fraction(1, 30)),
    "same pts": lambda: cssv.Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 2, Fraction(1, 25)),
    "past pts": lambda: cssv.Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 0, Fraction(1, 25)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_picture_is_refused_and_changes_nothing(wrong, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, layout="rgb24", lossless=True) as encoder:
        for number, picture in enumerate(synthetic.pictures()):
            encoder.write(picture, found_at(number))
            if number in (2, 20):
                with pytest.raises(FrameError):
                    encoder.write(WRONG[wrong]() if number == 2 else np.zeros((3, 3, 3), np.uint8))
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [moment.number for moment in clip] == list(range(synthetic.COUNT))
        for moment, picture in zip(clip, synthetic.pictures(), strict=True):
            assert np.abs(moment.frame.planes.astype(int) - picture).max() <= 15


@pytest.mark.parametrize("wrong", ["size", "float", "rgba", "empty", "scalar"])
def test_a_wrong_first_picture_of_a_converted_stream(wrong, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, layout="yuv420p", lossless=True) as encoder:
        with pytest.raises(FrameError):
            encoder.write(WRONG[wrong]())
        write_all(encoder, 3)
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert len(clip) == 3


IMPOSSIBLE = {
    "rate 0": {"rate": 0},
    "negative rate": {"rate": -3},
    "no rate": {"rate": None},
    "word": {"rate": "fast"},
    "time base": {"time_base": Fraction(0)},
    "layout": {"layout": "rgba"},
    "tiny": {"size": (8, 8)},
    "odd": {"size": (175, 143), "layout": "yuv420p"},
    "lag": {"lag_s": -1},
    "codec": {"codec": "mpeg2"},
    "merge": {"merge": "xor"},
    "fidelity": {"fidelity": "some"},
    "detector": {"detector": "crystal ball"},
    "scene": {"scene": {"cssv_scene": 7}},
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_impossible_options_are_refused_at_once(what, tmp_path):
    options = {"size": SIZE, "rate": 25} | IMPOSSIBLE[what]
    with pytest.raises(cssv.CssvError):
        cssv.Encoder(tmp_path / "x.cssv", **options)
    assert not list(tmp_path.iterdir())


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        cssv.Encoder(tmp_path / "no" / "x.cssv", size=SIZE, rate=25)


@pytest.fixture
def earlier(tmp_path):
    """A file that stands where the output goes."""
    path = tmp_path / "x.cssv"
    path.write_bytes(b"what was there before")
    return path


@pytest.mark.parametrize("count", [0, 1, 20])
def test_abort_leaves_what_was_there(count, earlier):
    encoder = cssv.Encoder(earlier, size=SIZE, rate=25, overwrite=True)
    if count:
        write_all(encoder, count)
    encoder.abort()
    encoder.abort()
    encoder.close()
    assert {path.name: path.read_bytes() for path in earlier.parent.iterdir()} == {
        "x.cssv": b"what was there before"
    }
    with pytest.raises(OutputError, match="closed"):
        encoder.write(synthetic.pictures(count=1)[0])


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError, SystemExit])
def test_an_exception_within_leaves_what_was_there(count, error, earlier):
    options = {"size": SIZE, "rate": 25, "overwrite": True}
    with pytest.raises(error, match="mine"), cssv.Encoder(earlier, lossless=True, **options) as encoder:  # noqa: PT012
        if count:
            write_all(encoder, count)
        raise error("mine")
    assert [path.read_bytes() for path in earlier.parent.iterdir()] == [b"what was there before"]


def test_a_detector_that_fails(earlier):
    class Broken(synthetic.Truth):
        def detect(self, _frame):
            raise ZeroDivisionError("mine")

    options = {"size": SIZE, "rate": 25, "detector": Broken(), "overwrite": True}
    with (
        pytest.raises(ZeroDivisionError, match="mine"),
        cssv.Encoder(earlier, lossless=True, **options) as encoder,
    ):
        encoder.write(synthetic.pictures(count=1)[0])
    assert [path.read_bytes() for path in earlier.parent.iterdir()] == [b"what was there before"]


def test_no_frame_no_file(earlier):
    with (
        pytest.raises(VideoError, match="no frame"),
        cssv.Encoder(earlier, size=SIZE, rate=25, overwrite=True),
    ):
        pass
    assert [path.read_bytes() for path in earlier.parent.iterdir()] == [b"what was there before"]


def test_closed_is_closed(tmp_path):
    encoder = cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25)
    write_all(encoder, 2)
    encoder.close()
    whole = (tmp_path / "x.cssv").read_bytes()
    encoder.close()
    encoder.abort()
    with pytest.raises(OutputError, match="closed"):
        encoder.write(synthetic.pictures(count=1)[0])
    assert (tmp_path / "x.cssv").read_bytes() == whole


def test_a_stream_that_is_dropped_leaves_nothing(earlier):
    encoder = cssv.Encoder(earlier, size=SIZE, rate=25, overwrite=True)
    del encoder
    gc.collect()
    assert [path.read_bytes() for path in earlier.parent.iterdir()] == [b"what was there before"]


def test_two_streams_at_once(tmp_path):
    paths = [tmp_path / "a.cssv", tmp_path / "b.cssv"]
    with (
        cssv.Encoder(paths[0], size=SIZE, rate=25, created_s=0) as one,
        cssv.Encoder(paths[1], size=SIZE, rate=25, created_s=0) as other,
    ):
        for number, picture in enumerate(synthetic.pictures()):
            one.write(picture, found_at(number))
            other.write(picture, found_at(number))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    "options",
    [{}, {"fidelity": "full"}, {"merge": "opap"}, {"merge": "plain"}, {"carrier": NibbleCarrier()}],
    ids=str,
)
@pytest.mark.parametrize("cover", ["black", "white", "noise"])
def test_covers_at_the_ends_of_the_range(cover, options, tmp_path):
    dice = np.random.default_rng(0)
    shape = (240, 192)
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, layout="yuv420p", **options) as encoder:
        for number in range(8):
            planes = {
                "black": np.zeros(shape, np.uint8),
                "white": np.full(shape, 255, np.uint8),
                "noise": dice.integers(0, 256, shape, dtype=np.uint8),
            }[cover]
            frame = cssv.Frame(planes, "yuv420p", number, Fraction(1, 25))
            encoder.write(frame, detections([[20 + number, 20, 40, 60]], ids=[1]))
    with cssv.open(cssv.export(tmp_path / "x.cssv", tmp_path / "copy.mkv").path) as copy:
        (row,) = copy[5].objects
    assert abs(row.x_px - 25) <= 1
    assert row.vx_px_s == pytest.approx(25, abs=200 / 16)


@pytest.mark.parametrize("size", [(32, 32), (34, 38), (46, 58), (33, 35)])
@pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
def test_small_and_odd_sizes(codec, size, tmp_path):
    is_odd = size[0] % 2 == 1
    with cssv.Encoder(tmp_path / "x.cssv", size=size, rate=25, codec=codec, lossless=is_odd) as encoder:
        for shade in range(3):
            encoder.write(np.full((size[1], size[0], 3), 40 * shade, np.uint8))
    assert cssv.decode(tmp_path / "x.cssv", tmp_path / "h.mkv", overlay=tmp_path / "o.mp4").frames == 3


def test_odd_sides_have_no_lossy_planes(tmp_path):
    with pytest.raises(FrameError, match=r"even sides.*rgb24"):
        cssv.Encoder(tmp_path / "x.cssv", size=(33, 35), rate=25)
    assert not list(tmp_path.iterdir())


def test_times_of_frames_are_kept(tmp_path):
    stamps = [5, 6, 40, 41, 90000, 90001]
    with cssv.Encoder(
        tmp_path / "x.cssv",
        size=SIZE,
        rate=25,
        time_base=Fraction(1, 90000),
        detector=synthetic.Truth(),
        lossless=True,
    ) as encoder:
        for pts, picture in zip(stamps, synthetic.pictures(), strict=False):
            encoder.write(cssv.Frame(picture, "rgb24", pts, Fraction(1, 90000)))
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [moment.time for moment in clip] == [Fraction(pts, 90000) for pts in stamps]


def test_ntsc_stream(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate="30000/1001", lossless=True) as encoder:
        write_all(encoder, 7)
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [moment.time for moment in clip] == [Fraction(1001 * n, 30000) for n in range(7)]


def test_a_given_object_and_warnings(tmp_path):
    scene = {
        "cssv_scene": 1,
        "objects": [
            {"match": {"label": "ghost"}, "temperature_c": 3},
            {"match": {"label": "block"}, "temperature_c": 20},
            {
                "name": "cart",
                "label": "cart",
                "trajectory": [
                    {"time_s": 0, "box_px": [100, 5, 20, 20]},
                    {"time_s": 0.4, "box_px": [110, 5, 20, 20]},
                ],
            },
        ],
    }
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, scene=scene, lossless=True) as encoder:
        write_all(encoder)
        encoder.close()
        assert len(encoder.warnings) == 1
        assert "ghost" in encoder.warnings[0]
    with cssv.open(tmp_path / "x.cssv") as clip:
        labels = [sorted(row.label for row in moment.objects) for moment in clip]
    assert labels[5] == ["block", "block", "cart"]
    assert labels[20] == ["block", "block"]


MEASURE = """
import resource, sys
import numpy as np, cssv
from cssv.perception import detections
count = int(sys.argv[2])
ground = np.random.default_rng(1).integers(60, 130, (20, 24, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
with cssv.Encoder(sys.argv[1], size=(192, 160), rate=25, scene={"cssv_scene": 1, "objects": [
        {"match": {"label": "*"}, "temperature_c": 30}]}, lossless=True) as encoder:
    for n in range(count):
        picture = ground.copy()
        x = n % 30 * 4
        picture[40:90, x:x + 30] = 220
        # Somebody new every 30 frames.
        encoder.write(picture, detections([[x, 40, 30, 50]], ids=[n // 30]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_stream(tmp_path):
    peaks_kib = []
    for count in (150, 700):
        command = [sys.executable, "-c", MEASURE, str(tmp_path / f"{count}.cssv"), str(count)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        peaks_kib.append(int(done.stdout))
    # The pictures alone would be 48 MiB.
    assert peaks_kib[1] - peaks_kib[0] < 12 * 1024


def test_option_error_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match="frame rate"):
        cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=0)
    assert issubclass(OptionError, ValueError)
