"""A carrier whose content survives a lossy codec, in all commands."""

from __future__ import annotations

import subprocess

import pytest

import cssv
from cssv.carriers import CARRIERS, carrier_of_file
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.errors import CarrierError, NibblesLostError, OptionError
from cssv.frames import planes_crc
from cssv.testing.carrier import CarrierContract
from tests.carriers.brightness_carrier import BrightnessCarrier


@pytest.fixture
def registered():
    CARRIERS.register("brightness", BrightnessCarrier)
    yield
    CARRIERS.unregister("brightness")


class TestBrightnessCarrier(CarrierContract):
    def carriers(self):
        return [BrightnessCarrier()]

    def same_content(self, extracted, content):
        return extracted.count == len(content.objects)


OBJECTS = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20}]}


@pytest.fixture
def lossy(registered, clips, tmp_path):
    """A file whose heat map went through a lossy codec."""
    path = tmp_path / "lossy.cssv"
    cssv.encode(
        clips / "clip.mkv", path, boxes=clips / "boxes.txt", carrier="brightness",
        created_s=1, scene=OBJECTS,
    )  # fmt: skip
    return path


def test_a_lossy_codec_has_a_path_through_the_pipeline(lossy):
    """The pixels differ from those coded, the content comes back, and every command reads the file."""
    with cssv.open(lossy) as clip:
        crcs = clip._decoder.reader.frames.stegos
        frames = list(clip)
        changed = [planes_crc(m.frame.planes) != int(crc) for m, crc in zip(frames, crcs, strict=True)]
        assert all(changed)
        assert [m._extracted.count for m in frames] == [len(m.objects) for m in frames]
        assert clip[5].objects[0].temperature_c == 20
    assert cssv.verify(lossy).is_sound
    found = cssv.info(lossy)
    assert found.facts["carrier"] == "brightness"
    assert (found.facts["codec"], found.facts["crf"]) == ("h264", 20)


def test_a_lossy_version_can_be_committed_and_compared(lossy):
    warmer = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 30}]}
    done = cssv.commit(lossy, warmer, created_s=2)
    assert done.version == 2
    assert cssv.verify(lossy).is_sound
    changes = cssv.diff(lossy, 1, 2).objects
    assert {change.change.attribute for change in changes} == {"temperature_c"}


def test_a_lossy_copy_is_found_to_carry(lossy, tmp_path, tool):
    """Decoding finds out by itself which carrier a copy holds."""
    copy = tmp_path / "copy.mp4"
    run = [tool("ffmpeg"), "-loglevel", "error", "-i", str(lossy), "-map", "0:v", "-crf", "23", str(copy)]
    subprocess.run(run, check=True)
    with cssv.Decoder(copy) as decoder, pytest.raises(NibblesLostError):
        # One byte a frame holds neither ranges nor a time base, so a copy alone has no readings.
        next(iter(decoder))
    assert decoder.carrier.name == "brightness"


def test_a_file_of_an_unknown_carrier_is_refused(lossy):
    CARRIERS.unregister("brightness")
    try:
        with pytest.raises(CarrierError, match=r"carrier that is not installed.*brightness"):
            cssv.Decoder(lossy)
    finally:
        CARRIERS.register("brightness", BrightnessCarrier)


def test_a_carrier_of_exact_pixels_refuses_a_lossy_codec(clips, tmp_path):
    with pytest.raises(OptionError, match="needs a lossless codec"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", codec="hevc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"carrier": "smoke"}, "unknown carrier.*smoke.*nibble"),
        ({"carrier": "brightness", "merge": "opap"}, "has no option merge"),
        ({"carrier": BrightnessCarrier(), "fidelity": "full"}, "given by name"),
        ({"carrier": 7}, "not a carrier"),
        ({"merge": "sum"}, "unknown merge"),
    ],
)
@pytest.mark.usefixtures("registered")
def test_options_that_do_not_fit_the_carrier(clips, tmp_path, options, words):
    with pytest.raises(OptionError, match=words):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", **options)


def test_version_1_is_named_by_no_fact(clips, tmp_path):
    """Files of version 1 keep the facts that they always had; a file without the fact is one of them."""
    path, carrier = tmp_path / "x.cssv", NibbleCarrier(fidelity="full")
    cssv.encode(clips / "clip.mkv", path, boxes=clips / "boxes.txt", stop="0.2", carrier=carrier)
    facts = cssv.info(path).facts
    assert "carrier" not in facts
    assert carrier_of_file(facts).name == "nibble"
    assert carrier_of_file(facts | {"carrier": "nibble"}).options() == {"merge": "opap", "fidelity": "full"}
