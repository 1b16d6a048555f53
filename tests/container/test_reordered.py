"""Frames that are not decoded in the order of presentation: written, read, appended, compacted, completed."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import Appender, IndexMeta, Journal, Reader, Writer, compact, read_journal
from cssv.container.decode_order import breaks_of, composition_offsets, read_order, to_frames
from cssv.container.moov import read_moov, write_moov
from cssv.errors import ContainerError, LimitError
from cssv.testing import container_reader
from tests.container.both_readers import assert_same, check_accepted
from tests.container.conftest import VIDEO_ENTRY

ABOUT = IndexMeta(5, "Ada", "first", {"layout": "yuv420p"})


@dataclass(frozen=True)
class Clip:
    """Frames in order of presentation, and the order in which they are decoded.

    Attributes:
        times: pts of each frame, and then the end of the last.
        groups: number of frames of each group of pictures.
        order: frame of each sample.
        time_base: of the times.
    """

    times: tuple[int, ...]
    groups: tuple[int, ...]
    order: tuple[int, ...]
    time_base: Fraction = Fraction(1, 1000)

    @property
    def keys(self):
        return {0, *list(accumulate(self.groups))[:-1]}

    def write(self, target, journal=None, finish=True, start=0, words=b"sample"):
        writer = Writer(target, journal=journal)
        video = writer.add_video(width=64, height=48, time_base=self.time_base)
        scene = writer.add_scene()
        writer.describe({video: VIDEO_ENTRY}, ABOUT)
        steps = np.diff(self.times).tolist()
        for place, frame in enumerate(self.order):
            writer.note_frame(place)
            dts, pts = self.times[place] + start, self.times[frame] + start
            data = b"%s %d" % (words, frame)
            writer.write_sample(
                video, data, pts=pts, dts=dts, duration=steps[frame], is_key=frame in self.keys
            )
            writer.write_sample(scene, b"%d" % place, pts=dts, duration=steps[place])
        if finish:
            writer.finish({video: VIDEO_ENTRY}, ABOUT)
        return writer


GROUPS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@st.composite
def clips(draw, groups=GROUPS):
    """Clips with any closed groups of pictures and any times."""
    sizes = draw(groups)
    steps = draw(st.lists(st.integers(1, 50_000), min_size=sum(sizes), max_size=sum(sizes)))
    times = tuple(accumulate(steps, initial=draw(st.sampled_from([0, 7, 90_000]))))
    order, at = [], 0
    for size in sizes:
        order += [at, *draw(st.permutations(range(at + 1, at + size)))]
        at += size
    base = draw(st.sampled_from([Fraction(1, 1000), Fraction(1001, 30000), Fraction(1, 999983)]))
    return Clip(times, tuple(sizes), tuple(order), base)


#: As x264 orders frames: P and B frames, of which one is referred to; then a group without any.
LIKE_X264 = Clip(tuple(range(0, 480, 40)), (6, 5), (0, 4, 2, 1, 3, 5, 6, 7, 8, 9, 10), Fraction(1, 1000))


def written(clip, path, **options):
    with path.open("w+b") as file:
        clip.write(file, **options)
    return path


@settings(max_examples=60)
@given(clips())
def test_every_order_of_closed_groups_comes_back(tmp_path_factory, clip):
    path = written(clip, tmp_path_factory.mktemp("any") / "clip.cssv")
    check_accepted(path, container_reader)
    with Reader(path) as reader:
        number = reader.video.number
        scale = clip.time_base.numerator
        assert reader.video.pts().tolist() == [pts * scale for pts in clip.times[:-1]]
        assert reader.video.end == clip.times[-1] * scale
        for frame in range(len(reader)):
            assert reader.sample(number, frame) == b"sample %d" % frame
            assert reader.scene_sample(frame) == b"%d" % frame
            assert reader.is_key(number, frame) == (frame in clip.keys)
            assert clip.order[reader.video.table.place(frame)] == frame
        is_plain = clip.order == tuple(sorted(clip.order))
        assert (reader.video.table.order is None) == is_plain
        assert (b"ctts" in path.read_bytes()) != is_plain


@given(clips(), st.data())
def test_order_and_offsets_are_inverse(clip, data):
    times, order = np.array(clip.times[:-1]), np.array(clip.order, np.uint32)
    offsets = composition_offsets(order, times)
    assert offsets.min() == 0
    assert offsets[0] == max(times - times[order])
    found = read_order(times, times + offsets - offsets[0])
    assert clip.order == tuple(range(len(times)) if found is None else found)
    column = np.array(data.draw(st.permutations(range(len(times)))))
    assert np.array_equal(to_frames(column[order], order), column)


@given(clips())
def test_breaks_are_where_nothing_later_was_decoded(clip):
    expected = [at for at in range(len(clip.order) + 1) if set(clip.order[:at]) == set(range(at))]
    assert breaks_of(np.array(clip.order, np.uint32), len(clip.order)).tolist() == expected
    assert breaks_of(None, 3).tolist() == [0, 1, 2, 3]


def test_a_file_without_reordering_does_not_change(tmp_path):
    """A time of decoding that is that of presentation leaves no trace."""
    plain = Clip(LIKE_X264.times, LIKE_X264.groups, tuple(range(11)))
    with_dts, without = io.BytesIO(), io.BytesIO()
    plain.write(with_dts)
    writer = Writer(without)
    video, scene = (
        writer.add_video(width=64, height=48, time_base=plain.time_base),
        writer.add_scene(),
    )
    for frame in range(11):
        writer.note_frame(frame)
        pts = plain.times[frame]
        is_key = frame in plain.keys
        writer.write_sample(video, b"sample %d" % frame, pts=pts, duration=40, is_key=is_key)
        writer.write_sample(scene, b"%d" % frame, pts=pts, duration=40)
    writer.finish({video: VIDEO_ENTRY}, ABOUT)
    assert with_dts.getvalue() == without.getvalue()


def test_moov_is_written_as_it_was_read(tmp_path):
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    with Reader(path) as reader:
        data = reader.archive.moov(reader.version)
    assert write_moov(read_moov(memoryview(data)))[8:] == data


REFUSED = {
    "a key frame out of its place": ({"pts": 40, "dts": 0, "is_key": True}, ContainerError, "key sample"),
    "too far": ({"pts": 2**30 + 40, "dts": 40, "is_key": False}, LimitError, "reordered over too long"),
    "too far back": ({"pts": 0, "dts": 2**30 + 1, "is_key": False}, LimitError, "reordered over too long"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_samples_that_the_format_cannot_hold(what):
    sample, error, words = REFUSED[what]
    writer = Writer(io.BytesIO())
    video = writer.add_video(width=64, height=48, time_base=Fraction(1, 1000))
    if not sample["is_key"]:
        writer.write_sample(video, b"v", pts=0, duration=1)
    with pytest.raises(error, match=words):
        writer.write_sample(video, b"v", duration=1, **sample)


def test_only_frames_are_reordered():
    writer = Writer(io.BytesIO())
    writer.add_video(width=64, height=48, time_base=Fraction(1, 1000))
    with pytest.raises(ContainerError, match="scene sample has another time"):
        writer.write_sample(writer.add_scene(), b"{}", pts=1, dts=0, duration=1)


def finished(shown, keys=(0,)):
    """Write samples that are shown at these times, and finish the file."""
    writer = Writer(io.BytesIO())
    video = writer.add_video(width=64, height=48, time_base=Fraction(1, 1000))
    scene = writer.add_scene()
    for place, pts in enumerate(shown):
        writer.write_sample(video, b"v", pts=pts, dts=place, duration=1, is_key=place in keys)
        writer.write_sample(scene, b"{}", pts=place, duration=1)
        writer.note_frame(place)
    writer.finish({video: VIDEO_ENTRY}, ABOUT)


def test_two_frames_at_one_time_are_refused():
    with pytest.raises(ContainerError, match="two samples at once"):
        finished((0, 2, 2, 1))


def test_a_frame_at_a_time_of_its_own_is_refused():
    with pytest.raises(ContainerError, match="no frame begins"):
        finished((0, 2, 5, 1))


def test_an_open_group_is_refused():
    """Frame 1 is decoded behind the key frame 2."""
    with pytest.raises(ContainerError, match=r"not closed.*sample 2"):
        finished((0, 3, 2, 1), keys=(0, 2))


# Versions.


def replace_group(appender, frames, order):
    for place, frame in zip(frames, order, strict=True):
        data = b"new %d" % frame
        appender.write_video(
            frame, data, is_key=place == frames.start, stego_crc=zlib.crc32(data), place=place
        )


def test_a_group_is_replaced_and_the_others_stay(tmp_path, second_reader):
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    before = path.read_bytes()
    with Appender(path) as appender:
        replace_group(appender, range(6, 11), (6, 9, 8, 7, 10))
        appender.stage(IndexMeta(6), frames_changed=5)
        appender.publish()
    assert path.read_bytes()[len(before) :].count(b"new ") == 5
    check_accepted(path, second_reader)
    with Reader(path) as new, Reader(path, version=1) as old:
        assert new.video.table.order.tolist() == [0, 4, 2, 1, 3, 5, 6, 9, 8, 7, 10]
        assert new.video.table.offsets[:6].tolist() == old.video.table.offsets[:6].tolist()
        words = [new.sample(new.video.number, frame) for frame in range(11)]
    assert words == [*(b"sample %d" % at for at in range(6)), *(b"new %d" % at for at in range(6, 11))]
    # New samples lie in the order of decoding.
    assert before[: before.index(b"moov")] in path.read_bytes()
    tail = path.read_bytes()[len(before) :]
    assert [tail.index(b"new %d" % at) for at in (6, 9, 8, 7, 10)] == sorted(
        tail.index(b"new %d" % at) for at in range(6, 11)
    )


def test_a_run_may_begin_within_a_group(tmp_path, second_reader):
    """Behind frame 5 both orders have had the same frames, so that a key frame can follow."""
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    with Appender(path) as appender:
        replace_group(appender, range(5, 6), (5,))
        appender.stage(IndexMeta(6), frames_changed=1)
        appender.publish()
    check_accepted(path, second_reader)
    with Reader(path) as reader:
        assert reader.video.table.syncs.tolist() == [1, 6, 7]


def test_frames_are_shared_with_their_place(tmp_path, second_reader):
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    with Appender(path) as appender:
        replace_group(appender, range(6), (0, 1, 2, 5, 3, 4))
        appender.stage(IndexMeta(6), frames_changed=6)
        appender.publish()
        with Reader(path, version=1) as first:
            for frame in range(6):
                appender.share_video(frame, first)
            appender.stage(IndexMeta(7), frames_changed=6)
        appender.publish()
        appender.checkout(2)
    check_accepted(path, second_reader)
    with Reader(path, version=1) as first, Reader(path, version=3) as third, Reader(path) as second:
        assert third.video.table.order.tolist() == first.video.table.order.tolist()
        assert third.video.table.offsets.tolist() == first.video.table.offsets.tolist()
        assert second.video.table.order.tolist()[:6] == [0, 1, 2, 5, 3, 4]


@pytest.mark.parametrize(
    ("frame", "place", "words"),
    [(4, 4, "same place"), (4, 11, "no such place"), (4, -1, "no such place"), (6, 1, "same place")],
)
def test_places_that_contradict_each_other_are_refused(tmp_path, frame, place, words):
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    with pytest.raises(ContainerError, match=words):
        append_one(path, frame, place, is_key=False)


def append_one(path, frame, place, *, is_key):
    """Append a version with one other sample; what is refused leaves the file as it was."""
    before = path.read_bytes()
    try:
        with Appender(path) as appender:
            appender.write_video(frame, b"new", is_key=is_key, stego_crc=1, place=place)
            appender.stage(IndexMeta(6), frames_changed=1)
    finally:
        assert path.read_bytes() == before


def test_an_open_group_is_not_appended(tmp_path):
    path = written(LIKE_X264, tmp_path / "clip.cssv")
    with pytest.raises(ContainerError, match="not closed"):
        append_one(path, 2, 2, is_key=True)


def test_compaction_keeps_the_order(tmp_path, second_reader):
    path, copy = written(LIKE_X264, tmp_path / "clip.cssv"), tmp_path / "copy.cssv"
    with Appender(path) as appender:
        replace_group(appender, range(6, 11), (6, 9, 8, 7, 10))
        appender.stage(IndexMeta(6), frames_changed=5)
        appender.publish()
    for kept in ([1, 2], [2], [1]):
        with copy.open("wb") as file:
            compact(path, file, kept)
        check_accepted(copy, second_reader)
        for number in kept:
            with Reader(path, version=number) as old, Reader(copy, version=number) as new:
                assert new.video.table.order.tolist() == old.video.table.order.tolist()
                assert_frames_equal(old, new)
    # The samples of the last copy, which is of version 1, lie end to end in the order of decoding.
    with Reader(copy) as reader:
        offsets = reader.video.table.offsets[reader.video.table.order]
        assert (np.diff(offsets) > 0).all()


def assert_frames_equal(old, new):
    for frame in range(len(old)):
        assert new.sample(new.video.number, frame) == old.sample(old.video.number, frame)


@settings(max_examples=25)
@given(clips(st.lists(st.integers(2, 6), min_size=2, max_size=4)), st.data())
def test_any_group_of_any_version(tmp_path_factory, clip, data):
    """Versions with other orders in some groups, shared groups, compaction: both readers agree."""
    folder = tmp_path_factory.mktemp("versions")
    path, copy = written(clip, folder / "clip.cssv"), folder / "copy.cssv"
    ends = list(accumulate(clip.groups))
    for number in range(2, 5):
        with Appender(path) as appender:
            for start, stop in zip([0, *ends], ends, strict=False):
                what = data.draw(st.sampled_from(["keep", "share", "write"]))
                if what == "write":
                    rest = data.draw(st.permutations(range(start + 1, stop)))
                    replace_group(appender, range(start, stop), (start, *rest))
                elif what == "share":
                    with Reader(path, version=data.draw(st.integers(1, number - 1))) as other:
                        for frame in range(start, stop):
                            appender.share_video(frame, other)
            appender.stage(IndexMeta(number), frames_changed=0)
            appender.publish()
    assert_same(container_reader, path)
    kept = data.draw(st.sets(st.integers(1, 4), min_size=1))
    with copy.open("wb") as file:
        compact(path, file, sorted(kept))
    assert_same(container_reader, copy)


# A recording that was killed.


def journal_and_file(clip, folder, frames):
    """A recording of which ``frames`` samples were written, and what its journal lists."""
    path = folder / "clip.cssv.part"
    with path.open("w+b") as file, (folder / "journal").open("wb", buffering=0) as lines:
        part = Clip(clip.times, clip.groups, clip.order[:frames], clip.time_base)
        part.write(file, Journal(lines, "clip.cssv"), finish=False).save()
    return path, read_journal(folder / "journal")


@pytest.mark.parametrize(
    ("written_frames", "whole"), [(1, 1), (2, 1), (4, 1), (5, 5), (6, 6), (7, 7), (11, 11)]
)
def test_a_recording_ends_where_no_frame_is_missing(written_frames, whole, tmp_path, second_reader):
    """Samples 1 to 3 are frames 4, 2 and 1; only with frame 3 behind them there is no hole."""
    path, content = journal_and_file(LIKE_X264, tmp_path, written_frames)
    with path.open("r+b") as file:
        Writer.resume(file, content).finish(content.heads, content.about)
    check_accepted(path, second_reader)
    with Reader(path) as reader:
        assert len(reader) == whole
        words = [reader.sample(reader.video.number, frame) for frame in range(whole)]
        assert words == [b"sample %d" % frame for frame in range(whole)]
        assert reader.video.pts().tolist() == list(LIKE_X264.times[:whole])


@settings(max_examples=40)
@given(clips(), st.data())
def test_any_recording_is_completed(tmp_path_factory, clip, data):
    folder = tmp_path_factory.mktemp("killed")
    frames = data.draw(st.integers(1, len(clip.order)))
    path, content = journal_and_file(clip, folder, frames)
    del content.chunks[data.draw(st.integers(2, max(2, len(content.chunks)))) :]
    counts = [sum(len(chunk.sizes) for chunk in content.chunks if chunk.track == track) for track in (1, 2)]
    whole = [at for at in range(min(counts) + 1) if set(clip.order[:at]) == set(range(at))]
    with path.open("r+b") as file:
        if whole == [0]:
            with pytest.raises(ContainerError, match="no complete frame"):
                Writer.resume(file, content)
            return
        Writer.resume(file, content).finish(content.heads, content.about)
    check_accepted(path, container_reader)
    with Reader(path) as reader:
        assert len(reader) == whole[-1]
        assert reader.video.pts().tolist() == [
            at * clip.time_base.numerator for at in clip.times[: whole[-1]]
        ]
