"""Headers, miniatures and support records: inverse pairs, and strict about what they take."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.framing import is_sealed, seal
from cssv.carriers.nibble.mark_record import (
    HEADER_SIZE,
    MINIATURE_SIZE,
    Header,
    Miniature,
    read_support,
    write_support,
)
from cssv.errors import FramingError

HEADERS = st.builds(
    Header,
    frame=st.integers(0, 2**32 - 1),
    pts=st.integers(-(2**63), 2**63 - 1),
    cell_x=st.integers(0, 255),
    cell_y=st.integers(0, 255),
    objects=st.integers(0, 255),
    sparse=st.booleans(),
    rgb=st.booleans(),
    plain=st.booleans(),
)
SECOND_HEADERS = st.builds(
    replace,
    HEADERS,
    version=st.just(2),
    empty_bits=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
SINGLES = st.floats(-1e6, 1e6, width=32)
RANGES = st.tuples(SINGLES, SINGLES).filter(lambda pair: pair[0] < pair[1])
HALVES = st.floats(-60000, 60000, width=16) | st.just(math.nan)
MINIATURES = st.builds(
    Miniature,
    speed_px_s=RANGES,
    temperature_c=RANGES,
    density_kg_m3=RANGES,
    width=st.integers(32, 16384),
    height=st.integers(32, 16384),
    time_base=st.fractions(min_value=Fraction(1, 10**6), max_value=1000, max_denominator=10**6),
    lighting_lux=st.floats(0, 1e9, width=32) | st.just(math.nan),
    humidity_pct=HALVES,
    ambient_temperature_c=HALVES,
    wind_m_s=HALVES,
    wind_deg=HALVES,
    pressure_hpa=HALVES,
    digest=st.binary(min_size=8, max_size=8),
)
SMALL = Miniature((0, 200), (-20, 60), (0, 2000), 768, 576, Fraction(1, 12800))


@given(HEADERS | SECOND_HEADERS)
def test_headers_are_read_as_written(header):
    block = header.write()
    assert len(block) == HEADER_SIZE
    assert Header.is_valid(block)
    assert Header.read(block) == header


@given(HEADERS, st.integers(256, 10**6))
def test_objects_beyond_255_are_counted_as_255(header, objects):
    assert Header.read(replace(header, objects=objects).write()).objects == 255


@given(HEADERS, st.integers(0, HEADER_SIZE * 8 - 1))
def test_every_flipped_bit_of_a_header_is_noticed(header, bit):
    block = bytearray(header.write())
    block[bit // 8] ^= 1 << bit % 8
    assert not Header.is_valid(bytes(block))
    with pytest.raises(FramingError):
        Header.read(bytes(block))


@pytest.mark.parametrize("length", [*range(HEADER_SIZE), HEADER_SIZE + 1, 64])
def test_headers_have_one_size(length):
    block = Header(1, 2).write().ljust(length, b"\0")[:length]
    assert not Header.is_valid(block)
    with pytest.raises(FramingError):
        Header.read(block)


@given(st.binary(min_size=2, max_size=2), st.integers(0, 255))
def test_another_magic_or_version_is_refused_whatever_the_checksum(magic, version):
    record = magic + bytes([version]) + Header(1, 2).write()[3:28]
    block = seal(record, HEADER_SIZE)
    ours = magic == b"\xc5\x5b" and version in (1, 2)
    assert Header.is_valid(block) is ours
    if not ours:
        with pytest.raises(FramingError, match="not a frame header"):
            Header.read(block)


def test_unknown_flags_are_ignored():
    record = bytearray(Header(1, 2, rgb=True).write()[:28])
    record[3] |= 0xF8
    assert Header.read(seal(bytes(record), HEADER_SIZE)) == Header(1, 2, rgb=True)


@pytest.mark.parametrize(
    "change",
    [{"frame": -1}, {"frame": 2**32}, {"pts": 2**63}, {"cell_x": 256}, {"cell_y": -1}, {"objects": -1}],
)
def test_headers_that_do_not_fit_are_refused(change):
    with pytest.raises(FramingError, match="does not fit"):
        replace(Header(1, 2), **change).write()


def same(a, b):
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@given(MINIATURES)
def test_miniatures_are_read_as_written(small):
    block = small.write()
    assert len(block) == MINIATURE_SIZE
    assert is_sealed(block)
    back = Miniature.read(block)
    assert all(same(getattr(small, name), getattr(back, name)) for name in Miniature.__slots__)


@given(MINIATURES, st.integers(0, MINIATURE_SIZE * 8 - 1))
def test_every_flipped_bit_of_a_miniature_is_noticed(small, bit):
    block = bytearray(small.write())
    block[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FramingError):
        Miniature.read(bytes(block))


@pytest.mark.parametrize("length", [*range(MINIATURE_SIZE), MINIATURE_SIZE + 1])
def test_miniatures_have_one_size(length):
    with pytest.raises(FramingError):
        Miniature.read(SMALL.write().ljust(length, b"\0")[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"speed_px_s": (5.0, 5.0)},
        {"speed_px_s": (5.0, 5.0 + 1e-9)},
        {"temperature_c": (60.0, -20.0)},
        {"density_kg_m3": (0.0, math.inf)},
        {"density_kg_m3": (math.nan, 1.0)},
        {"speed_px_s": (0.0, 1e39)},
        {"width": 31},
        {"height": 16385},
        {"width": 70000},
        {"time_base": Fraction(0)},
        {"time_base": Fraction(-1, 25)},
        {"time_base": Fraction(1, 2**33)},
        {"lighting_lux": 1e39},
    ],
)
def test_scenes_that_do_not_fit_are_refused(change):
    with pytest.raises(FramingError):
        replace(SMALL, **change).write()


@pytest.mark.parametrize(("value", "kept"), [(1e6, 65504.0), (-1e6, -65504.0), (math.inf, 65504.0)])
def test_air_beyond_half_precision_is_written_as_its_largest_number(value, kept):
    """The scene's schema allows a million degrees; that must not break an encode."""
    assert Miniature.read(replace(SMALL, ambient_temperature_c=value).write()).ambient_temperature_c == kept


@pytest.mark.parametrize(
    ("at", "kind", "value"),
    [
        (0, ">f", math.nan), (0, ">f", math.inf), (4, ">f", 0.0), (8, ">f", 60.0), (20, ">f", -1.0),
        (24, ">H", 0), (26, ">H", 65535), (28, ">I", 0), (32, ">I", 0),
    ],
)  # fmt: skip
def test_a_lying_miniature_is_refused_whatever_its_checksum(at, kind, value):
    record = bytearray(SMALL.write()[:60])
    struct.pack_into(kind, record, at, value)
    with pytest.raises(FramingError):
        Miniature.read(seal(bytes(record), MINIATURE_SIZE))


@given(st.binary(min_size=29, max_size=29))
def test_support_is_read_as_written(bits):
    block = write_support(bits)
    assert len(block) == 32
    assert read_support(block) == bits


@given(st.binary(min_size=29, max_size=29), st.integers(0, 32 * 8 - 1))
def test_every_flipped_bit_of_a_support_record_is_noticed(bits, bit):
    block = bytearray(write_support(bits))
    block[bit // 8] ^= 1 << bit % 8
    assert read_support(bytes(block)) is None


@pytest.mark.parametrize("length", range(32))
def test_support_records_have_one_size(length):
    assert read_support(write_support(bytes(29))[:length]) is None


def test_an_empty_picture_is_no_support_record():
    assert read_support(bytes(32)) is None
    assert read_support(b"\xff" * 32) is None


@pytest.mark.parametrize("bits", [(5, 0), (0, 5), (4, 16), (-1, 1)])
def test_empty_bits_are_those_of_a_nibble(bits):
    """Neither a writer nor a reader takes more."""
    with pytest.raises(FramingError, match="empty bits is out of range"):
        Header(1, 2, version=2, empty_bits=bits).write()
    block = bytearray(Header(1, 2, version=2, empty_bits=(4, 1)).write())
    block[19] = 0x51
    sealed = seal(bytes(block[:-4]), HEADER_SIZE)
    assert not Header.is_valid(sealed)
    with pytest.raises(FramingError, match="empty bits is out of range"):
        Header.read(sealed)


def test_version_1_leaves_the_byte_of_the_empty_bits_zero():
    """And its reader ignores it."""
    block = bytearray(Header(1, 2).write())
    assert block[19] == 0
    block[19] = 0xFF
    assert Header.read(seal(bytes(block[:-4]), HEADER_SIZE)) == Header(1, 2)
