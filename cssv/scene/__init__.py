"""The scene: camera, environment, objects and ranges, as ``scene.json`` states them."""

from cssv.scene.attributes import ObjectAttributes
from cssv.scene.equations import Equation, Equations, TrackEquations
from cssv.scene.model import (
    TEMPLATE_NAMES,
    Camera,
    Environment,
    GivenRanges,
    Match,
    Matrix,
    Ranges,
    Scene,
    SceneObject,
    TemplateName,
    Thermal,
    Tsai,
)
from cssv.scene.schema import schema
from cssv.scene.trajectory import GivenState, Waypoint
from cssv.scene.values import Point, Source, Value

__all__ = [
    "TEMPLATE_NAMES",
    "Camera",
    "Environment",
    "Equation",
    "Equations",
    "GivenRanges",
    "GivenState",
    "Match",
    "Matrix",
    "ObjectAttributes",
    "Point",
    "Ranges",
    "Scene",
    "SceneObject",
    "Source",
    "TemplateName",
    "Thermal",
    "TrackEquations",
    "Tsai",
    "Value",
    "Waypoint",
    "schema",
]
