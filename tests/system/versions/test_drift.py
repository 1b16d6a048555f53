"""Versions do not drift: pixels depend on the root and the scene, not on versions in between."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import av
import numpy as np
import pytest

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.planes import extract_planes
from cssv.container import Reader
from cssv.errors import InputError

#: Forms of files whose pixels come back exactly -> the arguments of :func:`cssv.encode` that choose them.
FORMS = {
    "full": {"fidelity": "full"},
    "sparse": {},
    "plain sparse": {"merge": "plain"},
    "first": {"carrier": NibbleCarrier(fidelity="full")},
    "first sparse": {"carrier": NibbleCarrier(merge="plain", fidelity="sparse")},
}
GRID = [(form, "native") for form in FORMS] + [(form, "rgb") for form in ("full", "sparse")]
LEAST_DB = 33.5
#: Frames of vtest.avi.
SECONDS = 3
#: Objects in the first seconds of vtest.avi.
EARLY = (9, 15, 19, 11, 12)


def scenes(lab, seed, count, **about):
    random_ = random.Random(seed)
    return [lab.random_scene(random_, **about) for _ in range(count)]


def small_scenes(lab, seed, count=10):
    about = {"tracks": (1, 2, 3), "labels": ("block", "person", "car"), "seconds": 5.0}
    return scenes(lab, seed, count, size=(lab.WIDTH, lab.HEIGHT), **about)


def vtest_scenes(lab, seed, count=10):
    return scenes(lab, seed, count, tracks=EARLY, labels=("*",), seconds=float(SECONDS), size=(768, 576))


def commit_all(path, todo, parents=None):
    """Commit scenes in sequence; returns the number of the last one."""
    number = cssv.log(path).playing.number
    for scene in todo:
        parent = number if parents is None else parents.randint(1, number)
        number = cssv.commit(path, scene, parent=parent).version
    return number


def check_same(lab, one, other):
    """Assert that the current versions of two files have equal planes and objects."""
    for number, (a, b) in enumerate(zip(lab.own_planes(one), lab.own_planes(other), strict=True)):
        assert np.array_equal(a, b), f"frame {number}: {np.count_nonzero(a != b)} bytes differ"
    # The scene track has outlines without a tag; both files have the same ones.
    assert lab.samples_of(one) == lab.samples_of(other)


@pytest.mark.parametrize(("form", "planes"), GRID)
@pytest.mark.parametrize("is_straight", [True, False], ids=["in a row", "onto anything"])
def test_ten_commits_equal_the_last_one_onto_version_1(is_straight, form, planes, small, lab, tmp_path):
    first = small(planes=planes, **FORMS[form])
    long, direct = (shutil.copy(first, tmp_path / name) for name in ("long.cssv", "direct.cssv"))
    seed = f"{form} {planes} {is_straight}"
    todo = small_scenes(lab, seed)
    assert commit_all(long, todo, None if is_straight else random.Random(seed)) == 11
    commit_all(direct, todo[-1:])
    check_same(lab, long, direct)
    assert cssv.verify(long).is_sound


@pytest.mark.parametrize("codec", ["ffv1", "vp9"])
def test_other_codecs(codec, small, lab, tmp_path):
    first = small(codec=codec)
    long, direct = (shutil.copy(first, tmp_path / name) for name in ("long.cssv", "direct.cssv"))
    todo = small_scenes(lab, codec)
    commit_all(long, todo)
    commit_all(direct, todo[-1:])
    check_same(lab, long, direct)


def test_back_to_the_first_scene_is_back_to_the_first_pixels(small, lab, tmp_path):
    for form, planes in GRID:
        first = small(planes=planes, **FORMS[form])
        path = shutil.copy(first, tmp_path / "back.cssv")
        commit_all(path, [*small_scenes(lab, 5, 2), lab.SCENE])
        check_same(lab, path, first)


@pytest.fixture(scope="module", params=["full", "sparse", "first"])
def real(request, vtest, lab, tmp_path_factory):
    """The first seconds of vtest, and ten scenes for them."""
    path = tmp_path_factory.mktemp("real") / "first.cssv"
    options = vtest.options | FORMS[request.param]
    cssv.encode(vtest.clip, path, scene=lab.PEOPLE, stop=SECONDS, lossless=True, created_s=0, **options)
    return path, request.param, vtest_scenes(lab, request.param)


def planes_of(clip, count):
    with av.open(str(clip)) as container:
        frames = container.decode(video=0)
        return [next(frames).to_ndarray() for _ in range(count)]


def psnr_db(covers, stegos):
    errors = [
        np.mean((a.astype(np.int16) - b).astype(np.float64) ** 2) for a, b in zip(covers, stegos, strict=True)
    ]
    return 10 * np.log10(255**2 / np.mean(errors))


def test_ten_commits_of_a_real_clip(real, vtest, lab, tmp_path):
    first, _, todo = real
    long, direct = (shutil.copy(first, tmp_path / name) for name in ("long.cssv", "direct.cssv"))
    covers = planes_of(vtest.clip, 7 * SECONDS)
    found = [psnr_db(covers, lab.own_planes(first))]
    for scene in todo:
        cssv.commit(long, scene)
        found.append(psnr_db(covers, lab.own_planes(long)))
    commit_all(direct, todo[-1:])
    check_same(lab, long, direct)
    assert min(found) >= LEAST_DB, found


def test_commit_with_the_cover_equals_a_new_encoding(real, vtest, lab, tmp_path):
    """With the cover, every version is that of a new encoding, except for the scene in the marks."""
    first, form, todo = real
    path, fresh = shutil.copy(first, tmp_path / "file.cssv"), tmp_path / "fresh.cssv"
    commit_all(path, todo[:2])
    done = cssv.commit(path, todo[2], cover=vtest.clip)
    assert cssv.log(path).playing.root == done.version
    options = vtest.options | FORMS[form]
    cssv.encode(vtest.clip, fresh, scene=todo[2], stop=SECONDS, lossless=True, **options)
    check_as_fresh(lab, path, fresh, planes_of(vtest.clip, 7 * SECONDS))
    # The same scene again with the cover: estimated pixels become exact.
    cssv.checkout(path, 2)
    cssv.commit(path, todo[2])
    assert cssv.log(path).playing.root == 1
    cssv.commit(path, todo[2], cover=vtest.clip)
    check_as_fresh(lab, path, fresh, planes_of(vtest.clip, 7 * SECONDS))


def check_as_fresh(lab, path, fresh, covers):
    with cssv.open(path) as one, cssv.open(fresh) as other:
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.clean_heat, b.clean_heat), a.number
            assert a.states == b.states
            # Marks hold a digest of the scene, so they change.
            changed = a.frame.luma() ^ b.frame.luma()
            first = extract_planes(a.frame.planes, a.frame.layout)
            if first is not None:
                assert not changed[~first.marked].any()
            else:
                # Of version 2, the lowest bits of a part of the pixels.
                assert changed.max() <= 1
                assert np.mean(changed) < 0.1
            assert np.array_equal(a.frame.planes[a.frame.height :], b.frame.planes[b.frame.height :])
    found = [psnr_db(covers, lab.own_planes(which)) for which in (path, fresh)]
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_a_version_drawn_from_the_cover_is_a_root(small, clips, lab, tmp_path):
    """Later versions depend on its pixels alone."""
    todo = small_scenes(lab, 11, 6)
    for form, planes in (("full", "native"), ("sparse", "rgb"), ("first", "native")):
        first = small(planes=planes, **FORMS[form])
        long, direct = (shutil.copy(first, tmp_path / name) for name in ("long.cssv", "direct.cssv"))
        commit_all(long, todo[:2])
        for path in (long, direct):
            cssv.commit(path, todo[2], cover=clips / "clip.mkv")
        commit_all(long, todo[3:])
        commit_all(direct, todo[-1:])
        check_same(lab, long, direct)
        with Reader(long) as reader:
            assert reader.version.root == 4


def test_frames_whose_objects_stay_keep_their_planes_and_their_bytes(small, lab, tmp_path):
    path = shutil.copy(small(), tmp_path / "file.cssv")
    before = lab.own_planes(path)
    done = cssv.commit(path, lab.scene_with({"match": {"track": 3}, "temperature_c": 55}))
    changed = [n for n, (a, b) in enumerate(zip(before, lab.own_planes(path), strict=True)) if (a != b).any()]
    assert changed == [15, 16, 17]
    assert done.frames_changed == 3
    # One more frame is encoded again: the one that is predicted from the last changed frame.
    assert done.frames_coded == 4
    with Reader(path) as new, Reader(path, version=1) as old:
        moved = np.flatnonzero(new.video.table.offsets != old.video.table.offsets)
        told = np.flatnonzero(new.scene.table.offsets != old.scene.table.offsets)
    assert moved.tolist() == [15, 16, 17, 18]
    assert told.tolist() == [0, 15, 16, 17]


def test_the_same_scene_is_nothing_to_commit(small, lab, tmp_path):
    path = shutil.copy(small(), tmp_path / "file.cssv")
    before = path.read_bytes()
    with pytest.raises(InputError, match="nothing to commit"):
        cssv.commit(path, lab.SCENE)
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(6))
def test_objects_are_those_of_a_fresh_encoding(seed, small, clips, lab, tmp_path):
    """Whatever the earlier scene stated: labels, objects given outright, values."""
    path, fresh = shutil.copy(small(), tmp_path / "file.cssv"), tmp_path / "fresh.cssv"
    first, second = small_scenes(lab, f"objects {seed}", 2)
    for scene in (first, second):
        cssv.commit(path, scene)
        options = {"scene": scene, "lossless": True, "overwrite": True}
        cssv.encode(clips / "clip.mkv", fresh, detector=lab.Truth(), **options)
        check_objects(lab, path, fresh)


def check_objects(lab, path, fresh):
    for ours, theirs in zip(lab.samples_of(path), lab.samples_of(fresh), strict=True):
        # Outlines depend on the picture, which is an estimate here.
        assert replace(ours, outlines=()) == replace(theirs, outlines=())


OVERRIDDEN = [
    {"match": {"label": "person"}, "label": "robot"},
    {"match": {"label": "robot"}, "temperature_c": 50},
    {"match": {"track": 1}, "label": "tree", "template": "edges"},
]
GIVEN = [
    {
        "trajectory": [{"time_s": 0, "box_px": [6, 10, 24, 34]}, {"time_s": 4.9, "box_px": [64, 39, 24, 34]}],
        "label": "given block",
        "density_kg_m3": 7800,
    }
]


@pytest.mark.parametrize("entries", [OVERRIDDEN, GIVEN], ids=["labels", "given"])
def test_the_second_scene_undoes_the_first(entries, clips, lab, tmp_path):
    """Labels are those of the detector again, and replaced objects are back."""
    wide = {**lab.RANGES, "density_kg_m3": [0, 9000]}
    path, fresh = tmp_path / "file.cssv", tmp_path / "fresh.cssv"
    told = lab.scene_with(*entries, ranges=wide)
    cssv.encode(clips / "clip.mkv", path, detector=lab.Truth(), scene=told, lossless=True)
    labels = {state.label for sample in lab.samples_of(path) for state in sample.objects}
    assert labels & {"robot", "tree", "given block"}
    if entries is GIVEN:
        assert sum(len(sample.replaced) for sample in lab.samples_of(path)) > 10
    plain = lab.scene_with({"match": {"label": "block"}, "temperature_c": 20}, ranges=wide)
    cssv.commit(path, plain)
    cssv.encode(clips / "clip.mkv", fresh, detector=lab.Truth(), scene=plain, lossless=True)
    check_objects(lab, path, fresh)
    assert {s.label for sample in lab.samples_of(path) for s in sample.objects} == {"block", "person", "car"}
    # And back again.
    cssv.commit(path, told)
    assert lab.samples_of(path)[3].objects == lab.samples_of(path, 1)[3].objects
