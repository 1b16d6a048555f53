"""Heat maps read in JavaScript are those of the package, byte by byte."""

from __future__ import annotations

import shutil
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.carriers.base import Hint
from cssv.carriers.nibble.planes import extract_planes
from cssv.carriers.windows import window_codec
from cssv.frames import Frame
from cssv.testing import clips as synthetic
from cssv.view.heat import heat_to_rgb
from tests.carriers.nibble.conftest import Studio
from tests.carriers.nibble.test_vectors import CASES, shoot
from tests.view.heat_in_node import Job, job_of_file, job_of_frames, read_in_node, unlike

WARMER = {
    **synthetic.SCENE,
    "objects": [{"match": {"label": "*"}, "temperature_c": {"value": 50, "sigma": 0.5}}],
}
#: How the clip of two blocks is encoded, by the name of the form and its planes.
FORMS = {
    "mixed": {},
    "sparse": {"lossless": True},
    "full": {"fidelity": "full"},
    "sparse of RGB": {"lossless": True, "planes": "rgb"},
    "full of RGB": {"fidelity": "full", "planes": "rgb"},
}
#: Frames of each file that are compared; the clip has 24.
MOST = 12


@pytest.fixture(scope="module")
def committed(encode, tmp_path_factory) -> Path:
    """A lossless file of two versions with other temperatures."""
    path = tmp_path_factory.mktemp("committed") / "two.cssv"
    shutil.copy(encode(lossless=True), path)
    cssv.commit(path, WARMER)
    return path


@pytest.fixture(scope="module")
def files(encode, committed) -> dict[str, Job]:
    jobs = {name: job_of_file(encode(**options), most=MOST) for name, options in FORMS.items()}
    for version in (1, 2):
        jobs[f"version {version}"] = job_of_file(committed, version, MOST)
    return jobs


@pytest.fixture(scope="module")
def golden() -> dict[str, Job]:
    """Frames of the golden vectors of the first version of the pixels."""
    jobs = {}
    for case in CASES:
        layout = case[0]
        frame = frame_of(shoot(Studio(), *case)[3], layout, 1234)
        found = extract_planes(frame.planes, layout)
        assert found is not None
        jobs[" ".join(map(str, case))] = job_of_frames("nibble", [frame], [found.clean(layout)])
    return jobs


def frame_of(planes, layout, number: int = 0) -> Frame:
    return Frame(planes, layout, number, Fraction(1, 25), number)


def python_heat(carrier: str, frame: Frame):
    """What the package reads from a frame that a checksum is said to have shown sound; None for nothing."""
    extractor = window_codec(CARRIERS[carrier]()).extractor()
    ((_, found),) = extractor.feed(frame, Hint(is_verified=True))
    return None if found is None else found.clean_heat


def damaged(job: Job, seed: int) -> Job:
    """The frames of a job with some bytes changed."""
    generator = np.random.default_rng(seed)
    frames, heats = [], []
    for number, planes in zip(job.numbers, job.planes, strict=True):
        other = planes.copy()
        at = generator.integers(0, other.size, 60)
        other.reshape(-1)[at] = generator.integers(0, 256, len(at))
        frame = frame_of(other, job.layout, number)
        frames.append(frame)
        heats.append(python_heat(job.facts["carrier"], frame))
    assert all(heat is not None for heat in heats)
    return job_of_frames(job.facts["carrier"], frames, heats)


def test_heat_maps_of_files(files, tool, tmp_path):
    jobs = list(files.values())
    for name, job, found in zip(files, jobs, read_in_node(tool("node"), tmp_path, jobs), strict=True):
        assert found.report["canRead"], name
        assert unlike(job, found) == [], name
        assert any(heat.any() for heat in job.heats), name
        for frame, number, planes in zip(found.report["frames"], job.numbers, job.planes, strict=True):
            assert (frame["number"], frame["damage"], frame["crc"]) == (number, "", zlib.crc32(planes.data))
            assert {each["track"] for each in frame["objects"]} <= {1, 2}
        # The pictures are those of the package.
        assert np.array_equal(found.colours[..., :3], heat_to_rgb(job.heats[-1], job.layout)), name
        assert (found.colours[..., 3] == 255).all()


def test_versions_differ(files):
    first, second = files["version 1"], files["version 2"]
    assert any(not np.array_equal(a, b) for a, b in zip(first.heats, second.heats, strict=True))


def test_objects_of_the_default_form(files, tool, tmp_path):
    job = files["mixed"]
    (found,) = read_in_node(tool("node"), tmp_path, [job])
    objects = found.report["frames"][3]["objects"]
    assert {each["track"]: each["box"] for each in objects} == {
        k + 1: list(box) for k, box in enumerate(synthetic.boxes_at(3))
    }
    assert {each["label"] for each in objects} == {"object"}
    assert all(each["readings"]["motion"] > 0 for each in objects)


def test_golden_frames_of_the_first_version(golden, tool, tmp_path):
    jobs = list(golden.values())
    for name, job, found in zip(golden, jobs, read_in_node(tool("node"), tmp_path, jobs), strict=True):
        assert unlike(job, found) == [], name
        assert found.report["frames"][0]["number"] == 1234
        assert found.report["frames"][0]["damage"] == ""


def test_damaged_frames_are_read_as_the_package_reads_them(files, tool, tmp_path):
    names = ("mixed", "sparse", "full", "full of RGB")
    jobs = [damaged(files[name], seed) for seed, name in enumerate(names)]
    for name, job, found in zip(names, jobs, read_in_node(tool("node"), tmp_path, jobs), strict=True):
        assert unlike(job, found) == [], name
        if name != "mixed":
            # Its cells outvote single wrong ones.
            assert any(frame["damage"] for frame in found.report["frames"]), name


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_frames_without_a_heat_map(layout, tool, tmp_path):
    generator = np.random.default_rng(7)
    shape = (150, 96) if layout == "yuv420p" else (100, 96, 3)
    covers = [generator.integers(0, 256, shape, np.uint8), np.zeros(shape, np.uint8)]
    frames = [frame_of(planes, layout, k) for k, planes in enumerate(covers)]
    names = ["nibble", "full", "sparse", "mixed"]
    jobs = [job_of_frames(name, frames, covers) for name in names]
    for name, found in zip(names, read_in_node(tool("node"), tmp_path, jobs), strict=True):
        assert [any(heat) for heat in found.heats] == [False, False]
        # A frame of the default form without objects has nothing by which it is known.
        is_told = [bool(frame["damage"]) for frame in found.report["frames"]]
        assert is_told == [name != "mixed"] * 2


def test_frames_of_another_size(files, tool, tmp_path):
    jobs = []
    for name in ("mixed", "sparse", "full"):
        job = files[name]
        jobs.append(Job(job.facts, job.layout, (64, 64), job.planes[:1], job.heats[:1], [0]))
    for found in read_in_node(tool("node"), tmp_path, jobs):
        assert "instead of 6144" in found.report["frames"][0]["damage"]


@pytest.mark.parametrize("carrier", ["constructive", "robust", "of another package"])
def test_other_carriers_are_refused_in_a_sentence(carrier, tool, tmp_path):
    planes = np.zeros((96, 64), np.uint8)
    job = job_of_frames(carrier, [frame_of(planes, "yuv420p")], [planes])
    (found,) = read_in_node(tool("node"), tmp_path, [job])
    assert not found.report["canRead"]
    assert "scene track" in found.report["reason"]
    assert found.report["frames"][0]["damage"] == found.report["reason"]
