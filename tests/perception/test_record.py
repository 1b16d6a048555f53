from __future__ import annotations

import resource

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception import ClipTracker, detections
from cssv.perception.record import FRAME, Record


@given(st.lists(st.integers(0, 200), max_size=12))
def test_rows_are_kept_in_their_order_however_many_come_at_once(counts):
    record, expected = Record(FRAME), []
    for count in counts:
        numbers = list(range(len(expected), len(expected) + count))
        rows = record.extend(count)
        rows["number"], rows["time_s"] = numbers, np.array(numbers) / 7
        expected += numbers
    assert len(record) == len(expected)
    assert record.rows["number"].tolist() == expected
    np.testing.assert_array_equal(record.rows["time_s"], np.array(expected) / 7)


def test_a_clip_grows_by_what_its_boxes_say_and_no_more():
    clip, seen = ClipTracker(), detections([[10, 20, 30, 40], [300, 20, 30, 40], [600, 20, 30, 40]])
    for k in range(2_000):
        clip.add(k, k / 25, seen)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for k in range(2_000, 42_000):
        clip.add(k, k / 25, seen)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    # 96 bytes a box and 16 a frame; the block is copied as it doubles, so that it may be there three times.
    assert grown < 3 * 40_000 * (3 * 96 + 16) * 1.2 + 4e6
