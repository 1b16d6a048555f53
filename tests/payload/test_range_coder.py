"""Range coder: what is written reads back, at about its entropy; any bytes end within bounds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.integers import (
    LARGEST,
    read_signed,
    read_symbol,
    read_unsigned,
    write_signed,
    write_symbol,
    write_unsigned,
)
from cssv.payload.models import (
    LEAST,
    SCALE,
    STATIC,
    UNSEEN,
    Models,
    adapt,
    read_priors,
    write_priors,
)
from cssv.payload.range_coder import UNIT, LengthMeter, RangeDecoder, RangeEncoder

states = st.tuples(st.integers(LEAST, SCALE - LEAST), st.integers(0, 40) | st.just(STATIC))
tables = st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.integers(0, 3), states))
numbers = st.one_of(
    st.tuples(st.just("bit"), st.integers(0, 1)),
    st.tuples(st.just("raw"), st.integers(0, 255)),
    st.tuples(st.just("unsigned"), st.integers(0, 40) | st.integers(0, LARGEST)),
    st.tuples(st.just("signed"), st.integers(-40, 40) | st.integers(-LARGEST, LARGEST)),
    st.tuples(st.just("symbol"), st.integers(0, 16)),
)


def write(writer, items):
    for kind, value in items:
        match kind:
            case "bit":
                writer.put_bit("a", 2, value)
            case "raw":
                writer.put_raw(value, 8)
            case "unsigned":
                write_unsigned(writer, "a", value)
            case "signed":
                write_signed(writer, "b", value)
            case "symbol":
                write_symbol(writer, "c", value, 17)


def read(reader, kinds):
    readers = {
        "bit": lambda: reader.get_bit("a", 2),
        "raw": lambda: reader.get_raw(8),
        "unsigned": lambda: read_unsigned(reader, "a"),
        "signed": lambda: read_signed(reader, "b"),
        "symbol": lambda: read_symbol(reader, "c", 17),
    }
    return [(kind, readers[kind]()) for kind in kinds]


@given(st.lists(numbers, max_size=60), tables)
def test_what_is_written_reads_back(items, prior):
    encoder = RangeEncoder(Models(prior))
    write(encoder, items)
    decoder = RangeDecoder(encoder.finish(), Models(prior))
    assert read(decoder, [kind for kind, _ in items]) == items
    decoder.finish()


@given(st.lists(numbers, max_size=60), tables)
def test_the_meter_measures_the_length_and_changes_no_model(items, prior):
    models = Models(prior)
    meter = LengthMeter(models)
    write(meter, items)
    encoder = RangeEncoder(models)
    write(encoder, items)
    # Zero bytes at the end are left out, so that an encoding can be shorter than measured.
    assert len(encoder.finish()) <= meter.length / UNIT / 8 * 1.02 + 2


def test_carries_run_through_bytes_of_255():
    # Unlikely bits put the interval at the top of its range again and again.
    prior = {"a": {2: (LEAST, STATIC)}}
    items = [("bit", 0)] * 5000 + [("bit", 1), ("bit", 0), ("raw", 255)] * 20 + [("bit", 0)] * 3000
    encoder = RangeEncoder(Models(prior))
    write(encoder, items)
    data = encoder.finish()
    assert read(RangeDecoder(data, Models(prior)), [kind for kind, _ in items]) == items
    assert len(data) < 80


def test_a_static_model_never_adapts():
    assert adapt((100, STATIC), 1) == (100, STATIC)


def test_an_adaptive_model_follows_its_bits_and_never_becomes_certain():
    state = UNSEEN
    for _ in range(1000):
        state = adapt(state, 1)
    assert SCALE * 0.97 < state[0] <= SCALE - LEAST
    for _ in range(1000):
        state = adapt(state, 0)
    assert LEAST <= state[0] < SCALE * 0.03


def test_a_skewed_source_costs_about_its_entropy():
    bits = [int(k % 16 == 0) for k in range(4000)]
    encoder = RangeEncoder(Models({}))
    for bit in bits:
        encoder.put_bit("a", 0, bit)
    # 0.337 bits a decision; constant adaptation costs about 6 % more.
    assert len(encoder.finish()) < 4000 * 0.337 / 8 * 1.08


@given(tables)
def test_priors_read_back(table):
    assert read_priors(write_priors(table)) == table


@given(st.binary(max_size=200), st.lists(st.sampled_from(["bit", "raw", "unsigned", "signed", "symbol"])))
def test_any_bytes_end_in_numbers_or_a_framing_error(data, kinds):
    with suppress(FramingError):
        read(RangeDecoder(data, Models({})), kinds)


def test_the_number_of_decisions_is_bounded():
    decoder = RangeDecoder(b"", Models({}), decisions=100)
    for _ in range(100):
        decoder.get_bit("a", 0)
    with pytest.raises(FramingError, match="does not end"):
        decoder.get_bit("a", 0)


@pytest.mark.parametrize("value", [-1, LARGEST + 1])
def test_integers_out_of_bounds_are_refused(value):
    with pytest.raises(FramingError, match="does not fit"):
        write_unsigned(RangeEncoder(Models({})), "a", value)
    with pytest.raises(FramingError, match="does not fit"):
        write_symbol(RangeEncoder(Models({})), "a", value, 17)


def test_a_number_above_its_bound_is_refused_when_read():
    encoder = RangeEncoder(Models({}))
    write_unsigned(encoder, "a", 1000)
    with pytest.raises(FramingError, match="found '1000"):
        read_unsigned(RangeDecoder(encoder.finish(), Models({})), "a", 999)


def test_bytes_left_over_are_refused():
    decoder = RangeDecoder(bytes(4) + b"more", Models({}))
    decoder.get_bit("a", 0)
    with pytest.raises(FramingError, match="longer than its content"):
        decoder.finish()
