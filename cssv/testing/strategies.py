"""Hypothesis strategies shared by tests: planes, frames, objects, outlines and scene files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from cssv.frames import Frame, Layout, planes_shape
from cssv.scene import Source, Value
from cssv.scene.check import is_span
from cssv.scene.equations import EQUATION_NAMES
from cssv.scene.expressions import (
    BINARY,
    LARGEST_CONSTANT,
    LEAVES,
    MOST_STEPS,
    Expression,
    Op,
    operands_of,
)
from cssv.scene.model import TEMPLATE_NAMES
from cssv.template.drawing import Outline, Selector
from cssv.template.state import ObjectState

U8 = NDArray[np.uint8]
Json = Any

LAYOUTS: tuple[Layout, ...] = ("yuv420p", "rgb24")
#: Room for a mark and a few tags; and too small for any tag.
SIZES = ((176, 160), (112, 96), (48, 40))

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


# Planes and frames.


@st.composite
def planes(draw: st.DrawFn, layout: Layout, width: int, height: int) -> U8:
    """Planes of noise, or of one level with a block in it, up to the ends of the scale."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = random.integers(0, 256, planes_shape(layout, width, height), dtype=np.uint8)
    if draw(st.booleans()):
        made[...] = draw(st.sampled_from([0, 7, 128, 255]))
        made[height // 4 : height // 2, width // 3 : width // 2] = draw(st.integers(0, 255))
    return made


@st.composite
def frames(
    draw: st.DrawFn, sizes: Sequence[tuple[int, int]] = SIZES, layouts: Sequence[Layout] = LAYOUTS
) -> Frame:
    """Frame 3 of a clip of 25 frames per second, in one of the sizes and layouts."""
    width, height = draw(st.sampled_from(sizes))
    layout = draw(st.sampled_from(layouts))
    return Frame(draw(planes(layout, width, height)), layout, 3, Fraction(1, 25), 0)


# Objects.


def boxes(width: int, height: int) -> st.SearchStrategy[tuple[float, float, float, float]]:
    """X, y, w, h of boxes that lie in the frame at least in part."""
    return st.tuples(
        st.floats(-20, width - 4), st.floats(-20, height - 4), st.floats(6, width), st.floats(6, height)
    )


def values(low: float, high: float) -> st.SearchStrategy[Value]:
    """Values in a range, with any source; sigma is unknown or at most a quarter of the range."""
    sigmas = st.none() | st.floats(0, (high - low) / 4)
    return st.builds(Value, st.floats(low, high), sigmas, st.sampled_from(Source))


@st.composite
def states(draw: st.DrawFn, track: int, width: int, height: int) -> ObjectState:
    """State of an object in a frame of this size; many of its attributes may be unknown."""
    speeds = st.tuples(st.floats(-40, 40), st.floats(-40, 40))
    past, future = draw(speeds), draw(speeds)
    return ObjectState(
        track=track,
        label=draw(st.sampled_from(["", "person", "a long label with \u00fc"])),
        score=draw(st.floats(0, 1)),
        box_px=draw(boxes(width, height)),
        velocity_px_s=((past[0] + future[0]) / 2, (past[1] + future[1]) / 2),
        past_px_s=past,
        future_px_s=future,
        sigma_px_s=draw(st.floats(0, 20) | st.just(math.inf)),
        temperature_c=draw(st.none() | values(-20, 60)),
        density_kg_m3=draw(st.none() | values(0, 2000)),
        selector=draw(st.none() | st.sampled_from(Selector)),
    )


@st.composite
def objects_of_a_frame(draw: st.DrawFn, width: int, height: int) -> list[ObjectState]:
    """Up to four objects, by track."""
    tracks = draw(st.lists(st.integers(1, 6), max_size=4, unique=True))
    return [draw(states(track, width, height)) for track in sorted(tracks)]


def outlines(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Outline]:
    """Outlines with any values that a tag can hold; ``fixed`` replaces the strategy of a field."""
    corners, sides = st.integers(-32768, 32767), st.integers(1, 65535)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "track": st.integers(0, 2**32 - 1),
        "label": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
        "score": st.integers(0, 255),
        "box": st.tuples(corners, corners, sides, sides),
        "radii": st.binary(min_size=32, max_size=32)
        | st.sampled_from([bytes(32), b"\xff" * 32, b"\xff\0" * 16]),
        "shift": st.integers(0, 6),
        "selector": st.sampled_from(Selector),
        "axis": st.integers(0, 255),
    }
    return st.builds(Outline, **(fields | fixed))


# Scene files.


def bounded(low: float, high: float) -> st.SearchStrategy[float]:
    """Integers and floats of a range."""
    whole = st.integers(math.ceil(low), math.floor(high))
    return whole | st.floats(low, high, allow_nan=False, allow_subnormal=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def with_own(draw: st.DrawFn, body: st.SearchStrategy[dict[str, Json]]) -> dict[str, Json]:
    """A part of a scene with up to one field of the user's own, whose name begins with ``x_``."""
    own = draw(st.dictionaries(texts.map(lambda t: "x_" + t), json_values, max_size=1))
    return draw(body) | own


def part(
    required: dict[str, st.SearchStrategy[Any]] | None = None, **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Json]]:
    """A part of a scene with these fields."""
    return with_own(st.fixed_dictionaries(required or {}, optional=optional))


def sensed(plain: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A plain value, or an object with value, sigma and source."""
    return plain | part({"value": plain}, sigma=bounded(0, 1e9), source=st.sampled_from([*Source]).map(str))


def numbers(low: float, high: float) -> st.SearchStrategy[Any]:
    """Sensed numbers of a range."""
    return sensed(bounded(low, high))


def pair(low: float, high: float) -> st.SearchStrategy[list[float]]:
    """Two numbers of a range."""
    return st.lists(bounded(low, high), min_size=2, max_size=2)


def span(low: float, high: float) -> st.SearchStrategy[list[float]]:
    """Two different numbers of a range, in order."""
    return st.lists(bounded(low, high), min_size=2, max_size=2, unique=True).map(sorted)


def drawn(low: float, high: float) -> st.SearchStrategy[list[float]]:
    """The range of a ring: the pixels carry its ends in single precision."""
    return span(low, high).filter(is_span)


times = bounded(-1e9, 1e9)
scene_boxes = st.tuples(*[bounded(-1e6, 1e6)] * 2, *[bounded(1e-3, 1e6)] * 2).map(list)
near = st.fixed_dictionaries({"near_px": pair(-1e6, 1e6), "at_s": times})
alive = span(-1e9, 1e9).map(lambda ends: {"from_s": ends[0], "to_s": ends[1]})
labelled = st.fixed_dictionaries({"label": texts}, optional={"track": st.integers(0, 2**31 - 1)})
nothing: st.SearchStrategy[dict[str, Json]] = st.just({})
matches = with_own(st.tuples(labelled, near | nothing, alive | nothing).map(lambda p: p[0] | p[1] | p[2]))
facts = {
    "name": texts,
    "label": texts,
    "temperature_c": numbers(-273.15, 1e6),
    "density_kg_m3": numbers(0, 1e6),
    "goal_m": sensed(pair(-1e9, 1e9)),
    "goal_px": sensed(pair(-1e6, 1e6)),
    "template": st.sampled_from(TEMPLATE_NAMES),
}


def expressions() -> st.SearchStrategy[Expression]:
    """Expressions of time of any form, within the limits."""
    constants = st.floats(0, LARGEST_CONSTANT) | st.integers(0, 1000).map(float)
    leaves = (constants.map(abs) | st.sampled_from(LEAVES)).map(lambda step: (step,))
    unary = [op for op in Op if operands_of(op) == 1]
    rows = st.recursive(
        leaves,
        lambda inner: (
            st.tuples(inner, st.sampled_from(unary)).map(lambda parts: (*parts[0], parts[1]))
            | st.tuples(inner, inner, st.sampled_from(BINARY)).map(
                lambda parts: (*parts[0], *parts[1], parts[2])
            )
        ),
        max_leaves=12,
    )
    return rows.filter(lambda steps: len(steps) <= MOST_STEPS).map(Expression)


@st.composite
def trajectories(draw: st.DrawFn) -> list[dict[str, Json]]:
    """Waypoints in the order of time, not so close that the box is too fast."""
    moments = sorted(draw(st.lists(times, min_size=2, max_size=4, unique_by=lambda t: round(t, 4))))
    assume(all(b - a > 1e-5 for a, b in pairwise(moments)))
    return [draw(part({"time_s": st.just(t), "box_px": scene_boxes})) for t in moments]


formulas = st.sampled_from(
    ["320 + 96*cos(1.57*t)", "50*exp(-t^2)", "t/(1 + t^2)", "2 sin(pi t)^2 + 3", "-(t - 1e-3)^2*exp(-t)"]
)
sides = st.sampled_from(["40 + sin(t)", "8 exp(-t^2) + 1"]) | bounded(1e-3, 1e6)


def equations(formula: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An equation with this formula: plain, or with a bound."""
    return formula | part({"expression": formula, "bound_px": bounded(0, 1e6)})


@st.composite
def equation_trajectories(draw: st.DrawFn) -> dict[str, Json]:
    """Trajectories by equations."""
    start = draw(bounded(-1e6, 1e6))
    places, lengths = equations(formulas | bounded(-1e6, 1e6)), equations(sides)
    return draw(
        part(
            {
                "from_s": st.just(start),
                "to_s": st.just(start + draw(st.sampled_from([0.5, 1, 4.25]))),
                "centre_x_px": places,
                "foot_y_px": places,
                "width_px": lengths,
                "height_px": lengths,
            }
        )
    )


@st.composite
def track_equations(draw: st.DrawFn) -> dict[str, Json]:
    """Equations of tracks, as decoding writes them."""
    known = draw(equation_trajectories())
    left_out = draw(st.sets(st.sampled_from(EQUATION_NAMES)))
    trajectory = {key: value for key, value in known.items() if key not in left_out}
    fields = {"track": st.integers(0, 2**32 - 1), "trajectory": st.just(trajectory)}
    return draw(part(fields, label=texts, name=texts))


given_objects = part({"trajectory": trajectories() | equation_trajectories()}, **facts)
scene_objects = part({"match": matches}, **facts) | given_objects
calibrations = part(
    {
        "size_px": st.lists(st.integers(1, 10**6), min_size=2, max_size=2),
        "centre_px": pair(-1e6, 1e6),
        "pixel_mm": pair(1e-6, 1000),
        "focal_mm": bounded(1e-3, 1e6),
        "translation_mm": st.tuples(bounded(-1e9, 1e9), bounded(-1e9, 1e9), bounded(1, 1e9)).map(list),
        # A camera that looks down on the ground, so that it is above it.
        "rotation_rad": st.just([0, 0, 0]) | st.just([0, 0, 1.5]),
    },
    sx=bounded(1e-3, 1000),
    kappa1_per_mm2=bounded(-1e6, 1e6),
)
cameras = part(
    position_m=sensed(st.lists(bounded(-1e9, 1e9), min_size=3, max_size=3)),
    pan_deg=numbers(-360, 360),
    tilt_deg=numbers(-180, 180),
    roll_deg=numbers(-360, 360),
    hfov_deg=numbers(1, 360),
    homography=st.just([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]]),
    tsai=calibrations,
).filter(bool)
environments = part(
    lighting_lux=numbers(0, 1e9),
    weather=texts,
    humidity_pct=numbers(0, 100),
    ambient_temperature_c=numbers(-273.15, 1e6),
    wind_m_s=numbers(0, 1000),
    wind_deg=numbers(0, 360),
    pressure_hpa=numbers(0, 1e6),
).filter(bool)
ranges = part(
    speed_px_s=drawn(0, 1e6),
    temperature_c=drawn(-273.15, 1e6),
    density_kg_m3=drawn(0, 1e6),
).filter(bool)
counts = st.fixed_dictionaries({"scale": bounded(1e-3, 1000), "offset_c": bounded(-1e6, 1e6)})
mountings = part(
    homography=st.just([[4.8, 0.1, 3], [0, 4.8, -2.5], [0, 1e-4, 1]]),
    sigma_c=bounded(0, 1e9),
    time_offset_s=times,
    rate=bounded(1e-3, 1000),
)
thermals = st.tuples(mountings, counts | nothing).map(lambda p: p[0] | p[1]).filter(bool)
#: Scene files as JSON, with every field the format has.
scenes = part(
    {"cssv_scene": st.just(1)},
    camera=cameras,
    environment=environments,
    textures=st.dictionaries(texts, texts, min_size=1, max_size=2),
    objects=st.lists(scene_objects, min_size=1, max_size=2),
    ranges=ranges,
    thermal=thermals,
    tracks=st.lists(track_equations(), min_size=1, max_size=2),
)
