"""Which rings the heat map of a clip has: those of attributes that anybody knows."""

from __future__ import annotations

from cssv.scene import Scene, Source
from cssv.template.drawing import Rings

#: The ring of each attribute of the scene that has one.
RING_OF = {"temperature_c": Rings.TEMPERATURE, "density_kg_m3": Rings.DENSITY}


def known_rings(scene: Scene, *, has_thermal: bool = False) -> Rings:
    """The rings of attributes that the scene gives for any object, and of the velocity.

    Every object that is drawn is tracked or has a trajectory, so that the velocity is always known for some.
    An entry counts whether it matches a track or not: a stream does not know its tracks when it begins.

    Args:
        scene: of the clip.
        has_thermal: whether a thermal camera measures temperatures.
    """
    known = Rings.VELOCITY
    if has_thermal:
        known |= Rings.TEMPERATURE
    for name, ring in RING_OF.items():
        values = (getattr(entry, name) for entry in scene.objects)
        # An entry can also say that a value of earlier entries is unknown.
        if any(value is not None and value.source is not Source.UNKNOWN for value in values):
            known |= ring
    return known
