"""Windows as bytes, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cssv.errors import FramingError
from cssv.payload.channels import MOTION, bound_of
from cssv.payload.curves import evaluate, read_curve, write_curve
from cssv.payload.expectation import Expectation
from cssv.payload.facts import read_facts, read_reach, write_facts, write_reach
from cssv.payload.head import read_head, write_head
from cssv.payload.models import Models, Table
from cssv.payload.range_coder import BitWriter, RangeDecoder, RangeEncoder
from cssv.payload.texts import Texts
from cssv.payload.window import MOST_STATES, Segment, Window


def write_window(window: Window, priors: Table | None = None) -> bytes:
    """The window as bytes without a frame; :func:`cssv.payload.envelope.seal_payload` adds one.

    Raises:
        FramingError: a part of the window does not fit.
    """
    encoder = RangeEncoder(Models(priors))
    put_window(encoder, window)
    return encoder.finish()


def put_window(writer: BitWriter, window: Window) -> None:
    """Write all decisions of a window.

    Raises:
        FramingError: a part of the window does not fit.
    """
    write_head(writer, window)
    expectation, texts = Expectation(), Texts()
    for segment in window.segments:
        write_facts(writer, segment, len(window.pts), expectation, texts)
        axis = window.axis_of(segment)
        for channel, curve in zip(segment.channels, segment.curves, strict=True):
            if channel == MOTION[0]:
                write_reach(writer, segment.reach, expectation)
            bound = bound_of(channel, window.bound)
            write_curve(writer, channel, curve, bound, expectation.of(channel))
            expectation.note(channel, evaluate(curve, axis, bound))


def read_window(data: bytes, priors: Table | None = None) -> Window:
    """Inverse of :func:`write_window`.

    Raises:
        FramingError: the data are no window, or a number exceeds its bound.
    """
    decoder = RangeDecoder(data, Models(priors))
    window, count = read_head(decoder)
    segments = tuple(_read_segments(decoder, window, count))
    decoder.finish()
    return replace(window, segments=segments)


def _read_segments(decoder: RangeDecoder, window: Window, count: int) -> Iterator[Segment]:
    expectation, texts, states = Expectation(), Texts(), 0
    for _ in range(count):
        segment = read_facts(decoder, len(window.pts), expectation, texts)
        states += segment.count
        # Checked before the values of the segment are computed.
        if states > MOST_STATES:
            raise FramingError("a window holds too many objects", bound=f"{MOST_STATES} in all its frames")
        axis, curves = window.axis_of(segment), []
        for channel in segment.channels:
            if channel == MOTION[0]:
                segment = replace(segment, reach=read_reach(decoder, expectation))
            bound = bound_of(channel, window.bound)
            curve = read_curve(decoder, channel, segment.count, bound, expectation.of(channel))
            expectation.note(channel, evaluate(curve, axis, bound))
            curves.append(curve)
        yield replace(segment, curves=tuple(curves))
