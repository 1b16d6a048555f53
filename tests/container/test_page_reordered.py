"""What SPEC.md says of reordered frames, rule by rule: both readers take what it allows, and nothing else."""

from __future__ import annotations

import tracemalloc

import pytest

from cssv.container import Reader
from cssv.errors import ContainerError
from tests.container.both_readers import check_accepted, second_refuses
from tests.container.page_files import (
    SCENE,
    SOUND,
    STBL,
    VIDEO,
    adding,
    both,
    edits,
    made,
    swap,
    table,
    u32,
    without,
)

#: The three frames are shown at 0, 1 and 3. Decoded as 0, 2, 1, they are 0 early, 2 early and 2 late.
ROWS = ((1, 2), (1, 4), (1, 0))
DELAY = 2


def swap_checksums(words):
    """The frame table counts frames, so the second sample has the third checksum."""
    words[4], words[5] = words[5], words[4]


def reordered(*rows, keys=(1,), start=DELAY, version=0, more=(), stts=None):
    """The page's file with a ``ctts`` of these rows; ``start`` is the media time in its edit list."""
    ctts = table(b"ctts", *rows)
    ctts.put(0, u32(version << 24))
    changes = [
        adding(VIDEO + "/mdia/minf/stbl", ctts),
        swap(VIDEO + STBL + "stss", table(b"stss", *[(key,) for key in keys])),
        edits(VIDEO + "/edts", (96000, -1, 0x10000), (192000, start, 0x10000)),
        *(swap(path + STBL + "stts", table(b"stts", *stts)) for path in (VIDEO, SCENE) if stts),
        *more,
    ]
    return both(*changes) | {"crc_change": swap_checksums}


def write(tmp_path, changes):
    path = tmp_path / "made.cssv"
    path.write_bytes(made(**changes))
    return path


def test_reordered_frames_are_read_by_both(second_reader, tmp_path):
    path = write(tmp_path, reordered(*ROWS))
    check_accepted(path, second_reader)
    with Reader(path) as reader:
        video = reader.video
        assert video.pts().tolist() == [2, 3, 5]
        assert [video.table.place(frame) for frame in range(3)] == [0, 2, 1]
        assert video.table.order.tolist() == [0, 2, 1]
        assert video.table.delay == DELAY
        offsets = video.table.offsets
        assert offsets[0] < offsets[2] < offsets[1]


ACCEPTED = {
    "no frame is reordered": both(adding(VIDEO + "/mdia/minf/stbl", table(b"ctts", (3, 0)))),
    "runs of one offset may be split": both(
        adding(VIDEO + "/mdia/minf/stbl", table(b"ctts", (1, 0), (1, 0), (1, 0)))
    ),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_the_page_allows(what, second_reader, tmp_path):
    check_accepted(write(tmp_path, ACCEPTED[what]), second_reader)


#: Changes, and words of the package's error.
REFUSED = {
    "version 1": (reordered(*ROWS, version=1), "unknown version"),
    "negative offsets": (
        reordered((1, 0), (1, 2), (1, 2**32 - 2), version=1, start=0),
        "unknown version",
    ),
    "too few samples": (reordered((1, 2), (1, 4)), "does not cover"),
    "too many samples": (reordered((1, 2), (1, 4), (2, 0)), "does not cover"),
    "far too many samples": (reordered((1, 2), (1, 4), (2**32 - 1, 0)), "does not cover"),
    "far too many rows": (reordered(*ROWS, *ROWS), "too many rows"),
    "an empty run": (reordered((1, 2), (0, 4), (2, 0)), "does not cover"),
    "no row": (reordered(), "does not cover"),
    "an offset of 2^31": (reordered((1, 2), (1, 2**31), (1, 0)), "out of range"),
    "the largest offset": (reordered((1, 2), (1, 2**32 - 1), (1, 0)), "out of range"),
    "no offset of 0": (reordered((1, 3), (1, 5), (1, 1)), "no offset of 0"),
    "between two frames": (
        reordered((1, 2), (1, 3), (1, 0), stts=((1, 2), (1, 2), (1, 2))),
        "no frame begins.*sample 1",
    ),
    "behind the last frame": (reordered((1, 2), (1, 5), (1, 0)), "no frame begins.*sample 1"),
    "before the first frame": (reordered((1, 4), (1, 6), (1, 0)), "no frame begins.*sample 2"),
    "two samples for a frame": (reordered((1, 0), (1, 2), (1, 0)), "two samples at once"),
    "first frame not first": (reordered((1, 1), (1, 0), (1, 0)), "no frame begins"),
    "a key frame out of its place": (reordered(*ROWS, keys=(1, 2)), "not closed.*sample 1"),
    "a group left by a frame": (reordered(*ROWS, keys=(1, 3)), "not closed.*sample 2"),
    "every sample a key": (reordered(*ROWS, keys=(1, 2, 3)), "not closed"),
    "no table of keys": (reordered(*ROWS, more=[without(VIDEO + STBL + "stss")]), "not closed"),
    "ctts of the scene": (
        reordered(*ROWS, more=[adding(SCENE + "/mdia/minf/stbl", table(b"ctts", (3, 0)))]),
        "other than the video",
    ),
    "ctts of a sound": (
        adding(SOUND + "/mdia/minf/stbl", table(b"ctts", (2, 0))),
        "other than the video",
    ),
    "two ctts": (
        reordered(*ROWS, more=[adding(VIDEO + "/mdia/minf/stbl", table(b"ctts", *ROWS))]),
        "several 'ctts'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_page_forbids(what, second_reader, tmp_path):
    changes, words = REFUSED[what]
    path = write(tmp_path, changes)
    assert second_refuses(second_reader, path, whole=False)
    tracemalloc.start()
    with pytest.raises(ContainerError, match=words):
        Reader(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
