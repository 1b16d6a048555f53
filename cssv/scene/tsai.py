"""Camera calibration files -> a scene's ``camera.tsai``: the XML form in which PETS 2009 published Tsai's.

::

    <Camera name="View_001">
        <Geometry width="768" height="576" dpx="0.00513" dpy="0.00465" .../>
        <Intrinsic focal="5.55" kappa1="0.00511" cx="324.2" cy="282.6" sx="1.094"/>
        <Extrinsic tx="829" ty="-3175" tz="35469" rx="2.04" ry="-0.893" rz="-0.431"/>
    </Camera>

Lengths are millimetres, angles radians.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cssv.errors import SceneError

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
    """Read a Tsai calibration, XML; the answer is what a scene's ``camera.tsai`` holds, plain JSON.

    Raises:
        SceneError: a file that cannot be opened, is no ordinary one (a folder, a pipe), is too large, is no
            XML, has a document type or entities of its own, or lacks a number; one line per fault.
    """
    try:
        # A pipe would be waited for, for ever.
        is_ordinary = stat.S_ISREG(Path(path).stat().st_mode)
        data = b""
        if is_ordinary:
            with Path(path).open("rb") as file:
                data = file.read(FILE_BOUND + 1)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise SceneError(f"cannot read calibration {os.fspath(path)!r}: {why}") from error
    name = f"calibration {os.fspath(path)}"
    if not is_ordinary:
        raise SceneError(f"{name} is no ordinary file")
    if len(data) > FILE_BOUND:
        raise SceneError(f"{name} is too large", faults=(f"allowed: at most {FILE_BOUND} bytes",))
    return _tsai(_Elements(name).parse(data), name)


class _Elements:
    """Collects the attributes of the elements that are needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._depth = 0
        self.found: dict[str, dict[str, str]] = {}

    def parse(self, data: bytes) -> dict[str, dict[str, str]]:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise SceneError(f"{self._name} is not XML", faults=(str(error),)) from error
        except SceneError:  # from the handlers; it is a ValueError
            raise
        except (ValueError, LookupError) as error:  # an encoding that nobody knows
            raise SceneError(f"{self._name} cannot be decoded", faults=(str(error),)) from error
        return self.found

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_BOUND:
            raise SceneError(f"{self._name} is nested too deeply", faults=(f"allowed: {DEPTH_BOUND} levels",))
        if element in _NEEDED:
            if element in self.found:
                raise SceneError(
                    f"{self._name} holds more than one camera", remedy="Leave one camera in the file."
                )
            self.found[element] = attributes

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _doctype(self, *_: object) -> None:
        # Entities are defined in a document type, and can grow without bounds or name other files.
        raise SceneError(f"{self._name} has a document type", remedy="Remove the <!DOCTYPE ...>.")


def _tsai(found: dict[str, dict[str, str]], name: str) -> dict[str, Any]:
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
