"""Hostile bytes: a window or a FramingError, in bounded time and memory, with no envelope around them."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.curves import MOST_FRAMES, MOST_POINTS, Curve, Method
from cssv.payload.head import write_head
from cssv.payload.integers import LARGEST, write_signed, write_symbol, write_unsigned
from cssv.payload.models import Models
from cssv.payload.range_coder import RangeDecoder, RangeEncoder, most_decisions
from cssv.payload.scene_part import PartKind
from cssv.payload.window import MOST_SEGMENTS, MOST_STATES, Segment, Window
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_scene import merge_scene
from cssv.payload.window_states import window_states
from cssv.scene import Ranges, Scene
from tests.payload.test_vectors import vectors, windows

SIZE, TICK = (320, 240), Fraction(1, 25)
#: Bounds of any read: seconds of this process, and bytes.
SECONDS, MEMORY = 5.0, 48 << 20
HEAD = Window(0, (0, 1), TICK, SIZE, Ranges())


def read_all(data):
    """Read everything that a window holds; the FramingError is the caller's."""
    window = read_window(data)
    merge_scene(Scene(), window)
    return window_states(window)


def contents():
    """The vectors without their envelopes."""
    return [bytes.fromhex(vector["payload"])[5:-4] for vector in vectors().values()]


@contextmanager
def bounded():
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS
    assert peak < MEMORY


def test_the_vectors_are_read_without_an_envelope():
    assert [read_window(each) for each in contents()] == list(windows().values())


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_window_or_a_framing_error(data):
    with suppress(FramingError):
        read_all(data)


@settings(max_examples=150)
@given(st.data())
def test_damaged_windows_end_in_a_window_or_a_framing_error(data):
    content = bytearray(data.draw(st.sampled_from(contents())))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    content += data.draw(st.binary(max_size=8))
    with suppress(FramingError):
        read_all(bytes(content))


def test_every_truncation_and_every_flipped_bit_ends_in_a_window_or_a_framing_error():
    for content in (each for each in contents() if len(each) < 120):
        for at in range(len(content)):
            damaged = bytearray(content)
            damaged[at] ^= 1 << at % 8
            for data in (content[:at], bytes(damaged)):
                with suppress(FramingError):
                    read_all(data)


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xAA, 0xFF])
@pytest.mark.parametrize("length", [0, 1, 64, 32768])
def test_long_rows_of_one_byte_are_read_in_bounded_time(byte, length):
    with bounded(), suppress(FramingError):
        read_all(bytes([byte]) * length)


# Lying numbers: each is written where a reader takes it for true.


def head_encoder(**changes):
    """An encoder behind the head, but for its number of objects."""
    encoder = RangeEncoder(Models())
    write_head(_Without(encoder, "segments"), replace(HEAD, **changes))
    return encoder


class _Without:
    """A writer that leaves out the decisions of one model."""

    def __init__(self, encoder, model):
        self._encoder, self._model, self.models = encoder, model, encoder.models

    def put_bit(self, model, node, bit):
        if model != self._model:
            self._encoder.put_bit(model, node, bit)

    def put_raw(self, value, bits):
        self._encoder.put_raw(value, bits)


def refused(encoder, match):
    with bounded(), pytest.raises(FramingError, match=match):
        read_all(encoder.finish())


@pytest.mark.parametrize("count", [MOST_SEGMENTS + 1, 1 << 31, LARGEST])
def test_a_number_of_objects_above_the_bound_is_refused(count):
    encoder = head_encoder()
    write_unsigned(encoder, "segments", count)
    refused(encoder, "too large")


@pytest.mark.parametrize("frames", [MOST_FRAMES, LARGEST, -50])
def test_a_number_of_frames_outside_its_bounds_is_refused(frames):
    encoder = RangeEncoder(Models())
    encoder.put_raw(1, 5)
    write_unsigned(encoder, "step", 0)
    write_signed(encoder, "frames", frames)
    refused(encoder, "too large|not valid")


@pytest.mark.parametrize("index", [0, 31])
def test_a_time_base_of_zero_or_of_no_index_is_refused(index):
    encoder = RangeEncoder(Models())
    encoder.put_raw(index, 5)
    for value in (1, index // 31):
        write_unsigned(encoder, "time_base", value)
    refused(encoder, "time base")


@pytest.mark.parametrize("index", [0, 31])
def test_a_size_below_its_bounds_or_of_no_index_is_refused(index):
    encoder = RangeEncoder(Models())
    encoder.put_raw(1, 5)
    for model in ("step", "frames", "number", "number.rest"):
        write_unsigned(encoder, model, 0)
    encoder.put_bit("start.far", 0, 0)
    write_unsigned(encoder, "start", 0)
    encoder.put_bit("even", 0, 1)
    encoder.put_raw(index, 5)
    for side in (31 + index, 64):
        write_unsigned(encoder, "side", side)
    refused(encoder, "size of frames")


def segment_encoder():
    """An encoder before the track of the only object."""
    encoder = head_encoder()
    write_unsigned(encoder, "segments", 1)
    return encoder


def behind_its_time():
    encoder = segment_encoder()
    for model in ("track.first", "begin", "end"):
        write_unsigned(encoder, model, 0)
    return encoder


def test_an_object_outside_the_window_is_refused():
    for begin, end in ((2, 0), (LARGEST, 0), (1, 1), (0, LARGEST)):
        encoder = segment_encoder()
        for model, value in (("track.first", 0), ("begin", begin), ("end", end)):
            write_unsigned(encoder, model, value)
        refused(encoder, "too large")


@pytest.mark.parametrize("model", ["label", "name"])
def test_an_index_of_no_text_is_refused(model):
    encoder = behind_its_time()
    if model == "name":
        write_unsigned(encoder, "label", 0)
    write_unsigned(encoder, model, 1 << 20)
    refused(encoder, "too large")


@pytest.mark.parametrize(("length", "byte"), [(LARGEST, 0), (256, 0), (255, 0xFF), (1, 0x80)])
def test_a_text_that_is_too_long_or_no_text_is_refused(length, byte):
    encoder = behind_its_time()
    write_unsigned(encoder, "label", 23)
    write_unsigned(encoder, "text.length", length)
    for _ in range(min(length, 255)):
        write_symbol(encoder, "text.byte", byte, 256)
    refused(encoder, "too large|UTF-8")


def with_curve(write):
    """An encoder of one object whose first curve is written by ``write``."""
    encoder = behind_its_time()
    for model in ("label", "name"):
        write_unsigned(encoder, model, 0)
    write_symbol(encoder, "selector", 3, 4)
    for flag in ("is_given", "has_motion", "has_turn", "has_temperature", "has_density"):
        encoder.put_bit(flag, 2, 0)
    for goal in ("goal_m", "goal_px"):
        write_unsigned(encoder, goal, 0)
    write_symbol(encoder, "score", 0, 17)
    encoder.put_bit("outline", 2, 0)
    write(encoder)
    return encoder


@pytest.mark.parametrize("method", [6, 7])
def test_a_method_that_does_not_exist_is_refused(method):
    refused(with_curve(lambda e: write_symbol(e, "foot.method", method, 8)), "unknown symbol")


def test_a_curve_of_too_many_points_is_refused():
    def many(encoder):
        write_symbol(encoder, "foot.method", Method.SPLINE, 6)
        write_unsigned(encoder, "foot.spline.points", MOST_POINTS - 2)

    refused(with_curve(many), "too large")


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 1 << 18])
def test_a_point_out_of_bounds_is_refused(value):
    def far(encoder):
        write_symbol(encoder, "foot.method", Method.CONSTANT, 6)
        encoder.put_bit("foot.coarse", 0, 0)
        write_signed(encoder, "foot.fine.first", value)

    refused(with_curve(far), "too large|leaves its bounds")


@pytest.mark.parametrize("kind", [6, 7])
def test_a_part_of_the_scene_that_does_not_exist_is_refused(kind):
    encoder = RangeEncoder(Models())
    write_head(_Without(_Without(encoder, "segments"), "scene"), HEAD)
    encoder.put_bit("scene", 0, 1)
    write_symbol(encoder, "scene.part", kind, 8)
    refused(encoder, "unknown symbol")


@pytest.mark.parametrize("kind", PartKind)
def test_a_part_of_zeros_is_a_scene_or_refused(kind):
    encoder = RangeEncoder(Models())
    write_head(_Without(_Without(encoder, "segments"), "scene"), HEAD)
    encoder.put_bit("scene", 0, 1)
    write_symbol(encoder, "scene.part", kind, 6)
    with bounded(), suppress(FramingError):
        read_all(encoder.finish())


# Many objects and many decisions.


def bare_segments(count, frames):
    """Segments of boxes that stand still."""
    box = (Curve(Method.CONSTANT, (9,), coarse=True),) * 4
    return tuple(Segment(track, 0, frames, curves=box) for track in range(count))


def test_a_window_of_too_many_objects_is_not_written():
    window = Window(0, (0,), TICK, SIZE, Ranges(), segments=bare_segments(MOST_SEGMENTS + 1, 1))
    with pytest.raises(FramingError, match="too many objects"):
        write_window(window)


def test_a_number_of_objects_that_is_not_there_ends_in_an_error():
    encoder = RangeEncoder(Models())
    write_head(encoder, replace(HEAD, segments=bare_segments(MOST_SEGMENTS, 1)))
    with bounded(), pytest.raises(FramingError):
        read_window(encoder.finish())


def test_objects_over_more_frames_than_allowed_are_not_read():
    many = bare_segments(MOST_STATES // 1024 + 1, 1024)
    data = write_window(Window(0, tuple(range(1024)), TICK, SIZE, Ranges(), segments=many))
    assert len(data) < 400
    with bounded(), pytest.raises(FramingError, match="too many objects"):
        read_window(data)


def test_as_many_frames_of_objects_as_allowed_are_read_in_bounded_time_and_memory():
    full = bare_segments(MOST_STATES // 1024, 1024)
    data = write_window(Window(0, tuple(range(1024)), TICK, SIZE, Ranges(), segments=full))
    with bounded():
        read_window(data)


def test_a_short_payload_that_never_ends_is_refused_soon():
    # Deltas of zero cost almost nothing, so a few bytes could hold millions of them.
    still = Curve(Method.DELTAS, (9,) * 1024)
    crowd = tuple(Segment(track, 0, 1024, curves=(still,) * 4) for track in range(64))
    window = Window(0, tuple(range(1024)), TICK, SIZE, Ranges(), segments=crowd)
    with pytest.raises(FramingError, match="too many decisions"):
        write_window(window)
    decoder = RangeDecoder(b"\0", Models())
    for _ in range(most_decisions(1)):
        decoder.get_bit("a", 0)
    with pytest.raises(FramingError, match="does not end"):
        decoder.get_bit("a", 0)
