"""All objects of a clip as rows, and one frame of it, for plots."""

from __future__ import annotations

from dataclasses import dataclass

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


def read_rows(decoder: Decoder, progress: Progress | None = None) -> ClipRows:
    """The rows of a whole source: of a ``.cssv`` from its scene track alone, else from all frames.

    Raises:
        ChecksumError, ContainerError: the scene track is damaged.
    """
    rows: list[ObjectRow] = []
    reader, total = decoder.reader, len(decoder)
    if reader is None:
        times = []
        for moment in counted(decoder, "plot", total, progress):
            rows.extend(moment.objects)
            times.append(moment.time)
        # Of copies, the length of the last frame is not always known.
        step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / decoder.info.rate
        return ClipRows(tuple(rows), np.array([float(time) for time in (*times, times[-1] + step)]))
    # No frame has to be decoded.
    time_base, table, video = reader.video.time_base, reader.video.table, reader.video.number
    times = [reader.pts(video, number) * time_base for number in range(total)]
    for number in counted(range(total), "plot", total, progress):
        states = decoder.stored_sample(number).objects
        rows.extend(rows_of(states, number, times[number], "metadata", decoder.plane))
    last = (table.time(total) - table.time(total - 1)) * time_base
    return ClipRows(tuple(rows), np.array([float(time) for time in (*times, times[-1] + last)]))


def read_picture_at(decoder: Decoder, number: int) -> tuple[U8, tuple[float, float, float, float]]:
    """Decode a frame: (H, W, 3) uint8 RGB; left, top, right and bottom of what it shows of the clip, px."""
    decoder.seek(number)
    moment: Moment = next(iter(decoder))
    (x, y), (across, down) = moment.view.origin_px, moment.view.scale
    frame = moment.frame
    area = (float(x), float(y), float(x + frame.width / across), float(y + frame.height / down))
    return to_rgb(frame.planes, frame.layout), area
