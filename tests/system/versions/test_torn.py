"""Appends cut off anywhere: earlier versions open, are sound and play, also in ffmpeg."""

from __future__ import annotations

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import pytest

import cssv
from cssv.container import Reader, appender, walk_boxes

LEAST_CUTS = 200


@dataclass
class Tape:
    """Writes and flushes of one appender, in order: (offset, bytes), or None for a flush."""

    before: bytes
    steps: list[tuple[int, bytes] | None] = field(default_factory=list)

    def states(self, points: set[tuple[int, int]]):
        """(step, bytes of the step, file) at each of the points, in order."""
        data = bytearray(self.before)
        for number, step in enumerate(self.steps):
            offset, new = step or (0, b"")
            for length in sorted(length for at, length in points if at == number):
                state = bytearray(data)
                lay(state, offset, new[:length])
                yield number, length, bytes(state)
            lay(data, offset, new)
        yield len(self.steps), 0, bytes(data)

    @property
    def flip(self) -> int:
        """The step that makes the version current: the four bytes of a type; without one, the last write."""
        writes = [number for number, step in enumerate(self.steps) if step is not None]
        return writes[-1]


def lay(data: bytearray, offset: int, new: bytes) -> None:
    data.extend(bytes(max(0, offset + len(new) - len(data))))
    data[offset : offset + len(new)] = new


@pytest.fixture
def recorded(monkeypatch):
    """``recorded(path, work)``: the writes of ``work`` to the file."""

    def record(path: Path, work) -> Tape:
        tape = Tape(path.read_bytes())

        class Recorder(FileIO):
            def write(self, data):
                tape.steps.append((self.tell(), bytes(data)))
                return super().write(data)

            def truncate(self, size=None):
                grown = size - os.fstat(self.fileno()).st_size
                assert grown >= 0, "a sound append cuts nothing off"
                tape.steps.append((size - grown, bytes(grown)))
                return super().truncate(size)

        flush = os.fsync

        def fsync(handle):
            tape.steps.append(None)
            flush(handle)

        with monkeypatch.context() as patch:
            patch.setattr(appender, "FileIO", Recorder)
            patch.setattr(appender.os, "fsync", fsync)
            work()
        assert [state for *_, state in tape.states(set())] == [path.read_bytes()]
        return tape

    return record


def cut_points(tape: Tape, path: Path, count: int) -> set[tuple[int, int]]:
    """Points before and after every write, around the ends of every box, and at random bytes."""
    random_ = random.Random(3)
    writes = [(number, step) for number, step in enumerate(tape.steps) if step is not None]
    points = {(number, length) for number, (_, data) in writes for length in (0, 1, len(data))}
    tops = [box for box in walk_boxes(path) if box.depth < 2]
    edges = {edge for box in tops for edge in (box.offset, box.offset + box.header, box.offset + box.size)}
    for number, (offset, data) in writes:
        for edge in edges:
            points |= {
                (number, edge - offset + by) for by in (-1, 0, 9) if 0 <= edge - offset + by <= len(data)
            }
    flip = tape.flip
    if len(tape.steps[flip][1]) == 4:
        points |= {(flip, length) for length in range(5)}
    total = sum(len(data) for _, (_, data) in writes)
    while len(points) < count:
        at = random_.randrange(total)
        for number, (_, data) in writes:
            if at <= len(data):
                points.add((number, at))
                break
            at -= len(data)
    return points


def check(path: Path, lab, crcs: dict[int, list[int]], playing: int, torn: int) -> None:
    """Assert that every earlier version is in the file, is sound and shows its pixels."""
    with Reader(path) as reader:
        assert reader.index.playing == playing
        assert reader.torn_bytes == torn
    found = cssv.verify(path)
    assert (found.faults, found.version, found.versions) == ((), playing, len(crcs))
    assert cssv.log(path).torn_bytes == found.torn_bytes == torn
    assert lab.own_crcs(path) == crcs[playing]


def crcs_of(path: Path, lab) -> dict[int, list[int]]:
    return {version.number: lab.own_crcs(path, version.number) for version in cssv.log(path).versions}


@pytest.fixture
def players(tool, lab, tmp_path):
    """``with players() as judge: judge(bytes, crcs)``: ffmpeg must show these frames; two at a time."""
    ffmpeg = tool("ffmpeg")

    class Judge(ThreadPoolExecutor):
        def __init__(self):
            super().__init__(2)
            self.count, self.waiting = 0, []

        def __call__(self, data: bytes, crcs: list[int], what: object) -> None:
            self.count += 1
            self.waiting.append(self.submit(self._look, tmp_path / f"cut{self.count}.cssv", data, crcs, what))

        def _look(self, path, data, crcs, what):
            path.write_bytes(data)
            assert lab.ffmpeg_crcs(ffmpeg, path) == crcs, what
            path.unlink()

        def __exit__(self, *error):
            super().__exit__(*error)
            for work in self.waiting:
                work.result()

    return Judge


ACTS = {
    "commit": lambda path, lab: cssv.commit(
        path, lab.scene_with({"match": {"track": 3}, "temperature_c": -5}), message="torn"
    ),
    "words only": lambda path, lab: cssv.commit(path, lab.SCENE | {"environment": {"weather": "fog"}}),
    "checkout": lambda path, _: cssv.checkout(path, 2),
    "tag": lambda path, _: cssv.tag(path, "torn", 2),
}
#: Number of cuts for each; the commit has most.
CUTS = {"commit": LEAST_CUTS, "words only": 40, "checkout": 40, "tag": 30}


@pytest.mark.parametrize("act", ACTS)
def test_cut_anywhere(act, four, recorded, players, lab, tmp_path):
    """Version 3 is current. By SPEC.md, section 7, a version counts from the first byte of the rename."""
    path, scratch = shutil.copy(four, tmp_path / "clip.cssv"), tmp_path / "scratch.cssv"
    old = crcs_of(path, lab)
    tape = recorded(path, lambda: ACTS[act](path, lab))
    new, playing = crcs_of(path, lab), cssv.log(path).playing.number
    before, flip = len(tape.before), tape.flip
    points = cut_points(tape, path, CUTS[act])
    assert len(points) >= CUTS[act]
    tags = [version.tags for version in cssv.log(path).versions]
    with players() as judge:
        for step, length, data in tape.states(points):
            scratch.write_bytes(data)
            is_new = step > flip or (step == flip and length == len(tape.steps[flip][1]))
            if act != "tag":
                is_new = step > flip or (step == flip and length > 0)
            if is_new:
                check(scratch, lab, new, playing, 0)
            else:
                check(scratch, lab, old, 3, len(data) - before)
            if act == "tag":
                assert ([v.tags for v in cssv.log(scratch).versions] == tags) == is_new
            judge(data, new[playing] if is_new else old[3], (act, step, length))
        assert judge.count >= CUTS[act]
        print(act, judge.count)


@pytest.mark.parametrize("act", ACTS)
def test_writes_lost_between_flushes(act, four, recorded, lab, tmp_path):
    """Between two flushes the disk may write in any order, or lose writes."""
    path, scratch = shutil.copy(four, tmp_path / "clip.cssv"), tmp_path / "scratch.cssv"
    old = crcs_of(path, lab)
    tape = recorded(path, lambda: ACTS[act](path, lab))
    new, playing = crcs_of(path, lab), cssv.log(path).playing.number
    random_ = random.Random(act)
    flushes = [number for number, step in enumerate(tape.steps) if step is None]
    starts = [0, *(flush + 1 for flush in flushes[:-1])]
    for start, stop in zip(starts, flushes, strict=True):
        for _ in range(12):
            data = bytearray(tape.before)
            for step in tape.steps[:start]:
                if step is not None:
                    lay(data, *step)
            # The length may already be reduced, and the bytes may have any value.
            for offset, new_bytes in tape.steps[start:stop]:
                fate = random_.choice(["there", "zeros", "rubbish", "not there"])
                if offset < len(tape.before) or fate == "there":
                    if fate != "not there":
                        lay(data, offset, new_bytes)
                elif fate != "not there":
                    lay(
                        data,
                        offset,
                        random_.randbytes(len(new_bytes)) if fate == "rubbish" else bytes(len(new_bytes)),
                    )
            scratch.write_bytes(data)
            with Reader(scratch) as reader:
                number, versions = reader.index.playing, reader.index.versions
            assert number in (3, playing)
            assert lab.own_crcs(scratch) == (new if len(versions) > len(old) else old)[number]
            assert cssv.verify(scratch).is_sound


def test_flushes_are_where_the_specification_says(four, recorded, lab, tmp_path):
    """Samples, flush, moov, flush, index, flush, rename, flush; four old bytes change, at the end."""
    kinds = {
        "commit": [b"mdat", b"moov", b"cssv", b"free"],
        "checkout": [b"moov", b"cssv", b"free"],
        "tag": [b"cssv"],
    }
    for act, expected in kinds.items():
        path = shutil.copy(four, tmp_path / f"{act}.cssv")
        tape = recorded(path, lambda act=act, path=path: ACTS[act](path, lab))
        stages: list[list[tuple[int, bytes]]] = [[]]
        for step in tape.steps:
            if step is None:
                stages.append([])
            else:
                stages[-1].append(step)
        assert stages.pop() == []
        written = [(min(offset for offset, _ in stage), stage) for stage in stages]
        kinds_found, end = [], len(tape.before)
        for start, stage in written:
            box = bytearray()
            for offset, data in stage:
                lay(box, offset - start, data)
            kinds_found.append(bytes(box) if len(box) == 4 else bytes(box[4:8]))
            if start >= len(tape.before):
                # Flushed bytes are not written again.
                assert start == end
                end = start + len(box)
        assert kinds_found == expected
        old = [offset for stage in stages for offset, _ in stage if offset < len(tape.before)]
        assert len(old) == (0 if act == "tag" else 1)


@pytest.mark.parametrize("act", ["commit", "checkout", "tag"])
def test_the_next_writer_cuts_off_the_tail_and_goes_on(act, four, recorded, tool, lab, tmp_path):
    path, scratch = shutil.copy(four, tmp_path / "clip.cssv"), tmp_path / "scratch.cssv"
    old = crcs_of(path, lab)
    tape = recorded(path, lambda: ACTS["commit"](path, lab))
    after = crcs_of(path, lab)
    points = {(number, 1) for number, step in enumerate(tape.steps[: tape.flip]) if step and len(step[1]) > 1}
    for step, _, data in list(tape.states(points))[:-1][::9]:
        scratch.write_bytes(data)
        ACTS[act](scratch, lab)
        found = cssv.log(scratch)
        assert found.torn_bytes == 0, step
        assert crcs_of(scratch, lab) == (after if act == "commit" else old)
        assert cssv.verify(scratch).is_sound
    assert lab.ffmpeg_crcs(tool("ffmpeg"), scratch) == lab.own_crcs(scratch)


def test_repair_cuts_the_tail_and_nothing_else(four, recorded, lab, tmp_path):
    path, scratch = shutil.copy(four, tmp_path / "clip.cssv"), tmp_path / "scratch.cssv"
    tape = recorded(path, lambda: ACTS["commit"](path, lab))
    points = {(number, 3) for number, step in enumerate(tape.steps[: tape.flip]) if step and len(step[1]) > 3}
    for _, _, data in list(tape.states(points))[:-1][::5]:
        scratch.write_bytes(data)
        found = cssv.verify(scratch, repair=True)
        assert (found.is_sound, found.torn_bytes) == (True, 0)
        assert found.cut_bytes == len(data) - len(tape.before) > 0
        assert scratch.read_bytes() == tape.before
