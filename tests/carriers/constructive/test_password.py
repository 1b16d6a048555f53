"""The constructive carrier with a password, read by the second readers from the pages alone."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import cssv.payload
from cssv.carriers.constructive.carrier import ConstructiveCarrier
from cssv.carriers.constructive.keys import PUBLIC_KEY
from cssv.carriers.constructive.search import Grid
from cssv.carriers.constructive.windows import read_windows
from cssv.errors import FramingError
from cssv.payload.envelope import seal_payload
from cssv.payload.sealing import WINDOW_CONTEXT, PayloadKey
from cssv.payload.window_bytes import read_window
from cssv.testing import constructive_reader, sealing_reader
from cssv.testing.carrier import content_of, smooth_frame, some_objects
from cssv.testing.payload_reader import read_payload

KEY, OTHER = PayloadKey(bytes(32), bytes(range(64))), PayloadKey(bytes(32), bytes(64))
CARRIER = ConstructiveCarrier().with_key(KEY)
PRIORS = json.loads((Path(cssv.payload.__file__).parent / "priors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["yuv420p", "rgb24"])
def window(request):
    """Covers and contents of a window of 12 frames."""
    covers = [smooth_frame(request.param, number) for number in range(12)]
    return covers, [content_of(cover, some_objects()) for cover in covers]


def extracted(carrier, stegos):
    extractor = carrier.extractor()
    reads = [read for stego in stegos for read in extractor.feed(stego, None)]
    return [found for _, found in (*reads, *extractor.finish())]


def test_the_second_readers_read_it(window):
    covers, contents = window
    stegos = [each.stego for each in CARRIER.embed_window(covers, contents, 0)]
    planes, layout = [stego.planes for stego in stegos], stegos[0].layout
    ((start, sealed),) = constructive_reader.read(planes, layout, KEY.positions, at=(0, 0))
    assert start == 0
    payload = sealing_reader.open_sealed(KEY.sealing, sealed, WINDOW_CONTEXT)
    assert payload is not None
    # This carrier needs no envelope; that reader expects one.
    found = read_payload(seal_payload(payload), PRIORS)
    assert [segment["label"] for segment in found["segments"]] == ["person", "person"]
    # What the pixels hold is no payload by itself.
    with pytest.raises(FramingError):
        read_window(sealed)


def test_what_is_embedded_is_extracted(window):
    covers, contents = window
    stegos = [each.stego for each in CARRIER.embed_window(covers, contents, 0)]
    found = extracted(CARRIER, stegos)
    plain = [each.stego for each in ConstructiveCarrier().embed_window(covers, contents, 0)]
    expected = extracted(ConstructiveCarrier(), plain)
    ranges = contents[0].ranges
    assert [each.states(ranges) for each in found] == [each.states(ranges) for each in expected]
    assert all(np.array_equal(a.heat, b.heat) for a, b in zip(found, expected, strict=True))


def test_neither_places_nor_content_are_found_without_the_key(window):
    covers, contents = window
    stegos = [each.stego for each in CARRIER.embed_window(covers, contents, 0)]
    # The places are those of the key, but the seal is another one.
    assert read_windows([each.planes for each in stegos], stegos[0].layout, OTHER.positions)
    assert not any(extracted(ConstructiveCarrier().with_key(OTHER), stegos))
    # A given grid saves the search, which takes long where nothing is found.
    for positions in (PUBLIC_KEY, bytes([1]) * 32):
        assert read_windows([each.planes for each in stegos], stegos[0].layout, positions, Grid()) == []


def test_a_window_is_replaced(window):
    covers, contents = window
    stegos = [each.stego for each in CARRIER.embed_window(covers, contents, 0)]
    fewer = [content_of(cover, some_objects(1)) for cover in covers]
    again = [each.stego for each in CARRIER.replace_window(stegos, fewer, 0)]
    assert [len(found.states(fewer[0].ranges)) for found in extracted(CARRIER, again)] == [1] * 12
    same = CARRIER.replace_window(stegos, contents, 0)
    assert all(np.array_equal(a.stego.planes, b.planes) for a, b in zip(same, stegos, strict=True))


def test_a_carrier_keeps_its_key_to_itself(window):
    assert CARRIER.options() == ConstructiveCarrier().options()
    assert repr(KEY.sealing)[2:-1] not in repr(CARRIER)
    covers, contents = window
    copy = pickle.loads(pickle.dumps(CARRIER))
    ours, theirs = (carrier.embed_window(covers, contents, 0) for carrier in (CARRIER, copy))
    assert all(np.array_equal(a.stego.planes, b.stego.planes) for a, b in zip(ours, theirs, strict=True))
