"""Cost of a commit relative to the first encoding of the same clip in the same run."""

from __future__ import annotations

import shutil

import pytest

import cssv

#: Bounds for a changed temperature in a tenth of the frames: share of the first version's bytes and time.
BYTES_SHARE, TIME_SHARE = 0.15, 0.25
#: Bound on the bytes of a commit that changes only the environment of the scene.
WORDS_BYTES = 64 << 10


@pytest.fixture
def copy(whole_vtest, tmp_path):
    def make(name="copy.cssv"):
        return shutil.copy(whole_vtest.path, tmp_path / name)

    return make


def test_one_temperature_in_a_tenth_of_the_frames(whole_vtest, copy, lab):
    scene = lab.scene_with({"match": {"track": 16}, "temperature_c": 41}, base=lab.PEOPLE)
    path, walls, cpus = copy(), [], []
    for _ in range(3):
        copy()
        done, wall_s, cpu_s = lab.timed(lambda: cssv.commit(path, scene))
        walls.append(wall_s)
        cpus.append(cpu_s)
    assert 0.09 <= done.frames_changed / done.frames <= 0.15
    assert done.bytes_added <= BYTES_SHARE * whole_vtest.path.stat().st_size
    print(f"clock {min(walls):.2f} of {whole_vtest.wall_s:.2f} s")
    print(f"cores {min(cpus):.2f} of {whole_vtest.cpu_s:.2f} s")
    assert min(cpus) <= TIME_SHARE * whole_vtest.cpu_s
    assert min(walls) <= TIME_SHARE * whole_vtest.wall_s


@pytest.mark.parametrize(
    "environment",
    [
        {"weather": "thunder and lightning"},
        {"ambient_temperature_c": 31, "humidity_pct": 12, "lighting_lux": 9e4},
    ],
    ids=["text", "numbers"],
)
def test_environment_alone(environment, copy, lab):
    scene = lab.PEOPLE | {"environment": lab.PEOPLE["environment"] | environment}
    path = copy()
    before = path.stat().st_size
    done = cssv.commit(path, scene, message="x" * 1000)
    assert (done.frames_changed, done.frames_coded) == (0, 0)
    assert done.bytes_added == path.stat().st_size - before <= WORDS_BYTES
    with cssv.open(path) as clip:
        said = clip.scene.environment
    assert all(getattr(said, key) is not None for key in environment)


def test_tags_and_checkouts_cost_next_to_nothing(copy, lab):
    path = copy()
    cssv.commit(path, lab.PEOPLE | {"environment": {"weather": "rain"}})
    before = path.stat().st_size
    cssv.tag(path, "wet")
    tagged = path.stat().st_size
    cssv.checkout(path, 1)
    assert tagged - before <= 4096
    assert path.stat().st_size - tagged <= WORDS_BYTES
