"""Cost of a commit relative to the first encoding of the same clip, in bytes and coded frames.

Seconds are measured by benchmarks/versions.py.
"""

from __future__ import annotations

import shutil

import pytest

import cssv
from tests.system.conftest import PEOPLE

#: Bounds for a changed temperature in a tenth of the frames: share of the first version's bytes, and frames
#: coded beside the changed ones.
BYTES_SHARE, RUNS = 0.15, 10
#: Bound on the bytes of a commit that changes only the environment of the scene.
WORDS_BYTES = 64 << 10


@pytest.fixture
def copy(encoded, tmp_path):
    """A copy of all of vtest, one version."""
    return shutil.copy(encoded("vtest"), tmp_path / "copy.cssv")


def test_one_temperature_in_a_tenth_of_the_frames(copy, lab):
    scene = lab.scene_with({"match": {"track": 7}, "temperature_c": 41}, base=PEOPLE)
    before = copy.stat().st_size
    done = cssv.commit(copy, scene)
    assert 0.09 <= done.frames_changed / done.frames <= 0.15
    assert done.bytes_added <= BYTES_SHARE * before
    # Frames that are predicted from the changed ones are coded anew, and no others.
    assert done.frames_coded <= done.frames_changed + RUNS


@pytest.mark.parametrize(
    "environment",
    [
        {"weather": "thunder and lightning"},
        {"ambient_temperature_c": 31, "humidity_pct": 12, "lighting_lux": 9e4},
    ],
    ids=["text", "numbers"],
)
def test_environment_alone(environment, copy, lab):
    scene = PEOPLE | {"environment": PEOPLE["environment"] | environment}
    path = copy
    before = path.stat().st_size
    done = cssv.commit(path, scene, message="x" * 1000)
    assert (done.frames_changed, done.frames_coded) == (0, 0)
    assert done.bytes_added == path.stat().st_size - before <= WORDS_BYTES
    with cssv.open(path) as clip:
        said = clip.scene.environment
    assert all(getattr(said, key) is not None for key in environment)


def test_tags_and_checkouts_cost_next_to_nothing(copy, lab):
    path = copy
    cssv.commit(path, PEOPLE | {"environment": {"weather": "rain"}})
    before = path.stat().st_size
    cssv.tag(path, "wet")
    tagged = path.stat().st_size
    cssv.checkout(path, 1)
    assert tagged - before <= 4096
    assert path.stat().st_size - tagged <= WORDS_BYTES
