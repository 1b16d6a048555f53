"""General formats for the objects of a window.

They hold boxes, mean velocities and attributes, rounded to the bounds of the payload, each window on its own.
``deltas``: the differences of successive frames within a track, in columns of 16 bits, compressed by DEFLATE
or zstd. ``JSON``: one list for each frame and object. ``Parquet``: one row for each frame and object,
compressed by zstd. ``raw``: eleven numbers of 16 bits an object and frame.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable

import numpy as np
from payload_windows import Timed

from cssv.template.certainty import planar_certainty, value_certainty

Row = list[int]
COLUMNS = (
    "centre", "middle", "width", "height", "velocity_x", "velocity_y", "certainty",
    "temperature", "temperature_certainty", "density", "density_certainty",
)  # fmt: skip
#: Levels of compression: the highest.
DEFLATE, ZSTD = 9, 22


def rows(timed: Timed) -> list[tuple[int, int, Row]]:
    """Frame, track and whole numbers of every object, rounded to the bounds of the payload."""
    found = []
    for at, states in enumerate(timed.objects):
        for state in states:
            x, y, w, h = state.box_px
            spans = timed.ranges
            speed, warm, dense = (span[1] - span[0] for span in spans.to_json().values())
            box = [round((x + w / 2) / 2), round((y + h) / 2), round(w / 2), round(h / 2)]
            motion = [round(v / speed * 16) for v in state.velocity_px_s]
            sigma = round(planar_certainty(state.sigma_px_s, spans.speed_px_s) * 16)
            temperature, density = state.temperature_c, state.density_kg_m3
            assert temperature is not None
            assert density is not None
            sensed = [
                round((temperature.value - spans.temperature_c[0]) / warm * 16),
                round(value_certainty(temperature, spans.temperature_c) * 16),
                round((density.value - spans.density_kg_m3[0]) / dense * 16),
                round(value_certainty(density, spans.density_kg_m3) * 16),
            ]
            found.append((at, state.track, [*box, *motion, sigma, *sensed]))
    return found


def delta_columns(timed: Timed) -> bytes:
    """The differences within each track, column by column."""
    tracks: dict[int, list[Row]] = {}
    for at, track, numbers in rows(timed):
        tracks.setdefault(track, []).append([at, *numbers])
    columns = []
    for track, table in sorted(tracks.items()):
        values = np.array(table)
        steps = np.diff(values, axis=0, prepend=np.zeros((1, values.shape[1]), int))
        columns.append(np.array([track], np.int16).tobytes() + steps.T.astype(np.int16).tobytes())
    return b"".join(columns)


def deflated_deltas(timed: Timed) -> int:
    """Bytes of the differences, deflated."""
    return len(zlib.compress(delta_columns(timed), DEFLATE))


def zstd_deltas(timed: Timed) -> int:
    """Bytes of the differences, compressed by zstd."""
    import pyarrow

    return len(pyarrow.Codec("zstd", compression_level=ZSTD).compress(delta_columns(timed), asbytes=True))


def deflated_json(timed: Timed) -> int:
    """Bytes of the numbers as compact JSON, deflated."""
    text = json.dumps([[at, track, *numbers] for at, track, numbers in rows(timed)], separators=(",", ":"))
    return len(zlib.compress(text.encode(), DEFLATE))


def parquet(timed: Timed) -> int:
    """Bytes of a Parquet file."""
    import pyarrow
    from pyarrow import parquet as format_

    table = rows(timed)
    columns = {"frame": [at for at, _, _ in table], "track": [track for _, track, _ in table]}
    for k, name in enumerate(COLUMNS):
        columns[name] = [numbers[k] for _, _, numbers in table]
    arrays = {name: pyarrow.array(values, pyarrow.int32()) for name, values in columns.items()}
    file = io.BytesIO()
    format_.write_table(pyarrow.table(arrays), file, compression="zstd", compression_level=ZSTD)
    return len(file.getvalue())


def raw(timed: Timed) -> int:
    """Bytes of the numbers as they are."""
    return 2 * len(COLUMNS) * sum(map(len, timed.objects))


RIVALS: dict[str, Callable[[Timed], int]] = {
    "deltas, zstd": zstd_deltas,
    "deltas, deflated": deflated_deltas,
    "JSON, deflated": deflated_json,
    "Parquet, zstd": parquet,
    "raw, 16 bits a number": raw,
}
