"""Windows: payloads through crops, cuts and damage."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive import packets, search
from cssv.carriers.constructive.embedding import embed_slot
from cssv.carriers.constructive.keys import PUBLIC_KEY, packet_mask
from cssv.carriers.constructive.packets import Packet, Shape, payload_digest
from cssv.carriers.constructive.search import Grid, find_grid
from cssv.carriers.constructive.slots import Mode, magic_bits
from cssv.carriers.constructive.tiles import KINDS
from cssv.carriers.constructive.windows import (
    capacity,
    choose_mode,
    embed_window,
    read_windows,
    replace_window,
)
from cssv.errors import CarrierError, OptionError


@pytest.fixture(scope="module")
def clip(studio):
    """Three windows of 20 frames and their payloads."""
    covers = studio.covers(60, size=(400, 300))
    payloads = [studio.payload(118, seed) for seed in range(3)]
    stego = []
    for number, payload in enumerate(payloads):
        stego += embed_window(covers[20 * number : 20 * number + 20], "yuv420p", payload, number)
    return covers, payloads, stego


def test_a_whole_clip(clip):
    covers, payloads, stego = clip
    found = read_windows(stego, "yuv420p")
    assert [window.payload for window in found] == payloads
    assert [(window.start, window.needed) for window in found] == [(0, 2), (20, 2), (40, 2)]
    for cover, planes in zip(covers, stego, strict=True):
        assert not ((cover ^ planes) & 0xF0).any()
        assert np.abs(cover.astype(int) - planes).max() <= 1


@settings(max_examples=12)
@given(st.data())
def test_any_crop_of_160_pixels_over_4_s(studio, clip, data):
    payloads, stego = clip[1:]
    left = 2 * data.draw(st.integers(0, 120), "left")
    top = 2 * data.draw(st.integers(0, 70), "top")
    first = data.draw(st.integers(0, 20), "first")
    part = studio.crop(stego[first : first + 40], "yuv420p", left, top)
    found = read_windows(part, "yuv420p")
    assert found
    for window in found:
        assert window.start == 20 * payloads.index(window.payload) - first
    # All windows that lie in the cut are there.
    whole = {number for number in range(3) if 20 * number >= first and 20 * number + 20 <= first + 40}
    assert {payloads.index(window.payload) for window in found} >= whole
    assert find_grid(part, "yuv420p", PUBLIC_KEY) == Grid(-left % 140, -top % 140)


@pytest.mark.parametrize("offset", [(0, 0), (7, 13), (139, 99)])
def test_crops_of_rgb_begin_at_odd_pixels_too(studio, offset):
    payload = studio.payload(60)
    stego = embed_window(studio.covers(4, "rgb24", (300, 260)), "rgb24", payload, 9)
    found = read_windows(studio.crop(stego, "rgb24", *offset), "rgb24")
    assert [window.payload for window in found] == [payload]


@settings(max_examples=25)
@given(st.data())
def test_read_is_the_inverse_of_embed(studio, data):
    layout = data.draw(st.sampled_from(["yuv420p", "rgb24"]))
    frames = data.draw(st.integers(1, 9))
    payload = studio.payload(data.draw(st.integers(0, min(capacity(layout, frames), 3000))))
    covers = studio.covers(frames, layout, (152, 144), seed=frames)
    stego = embed_window(covers, layout, payload, 511, studio.key)
    found = read_windows(stego, layout, studio.key)
    assert [(window.payload, window.start) for window in found] == [(payload, 0)]


def test_a_full_window(studio):
    size = capacity("yuv420p", 2)
    payload = studio.payload(size)
    stego = embed_window(studio.covers(2, size=(160, 160)), "yuv420p", payload, 0)
    assert read_windows(stego, "yuv420p")[0].payload == payload
    with pytest.raises(CarrierError, match=f"allowed: at most {size} bytes"):
        embed_window(studio.covers(2, size=(160, 160)), "yuv420p", payload + b"x", 0)


def test_packets_for_repair_replace_lost_ones(studio):
    payload = studio.payload(180)
    covers = studio.covers(20, size=(160, 160))
    mode = choose_mode("yuv420p", 20, 180, repair=2)
    stego = embed_window(covers, "yuv420p", payload, 0, repair=2)
    for i in range(2 * mode.frames):
        stego[i] = covers[i]
    found = read_windows(stego, "yuv420p")
    assert [(window.payload, window.start) for window in found] == [(payload, 0)]
    stego[2 * mode.frames] = covers[0]
    assert read_windows(stego, "yuv420p") == []


@pytest.mark.parametrize("spoil", ["lose", "repeat"])
def test_a_lost_or_repeated_frame_damages_one_slot_only(studio, spoil):
    payload = studio.payload(180)
    stego = embed_window(studio.covers(20, size=(160, 160)), "yuv420p", payload, 0, repair=1)
    mode = choose_mode("yuv420p", 20, 180, repair=1)
    at = mode.frames + 1
    assert mode.frames > 2
    if spoil == "lose":
        del stego[at]
    else:
        stego.insert(at, stego[at])
    (found,) = read_windows(stego, "yuv420p")
    assert (found.payload, found.start, found.mode) == (payload, 0, mode)


@pytest.mark.parametrize(("before", "after"), [(0, 60), (60, 0), (60, 120), (120, 60), (60, 900), (900, 60)])
@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_a_replaced_payload_leaves_nothing_of_the_old_one(studio, layout, before, after):
    covers = studio.covers(12, layout, (170, 150))
    # Packets for repair are those that could remain: one of them gives the old payload.
    stego = embed_window(covers, layout, studio.payload(before, 1), 3, repair=2)
    replaced = replace_window(stego, layout, studio.payload(after, 2), 3)
    found = read_windows(replaced, layout)
    assert [window.payload for window in found] == [studio.payload(after, 2)]
    assert not any(((a ^ b) & 0xF0).any() for a, b in zip(covers, replaced, strict=True))
    again = replace_window(stego, layout, studio.payload(after, 2), 3)
    assert all(np.array_equal(a, b) for a, b in zip(replaced, again, strict=True))


def test_replacing_in_a_cover_is_embedding(studio):
    covers = studio.covers(2, size=(160, 160))
    embedded, replaced = (do(covers, "yuv420p", b"room", 1) for do in (embed_window, replace_window))
    assert all(np.array_equal(a, b) for a, b in zip(embedded, replaced, strict=True))


@pytest.mark.parametrize(
    ("index", "shape", "read"),
    [
        (254, Shape(54, 1, 43, True), True),
        (15, Shape(54, 1, 45, False), True),
        (3, Shape(54, 255, 7, True), False),
        (0, Shape(54, 2, 9, False), False),
    ],
)
def test_packets_that_a_stranger_wrote_do_no_harm(studio, index, shape, read):
    mode = Mode("yuv420p", 9)
    data = bytes(mode.packet_bytes - shape.overhead)
    stego = studio.covers(3, size=(160, 160))
    for planes in stego:
        packet = Packet(payload_digest(data), shape, index, data)
        embed_slot([planes], mode, packet.write(), PUBLIC_KEY, (0, 0))
    # Each frame has the same packet: never two of one window.
    found = read_windows(stego, "yuv420p")
    assert [window.payload for window in found] == ([data] * 3 if read else [])
    assert all(window.start == frame - index for frame, window in enumerate(found))


def test_packets_of_windows_that_were_cut_together_give_nothing(studio, monkeypatch):
    """Even if both have the same digest: the checksum is over the whole payload."""
    monkeypatch.setattr(packets, "payload_digest", lambda _: 7)
    clips = [
        embed_window(studio.covers(4, size=(160, 160)), "yuv420p", studio.payload(90, seed), 0)
        for seed in (1, 2)
    ]
    monkeypatch.undo()
    mode = choose_mode("yuv420p", 4, 90)
    assert mode.frames == 2
    assert read_windows(clips[0][:2] + clips[1][2:], "yuv420p") == []
    sound = [
        embed_window(studio.covers(4, size=(160, 160)), "yuv420p", studio.payload(90, seed), 0)
        for seed in (1, 2)
    ]
    # Without the first window's second packet and the second one's first, nothing is whole either.
    assert read_windows(sound[0][:2] + sound[1][2:], "yuv420p") == []
    found = read_windows(sound[0] + sound[1], "yuv420p")
    assert [window.payload for window in found] == [studio.payload(90, 1), studio.payload(90, 2)]


def test_a_picture_full_of_magic_takes_bounded_time(studio, monkeypatch):
    mode = Mode("yuv420p", 8)
    covers = studio.covers(4, size=(160, 160))
    # Every tile has the bits that begin a packet, so that a packet could begin at each.
    stored = np.tile(magic_bits(PUBLIC_KEY, mode), KINDS)
    packet = np.packbits(stored ^ packet_mask(PUBLIC_KEY, 8, len(stored))).tobytes()
    for planes in covers:
        embed_slot([planes], mode, packet, PUBLIC_KEY, (0, 0))
    read = []
    monkeypatch.setattr(search, "CANDIDATES", 40)
    monkeypatch.setattr(search, "read_slot", lambda *_: read.append(1))
    assert read_windows(covers, "yuv420p") == []
    assert search.CANDIDATES <= len(read) < search.CANDIDATES + 8


def test_the_mode_changes_as_few_bytes_as_possible():
    assert choose_mode("yuv420p", 20, 69).k == 13
    assert choose_mode("yuv420p", 20, 70).k == 12
    assert choose_mode("yuv420p", 20, 126).k == 12
    assert choose_mode("yuv420p", 20, 127).k == 11
    assert choose_mode("yuv420p", 50, 75).k == 14
    assert choose_mode("yuv420p", 1, 45).k == 9


@pytest.mark.parametrize("hide", [embed_window, replace_window])
def test_covers_are_not_changed_and_frames_without_a_slot_are_not_copied(studio, hide):
    covers = studio.covers(10, size=(160, 160))
    before = [planes.copy() for planes in covers]
    stego = hide(covers, "yuv420p", b"room", 5)
    assert all(np.array_equal(a, b) for a, b in zip(covers, before, strict=True))
    shared = [a is b for a, b in zip(covers, stego, strict=True)]
    assert shared == [False] * 8 + [True] * 2
    again = hide(stego, "yuv420p", bytes(80), 5)
    assert read_windows(stego, "yuv420p")[0].payload == b"room"
    assert (hide is embed_window) or read_windows(again, "yuv420p")[0].payload == bytes(80)


def test_embedding_in_place_changes_the_arrays_of_the_covers(studio):
    covers = studio.covers(10, size=(160, 160))
    expected = embed_window(covers, "yuv420p", bytes(100), 5)
    stego = embed_window(covers, "yuv420p", bytes(100), 5, in_place=True)
    assert all(a is b for a, b in zip(covers, stego, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(expected, stego, strict=True))


def test_the_same_arguments_give_the_same_bytes(studio):
    covers = studio.covers(3, size=(160, 160))
    first, second = (embed_window(covers, "yuv420p", b"room", 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_key_is_needed_to_read(studio):
    key = hashlib.sha256(b"s3cret").digest()
    stego = embed_window(studio.covers(2, size=(160, 160)), "yuv420p", b"room", 0, key)
    assert read_windows(stego, "yuv420p") == []
    assert read_windows(stego, "yuv420p", key)[0].payload == b"room"
    with pytest.raises(OptionError, match="wrong length"):
        read_windows(stego, "yuv420p", b"short")


def test_covers_carry_nothing(studio):
    assert read_windows(studio.covers(3), "yuv420p") == []
    assert read_windows([np.full((240, 160), 16, np.uint8)] * 3, "yuv420p") == []
    assert read_windows([], "yuv420p") == []


def test_a_known_grid_is_not_searched(studio, clip):
    part = studio.crop(clip[2][:20], "yuv420p", 46, 22)
    assert read_windows(part, "yuv420p", grid=Grid(94, 118))[0].payload == clip[1][0]
    assert read_windows(part, "yuv420p", grid=Grid(92, 118)) == []


def test_the_search_passes_over_a_part_that_was_painted_over(studio, clip):
    covered = [planes.copy() for planes in clip[2][:20]]
    for planes in covered:
        planes[:100, :120] = 16
    found = read_windows(studio.crop(covered, "yuv420p", 22, 10, 370, 286), "yuv420p")
    assert [window.payload for window in found] == clip[1][:1]


@pytest.mark.parametrize("hide", [embed_window, replace_window])
def test_a_window_without_frames_is_refused(hide):
    with pytest.raises(CarrierError, match=r"found '4 bytes in 0 frames.*allowed: at most 0 bytes"):
        hide([], "yuv420p", b"room", 0)


def test_a_small_picture_is_refused(studio):
    covers = studio.covers(20, size=(320, 138))
    with pytest.raises(CarrierError, match="found '320x138'; allowed: at least 140 pixels a side"):
        embed_window(covers, "yuv420p", b"room", 0)
    assert read_windows(covers, "yuv420p") == []
