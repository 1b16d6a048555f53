"""Temperatures of objects: the thermal picture of a frame, read inside the objects' outlines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.perception.thermal.registration import ThermalRegistration, take_reading
from cssv.pipeline.frame_objects import FrameObjects, with_reading
from cssv.scene import Ranges
from cssv.scene.ground import Size
from cssv.scene.thermal import Calibration
from cssv.template.draw import draw
from cssv.template.drawing import Outline, OutlineKey, drawing_order
from cssv.template.outline import inside_outline
from cssv.template.state import ObjectState

#: Of a camera that gives degrees and states no accuracy.
DEGREES = Calibration()

#: An object is read if the thermal camera sees at least this share of its outline ...
SEEN_SHARE = 0.5
#: ... in at most about this many of its pixels.
SAMPLES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class ThermalView:
    """The thermal picture of one frame.

    Attributes:
        celsius: (H, W) float32, degrees Celsius; NaN at dead pixels.
        registration: where its pixels lie in the frame.
        calibration: conversion of counts, and the camera's stated accuracy.
    """

    celsius: NDArray[np.float32]
    registration: ThermalRegistration
    calibration: Calibration = DEGREES


def take_temperatures(
    shown: FrameObjects, ranges: Ranges, luma: U8 | None, size: Size, view: ThermalView | None
) -> tuple[FrameObjects, dict[OutlineKey, Outline]]:
    """Read the temperature of every object of a frame inside its outline.

    Args:
        shown: the objects.
        ranges: values at the bottom and top of each ring.
        luma: (H, W) uint8, the cover's brightness, in which outlines are found; None takes rounded boxes.
        size: width and height of the frame.
        view: the thermal picture; None if there is none for this frame.

    Returns:
        The objects with their readings, and the outlines, so that they need not be found again. An object has
        no reading if it is too small, mostly hidden behind nearer ones or outside the thermal view.
    """
    if view is None:
        return shown, {}
    objects, outlines = _read(shown.objects, ranges, luma, size, view)
    replaced, _ = _read(shown.replaced, ranges, luma, size, view)
    # Objects that are not drawn keep the reading alone: their temperature is that of the given object.
    kept = tuple(replace(state, temperature_c=None) for state in replaced)
    return FrameObjects(objects, kept), outlines


def _read(
    states: tuple[ObjectState, ...], ranges: Ranges, luma: U8 | None, size: Size, view: ThermalView
) -> tuple[tuple[ObjectState, ...], dict[OutlineKey, Outline]]:
    drawn = [(index, draw(state, ranges, luma, size)) for index, state in enumerate(states)]
    found = [(index, drawing.outline) for index, drawing in drawn if drawing is not None]
    hidden = np.zeros(size[::-1], np.bool_)
    with_readings = list(states)
    # The nearest first, because it hides the others.
    for index, outline in sorted(found, key=lambda pair: drawing_order(pair[1]), reverse=True):
        x, y, share = _visible(outline, hidden)
        rows, columns = view.registration.look_up(x, y)
        if share * rows.size >= SEEN_SHARE * x.size:
            reading = take_reading(view.celsius, rows, columns, view.calibration)
            with_readings[index] = with_reading(states[index], reading)
    return tuple(with_readings), {(outline.track, outline.box): outline for _, outline in found}


def _visible(outline: Outline, hidden: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """Visible pixels x and y inside an outline, at most about SAMPLES, and their share of the inside.

    ``hidden`` is updated: for the objects behind, they are hidden from now on.
    """
    height, width = hidden.shape
    (x, y), reach = outline.centre, max(outline.radii) << outline.shift
    rows, columns = (
        range(max(y - reach, 0), min(y + reach + 1, height)),
        range(max(x - reach, 0), min(x + reach + 1, width)),
    )
    inside = inside_outline(
        outline.radii,
        outline.shift,
        range(rows.start - y, rows.stop - y),
        range(columns.start - x, columns.stop - x),
    ).astype(np.bool_)
    window = hidden[rows.start : rows.stop, columns.start : columns.stop]
    down, across = np.nonzero(inside & ~window)
    window |= inside
    share = down.size / max(int(inside.sum()), 1)
    step = max(-(-down.size // SAMPLES), 1)
    return across[::step] + columns.start, down[::step] + rows.start, share
