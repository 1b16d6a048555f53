"""The scene: camera, environment, objects and ranges, as ``scene.json`` states them."""

from cssv.scene.attributes import ObjectAttributes
from cssv.scene.model import (
    TEMPLATE_NAMES,
    Camera,
    Environment,
    GivenRanges,
    GivenState,
    Match,
    Matrix,
    Ranges,
    Scene,
    SceneObject,
    TemplateName,
    Thermal,
    Tsai,
    Waypoint,
)
from cssv.scene.schema import schema
from cssv.scene.values import Point, Source, Value

__all__ = [
    "TEMPLATE_NAMES",
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
    "Source",
    "TemplateName",
    "Thermal",
    "Tsai",
    "Value",
    "Waypoint",
    "schema",
]
