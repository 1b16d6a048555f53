"""Rows of the objects table for many frames of a clip, and one frame of it as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cssv.boxes import F64
from cssv.frames import U8
from cssv.interop.rows import ObjectRow
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.moment import Moment
from cssv.pipeline.object_columns import Columns, FrameStates, columns_of, rows_in

#: Frames that are read at once.
_FRAMES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class ClipRows:
    """The objects of a whole clip.

    Attributes:
        rows: of the objects table, frame by frame.
        times_s: times of all frames, and the end of the last one.
    """

    rows: tuple[ObjectRow, ...]
    times_s: F64


def read_clip_columns(
    decoder: Decoder, start: int, stop: int, progress: Progress | None = None
) -> Iterator[Columns]:
    """The objects of the frames from ``start`` up to ``stop`` as columns, of some frames at a time.

    Of a ``.cssv`` from its scene track alone. Of a copy, which has no scene track, the frames are decoded,
    and the decoder loses its place.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    total = stop - start
    if total <= 0:
        return
    if decoder.reader is None:
        decoder.seek(start)
        found = (moment.object_states for moment in islice(decoder, total))
    else:
        found = (_stored_states(decoder, number) for number in range(start, stop))
    frames = counted(found, "objects", total, progress)
    while batch := list(islice(frames, _FRAMES_AT_ONCE)):
        yield columns_of(batch, decoder.plane)


def read_clip_rows(
    decoder: Decoder, start: int, stop: int, progress: Progress | None = None
) -> Iterator[ObjectRow]:
    """The objects of :func:`read_clip_columns` as rows, with its errors."""
    for columns in read_clip_columns(decoder, start, stop, progress):
        yield from rows_in(columns)


def _stored_states(decoder: Decoder, number: int) -> FrameStates:
    """The objects of a frame from the scene track."""
    reader = decoder.reader
    assert reader is not None
    states = decoder.stored_sample(number).objects
    time = reader.pts(reader.video.number, number) * reader.video.time_base
    return FrameStates(number, time, states, ["metadata"] * len(states))


def read_rows(decoder: Decoder, progress: Progress | None = None) -> ClipRows:
    """The rows of a whole source: of a ``.cssv`` from its scene track alone, else from all frames.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    reader, total = decoder.reader, len(decoder)
    if reader is not None:
        time_base, table, video = reader.video.time_base, reader.video.table, reader.video.number
        times = [reader.pts(video, number) * time_base for number in range(total)]
        step = (table.time(total) - table.time(total - 1)) * time_base
        rows = tuple(read_clip_rows(decoder, 0, total, progress))
    else:
        times, found = [], list[ObjectRow]()
        for moment in counted(decoder, "objects", total, progress):
            found.extend(moment.objects)
            times.append(moment.time)
        # Of copies, the length of the last frame is not always known.
        step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / decoder.info.rate
        rows = tuple(found)
    return ClipRows(rows, np.array([float(time) for time in (*times, times[-1] + step)]))


def read_picture_at(decoder: Decoder, number: int) -> tuple[U8, tuple[float, float, float, float]]:
    """Decode a frame: (H, W, 3) uint8 RGB; left, top, right and bottom of what it shows of the clip, px."""
    decoder.seek(number)
    moment: Moment = next(iter(decoder))
    (x, y), (across, down) = moment.view.origin_px, moment.view.scale
    frame = moment.frame
    area = (float(x), float(y), float(x + frame.width / across), float(y + frame.height / down))
    return moment.rgb, area
