"""``cssv.page``: what a page holds of a clip, and what cannot be made."""

from __future__ import annotations

import base64
import re
import shutil
import zlib

import numpy as np
import pytest

import cssv
from cssv.container import Archive, Reader
from cssv.errors import ContainerError, ExistsError, OptionError, RevisionError
from cssv.pipeline.embedded_planes import embed_planes, without_media
from cssv.testing import clips as synthetic


@pytest.fixture
def file(encode, tmp_path):
    path = tmp_path / "clip.cssv"
    shutil.copy(encode(lossless=True), path)
    return path


def embedded(path, name):
    """The bytes of an element of a page."""
    found = re.search(f'id="{name}">([^<]*)<', path.read_text(encoding="utf-8"))
    return base64.b64decode(found[1])


def test_a_page_holds_the_file_as_it_is(file):
    done = cssv.page(file)
    assert done.path == file.with_suffix(".html")
    assert embedded(done.path, "clip") == file.read_bytes()
    assert (done.version, done.versions, done.embed) == (1, 1, "clip")
    assert done.bytes == done.path.stat().st_size


def unpacked(store, picture_bytes):
    """All pictures of a store, as a page reads them."""
    pictures, at = [], 0
    for size in store.sizes:
        group = np.frombuffer(zlib.decompress(store.data[at : at + size]), np.uint8).reshape(
            -1, picture_bytes
        )
        assert len(group) <= store.group
        pictures += list(np.cumsum(group, axis=0, dtype=np.uint8))
        at += size
    return pictures


def test_planes_are_those_of_all_versions(file):
    scene = {**synthetic.SCENE, "objects": [{"match": {"track": 1}, "temperature_c": 3}]}
    cssv.commit(file, scene)
    cssv.commit(file, synthetic.SCENE)
    with Archive(file) as archive:
        store = embed_planes(archive)
    with cssv.open(file) as clip:
        pictures = unpacked(store, clip[0].frame.planes.size)
    for number in (1, 2, 3):
        with cssv.open(file, number) as clip:
            for moment, picture in zip(clip, store.versions[number], strict=True):
                np.testing.assert_array_equal(moment.frame.planes.ravel(), pictures[picture])
    # The third version has the pixels of the first.
    assert store.versions[3] == store.versions[1]
    assert len(pictures) == len(set(store.versions[1]) | set(store.versions[2]))


def test_a_page_with_planes_holds_the_file_without_its_media(file):
    done = cssv.page(file, embed="planes")
    kept = zlib.decompress(embedded(done.path, "clip"))
    with Archive(file) as archive:
        assert embedded(done.path, "clip") == without_media(archive)
    assert len(kept) == file.stat().st_size
    with Reader(file) as reader:
        for track, is_kept in ((reader.scene, True), (reader.video, False)):
            offset, size = int(track.table.offsets[3]), int(track.table.sizes[3])
            assert any(kept[offset : offset + size]) == is_kept


def test_a_page_without_a_clip_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cssv.page(embed="none")
    assert (done.path.name, done.version, done.versions) == ("viewer.html", None, 0)
    with pytest.raises(OptionError, match="no file is named"):
        cssv.page()


def test_what_cannot_be_made_leaves_nothing(file, clips, tmp_path, monkeypatch):
    output = tmp_path / "page.html"
    with pytest.raises(RevisionError):
        cssv.page(file, output, version=7)
    with pytest.raises(ContainerError):
        cssv.page(clips / "clip.mkv", output)
    with pytest.raises(OptionError, match="clip, planes"):
        cssv.page(file, output, embed="video")
    with pytest.raises(OptionError, match="replace the input"):
        cssv.page(file, file, overwrite=True)
    monkeypatch.setattr("cssv.view.html.page.EMBED_LIMIT_BYTES", 1000)
    for embed in ("clip", "planes"):
        with pytest.raises(OptionError, match=r"too large.*`embed=\"none\"`"):
            cssv.page(file, output, embed=embed)
    assert not output.exists()
    output.write_text("mine")
    with pytest.raises(ExistsError):
        cssv.page(file, output)
    assert output.read_text() == "mine"


def test_the_page_is_opened_when_asked(file, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    done = cssv.page(file, show=True)
    assert opened == [done.path.as_uri()]


def test_a_password_hides_the_objects(clips, tmp_path, package):
    package("cryptography")
    path = tmp_path / "secret.cssv"
    options = {"carrier": "constructive", "password": "word", "stop": "0.1"}
    cssv.encode(clips / "clip.mkv", path, boxes=clips / "boxes.txt", **options)
    assert any("password" in note for note in cssv.page(path).notes)
