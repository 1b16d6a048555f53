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
from cssv.pipeline.rows import rows_of
from cssv.view.heat import to_rgb


@dataclass(frozen=True, eq=False)
class ClipRows:
    """The objects of a whole clip.

    Attributes:
        rows: of the objects table, frame by frame.
        times_s: times of all frames, and the end of the last one.
    """

    rows: tuple[ObjectRow, ...]
    times_s: F64


def read_clip_rows(
    decoder: Decoder, start: int, stop: int, progress: Progress | None = None
) -> Iterator[ObjectRow]:
    """Rows of the frames from ``start`` up to ``stop``: of a ``.cssv`` from its scene track alone.

    Of a copy, which has no scene track, the frames are decoded, and the decoder loses its place.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    total = stop - start
    if total <= 0:
        return
    reader = decoder.reader
    if reader is None:
        decoder.seek(start)
        for moment in counted(islice(decoder, total), "objects", total, progress):
            yield from moment.objects
        return
    time_base, video = reader.video.time_base, reader.video.number
    for number in counted(range(start, stop), "objects", total, progress):
        states = decoder.stored_sample(number).objects
        yield from rows_of(states, number, reader.pts(video, number) * time_base, "metadata", decoder.plane)


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
    return to_rgb(frame.planes, frame.layout), area
