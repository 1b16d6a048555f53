"""Tags of the clip in cells: what is written is read, part by part."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.nibble.cell_tag_record import CLIP_KIND, TagRecord, write_record
from cssv.carriers.nibble.clip_tag import ClipFacts, cut_label, read_clip_tags, write_clip_tags
from cssv.errors import FramingError
from cssv.scene import Ranges
from cssv.template.drawing import Rings

singles = st.floats(-1e6, 1e6, width=32)
spans = st.lists(singles, min_size=2, max_size=2, unique=True).map(lambda ends: (min(ends), max(ends)))
labels = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=5)
times = st.builds(Fraction, st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1))


@st.composite
def clips(draw: st.DrawFn) -> ClipFacts:
    """All facts of a clip, with up to 15 labels."""
    texts = draw(st.lists(labels.map(cut_label).filter(bool), max_size=15))
    return ClipFacts(
        frame=draw(st.integers(0, 2**32 - 1)),
        pts=draw(st.integers(-(2**63), 2**63 - 1)),
        size=(draw(st.integers(32, 16384)), draw(st.integers(32, 16384))),
        objects=draw(st.integers(0, 255)),
        rings=draw(st.sampled_from([Rings(bits) for bits in range(8)])),
        label_count=len(texts),
        time_base=draw(times),
        speed_px_s=draw(spans),
        temperature_c=draw(spans),
        density_kg_m3=draw(spans),
        labels=dict(enumerate(texts, 1)),
    )


@given(clips(), st.randoms())
def test_tags_give_the_facts_in_any_order(facts: ClipFacts, random: Sequence[bytes]) -> None:
    tags = write_clip_tags(facts)
    assert len(tags) == 3 + (len(facts.labels) + 1) // 2
    random.shuffle(tags)  # type: ignore[attr-defined]
    found = read_clip_tags([*tags, b"", write_record(TagRecord(0, 0, 0)), bytes(24)])
    assert found == facts
    assert found.ranges == Ranges(facts.speed_px_s, facts.temperature_c, facts.density_kg_m3)  # type: ignore[arg-type]


@given(clips(), st.integers(0, 10))
def test_each_part_stands_for_itself(facts: ClipFacts, part: int) -> None:
    tags = write_clip_tags(facts)
    rest = read_clip_tags(tags[:part] + tags[part + 1 :])
    lost = (
        {"frame": None, "pts": None, "size": None, "objects": None, "rings": None, "label_count": None},
        {"time_base": None, "speed_px_s": None},
        {"temperature_c": None, "density_kg_m3": None},
    )
    if part < len(lost):
        assert rest == replace(facts, **lost[part])
        assert rest.ranges is None or part == 0
    else:
        pair = {2 * (part - 3) + 1, 2 * (part - 3) + 2}
        assert rest.labels == {i: text for i, text in facts.labels.items() if i not in pair}


def test_facts_that_are_not_given_are_not_written() -> None:
    assert read_clip_tags(write_clip_tags(ClipFacts(frame=3))) == ClipFacts()
    only = ClipFacts(frame=3, temperature_c=(-1.5, 2.5), density_kg_m3=(0.0, 1000.0))
    assert read_clip_tags(write_clip_tags(only)) == replace(only, frame=None)


@pytest.mark.parametrize(
    "facts",
    [
        ClipFacts(),
        ClipFacts(frame=1 << 32, pts=0, size=(64, 64)),
        ClipFacts(frame=0, pts=1 << 63, size=(64, 64)),
        ClipFacts(frame=0, pts=0, size=(31, 64)),
        ClipFacts(frame=0, pts=0, size=(64, 16385)),
        ClipFacts(frame=0, pts=0, size=(64, 64), rings=Rings(8)),
        ClipFacts(frame=0, pts=0, size=(64, 64), label_count=16),
        ClipFacts(frame=0, time_base=Fraction(1, 1 << 32), speed_px_s=(0.0, 1.0)),
        ClipFacts(frame=0, time_base=Fraction(1, 25), speed_px_s=(0.0, 1e39)),
        ClipFacts(frame=0, temperature_c=(0.0, 1.0), density_kg_m3=(0.0, 1e39)),
    ],
)
def test_facts_that_do_not_fit_are_refused(facts: ClipFacts) -> None:
    with pytest.raises(FramingError):
        write_clip_tags(facts)


def _tag(part: int, body: bytes) -> bytes:
    return write_record(TagRecord(CLIP_KIND, 0, part << 132 | int.from_bytes(body.ljust(17, b"\0")) >> 4))


@pytest.mark.parametrize(
    "tag",
    [
        _tag(0, bytes(17)),
        _tag(1, struct.pack(">IIff", 0, 25, 0, 1)),
        _tag(1, struct.pack(">IIff", 1, 0, 0, 1)),
        _tag(1, struct.pack(">IIff", 1, 25, 1, 1)),
        _tag(1, struct.pack(">IIff", 1, 25, 0, math.inf)),
        _tag(2, struct.pack(">ffff", 0, 1, 2, math.nan)),
        _tag(2, struct.pack(">ffff", 1, 0, 0, 1)),
        _tag(11, b"label"),
        _tag(31, b"label"),
    ],
)
def test_parts_that_are_not_valid_are_ignored(tag: bytes) -> None:
    assert read_clip_tags([tag]) == ClipFacts()


@given(st.integers(0, 31), st.binary(min_size=17, max_size=17))
def test_any_body_is_read_without_an_error(part: int, body: bytes) -> None:
    facts = read_clip_tags([_tag(part, body)])
    assert set(facts.labels) <= set(range(1, 16))


@pytest.mark.parametrize(
    ("label", "kept"), [("abcdefghij", "abcdefgh"), ("1234567\u00fc", "1234567"), ("", "")]
)
def test_a_label_is_cut_between_characters(label: str, kept: str) -> None:
    assert cut_label(label) == kept
