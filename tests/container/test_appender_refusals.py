"""Appending: what is refused, before anything is written."""

from __future__ import annotations

import pytest

from cssv.container import Appender, IndexMeta, compact
from cssv.container import appender as module
from cssv.errors import ChecksumError, ContainerError, InputError, LimitError, OptionError
from tests.container.appends import ABOUT, commit, contents


def test_refused(path):
    with Appender(path) as appender:
        appender.write_scene(1, b"{}")
        for call, error, match in (
            (lambda: appender.write_scene(1, b"{}"), ContainerError, "twice"),
            (lambda: appender.write_scene(3, b"{}"), LimitError, "no such"),
            (lambda: appender.write_video(-1, b"x", is_key=True, stego_crc=1), LimitError, "no such"),
            (lambda: appender.write_video(0, b"", is_key=True, stego_crc=1), LimitError, "empty"),
            (lambda: appender.write_video(2, b"x", is_key=True, stego_crc=1 << 32), LimitError, "CRC"),
            (lambda: appender.publish(), ContainerError, r"Call `stage\(\)` first"),
            (lambda: appender.checkout(1), ContainerError, "started already"),
            (lambda: appender.tag("a", 1), ContainerError, "started already"),
        ):
            with pytest.raises(error, match=match):
                call()
        appender.stage(ABOUT, frames_changed=0)
        with pytest.raises(ContainerError, match="staged"):
            appender.write_scene(0, b"{}")
        with pytest.raises(ContainerError, match="staged"):
            appender.stage(ABOUT, frames_changed=0)


def test_first_frame_must_be_a_key(path, small_bytes):
    with Appender(path) as appender:
        appender.write_video(0, b"x", is_key=False, stego_crc=1)
        with pytest.raises(ContainerError, match="key"):
            appender.stage(ABOUT, frames_changed=1)
    assert path.read_bytes() == small_bytes


@pytest.mark.parametrize("meta", [IndexMeta(author="a" * 1025), IndexMeta(meta={"x": float("nan")})])
def test_what_the_index_cannot_hold_changes_nothing(path, small_bytes, meta):
    with Appender(path) as appender, pytest.raises(ContainerError):
        appender.stage(meta, frames_changed=0)
    assert path.read_bytes() == small_bytes


@pytest.mark.parametrize(
    "name", ["", "12", "a b", "a\tb", "\u00a0", "a\u200b", "x" * 256, "\u00e9" * 128, "\ud800", "\u0663"]
)
def test_names_that_no_tag_may_have(path, small_bytes, name):
    with Appender(path) as appender, pytest.raises(OptionError, match="name of a tag"):
        appender.tag(name, 1)
    assert path.read_bytes() == small_bytes


def test_versions_and_tags_that_are_not_there(path, small_bytes):
    with Appender(path) as appender:
        for call in (
            lambda: appender.tag("absent", None),
            lambda: appender.tag("good", 2),
            lambda: appender.checkout(2),
        ):
            with pytest.raises(ContainerError, match="no such"):
                call()
    with pytest.raises(ContainerError, match="no such version"):
        Appender(path, parent=2)
    assert path.read_bytes() == small_bytes
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.cssv"]


def test_a_damaged_version_is_not_checked_out(path, append_version, small_bytes):
    append_version(path, {1: b"b"}, {})
    data = bytearray(path.read_bytes())
    data[small_bytes.index(b"moov") + 50] ^= 1
    path.write_bytes(data)
    with Appender(path) as appender, pytest.raises(ChecksumError, match="version 1"):
        appender.checkout(1)
    assert path.read_bytes() == data


def test_a_version_that_only_plays_by_its_copy_goes_on_playing(path, append_version, small_bytes):
    """Its first moov is damaged: another version in front of players would take it away."""
    append_version(path, {1: b"b"}, {})
    with Appender(path) as appender:
        appender.checkout(1)
    data = bytearray(path.read_bytes())
    data[small_bytes.index(b"moov") + 50] ^= 1
    path.write_bytes(data)
    for call in (lambda: appender.checkout(2), lambda: appender.stage(ABOUT, frames_changed=0)):
        with Appender(path) as appender, pytest.raises(ChecksumError, match="compacted copy"):
            call()
    assert path.read_bytes() == data
    with path.with_name("copy.cssv").open("wb") as file:
        compact(path, file, [1, 2])
    with Appender(path.with_name("copy.cssv")) as appender:
        appender.checkout(2)
    assert contents(path.with_name("copy.cssv"), 1) == contents(path)


def test_too_many_boxes_are_refused_before_anything_is_written(path, monkeypatch, small_bytes):
    monkeypatch.setattr(module, "TOP_BOXES_LIMIT", 6)
    with Appender(path) as appender, pytest.raises(LimitError, match="Compact"):
        appender.write_scene(0, b"{}")
    monkeypatch.setattr(module, "TOP_BOXES_LIMIT", 7)
    with Appender(path) as appender:
        commit(appender)
        with pytest.raises(LimitError, match="Compact"):
            appender.tag("a", 1)


def test_what_cannot_be_opened(tmp_path, small_bytes):
    for place in (tmp_path / "absent.cssv", tmp_path):
        with pytest.raises(InputError):
            Appender(place)
    (tmp_path / "text").write_bytes(b"hello there, no boxes")
    with pytest.raises(ContainerError):
        Appender(tmp_path / "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["text"]
