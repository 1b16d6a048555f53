"""SPEC.md suffices: a reader written from it alone sees what the package sees in the package's files.

How the two judge files that keep or break single rules of the page is in test_page_rules.py and
test_page_versions.py.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import Appender, IndexMeta, Reader, compact
from tests.container.both_readers import (
    assert_same,
    package_refuses,
    samples_of,
    second_refuses,
    seen_by_package,
    seen_by_second,
)

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
GOLDEN = sorted(VECTORS.glob("container_v*.cssv"))


# Both readers see the same.


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_read_the_same_in_both(path, second_reader):
    assert_same(second_reader, path)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_hold_what_is_said_beside_them(path, second_reader):
    """Of a file of one version it is said at the top; of more, under their numbers."""
    facts = json.loads(path.with_suffix(".json").read_text())
    versions = facts.get("versions", {"1": facts})
    whole = second_reader.read(path)
    assert [row.number for row in whole.versions] == sorted(map(int, versions))
    if "playing" in facts:
        assert (whole.index.playing, whole.shown.number) == (facts["playing"], facts["playing"])
        assert whole.index.following == facts["next_number"]
        assert [list(tag) for tag in whole.index.tags.items()] == facts["tags"]
    for number, said in versions.items():
        known = known_of(second_reader.read(path, int(number)))
        said = {"pts": facts["pts"], **said}
        assert {"sample_crc32", "scene_crc32", "stego_crc32"} <= set(said)
        names = set(said) & set(known)
        assert {name: known[name] for name in names} == {name: said[name] for name in names}


def known_of(read):
    video, shown = read.tracks[0].samples, read.shown
    return {
        "parent": shown.parent,
        "root": shown.root,
        "created_s": shown.created,
        "message": shown.message,
        "facts": shown.facts,
        "frames_changed": shown.changed,
        "bytes_added": shown.added,
        "entries": [sample.entry for sample in video],
        "keys": [sample.key for sample in video],
        "pts": [sample.pts for sample in video],
        "audio": [list(row) for row in read.audio_rows],
        "sample_crc32": read.sample_crcs,
        "scene_crc32": read.scene_crcs,
        "stego_crc32": read.stego_crcs,
    }


def test_golden_files_are_of_both_formats(second_reader):
    assert {1, 2} <= {second_reader.read(path).index.form for path in GOLDEN}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DATA = st.binary(min_size=1, max_size=12)
NAMES = st.sampled_from(["a", "b", "release", "\u00fcber", "\U0001f600"])
STEPS = st.one_of(
    st.tuples(
        st.just("version"),
        st.dictionaries(st.integers(0, 9), st.tuples(DATA, st.booleans(), st.booleans()), max_size=3),
        st.dictionaries(st.integers(0, 9), DATA, max_size=3),
        st.dictionaries(st.integers(0, 9), st.integers(0, 99), max_size=2),
        st.tuples(st.integers(0, 99), st.booleans()),
        TEXT,
    ),
    st.tuples(st.just("checkout"), st.integers(0, 99)),
    st.tuples(st.just("tag"), NAMES, st.integers(0, 99)),
    st.tuples(st.just("untag"), st.integers(0, 99)),
)


def numbers_in(path):
    with Reader(path) as reader:
        return [version.number for version in reader.index.versions], [name for name, _ in reader.index.tags]


def take_step(path, step):
    numbers, names = numbers_in(path)
    if step[0] == "version":
        take_version(path, numbers, *step[1:])
        return
    with Appender(path) as appender:
        if step[0] == "checkout":
            appender.checkout(numbers[step[1] % len(numbers)])
        elif step[0] == "tag":
            appender.tag(step[1], numbers[step[2] % len(numbers)])
        elif names:
            appender.tag(names[step[1] % len(names)], None)


OTHER_ENTRY = struct.pack(">I4s", 86, b"avc1") + bytes(6) + b"\0\1" + bytes(70)


def take_version(path, numbers, frames, scenes, points, which, text):
    parent = numbers[which[0] % len(numbers)]
    with Appender(path, parent=parent) as appender:
        count = len(appender.reader)
        frames = {frame: what for frame, what in frames.items() if frame < count}
        for frame, (data, is_key, other) in frames.items():
            head = OTHER_ENTRY if other else None
            crc = zlib.crc32(data) ^ 1
            appender.write_video(frame, data, is_key=is_key or not frame, stego_crc=crc, head=head)
        for frame, data in scenes.items():
            if frame < count:
                appender.write_scene(frame, data)
        pointed = {frame: at for frame, at in points.items() if frame < count and frame not in frames}
        for frame, at in pointed.items():
            with Reader(path, version=numbers[at % len(numbers)]) as other_version:
                appender.share_video(frame, other_version)
        about = IndexMeta(7, text, text * 2, {"layout": "rgb24", "text": text})
        changed = len(frames) + len(pointed)
        appender.stage(about, root=0 if which[1] else None, frames_changed=changed)
        appender.publish()


@given(
    sizes=st.lists(DATA, min_size=1, max_size=10),
    steps=st.lists(STEPS, max_size=7),
    kept=st.sets(st.integers(0, 99), min_size=1, max_size=4),
    sound=st.booleans(),
)
@settings(max_examples=80)
def test_any_history_reads_the_same_in_both(
    sizes, steps, kept, sound, clip_class, sound_class, second_reader, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("history")
    path, copy = folder / "clip.cssv", folder / "copy.cssv"
    frames = [(at + 1, 1, at % 3 == 0, data, b"%d" % at) for at, data in enumerate(sizes)]
    packets = [(at * 1024 - 1024, 1024, b"sound %d" % at) for at in range(3)]
    sounds = [sound_class(Fraction(1, 48000), packets)] if sound else []
    clip_class(frames, sounds=sounds).write(path)
    assert_same(second_reader, path)
    for step in steps:
        take_step(path, step)
    assert_same(second_reader, path)
    numbers, _ = numbers_in(path)
    keep = sorted({numbers[at % len(numbers)] for at in kept})
    with copy.open("wb") as file:
        compact(path, file, keep)
    assert assert_same(second_reader, copy)[3][0][1] == 0
    take_step(copy, ("checkout", 0))
    take_step(copy, ("version", {0: (b"new", True, False)}, {}, {}, (0, False), "new"))
    assert_same(second_reader, copy)


def test_every_version_of_a_branched_file_reads(branched, second_reader):
    plays = assert_same(second_reader, branched)
    assert plays[0] == 2
    assert [row[:2] for row in plays[3]] == [(1, 0), (2, 1), (3, 2), (4, 1)]
    assert plays[4][2] == (("best", 4), ("good", 1))
    expected = {
        1: [b"first frame", b"second", b"third frame!"],
        2: [b"first frame", b"two", b"third frame!"],
        3: [b"three", b"two", b"third frame!"],
        4: [b"first frame", b"second", b"four"],
    }
    for number, frames in expected.items():
        assert samples_of(seen_by_second(second_reader, branched, number, True))[0] == frames


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_version_can_be_read_as_if_it_played(number, branched, second_reader):
    """Players take the first moov; the package shows them the same bytes."""
    data = second_reader.as_if_played(branched, number)
    with Reader(branched, version=number) as reader:
        source = reader.source
    with source.open("rb") as ours:
        assert ours.read() == data
    top = second_reader.walk(data)
    live = next(box for box in top if box[0] == b"moov")
    row = next(v for v in second_reader.read(branched).versions if v.number == number)
    assert zlib.crc32(data[live[2] : live[3]]) == row.moov[2]


# Appends that broke off: section 7's table, state by state.


def add_version(path, append_version):
    append_version(path, {0: b"torn"}, {2: b"torn"}, parent=4)


def add_scene_free_version(path, append_version):
    append_version(path, {}, {})


def add_checkout(path, append_version):
    with Appender(path) as appender:
        appender.checkout(3)


def add_tag(path, append_version):
    with Appender(path) as appender:
        appender.tag("torn", 3)


class Torn:
    """A file before and after an append, and what of the append was on the disk."""

    def __init__(self, module, path, add, append_version):
        self.module, self.path = module, path
        self.before = path.read_bytes()
        self.old = assert_same(module, path)
        add(path, append_version)
        self.after = path.read_bytes()
        self.new = assert_same(module, path)
        self.added = self.after[len(self.before) :]
        tops = [box for box in module.walk(self.after) if box[1] >= len(self.before)]
        self.boxes = {
            kind: (start - len(self.before), end - len(self.before)) for kind, start, _, end in tops
        }
        self.rename = next(b[1] for b in module.walk(self.before) if b[0] == b"moov") + 4

    def state(self, added, renamed=b"moov"):
        head = self.before[: self.rename] + renamed + self.before[self.rename + 4 :]
        self.path.write_bytes(head + added)

    def shows_old(self, added):
        self.state(added)
        now = assert_same(self.module, self.path)
        assert now[:-1] == self.old[:-1]
        assert now[-1] == len(added)

    def shows_no_tags(self, added):
        """The versions are there by number, and every tag is refused."""
        self.state(added)
        for number in (None, *(row[0] for row in self.old[3])):
            now = seen_by_second(self.module, self.path, number, False)
            assert now == seen_by_package(self.path, number)
            assert now[3] == self.old[3]
        tags = self.old[4][2]
        assert tags
        for name, _ in (*tags, ("torn", 3)):
            assert second_refuses(self.module, self.path, name, whole=False)
            assert package_refuses(self.path, name, whole=False)
        assert second_refuses(self.module, self.path)
        assert package_refuses(self.path)

    def shows_new(self, added, renamed):
        self.state(added, renamed)
        now = assert_same(self.module, self.path)
        assert now == self.new


def appends(*found):
    return pytest.mark.parametrize("torn", found, indirect=True, ids=lambda add: add.__name__[4:])


@pytest.fixture
def torn(request, second_reader, branched, append_version):
    return Torn(second_reader, branched, request.param, append_version)


@appends(add_version, add_scene_free_version, add_checkout, add_tag)
def test_an_append_holds_the_boxes_of_its_kind(torn):
    kinds = {
        (b"mdat", b"moov", b"cssv"),
        (b"moov", b"cssv"),
        (b"cssv",),
    }
    assert tuple(torn.boxes) in kinds
    changed = [at for at, byte in enumerate(torn.before) if torn.after[at] != byte]
    tag = tuple(torn.boxes) == (b"cssv",)
    assert changed == ([] if tag else [torn.rename + at for at in range(4)])


@appends(add_version)
def test_torn_in_step_1(torn):
    start, end = torn.boxes[b"mdat"]
    assert start == 0
    unpatched = torn.added[:8] + struct.pack(">Q", 1 << 62)
    for length in range(end + 1):
        torn.shows_old((unpatched + torn.added[16:end])[:length])
        torn.shows_old(torn.added[:length])
    for filler in (b"\0", b"\xff"):
        torn.shows_old(torn.added[:16] + filler * (end - 16))
        torn.shows_old(unpatched + filler * 99)


@appends(add_version, add_scene_free_version, add_checkout)
def test_torn_in_step_2_and_before_step_3(torn):
    start, end = torn.boxes[b"moov"]
    for length in [*range(start, start + 20, 3), *range(start + 20, end, 131), end - 1, end]:
        torn.shows_old(torn.added[:length])
    for filler in (b"\0", b"\xff", b"moov"):
        torn.shows_old(torn.added[:start] + filler * ((end - start) // len(filler)))
        torn.shows_old(torn.added[: start + 8] + (filler * end)[: end - start - 8])


@appends(add_version, add_scene_free_version, add_checkout, add_tag)
def test_torn_in_step_3(torn):
    start, end = torn.boxes[b"cssv"]
    for length in [*range(start, start + 20, 3), *range(start + 20, end, 131), end - 1]:
        torn.shows_old(torn.added[:length])
    # An index that is complete but for its bytes is damage, if its append consists of nothing else.
    shows = torn.shows_no_tags if start == 0 else torn.shows_old
    for at in (start + 24, start + 60, start + 70, (start + end) // 2, end - 1):
        shows(torn.added[:at] + bytes([torn.added[at] ^ 0x40]) + torn.added[at + 1 :])


@appends(add_tag)
def test_after_step_3_of_a_tag(torn):
    torn.shows_new(torn.added, b"moov")


@appends(add_version, add_scene_free_version, add_checkout)
def test_torn_before_and_in_step_4(torn):
    torn.shows_old(torn.added)
    for news in product((False, True), repeat=4):
        kind = bytes(b"free"[at] if new else b"moov"[at] for at, new in enumerate(news))
        if any(news):
            torn.shows_new(torn.added, kind)


@appends(add_version, add_scene_free_version, add_checkout, add_tag)
def test_rubbish_instead_of_anything(torn):
    source = random.Random(5)
    for start, end in torn.boxes.values():
        for filler in (bytes(end - start), b"\xff" * (end - start), source.randbytes(end - start)):
            torn.shows_old(torn.added[:start] + filler + torn.added[end:])
            torn.shows_old(torn.added[:start] + filler)
    for filler in (bytes(5000), b"\xff" * 5000, source.randbytes(5000)):
        torn.shows_old(filler)


@appends(add_version, add_scene_free_version, add_checkout)
def test_after_a_rename_torn_in_the_middle_the_next_append_lands(torn, append_version):
    torn.state(torn.added, b"frov")
    append_version(torn.path, {1: b"next"}, {})
    assert samples_of(assert_same(torn.module, torn.path))[0][1] == b"next"


def test_a_reader_that_met_a_writer_looks_again(branched, second_reader, append_version, monkeypatch):
    """The first look ends before the new moov, and the old one is renamed already."""
    length = branched.stat().st_size
    append_version(branched, {0: b"new"}, {})
    whole, looks = branched.read_bytes(), []

    def look(path):
        looks.append(path)
        return whole[:length] if len(looks) == 1 else whole

    monkeypatch.setattr(Path, "read_bytes", look)
    assert second_reader.read(branched).tracks[0].samples[0].data == b"new"
    assert len(looks) == 2
