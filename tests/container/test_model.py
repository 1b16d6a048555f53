"""Any sequence of commits, checkouts, tags, broken-off appends and compactions, against a dictionary."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import Appender, IndexMeta, Reader, compact
from cssv.container.mp4_boxes import write_box
from cssv.testing.container import problems_of

FRAMES = 5


def entry(number):
    return write_box(b"avc1", bytes(6), b"\0\1", bytes(70), write_box(b"avcC", bytes([number])))


@dataclass(frozen=True)
class Row:
    """What a version is: for each frame (data, is key, entry, stego CRC) and its scene sample."""

    parent: int
    root: int
    message: str
    video: tuple[tuple[bytes, bool, bytes, int], ...]
    scene: tuple[bytes, ...]


@dataclass
class Model:
    rows: dict[int, Row]
    playing: int = 1
    following: int = 2
    tags: tuple[tuple[str, int], ...] = ()


DATA = st.binary(min_size=1, max_size=12)
CHANGES = st.dictionaries(
    st.integers(0, FRAMES - 1),
    st.one_of(
        st.tuples(st.just("video"), DATA, st.booleans(), st.integers(0, 2)),
        st.tuples(st.just("scene"), DATA),
        st.tuples(st.just("both"), DATA, st.booleans(), st.integers(0, 2)),
        st.tuples(st.just("point"), st.integers(0, 99)),
    ),
    max_size=FRAMES,
)
ANY = st.integers(0, 99)
STEPS = st.one_of(
    st.tuples(st.just("commit"), ANY, CHANGES, st.booleans()),
    st.tuples(st.just("commit"), ANY, CHANGES, st.booleans()),
    st.tuples(st.just("torn"), ANY, CHANGES, st.floats(0, 1)),
    st.tuples(st.just("checkout"), ANY),
    st.tuples(st.just("tag"), st.sampled_from(["a", "\u00e9", "b-1"]), st.one_of(st.none(), ANY)),
    st.tuples(st.just("compact"), st.sets(ANY, min_size=1, max_size=3)),
)


def pick(model, number):
    """Any number as that of a version."""
    return sorted(model.rows)[number % len(model.rows)]


class File:
    """The file and the model, changed in step."""

    def __init__(self, path, clip):
        clip.write(path)
        self.path = path
        video = tuple(
            (data, is_key, clip.head, stego)
            for (_, _, is_key, data, _), stego in zip(clip.frames, clip.stegos, strict=True)
        )
        first = Row(0, 1, clip.about.message, video, tuple(frame[4] for frame in clip.frames))
        self.model = Model({1: first})

    def write(self, appender, parent, changes):
        """Write the changes; returns the row that they make."""
        old = self.model.rows[parent]
        video, scene = list(old.video), list(old.scene)
        for frame, (kind, *what) in changes.items():
            if kind == "point":
                number = pick(self.model, what[0])
                with Reader(self.path, version=number) as other:
                    appender.share_video(frame, other)
                video[frame] = self.model.rows[number].video[frame]
            if kind in ("video", "both"):
                data, is_key, head = what
                is_key = is_key or frame == 0
                video[frame] = (data, is_key, entry(head), len(data))
                appender.write_video(frame, data, is_key=is_key, stego_crc=len(data), head=entry(head))
            if kind in ("scene", "both"):
                scene[frame] = what[0]
                appender.write_scene(frame, what[0])
        return replace(old, parent=parent, video=tuple(video), scene=tuple(scene))

    def commit(self, parent, changes, is_root):
        parent = pick(self.model, parent)
        with Appender(self.path, parent=parent) as appender:
            row = self.write(appender, parent, changes)
            number = self.model.following
            message = f"message {number}"
            staged = appender.stage(
                IndexMeta(number, "", message), root=0 if is_root else None, frames_changed=len(changes)
            )
            with Reader(staged) as reader:
                assert reader.version.number == number
                assert problems_of(reader) == []
            appender.publish()
        row = replace(row, message=message, root=number if is_root else row.root)
        self.model.rows[number], self.model.playing = row, number
        self.model.following = number + 1

    def torn(self, parent, changes, part):
        before = self.path.read_bytes()
        parent = pick(self.model, parent)
        with Appender(self.path, parent=parent) as appender:
            self.write(appender, parent, changes)
            appender.stage(IndexMeta(), frames_changed=0)
            more = self.path.read_bytes()[len(before) :]
        self.path.write_bytes(before + more[: round(part * len(more))])

    def checkout(self, number):
        self.model.playing = pick(self.model, number)
        with Appender(self.path) as appender:
            appender.checkout(self.model.playing)

    def tag(self, name, number):
        tags = dict(self.model.tags)
        if number is None and name not in tags:
            return
        if number is None:
            del tags[name]
        else:
            tags[name] = number = pick(self.model, number)
        with Appender(self.path) as appender:
            appender.tag(name, number)
        self.model.tags = tuple(sorted(tags.items(), key=lambda tag: tag[0].encode()))

    def compact(self, numbers):
        kept = sorted({pick(self.model, number) for number in numbers})
        copy = self.path.with_suffix(".copy")
        with copy.open("wb") as file:
            compact(self.path, file, kept)
        copy.replace(self.path)
        rows = {}
        for number in kept:
            row = self.model.rows[number]
            parent = row.parent
            while parent and parent not in kept:
                parent = self.model.rows[parent].parent
            root = row.root if row.root in kept else number
            rows[number] = replace(row, parent=parent, root=root)
        self.model.rows = rows
        self.model.tags = tuple(tag for tag in self.model.tags if tag[1] in rows)
        if self.model.playing not in rows:
            self.model.playing = kept[-1]
        with Reader(self.path) as reader:
            assert sum(version.bytes_added for version in reader.index.versions) == self.path.stat().st_size

    def check(self, sounds):
        model = self.model
        with Reader(self.path) as reader:
            assert reader.index.tags == model.tags
            assert reader.index.playing == model.playing
            assert reader.index.next_number == model.following
            assert [version.number for version in reader.index.versions] == sorted(model.rows)
            torn = [problem.kind for problem in problems_of(reader)]
            assert torn == (["tail"] if reader.torn_bytes else [])
        for number, row in model.rows.items():
            with Reader(self.path, version=number) as reader:
                version = reader.version
                assert (version.parent, version.root) == (row.parent, row.root)
                assert version.about.message == row.message
                self.check_samples(reader, row, sounds)

    def check_samples(self, reader, row, sounds):
        video = reader.video
        read = [
            (
                reader.sample(video.number, at),
                reader.is_key(video.number, at),
                video.table.entries[video.table.entry_of(at)],
                int(reader.frames.stegos[at]),
            )
            for at in range(FRAMES)
        ]
        assert tuple(read) == row.video
        assert tuple(reader.scene_sample(at) for at in range(FRAMES)) == row.scene
        assert video.pts().tolist() == reader.scene.pts().tolist() == [2 * at for at in range(FRAMES)]
        audio = [track for track in reader.tracks if track.kind == "audio"]
        assert [
            [reader.sample(track.number, at) for at in range(len(track.table))] for track in audio
        ] == sounds


@given(steps=st.lists(STEPS, max_size=10))
@settings(max_examples=60)
def test_every_version_reads_back_whatever_was_done(steps, clip_class, sound_class):
    frames = [(2 * at, 2, at in (0, 3), b"frame %d" % at, b"scene %d" % at) for at in range(FRAMES)]
    sound = sound_class(clip_class(frames).time_base, [(at, 1, b"sound %d" % at) for at in range(9)])
    clip = clip_class(frames, head=entry(0), sounds=[sound], stegos=list(range(FRAMES)))
    with tempfile.TemporaryDirectory() as folder:
        file = File(Path(folder) / "clip.cssv", clip)
        for name, *what in steps:
            getattr(file, name)(*what)
            file.check([[packet[2] for packet in sound.packets]])
