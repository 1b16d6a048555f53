"""Windows frame by frame: when they are returned, what is kept, and what a search costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive import finder as finder_module
from cssv.carriers.constructive.embedding import embed_slot
from cssv.carriers.constructive.finder import WindowFinder
from cssv.carriers.constructive.keys import PUBLIC_KEY
from cssv.carriers.constructive.packets import MAGIC, payload_digest
from cssv.carriers.constructive.search import SearchHistory
from cssv.carriers.constructive.slots import LONGEST_SLOT, modes
from cssv.carriers.constructive.windows import choose_mode, embed_window, read_windows
from cssv.errors import CarrierError, OptionError


def feed(finder, pictures):
    """Frame after which each window was returned, and the window; -1 at the end."""
    found = [(i, window) for i, planes in enumerate(pictures) for window in finder.feed(planes)]
    return found + [(-1, window) for window in finder.finish()]


@pytest.fixture(scope="module")
def clip(studio):
    """20 frames without a window, three windows of 20 frames, and their payloads."""
    covers = studio.covers(80, size=(330, 310))
    payloads = [studio.payload(118, seed) for seed in range(3)]
    stego = covers[:20]
    for number, payload in enumerate(payloads):
        stego += embed_window(covers[20 * number + 20 : 20 * number + 40], "yuv420p", payload, number)
    return payloads, stego


@settings(max_examples=20)
@given(st.data())
def test_a_window_is_returned_with_the_frame_that_completes_it(studio, data):
    layout = data.draw(st.sampled_from(["yuv420p", "rgb24"]))
    frames, before = data.draw(st.integers(1, 20)), data.draw(st.integers(0, 3))
    repair = data.draw(st.integers(0, 1 if frames > 1 else 0))
    payload = studio.payload(data.draw(st.integers(0, 150)))
    covers = studio.covers(frames + before, layout, (160, 144), seed=frames)
    stego = embed_window(covers[before:], layout, payload, 3, repair=repair)
    mode = choose_mode(layout, frames, len(payload), repair)
    finder = WindowFinder(layout)
    ((last, window),) = feed(finder, covers[:before] + stego)
    assert (window.start, window.mode, window.payload) == (before, mode, payload)
    # Packets for repair come later and give nothing more.
    assert last == before + window.needed * mode.frames - 1
    assert finder.begun.packets == window.needed + repair


def test_a_window_has_begun_with_its_first_packet(clip):
    finder, starts = WindowFinder("yuv420p"), {}
    for i, planes in enumerate(clip[1]):
        finder.feed(planes)
        if finder.begun is not None:
            starts.setdefault(finder.begun.digest, (i, finder.begun.start))
    mode = choose_mode("yuv420p", 20, 118)
    first = [(20 * n + 19 + mode.frames, 20 * n + 20) for n in range(3)]
    assert starts == dict(zip(map(payload_digest, clip[0]), first, strict=True))
    assert (finder.begun.mode, finder.begun.needed, finder.begun.packets) == (mode, 2, 2)


def test_before_the_decided_frame_no_packet_will_begin(studio, clip):
    finder = WindowFinder("yuv420p", search_after=0)
    decided = []
    for planes in clip[1]:
        decided.append(finder.decided)
        begun = finder.begun
        finder.feed(planes)
        if finder.begun != begun:
            assert finder.begun.start + (finder.begun.packets - 1) * finder.begun.mode.frames >= decided[-1]
    assert decided == sorted(decided)
    assert len(clip[1]) - finder.decided < LONGEST_SLOT
    # Frames of which a search may still find something are not decided.
    searching = WindowFinder("yuv420p", studio.key, search_after=60)
    for i, planes in enumerate(clip[1]):
        assert searching.decided == (0 if i < 60 else i - LONGEST_SLOT + 1)
        searching.feed(planes)


@pytest.mark.parametrize("after", [25, 60, 240])
def test_other_places_of_the_tiles_are_searched_after_so_many_frames(studio, clip, after):
    payloads, stego = clip
    finder = WindowFinder("yuv420p", search_after=after)
    found = feed(finder, studio.crop(stego, "yuv420p", 46, 22))
    mode = choose_mode("yuv420p", 20, 118)
    ends = [20 * number + 19 + 2 * mode.frames for number in range(3)]
    expected = [-1 if after > 80 else max(end, after - 1) for end in ends]
    # A search that looked at no whole slot finds nothing, and is not repeated.
    assert [i for i, _ in found] == ([] if after == 25 else expected)
    if found:
        assert [window.payload for _, window in found] == payloads
        assert [window.start for _, window in found] == [20, 40, 60]


def test_without_a_search_only_whole_pictures_are_read(studio, clip):
    cropped = studio.crop(clip[1], "yuv420p", 46, 22)
    assert feed(WindowFinder("yuv420p", search_after=0), cropped) == []
    assert [window.payload for _, window in feed(WindowFinder("yuv420p", search_after=0), clip[1])] == clip[0]


def test_a_part_that_was_painted_over_does_not_hide_the_others(studio):
    stego = embed_window(studio.covers(2, size=(480, 480)), "yuv420p", b"room", 0)
    for planes in stego:
        planes[:150], planes[300:420, 200:] = 16, 40
    # The majority is wrong in places, the square in the lower left corner is whole.
    assert [window.payload for window in read_windows(stego, "yuv420p")] == [b"room"]
    spoilt = embed_window(studio.covers(2, size=(480, 480)), "yuv420p", b"room", 0)
    for planes in spoilt:
        # One tile in each of the five squares, never the same kind twice.
        for i, (x, y) in enumerate([(0, 0), (160, 160), (320, 320), (320, 0), (0, 320)]):
            planes[y + 60 : y + 80, x + 20 * i + 40 : x + 20 * i + 60] = 16
    assert [window.payload for window in read_windows(spoilt, "yuv420p")] == [b"room"]


def test_memory_does_not_grow_with_the_frames(studio):
    """The frames are not kept, and the bits for a search are no more than so many frames'."""
    finder = WindowFinder("yuv420p", search_after=40)
    sizes = []
    for planes in studio.covers(45, size=(640, 480)):
        finder.feed(planes)
        history = finder._history
        sizes.append(0 if history is None else sum(bits.nbytes for bits in history._bits))
        assert history is None or not any(np.shares_memory(bits, planes) for bits in history._bits)
    assert max(sizes) <= 40 * 5 * 160 * 160 * 3 // 2 // 8
    assert sizes[39:] == [0] * 6


def test_frames_full_of_magic_take_bounded_time(studio, monkeypatch):
    """Every slot of one frame begins like a packet and is none."""
    read = []
    for layout in ("yuv420p", "rgb24"):
        for mode in [mode for mode in modes(layout) if mode.frames == 1]:
            packet = MAGIC.ljust(mode.packet_bytes, b"x")
            stego = studio.covers(3, layout, (320, 320))
            for planes in stego:
                embed_slot([planes], mode, packet, PUBLIC_KEY, (0, 0))
            monkeypatch.setattr("cssv.carriers.constructive.slot_reader.read_packet", read.append)
            read.clear()
            assert feed(WindowFinder(layout, search_after=0), stego) == []
            # The majority and each of the five copies, once a frame.
            assert len(read) == 3 * 6


def test_one_search_at_most(studio, monkeypatch):
    searches = []
    monkeypatch.setattr(SearchHistory, "find", lambda history, _: searches.append(len(history)) or iter(()))
    finder = WindowFinder("yuv420p", search_after=5)
    assert feed(finder, studio.covers(30, size=(160, 160))) == []
    assert searches == [5]
    known = WindowFinder("yuv420p", grid=finder_module.Grid(2, 4), search_after=5)
    assert feed(known, studio.covers(30, size=(160, 160))) == []
    assert searches == [5]


def test_a_frame_of_another_size_is_refused(studio):
    finder = WindowFinder("yuv420p")
    finder.feed(studio.covers(1)[0])
    with pytest.raises(CarrierError, match="Begin a new `WindowFinder`"):
        finder.feed(studio.covers(1, size=(160, 160))[0])


def test_a_key_of_another_length_is_refused():
    with pytest.raises(OptionError, match="wrong length"):
        WindowFinder("yuv420p", b"short")
