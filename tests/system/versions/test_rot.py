"""One flipped byte anywhere in a file of four versions is harmless or reported, with bounded memory."""

from __future__ import annotations

import random
import shutil
import signal
import tracemalloc
from contextlib import contextmanager

import pytest

import cssv
from cssv.container import Reader, walk_boxes
from cssv.errors import ContainerError

#: Flips anywhere, most of which hit a sample, and flips in the tables, which have more meanings.
ANYWHERE, IN_TABLES, SEED = 100, 300, 20
FLIPS = ANYWHERE + IN_TABLES
#: Seconds after which a call hangs, and the most bytes for one file in addition to those of the codecs.
HANG_S, MOST_BYTES = 120, 32 << 20
#: Kinds of faults in the bytes of a frame.
OF_A_FRAME = {"sample", "scene", "pixels", "marks"}


@contextmanager
def limited(seconds):
    """A test that hangs fails."""

    def ring(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def shown(path, lab):
    """Pixels and scene samples of every version."""
    numbers = [version.number for version in cssv.log(path).versions]
    return {number: (lab.own_crcs(path, number), lab.samples_of(path, number)) for number in numbers}


def sample_places(path):
    """(first byte, end, kind, frame, versions that show it) of video and scene samples."""
    found = {}
    for version in cssv.log(path).versions:
        with Reader(path, version=version.number) as reader:
            for track, kind in ((reader.video, "sample"), (reader.scene, "scene")):
                table = track.table
                for frame, (offset, size) in enumerate(
                    zip(table.offsets.tolist(), table.sizes.tolist(), strict=True)
                ):
                    place = found.setdefault(offset, (offset, offset + size, kind, frame, set()))
                    place[4].add(version.number)
    return sorted(found.values(), key=lambda place: place[0])


@pytest.fixture
def scratch(four, tmp_path):
    return shutil.copy(four, tmp_path / "rotten.cssv")


def flipped(path, at, mask):
    with path.open("r+b", buffering=0) as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ mask]))


def test_one_flipped_byte(four, scratch, lab):
    """For each byte, verify reports it, or every version still shows the same frames."""
    expected, places = shown(four, lab), sample_places(four)
    data = four.read_bytes()
    random_ = random.Random(SEED)
    outside = [at for at in range(len(data)) if not any(place[0] <= at < place[1] for place in places)]
    spots = [random_.randrange(len(data)) for _ in range(ANYWHERE)] + random_.sample(outside, IN_TABLES)
    # The types of tables that no player reads.
    dead = [
        box.offset + 4 + at
        for box in walk_boxes(four)
        if box.depth == 0 and box.kind == b"free"
        for at in range(4)
    ]
    assert len(dead) >= 12
    spots += dead
    outcomes = {"named": 0, "refused": 0, "harmless": 0}
    for at in spots:
        mask = random_.choice([0x01, 0x80, 0xFF, random_.randint(1, 255)])
        flipped(scratch, at, mask)
        with limited(HANG_S):
            try:
                faults = cssv.verify(scratch).faults
            except ContainerError:
                outcomes["refused"] += 1
                flipped(scratch, at, mask)
                continue
            hit = next((place for place in places if place[0] <= at < place[1]), None)
            if hit is not None:
                _, _, kind, frame, versions = hit
                named = [fault for fault in faults if fault.kind == kind]
                assert [fault.frame for fault in named] == [frame], (at, faults)
                assert named[0].version in versions, (at, faults)
            if faults:
                outcomes["named"] += 1
                for fault in faults:
                    assert fault.text
                    assert fault.version is not None or fault.kind in ("ftyp", "index"), fault
                    assert fault.frame is not None or fault.kind not in OF_A_FRAME, fault
            else:
                outcomes["harmless"] += 1
                assert shown(scratch, lab) == expected, at
        flipped(scratch, at, mask)
    assert scratch.read_bytes() == data
    print(outcomes)
    assert sum(outcomes.values()) == len(spots)
    # Nearly every byte has a meaning.
    assert len(dead) <= outcomes["harmless"] <= FLIPS // 10
    assert outcomes["named"] >= FLIPS * 3 // 4


def test_versions_without_the_damaged_sample_still_read(four, scratch, lab):
    """A damaged sample damages only the versions that show it."""
    expected = shown(four, lab)
    places = [place for place in sample_places(four) if place[2] == "sample" and len(place[4]) < 4]
    random_ = random.Random(SEED)
    for start, stop, _, frame, versions in random_.sample(places, 6):
        at = random_.randrange(start, stop)
        flipped(scratch, at, 0x55)
        for number, (crcs, samples) in expected.items():
            if number not in versions:
                assert lab.own_crcs(scratch, number) == crcs, (frame, number)
            assert lab.samples_of(scratch, number) == samples
        flipped(scratch, at, 0x55)


def test_memory_for_damaged_files(four, scratch):
    random_ = random.Random(SEED + 1)
    size = four.stat().st_size
    # Memory for a sound file, with the codecs and everything that Python keeps.
    cssv.verify(scratch)
    for _ in range(40):
        at, mask = random_.randrange(size), random_.randint(1, 255)
        flipped(scratch, at, mask)
        tracemalloc.start()
        try:
            with limited(HANG_S):
                cssv.verify(scratch)
        except ContainerError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MOST_BYTES, at
        flipped(scratch, at, mask)
