"""Commits to files whose content decodes exactly while the rest of the picture is lossy."""

from __future__ import annotations

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
import cssv.pipeline.stego_coding
from cssv.carriers import CARRIERS
from cssv.container import Reader
from cssv.testing import clips as synthetic
from tests.carriers.cell_carrier import CellCarrier

#: Frames of a window, and of a group of pictures in these tests: two windows.
WINDOW, GROUP = 5, 10
COUNT = 24
#: One object in each window, of its own track and temperature, so that a scene changes single windows.
TRACKS = {track: range(WINDOW * (track - 1), min(WINDOW * track, COUNT)) for track in range(1, 6)}


def scene(**warmths):
    """A scene in which every object has 20 degrees, but some tracks have others: ``t2=30``."""
    objects = [{"match": {"track": track}, "temperature_c": warmths.get(f"t{track}", 20)} for track in TRACKS]
    return {"cssv_scene": 1, "ranges": {"temperature_c": [0, 100]}, "objects": objects}


@pytest.fixture(scope="module", autouse=True)
def registered():
    CARRIERS.register("cells", CellCarrier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cssv.pipeline.stego_coding, "GROUP_S", Fraction(GROUP, synthetic.RATE))
        yield
    CARRIERS.unregister("cells")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip, and a file with its boxes."""
    folder = tmp_path_factory.mktemp("windows")
    blocks = [
        synthetic.Block(track, "block", (20 * track, 30), (1, 1), (36, 48), (230, 200, 150), n[0], n[-1])
        for track, n in TRACKS.items()
    ]
    synthetic.write_clip(folder / "clip.mkv")
    rows = [
        f"{number + 1},{block.track},{','.join(map(str, block.box(number)))},1\n"
        for number in range(COUNT)
        for block in blocks
        if block.is_shown(number)
    ]
    (folder / "boxes.txt").write_text("".join(rows))
    return folder / "clip.mkv"


@pytest.fixture(scope="module")
def first(clip, registered):
    """Its file; read only."""
    path = clip.with_name("first.cssv")
    boxes = clip.with_name("boxes.txt")
    cssv.encode(clip, path, boxes=boxes, scene=scene(), carrier="cells", created_s=1)
    return path


@pytest.fixture
def path(first, tmp_path):
    """A copy of it."""
    return shutil.copy(first, tmp_path / "clip.cssv")


def pictures(path):
    with av.open(str(path)) as source:
        return [picture.to_ndarray() for picture in source.decode(video=0)]


def check(path, **warmths):
    """The version that plays is sound, and each frame holds its number and the temperature of its track."""
    assert cssv.verify(path).faults == ()
    carrier = CellCarrier()
    with cssv.open(path) as opened:
        for number, (moment, planes) in enumerate(zip(opened, pictures(path), strict=True)):
            assert np.array_equal(moment.frame.planes, planes)
            found = carrier.extract(moment.frame)
            assert (found.found_number, found.is_intact) == (number, True)
            track = number // WINDOW + 1
            assert [warmth for _, _, warmth in found.objects] == [warmths.get(f"t{track}", 20)]
            assert [o.temperature_c for o in moment.objects] == [warmths.get(f"t{track}", 20)]


def group_of(path, number, version=None):
    """Bytes of the samples of one group of pictures."""
    with Reader(path, version=version) as reader:
        frames = range(GROUP * number, min(GROUP * (number + 1), COUNT))
        return [reader.sample(reader.video.number, frame) for frame in frames]


def test_only_groups_whose_drawing_changes_are_coded(path):
    done = cssv.commit(path, scene(t2=30))
    assert (done.frames_coded, done.version) == (GROUP, 2)
    check(path, t2=30)
    assert group_of(path, 0) != group_of(path, 0, version=1)
    for number in (1, 2):
        assert group_of(path, number) == group_of(path, number, version=1)


def test_unchanged_windows_of_a_group_keep_their_content(path):
    """Also if an earlier commit has changed them."""
    cssv.commit(path, scene(t1=40))
    cssv.commit(path, scene(t1=40, t2=50))
    check(path, t1=40, t2=50)


@pytest.mark.parametrize(
    ("chain", "last"),
    [
        ([{"t1": 40}, {"t1": 40, "t2": 50}], {"t1": 40, "t2": 50}),
        ([{"t1": 40, "t4": 60}, {"t3": 30}], {"t3": 30}),
        ([{"t1": 40}, {"t2": 50}, {"t2": 50, "t5": 1}], {"t2": 50, "t5": 1}),
        ([{"t2": 40}, {"t2": 41}, {"t2": 42}], {"t2": 42}),
        ([{"t1": 40}, {"t4": 60}], {"t4": 60}),
    ],
)
def test_a_chain_ends_where_one_commit_would(path, first, tmp_path, chain, last):
    for warmths in chain:
        cssv.commit(path, scene(**warmths))
    check(path, **last)
    direct = shutil.copy(first, tmp_path / "direct.cssv")
    cssv.commit(direct, scene(**last))
    for number in range(3):
        assert group_of(path, number) == group_of(direct, number)


def test_going_back_shares_the_first_version(path):
    cssv.commit(path, scene(t1=40))
    done = cssv.commit(path, scene())
    assert done.frames_coded == 0
    assert group_of(path, 0) == group_of(path, 0, version=1)
    check(path)


def test_a_group_that_the_first_version_has_is_shared(path):
    """Although the scene of no version is the new one."""
    cssv.commit(path, scene(t1=40))
    done = cssv.commit(path, scene(t5=70))
    assert done.frames_coded == COUNT % GROUP
    assert group_of(path, 0) == group_of(path, 0, version=1)
    check(path, t5=70)


def test_with_the_clip_a_commit_is_an_encoding(path, clip, tmp_path):
    """A group that changes is coded as if the clip was encoded with the new scene."""
    cssv.commit(path, scene(t1=40))
    done = cssv.commit(path, scene(t1=40, t2=50), cover=clip)
    check(path, t1=40, t2=50)
    fresh, boxes = tmp_path / "fresh.cssv", clip.with_name("boxes.txt")
    cssv.encode(clip, fresh, boxes=boxes, scene=scene(t1=40, t2=50), carrier="cells", created_s=1)
    assert group_of(path, 0) == group_of(fresh, 0)
    assert done.frames_coded == GROUP


def test_the_second_coding_loses_little(path, first):
    cssv.commit(path, scene(t2=30))
    before, after = (np.stack(pictures(each)[:WINDOW]).astype(float) for each in (first, path))
    assert 10 * np.log10(255**2 / ((before - after) ** 2).mean()) > 35


def test_older_versions_stay(path, first):
    cssv.commit(path, scene(t2=30))
    cssv.commit(path, scene(t4=35))
    assert [group_of(path, n, version=1) for n in range(3)] == [group_of(first, n) for n in range(3)]
    assert cssv.verify(path).faults == ()
