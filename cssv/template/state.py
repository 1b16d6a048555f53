"""The state of one object in one frame: place, motion and attributes, in units."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cssv.scene import Value
from cssv.scene.attributes import ObjectAttributes
from cssv.scene.ground import Plane, foot_velocity, ground_velocity
from cssv.scene.values import ImageBox, Pair
from cssv.template.drawing import Selector


@dataclass(frozen=True, slots=True)
class ObjectState(ObjectAttributes):
    """One object in one frame.

    Attributes:
        track: identity, 0 to 2^32 - 1.
        label: class name, may be empty.
        score: detection score, 0 to 1.
        box_px: x, y, w, h, origin at the frame's top left corner.
        velocity_px_s: from past and future frames.
        past_px_s, future_px_s: velocity from the past frames and towards the future frames, as drawn
            in the two halves of the inner ring; their mean is ``velocity_px_s``.
        sigma_px_s: standard deviation of the velocity per axis; infinite if unknown.
        name: from the scene; None if it has none.
        selector: which drawing; None chooses by what is known.
        detected: the detector's label if the scene gives another one; else None.
        is_given: whether the object is a trajectory of the scene, not a perceived track.
        velocity_m_s: velocity of its foot on the ground; None if unknown.
        sigma_m_s: standard deviation of that velocity per axis; infinite if unknown.
        thermal_c: reading of a thermal camera inside its outline, used for ``temperature_c`` or not.
        (others): as in :class:`cssv.scene.attributes.ObjectAttributes`; only carried ones are set.
    """

    track: int
    label: str
    score: float
    box_px: ImageBox
    velocity_px_s: Pair
    past_px_s: Pair
    future_px_s: Pair
    sigma_px_s: float
    name: str | None = None
    selector: Selector | None = None
    detected: str | None = None
    is_given: bool = False
    velocity_m_s: Pair | None = None
    sigma_m_s: float = math.inf
    thermal_c: Value | None = None

    @property
    def speed_px_s(self) -> float:
        """Length of the velocity."""
        return math.hypot(*self.velocity_px_s)


def moved(state: ObjectState, by: tuple[int, int]) -> ObjectState:
    """The state with its box moved to the right and down, in pixels."""
    x, y, w, h = state.box_px
    return replace(state, box_px=(x + by[0], y + by[1], w, h))


def grounded(state: ObjectState, plane: Plane | None, foot_px_s: Pair | None = None) -> ObjectState:
    """The state with its velocity on the ground, computed from the one in the picture.

    Args:
        state: the object.
        plane: the ground of the picture; None if unknown.
        foot_px_s: velocity of its foot in the picture; by default computed from the plane and its centre's.

    Returns:
        The state; its velocity on the ground is unknown if the plane, the velocity or the foot is.
    """
    unknown = replace(state, velocity_m_s=None, sigma_m_s=math.inf)
    if plane is None or not math.isfinite(state.sigma_px_s):
        return unknown
    box = np.array(state.box_px)
    moving = foot_velocity(plane, box, np.array(state.velocity_px_s)) if foot_px_s is None else foot_px_s
    velocity, slope = ground_velocity(plane, box, np.array(moving))
    # One number for both axes: the root mean square of the jacobian's two directions.
    sigma = state.sigma_px_s * float(np.sqrt((slope**2).sum() / 2))
    if not (np.isfinite(velocity).all() and math.isfinite(sigma)):
        return unknown
    return replace(state, velocity_m_s=(float(velocity[0]), float(velocity[1])), sigma_m_s=sigma)
