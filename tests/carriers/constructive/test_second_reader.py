"""The package's reader against a second one written from SPEC.md alone."""

from __future__ import annotations

import pytest

from cssv.carriers.constructive import keys
from cssv.carriers.constructive.embedding import embed_slot
from cssv.carriers.constructive.packets import split_payload
from cssv.carriers.constructive.slots import modes
from cssv.carriers.constructive.windows import choose_mode, embed_window, read_windows
from cssv.testing import constructive_reader

ALL = [mode for layout in ("yuv420p", "rgb24") for mode in modes(layout)]


def both(clip, layout, key, **known):
    """What both read, which must be the same."""
    ours = [(window.start, window.payload) for window in read_windows(clip, layout, key)]
    assert constructive_reader.read(clip, layout, key, **known) == ours
    return ours


def test_keys_are_the_same(studio):
    assert constructive_reader.public_key() == keys.PUBLIC_KEY
    for layout, places, used in (("yuv420p", 600, 512), ("rgb24", 1200, 1024)):
        ours = keys.place_order(studio.key, places, used).tolist()
        assert constructive_reader.carrying_places(studio.key, layout) == ours


@pytest.mark.parametrize("mode", ALL, ids=lambda mode: f"{mode.layout}-{mode.k}")
def test_every_mode(studio, mode):
    stego = studio.covers(mode.frames, mode.layout, (160, 160), seed=mode.k)
    payload = studio.payload(mode.data_bytes)
    (packet,) = split_payload(payload, mode.packet_bytes)
    embed_slot(stego, mode, packet.write(), studio.key, (5, 0))
    assert both(stego, mode.layout, studio.key, ks=[mode.k], at=(0, 0)) == [(0, payload)]


@pytest.mark.parametrize(("layout", "offset"), [("yuv420p", (26, 8)), ("rgb24", (137, 139))])
def test_crops_with_a_search(studio, layout, offset):
    stego = embed_window(studio.covers(3, layout, (300, 300)), layout, studio.payload(80), 1, studio.key)
    part = studio.crop(stego[:2], layout, *offset)
    known = {"ks": [choose_mode(layout, 3, 80).k]}
    assert both(part, layout, studio.key, **known) == [(0, studio.payload(80))]


@pytest.mark.parametrize(
    ("layout", "offset"), [("yuv420p", (426, 288)), ("rgb24", (137, 279)), ("yuv420p", (0, 140))]
)
@pytest.mark.parametrize("size", [20, 80, 1200])
def test_places_of_crops(studio, layout, offset, size):
    stego = embed_window(studio.covers(5, layout, (600, 460)), layout, studio.payload(size), 1, studio.key)
    part, k = studio.crop(stego, layout, *offset), choose_mode(layout, 5, size).k
    (window,) = read_windows(part, layout, studio.key)
    assert (window.origin.x, window.origin.y) == offset
    grid = (-offset[0] % 140, -offset[1] % 140)
    assert constructive_reader.read_places(part, layout, studio.key, [k], grid) == [offset]


def test_repair_symbols(studio):
    payload = studio.payload(170)
    covers = studio.covers(6, size=(160, 160))
    stego = embed_window(covers, "yuv420p", payload, 2, studio.key, repair=1)
    mode = choose_mode("yuv420p", 6, 170, repair=1)
    assert len(payload) > mode.data_bytes
    assert both(stego[mode.frames :], "yuv420p", studio.key, at=(0, 0)) == [(-mode.frames, payload)]


@pytest.mark.parametrize(
    ("size", "repair"), [(0, 0), (329, 0), (330, 0), (331, 0), (60, 15), (60, 16), (2000, 3)]
)
def test_short_and_long_headers(studio, size, repair):
    payload = studio.payload(size)
    covers = studio.covers(44, size=(160, 160))
    stego = embed_window(covers, "yuv420p", payload, 2, studio.key, repair)
    mode = choose_mode("yuv420p", 44, size, repair)
    assert both(stego, "yuv420p", studio.key, ks=[mode.k], at=(0, 0)) == [(0, payload)]


def test_neither_reads_with_another_key_or_without_a_payload(studio):
    covers = studio.covers(2, size=(160, 160))
    assert both(covers, "yuv420p", studio.key, at=(0, 0)) == []
    stego = embed_window(covers, "yuv420p", b"room", 0, studio.key)
    assert both(stego, "yuv420p", bytes(32), at=(0, 0)) == []
