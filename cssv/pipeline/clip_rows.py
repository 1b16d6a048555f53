"""Rows of the objects table for a range of frames of a clip."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from cssv.interop.rows import ObjectRow
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.rows import rows_of


def read_clip_rows(decoder: Decoder, start: int, stop: int) -> Iterator[ObjectRow]:
    """Rows of the frames from ``start`` up to ``stop``: of a ``.cssv`` from its scene track alone.

    Of a copy, which has no scene track, the frames are decoded, and the decoder loses its place.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    if start >= stop:
        return
    reader = decoder.reader
    if reader is None:
        decoder.seek(start)
        for moment in islice(decoder, stop - start):
            yield from moment.objects
        return
    time_base = reader.video.time_base
    for number in range(start, stop):
        states = decoder.stored_sample(number).objects
        time = int(reader.pts(reader.video.number, number)) * time_base
        yield from rows_of(states, number, time, "metadata", decoder.plane)
