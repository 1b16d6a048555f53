"""Stores in the benchmark of versions: each returns the frames that it was given."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMITS, FRAMES = 5, 40
NEEDS = {"IcechunkStore": ("zarr", "icechunk"), "ZarrZip": ("zarr",)}
NAMES = ("CssvFile", "WholeCopies", "ContentAddressed", "SqliteBlobs", "IcechunkStore", "ZarrZip")


@pytest.fixture(scope="module")
def rivals():
    """The benchmark's modules."""
    return {name: importlib.import_module(name) for name in ("rivals", "rivals.corpus", "versions_kill")}


@pytest.fixture(scope="module")
def corpus(rivals, tmp_path_factory):
    module = rivals["rivals.corpus"]
    source = module.Source(ROOT / "samples/harbour.mp4", ROOT / "samples/boxes.txt", None, FRAMES)
    return module.Corpus.make(tmp_path_factory.mktemp("benchmark") / "corpus", source, COMMITS)


@pytest.fixture
def kind(request, rivals):
    missing = [name for name in NEEDS.get(request.param, ()) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; the extra `bench` has them")
    return importlib.import_module("rivals").STORES[NAMES.index(request.param)]


def test_all_stores_are_tried(rivals):
    assert tuple(kind.__name__ for kind in rivals["rivals"].STORES) == NAMES


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_every_version_comes_back(kind, rivals, corpus, tmp_path):
    reads_right = rivals["versions_kill"].reads_right
    store = kind(tmp_path)
    store.begin(corpus.finished(1))
    for number in range(2, corpus.count + 1):
        store.commit(corpus.finished(number))
        assert store.numbers() == list(range(1, number + 1))
    assert corpus.count == COMMITS + 1
    for number in range(1, corpus.count + 1):
        assert reads_right(store, corpus, number)
    # In random order, so that frames decoded before do not help.
    for number, frame in ((6, 39), (1, 0), (2, 20), (6, 3), (5, 14)):
        with store.open(number) as view:
            assert corpus.is_right(number, frame, view.frame(frame))
            assert corpus.is_right(number, FRAMES - 1 - frame, view.frame(FRAMES - 1 - frame))


def test_the_commits_change_what_they_say(corpus):
    versions = [corpus.finished(number) for number in range(1, corpus.count + 1)]
    changed = [len(version.planes) for version in versions]
    assert changed[0] == FRAMES
    assert changed[2] == 0, "text changes no pixels"
    assert versions[2].scenes
    assert 0 < changed[1] <= changed[4] <= FRAMES
    assert 0 < changed[3] <= changed[4]
    assert list(versions[5].planes) == list(versions[1].planes)


def test_a_wrong_version_is_seen(rivals, corpus, tmp_path):
    store = rivals["rivals"].STORES[NAMES.index("WholeCopies")](tmp_path)
    store.begin(corpus.finished(1))
    store.commit(corpus.finished(2))
    shutil.copyfile(tmp_path / "0001.cssv", tmp_path / "0002.cssv")
    assert not rivals["versions_kill"].reads_right(store, corpus, 2)


@pytest.mark.parametrize("kind", ["CssvFile"], indirect=True)
def test_a_killed_child_leaves_what_it_acknowledged(kind, rivals, corpus, tmp_path):
    killed = rivals["versions_kill"].kill_runs(kind, corpus, tmp_path, 2, 0)
    assert killed.runs == killed.survived == 2
    assert killed.faults == []
