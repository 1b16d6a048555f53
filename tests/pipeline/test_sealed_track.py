"""Sealed scene samples and facts: inverse pairs, what is shown without the password, hostile input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cssv.pipeline
from cssv.container.facts import write_facts
from cssv.errors import ContainerError, PasswordError
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.scene_track import SceneSample, read_sample, write_sample
from cssv.pipeline.sealed_track import (
    SECRET_FACTS,
    are_sealed,
    check_sealed_sample,
    is_sealed_sample,
    open_facts,
    open_sample,
    seal_facts,
    seal_sample,
)
from cssv.scene import Ranges, Scene
from cssv.template.state import ObjectState
from cssv.testing import sealing_reader

SPEC = (Path(cssv.pipeline.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
KEY, OTHER = PayloadKey(bytes(32), bytes(range(64))), PayloadKey(bytes(32), bytes(64))
COURIER = ObjectState(
    7, "person", 0.5, (10.0, 20.0, 30.0, 60.0), (1.0, 2.0), (1.0, 2.0), (1.0, 2.0), 0.25, name="courier"
)
RANGES = Ranges((0.0, 200.0), (-20.0, 61.5), (0.0, 2000.0))
SAMPLE = SceneSample(0, (COURIER,), Scene(), RANGES)
FACTS = {
    "cssv": "0.1.0",
    "layout": "yuv420p",
    "carrier": "constructive",
    "ranges": {"temperature_c": [-20.0, 61.5]},
    "notes": ["1 of 3 entries for the courier matches no track"],
}


def test_a_sealed_sample_shows_nothing_of_the_objects():
    plain = write_sample(SAMPLE)
    sealed = seal_sample(plain, 0, KEY)
    assert is_sealed_sample(sealed)
    assert not is_sealed_sample(plain)
    node = json.loads(sealed)
    assert set(node) == {"cssv_sealed", "data"}
    assert node["cssv_sealed"] == 1
    for word in (b"courier", b"person", b"box_px", b"61.5", b"objects"):
        assert word in plain
        assert word not in sealed
    assert read_sample(open_sample(sealed, 0, KEY)) == read_sample(plain)
    # It is no scene sample for a reader that does not know it.
    with pytest.raises(ContainerError):
        read_sample(sealed)


def test_the_length_hides_the_number_of_objects():
    few = [len(seal_sample(write_sample(SceneSample(1, (COURIER,) * count)), 1, KEY)) for count in range(5)]
    assert len(set(few)) == 1
    many = {
        len(seal_sample(write_sample(SceneSample(1, (COURIER,) * count)), 1, KEY)) for count in range(5, 80)
    }
    assert len(many) <= 5


@given(st.text(max_size=3000), st.integers(0, 2**63))
def test_opening_is_the_inverse_of_sealing(text, number):
    plain = json.dumps({"frame": 0, "text": text}).encode()
    sealed = seal_sample(plain, number, KEY)
    assert open_sample(sealed, number, KEY) == plain
    assert seal_sample(plain, number, KEY) == sealed
    check_sealed_sample(sealed, number)


def test_a_sample_belongs_to_its_frame_and_password():
    sealed = seal_sample(b"{}", 7, KEY)
    for number, key in ((8, KEY), (7, OTHER)):
        with pytest.raises(PasswordError, match="password is wrong"):
            open_sample(sealed, number, key)
    with pytest.raises(PasswordError, match=r"frame 7 is sealed with a password\. Give `password=`"):
        open_sample(sealed, 7, None)


def test_plain_samples_and_facts_stay():
    assert open_sample(b'{"frame":0}', 0, KEY) == open_sample(b'{"frame":0}', 0, None) == b'{"frame":0}'
    assert open_facts(FACTS, KEY) == open_facts(FACTS, None) == seal_facts(FACTS, None) == FACTS
    assert not are_sealed(FACTS)


@pytest.mark.parametrize(
    "data",
    [
        b'{"cssv_sealed":',
        b'{"cssv_sealed":1}',
        b'{"cssv_sealed":1,"data":5}',
        b'{"cssv_sealed":1,"data":"%%%"}',
        b'{"cssv_sealed":1,"data":"AAA"}',
        b'{"cssv_sealed":1,"data":"\xff"}',
        b'{"cssv_sealed":2,"data":""}',
        b'{"cssv_sealed":1,"data":' + b"[" * 100_000,
        '{"cssv_sealed":1,"data":"é"}'.encode(),
    ],
)
def test_what_only_begins_like_a_sealed_sample(data):
    for use in (
        lambda: open_sample(data, 0, KEY),
        lambda: open_sample(data, 0, None),
        lambda: check_sealed_sample(data, 0),
    ):
        with pytest.raises(ContainerError, match="sealed"):
            use()


@pytest.mark.parametrize("data", ["", "AAAA", "A" * 24])
def test_what_is_too_short_does_not_open(data):
    with pytest.raises(PasswordError):
        open_sample(f'{{"cssv_sealed":1,"data":"{data}"}}'.encode(), 0, KEY)


def test_sealed_facts_keep_the_rest_readable():
    sealed = seal_facts(FACTS, KEY)
    assert are_sealed(sealed)
    assert sealed["sealed"] == "password"
    assert {"cssv", "layout", "carrier"} <= set(sealed)
    assert not set(sealed) & set(SECRET_FACTS)
    shown = write_facts(sealed).decode()
    assert "courier" not in shown
    assert "61.5" not in shown
    assert open_facts(sealed, KEY) == FACTS | {"sealed": "password"}
    assert seal_facts(FACTS, KEY) == sealed
    # Another note does not change the length.
    assert len(write_facts(seal_facts(FACTS | {"notes": []}, KEY))) == len(shown.encode())


def test_sealed_facts_need_their_password():
    sealed = seal_facts(FACTS, KEY)
    with pytest.raises(PasswordError, match="the file is sealed with a password"):
        open_facts(sealed, None)
    with pytest.raises(PasswordError, match="password is wrong"):
        open_facts(sealed, OTHER)


@pytest.mark.parametrize(
    "change",
    [
        {"sealed": "rot13"},
        {"sealed": None},
        {"hidden": None},
        {"hidden": "%%%"},
        {"hidden": ["x"]},
    ],
)
def test_facts_that_cannot_be_read(change):
    with pytest.raises(ContainerError, match="sealed"):
        open_facts(seal_facts(FACTS, KEY) | change, KEY)


@pytest.mark.parametrize("plain", [b"[]", b"5", b"{", b"[" * 100_000, b"\xff"])
def test_hidden_facts_that_are_no_object(plain):
    import base64

    hidden = base64.b64encode(KEY.seal(plain, b"CSSV facts")).decode()
    with pytest.raises(ContainerError, match="cannot be read"):
        open_facts({"sealed": "password", "hidden": hidden}, KEY)


def test_the_page_gives_the_form():
    """A reader from the page alone: context, padding and form."""
    import base64

    for text in ('{"cssv_sealed":1,"data":"', "CSSV sample", "CSSV facts", "1024"):
        assert text in SPEC
    plain = write_sample(replace(SAMPLE, frame=258))
    node = json.loads(seal_sample(plain, 258, KEY))
    sealed = base64.b64decode(node["data"])
    context = b"CSSV sample" + bytes([0, 0, 0, 0, 0, 0, 1, 2])
    found = sealing_reader.open_sealed(KEY.sealing, sealed, context)
    assert found is not None
    assert len(found) == 1024
    assert found.rstrip(b" ") == plain
