"""The scene: camera, environment, objects and ranges, as ``scene.json`` states them."""

from cssv.scene.attributes import ObjectAttributes
from cssv.scene.model import (
    SELECTORS,
    Camera,
    Environment,
    GivenRanges,
    GivenState,
    Match,
    Matrix,
    Ranges,
    Scene,
    SceneObject,
    Selector,
    Thermal,
    Tsai,
    Waypoint,
)
from cssv.scene.schema import schema
from cssv.scene.values import Point, Source, Value

__all__ = [
    "SELECTORS",
    "Camera",
    "Environment",
    "GivenRanges",
    "GivenState",
    "Match",
    "Matrix",
    "ObjectAttributes",
    "Point",
    "Ranges",
    "Scene",
    "SceneObject",
    "Selector",
    "Source",
    "Thermal",
    "Tsai",
    "Value",
    "Waypoint",
    "schema",
]
