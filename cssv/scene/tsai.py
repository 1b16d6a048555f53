"""Tsai camera calibrations, XML as published with PETS 2009 -> a scene's ``camera.tsai``.

::

    <Camera name="View_001">
        <Geometry width="768" height="576" dpx="0.00513" dpy="0.00465" .../>
        <Intrinsic focal="5.55" kappa1="0.00511" cx="324.2" cy="282.6" sx="1.094"/>
        <Extrinsic tx="829" ty="-3175" tz="35469" rx="2.04" ry="-0.893" rz="-0.431"/>
    </Camera>

Lengths are millimetres, angles radians.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defusedxml import DTDForbidden
from defusedxml.ElementTree import ParseError, iterparse

from cssv.errors import SceneError
from cssv.files.bounded import read_at_most
from cssv.files.inputs import check_regular

#: Largest file, in bytes; a calibration has about 600.
FILE_BOUND = 64 * 1024
#: Deepest nesting of elements; a calibration has two levels, a file of several cameras three.
DEPTH_BOUND = 16

_NEEDED = {
    "Geometry": ("width", "height", "dpx", "dpy"),
    "Intrinsic": ("focal", "kappa1", "cx", "cy", "sx"),
    "Extrinsic": ("tx", "ty", "tz", "rx", "ry", "rz"),
}
_WHOLE = ("width", "height")


def read_tsai(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a Tsai calibration and return the plain JSON of a scene's ``camera.tsai``.

    Raises:
        SceneError: the file cannot be opened, is no ordinary file (a folder, a pipe), is too large, is not
            XML, has a document type or entities of its own, or lacks a number; one line per fault.
    """
    check_regular(path, SceneError, "the calibration")
    try:
        with Path(path).open("rb") as file:
            data = read_at_most(file, FILE_BOUND)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise SceneError(f"cannot read calibration {os.fspath(path)!r}: {why}") from error
    name = f"calibration {os.fspath(path)}"
    if data is None:
        raise SceneError(f"{name} is too large", faults=(f"allowed: at most {FILE_BOUND} bytes",))
    return _tsai(_elements(data, name), name)


def _elements(data: bytes, name: str) -> dict[str, dict[str, str]]:
    """Attributes of the needed elements, by the element's name."""
    found: dict[str, dict[str, str]] = {}
    for depth, element, attributes in _opened(data, name):
        # A file of 64 KiB can nest 20,000 elements, which no calibration does.
        if depth > DEPTH_BOUND:
            raise SceneError(f"{name} is nested too deeply", faults=(f"allowed: {DEPTH_BOUND} levels",))
        if element in found:
            raise SceneError(f"{name} holds more than one camera", remedy="Leave one camera in the file.")
        if element in _NEEDED:
            found[element] = attributes
    return found


def _opened(data: bytes, name: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Depth, name and attributes of each element, in the order in which they open."""
    depth = 0
    try:
        # A document type can define entities that grow without bounds or read other files.
        for event, element in iterparse(io.BytesIO(data), ("start", "end"), forbid_dtd=True):
            depth += 1 if event == "start" else -1
            if event == "start":
                yield depth, element.tag, dict(element.attrib)
    except ParseError as error:
        raise SceneError(f"{name} is not XML", faults=(str(error),)) from error
    except DTDForbidden as error:
        raise SceneError(f"{name} has a document type", remedy="Remove the <!DOCTYPE ...>.") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise SceneError(f"{name} cannot be decoded", faults=(str(error),)) from error


def _tsai(found: dict[str, dict[str, str]], name: str) -> dict[str, Any]:
    """The numbers under the names of the scene; SceneError lists all that are missing or wrong."""
    texts = {key: found.get(part, {}).get(key) for part, keys in _NEEDED.items() for key in keys}
    places = {key: f"{part} {key}" for part, keys in _NEEDED.items() for key in keys}
    numbers: dict[str, float] = {}
    faults = []
    for key, text in texts.items():
        number = _number(text)
        if number is None or (key in _WHOLE and number != int(number)):
            kind = "a whole number" if key in _WHOLE else "a number"
            faults.append(
                f"{places[key]}: {'missing' if text is None else f'found {text[:40]!r}'}; allowed: {kind}"
            )
        else:
            numbers[key] = number
    if faults:
        raise SceneError(f"{name} is no Tsai calibration", faults=tuple(faults))
    return {
        "size_px": [int(numbers[key]) for key in _WHOLE],
        "centre_px": [numbers["cx"], numbers["cy"]],
        "pixel_mm": [numbers["dpx"], numbers["dpy"]],
        "sx": numbers["sx"],
        "focal_mm": numbers["focal"],
        "kappa1_per_mm2": numbers["kappa1"],
        "translation_mm": [numbers[key] for key in ("tx", "ty", "tz")],
        "rotation_rad": [numbers[key] for key in ("rx", "ry", "rz")],
    }


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
