"""Any scene that the check accepts is written, verified and read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import cssv
from cssv.errors import InputError
from cssv.testing.strategies import scenes

RATE, COUNT = 25, 3
PICTURES = [np.random.default_rng(k).integers(0, 255, (96, 112, 3)).astype(np.uint8) for k in range(COUNT)]


def in_the_clip(tree):
    """The same scene with its objects in the clip's frames, so that they are drawn."""
    for entry in tree.get("objects", ()):
        if "match" in entry:
            entry["match"] = {"label": "*"}
            continue
        points = entry["trajectory"]
        if isinstance(points, dict):
            points |= {"from_s": 0, "to_s": (COUNT - 1) / RATE}
            continue
        for number, point in enumerate(points):
            point["time_s"] = number * (COUNT - 1) / RATE / (len(points) - 1)
    # A calibration is for pictures of one size.
    tree.get("camera", {}).pop("tsai", None)
    return tree


@pytest.mark.series
@settings(max_examples=60)
@given(scenes)
def test_a_valid_scene_is_never_damage(tmp_path_factory, tree):
    """Ranges, scales and speeds that a file cannot hold ended as damage of the file just written."""
    path = tmp_path_factory.mktemp("scene") / "x.cssv"
    try:
        with cssv.Encoder(path, size=(112, 96), rate=RATE, scene=in_the_clip(tree), lag_s=0) as encoder:
            for number, picture in enumerate(PICTURES):
                encoder.write(picture, cssv.detections([[10 + number, 20, 30, 40]], [0.9], ["a"], [1]))
    except InputError:
        # A camera that sees no ground, for example.
        return
    assert cssv.verify(path).is_sound
    with cssv.open(path) as clip:
        for moment in clip:
            assert len(moment.objects) >= 1
            assert moment.objects_in_pixels is not None
