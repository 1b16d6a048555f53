"""Rows of the objects table: one object in one frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, make_dataclass
from operator import index
from typing import TYPE_CHECKING, Any, Literal, get_args

from cssv.errors import InputError
from cssv.scene.attributes import ATTRIBUTE_COLUMNS

Origin = Literal["metadata", "pixels", "room", "robust"]

#: Digits after the point of a written time_s: a nanosecond.
TIME_DIGITS = 9


@dataclass(frozen=True, slots=True)
class _Motion:
    """The columns before those of the attributes."""

    frame: int
    time_s: float
    track: int
    label: str | None = None
    x_px: float | None = None
    y_px: float | None = None
    w_px: float | None = None
    h_px: float | None = None
    score: float | None = None
    vx_px_s: float | None = None
    vy_px_s: float | None = None
    speed_px_s: float | None = None
    sigma_px_s: float | None = None
    vx_m_s: float | None = None
    vy_m_s: float | None = None
    speed_m_s: float | None = None
    sigma_m_s: float | None = None


if TYPE_CHECKING:

    @dataclass(frozen=True, slots=True)
    class _Attributes(_Motion):
        """The columns of the attributes, named for type checkers and editors only."""

        temperature_c: float | None = None
        temperature_sigma_c: float | None = None
        density_kg_m3: float | None = None
        density_sigma_kg_m3: float | None = None
        goal_x_m: float | None = None
        goal_y_m: float | None = None
        goal_sigma_m: float | None = None
        goal_x_px: float | None = None
        goal_y_px: float | None = None
        goal_sigma_px: float | None = None

else:
    # The columns follow the attributes of an object, so that a new attribute needs no edit here.
    _Attributes = make_dataclass(
        "_Attributes",
        [(column, "float | None", None) for column in ATTRIBUTE_COLUMNS],
        bases=(_Motion,),
        frozen=True,
        slots=True,
    )


@dataclass(frozen=True, slots=True)
class ObjectRow(_Attributes):
    """One object in one frame. The fields are the table's columns, in order; None is unknown.

    Attributes:
        frame: number of the frame, counted from 0.
        time_s: presentation time, seconds.
        track: the track's id.
        label: what the object is.
        x_px, y_px, w_px, h_px: its box: top left corner, width, height; of the visible part, if the edge of
            the picture cuts the object.
        score: the detection's score, 0 to 1.
        vx_px_s, vy_px_s, speed_px_s: velocity of the whole object and its length, pixels per second.
        sigma_px_s: one standard deviation of the velocity per axis.
        vx_m_s, vy_m_s, speed_m_s: velocity of its foot on the ground, in the axes of the scene's camera, and
            its length, metres per second; known where the camera is calibrated (:mod:`cssv.scene.ground`).
        sigma_m_s: one standard deviation of that velocity per axis.
        temperature_c, temperature_sigma_c: degrees Celsius.
        density_kg_m3, density_sigma_kg_m3: of the object itself, kilograms per cubic metre.
        goal_x_m, goal_y_m, goal_sigma_m: where it is heading, by the scene: on the ground, metres.
        goal_x_px, goal_y_px, goal_sigma_px: the same in the picture, pixels.
        crowd_density_m2: people per square metre around its foot (:func:`cssv.scene.crowd.crowd_density`);
            known where the camera is calibrated.
        source: "metadata" where the row comes from the scene payload, "pixels" where it was read
            back from the heat map alone, "room" where the marks of the pixels tell of an object whose drawing
            cannot be read, such as one outside of a crop, "robust" where it survived a re-encoding.
        speed_km_h, sigma_km_h: speed_m_s and sigma_m_s in kilometres per hour.
    """

    crowd_density_m2: float | None = None
    source: Origin = "metadata"
    # At the end, so that programs that count columns still find the others.
    speed_km_h: float | None = None
    sigma_km_h: float | None = None

    def __post_init__(self) -> None:
        if self.source not in get_args(Origin):
            raise InputError("unknown source of a row", found=self.source, bound=", ".join(get_args(Origin)))
        if self.label == "":
            raise InputError("an empty label would read back as unknown", remedy="Use None.")
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is None and name not in REQUIRED:
                continue
            if not math.isfinite(value):
                raise InputError(f"{name} is not finite", found=value, remedy="Use None for unknown values.")
            if type(value) is not float:  # NumPy's scalars and whole numbers
                object.__setattr__(self, name, index(value) if name in WHOLE else float(value))


COLUMNS = tuple(f.name for f in fields(ObjectRow))
#: Columns of tables that were written before there were those of :data:`_CONVERTED`.
EARLIER_COLUMNS = COLUMNS[:-2]
#: Kilometres per hour in a metre per second.
KM_H = 3.6
#: Decimal places of speeds: enough for programs that compare them with the length of the velocity.
SPEED_DECIMALS = 6
#: Columns that follow from another one.
_CONVERTED = {"speed_km_h": "speed_m_s", "sigma_km_h": "sigma_m_s"}
#: Columns that are never unknown, columns of whole numbers, and columns of text.
REQUIRED = ("frame", "time_s", "track", "source")
WHOLE = ("frame", "track")
TEXTS = ("label", "source")
_NUMBERS = tuple(name for name in COLUMNS if name not in TEXTS)


def row_to_cells(row: ObjectRow) -> dict[str, Any]:
    """The cells of a row by column; the time rounded to a nanosecond."""
    cells = {name: getattr(row, name) for name in COLUMNS}
    return cells | {"time_s": round(row.time_s, TIME_DIGITS)}


def cells_to_row(cells: object) -> ObjectRow:
    """Inverse of :func:`row_to_cells`, also for tables with EARLIER_COLUMNS.

    Raises:
        InputError: other columns.
    """
    values: dict[str, Any] = cells if isinstance(cells, dict) else {}
    if check_columns(tuple(values)) == EARLIER_COLUMNS:
        values = values | {name: to_km_h(values[origin]) for name, origin in _CONVERTED.items()}
    return ObjectRow(**values)


def check_columns(found: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a table; an InputError unless they are those of an objects table."""
    if found not in (COLUMNS, EARLIER_COLUMNS):
        raise InputError("the columns are not those of an objects table", bound=", ".join(COLUMNS))
    return found


def to_km_h(speed_m_s: float | None) -> float | None:
    """Metres per second as kilometres per hour, rounded as speeds are."""
    return None if speed_m_s is None else round(KM_H * speed_m_s, SPEED_DECIMALS)
