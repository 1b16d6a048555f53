"""A tiny carrier whose content survives a lossy codec: one byte a frame, in the brightness of fields."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import cssv
from cssv.carriers import CARRIERS, carrier_of_file
from cssv.carriers.base import Embedded, Hint
from cssv.errors import CarrierError, ContainerError, InputError, NibblesLostError, OptionError
from cssv.frames import planes_crc, split_planes
from cssv.template.state import ObjectState
from cssv.testing.carrier import CarrierContract

#: Fields of the picture, two rows of eight: the byte, and its complement as a check.
ROWS, COLUMNS = 2, 8
#: Distance of the brightness levels that stand for 0 and 1; a lossy codec moves the mean of a field far less.
STEP = 12


def fields(frame):
    """The fields of a frame, as views on its first plane."""
    plane = split_planes(frame.planes, frame.layout)[0]
    height, width = plane.shape
    h, w = height // ROWS, width // COLUMNS
    return [plane[r * h : (r + 1) * h, c * w : (c + 1) * w] for r in range(ROWS) for c in range(COLUMNS)]


def bits_of(byte):
    return [byte >> k & 1 for k in range(COLUMNS)] + [1 - (byte >> k & 1) for k in range(COLUMNS)]


@dataclass(frozen=True)
class BrightnessExtract:
    """The byte of one frame: its number of objects."""

    stego: object
    count: int
    clip: object = None
    is_intact: bool = True
    is_missing: bool = False
    damaged_cells: tuple = ()
    origin: tuple = (0, 0)

    @property
    def number(self):
        return self.stego.number

    @property
    def pts(self):
        return self.stego.pts

    @property
    def heat(self):
        return np.zeros_like(self.stego.planes)

    clean_heat = heat

    def states(self, _ranges):
        zero = (0.0, 0.0)
        return tuple(
            ObjectState(track + 1, "", 1.0, (0.0, 0.0, 1.0, 1.0), zero, zero, zero, np.inf)
            for track in range(self.count)
        )


@dataclass(frozen=True)
class BrightnessCarrier:
    """Moves the mean brightness of each field to the next multiple of STEP whose parity is the bit."""

    name: ClassVar[str] = "brightness"
    needs_lossless: ClassVar[bool] = False

    @classmethod
    def from_options(cls, _options):
        return cls()

    def options(self):
        return {}

    def embed(self, cover, content):
        planes = cover.planes.copy()
        stego = replace(
            cover, planes=planes, number=content.number, pts=content.pts, time_base=content.time_base
        )
        for field, bit in zip(fields(stego), bits_of(len(content.objects) & 0xFF), strict=True):
            mean = field.mean(dtype=float)
            level = 2 * round((mean / STEP - bit) / 2) + bit
            # A field that cannot become darker or brighter takes the nearest level inside.
            level = min(max(level, 2 + bit), int(255 / STEP) - 2 + bit)
            moved = field.astype(float) + (level * STEP - mean)
            for _ in range(4):
                moved = np.clip(moved, 0, 255)
                moved += level * STEP - moved.mean()
            field[...] = np.clip(np.rint(moved), 0, 255)
        return Embedded(stego)

    def extract(self, stego, hint=None):
        levels = [round(field.mean(dtype=float) / STEP) for field in fields(stego)]
        bits = [level & 1 for level in levels]
        byte = sum(bit << k for k, bit in enumerate(bits[:COLUMNS]))
        if bits != bits_of(byte):
            return None
        return BrightnessExtract(stego, byte, (hint or Hint()).clip)

    def replace(self, stego, content, cover=None, unmarked=()):  # noqa: ARG002
        if self.extract(stego) is None:
            raise ContainerError("the frame carries nothing")
        if cover is None:
            same = self.extract(stego).count == len(content.objects)
            return Embedded(stego) if same else self.embed(stego, content)
        if not self.may_come_from(stego, cover):
            raise InputError("the cover is another picture")
        return self.embed(cover, content)

    def replace_notes(self, stego, content):  # noqa: ARG002
        return ()

    def may_come_from(self, stego, cover):
        pairs = zip(fields(stego), fields(cover), strict=True)
        return all(abs(a.mean(dtype=float) - b.mean(dtype=float)) <= 2 * STEP for a, b in pairs)


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
        clips / "clip.mkv", path, boxes=clips / "boxes.txt", carrier="brightness", codec="h264-lossy",
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
    assert found.facts["codec"] == "h264-lossy"


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
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", codec="h264-lossy")
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


def test_the_default_carrier_is_named_by_no_fact(clips, tmp_path):
    """Files of the nibble carrier keep the facts that they always had; a file without the fact is nibble."""
    path = tmp_path / "x.cssv"
    cssv.encode(clips / "clip.mkv", path, boxes=clips / "boxes.txt", stop="0.2", carrier="nibble")
    facts = cssv.info(path).facts
    assert "carrier" not in facts
    assert carrier_of_file(facts).name == "nibble"
    assert carrier_of_file(facts | {"carrier": "nibble"}).options() == {"merge": "opap", "fidelity": "full"}
