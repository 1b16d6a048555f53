"""Which rings a clip has, and which of them a carrier draws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cssv.carriers import CARRIERS
from cssv.carriers.drawn_rings import rings_for
from cssv.carriers.nibble.forms import FORM_NAMES
from cssv.pipeline.embed import Scheduled, WindowEmbedder
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.known_rings import RING_OF, known_rings
from cssv.pipeline.scene_track import SceneSample, read_sample, write_sample
from cssv.scene import Ranges, Scene
from cssv.scene.attributes import RINGS
from cssv.scene.thermal import Calibration
from cssv.template.drawing import Outline, Rings, Selector
from cssv.testing.carrier import smooth_frame, some_objects


def scene_of(*objects):
    return Scene.from_json(
        {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, **each} for each in objects]}
    )


@pytest.mark.parametrize(
    ("objects", "known"),
    [
        ([], Rings.VELOCITY),
        ([{"name": "x"}], Rings.VELOCITY),
        ([{"temperature_c": 30}], Rings.VELOCITY | Rings.TEMPERATURE),
        ([{"density_kg_m3": 900}], Rings.VELOCITY | Rings.DENSITY),
        ([{"density_kg_m3": 900}, {"temperature_c": {"value": 3, "sigma": 1}}], Rings.ALL),
        ([{"temperature_c": {"value": 3, "source": "unknown"}}], Rings.VELOCITY),
    ],
)
def test_rings_are_those_of_attributes_that_the_scene_gives(objects, known):
    scene = scene_of(*objects)
    assert known_rings(scene) == known
    assert known_rings(scene, has_thermal=True) == known | Rings.TEMPERATURE


def test_every_attribute_with_a_range_has_a_ring():
    assert set(RING_OF) == set(RINGS)


class Omitting:
    """A stand-in for a carrier that draws the known rings only."""

    omits_rings = True
    name = "omitting"
    payload_key = None


def test_only_carriers_that_say_so_omit_rings():
    for name in ("nibble", "constructive", "robust"):
        assert rings_for(CARRIERS[name].from_options({}), Rings.VELOCITY) is Rings.ALL
    assert rings_for(Omitting(), Rings.VELOCITY) is Rings.VELOCITY
    # All forms of version 2.
    for name in FORM_NAMES:
        assert rings_for(CARRIERS[name].from_options({}), Rings.VELOCITY) is Rings.VELOCITY


def test_the_first_version_of_the_pixels_has_all_rings():
    frame, objects = smooth_frame("yuv420p"), FrameObjects(some_objects())
    carrier = CARRIERS["nibble"].from_options({})
    one, other = (
        WindowEmbedder(carrier, Scene(), Ranges(), rings).embed([Scheduled(frame, objects)], 0).frames[0]
        for rings in (Rings.ALL, Rings.VELOCITY)
    )
    assert np.array_equal(one.stego.planes, other.stego.planes)
    assert one.sample == other.sample


def test_a_frame_with_a_thermal_camera_has_its_ring():
    """The camera can start after the first frame of a stream."""
    embedder = WindowEmbedder(Omitting(), Scene(), Ranges(), Rings.VELOCITY)
    frame, objects = smooth_frame("yuv420p"), FrameObjects(())
    assert embedder.content(frame, objects).rings == Rings.VELOCITY
    warm = embedder.content(frame, objects, calibration=Calibration(None, 0.5))
    assert warm.rings == Rings.VELOCITY | Rings.TEMPERATURE
    assert warm.time_base == Fraction(1, 12800)


@pytest.mark.parametrize("rings", [Rings.ALL, Rings.VELOCITY | Rings.DENSITY])
def test_samples_hold_the_rings_of_outlines(rings):
    outline = Outline(3, "", 0, (1, 2, 30, 40), bytes([9] * 32), 0, Selector.RINGS, 7, rings)
    sample = SceneSample(0, (), outlines=(outline,))
    data = write_sample(sample)
    assert read_sample(data).outlines == (outline,)
    assert (b'"rings":' in data) is (rings is not Rings.ALL)
