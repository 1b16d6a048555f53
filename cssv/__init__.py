"""CSSV: video that carries its own heat map of velocity, temperature, density and uncertainty.

::

    import cssv
    cssv.encode("clip.mp4", "clip.cssv", scene="scene.json")
    with cssv.open("clip.cssv") as clip:
        moment = clip[100]                  # .frame .heat .objects .time

Every name is imported when it is first used (PEP 562), so that ``import cssv`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cssv.api.artefacts import artefacts
    from cssv.api.capacity import Capacity, CarrierCapacity, capacity
    from cssv.api.clip import Clip
    from cssv.api.clip import Clip as open  # noqa: A004, N813
    from cssv.api.clip_slice import ClipSlice
    from cssv.api.commit import Committed, commit
    from cssv.api.decode import Decoded, decode
    from cssv.api.diff import Difference, diff
    from cssv.api.embed import Embedding, embed
    from cssv.api.encode import Encoded, encode
    from cssv.api.estimate import Estimate, estimate
    from cssv.api.export import Exported, export
    from cssv.api.gc import Compacted, gc
    from cssv.api.ground import GroundCalibration, ground
    from cssv.api.history import History, Version, checkout, log, tag
    from cssv.api.identify import Identity, Original, identify
    from cssv.api.info import Information, info
    from cssv.api.plot import Plotted, plot
    from cssv.api.recover import Recovered, recover
    from cssv.api.room import Room, room
    from cssv.api.stream import Encoder
    from cssv.api.track import Tracked, track
    from cssv.api.trajectories import Trajectory, TrajectoryPart
    from cssv.api.verify import Fault, Verification, verify
    from cssv.api.view import Page, page
    from cssv.carriers import CARRIERS
    from cssv.carriers.base import PictureView
    from cssv.errors import CssvError
    from cssv.frames import Frame
    from cssv.interop.rows import ObjectRow
    from cssv.perception.detections import Detections, detections
    from cssv.perception.detectors import Detector
    from cssv.perception.transformer.meter import Artefacts
    from cssv.pipeline.decoder import Decoder
    from cssv.pipeline.final_frame import FinalFrame, Written
    from cssv.pipeline.form_costs import FormCost
    from cssv.pipeline.moment import Moment
    from cssv.scene.model import Scene

__version__ = "0.1.0"

__all__ = [
    "CARRIERS",
    "Artefacts",
    "Capacity",
    "CarrierCapacity",
    "Clip",
    "ClipSlice",
    "Committed",
    "Compacted",
    "CssvError",
    "Decoded",
    "Decoder",
    "Detections",
    "Detector",
    "Difference",
    "Embedding",
    "Encoded",
    "Encoder",
    "Estimate",
    "Exported",
    "Fault",
    "FinalFrame",
    "FormCost",
    "Frame",
    "GroundCalibration",
    "History",
    "Identity",
    "Information",
    "Moment",
    "ObjectRow",
    "Original",
    "Page",
    "PictureView",
    "Plotted",
    "Recovered",
    "Room",
    "Scene",
    "Tracked",
    "Trajectory",
    "TrajectoryPart",
    "Verification",
    "Version",
    "Written",
    "__version__",
    "artefacts",
    "capacity",
    "checkout",
    "commit",
    "decode",
    "detections",
    "diff",
    "embed",
    "encode",
    "estimate",
    "export",
    "gc",
    "ground",
    "identify",
    "info",
    "log",
    "open",
    "page",
    "plot",
    "recover",
    "room",
    "tag",
    "track",
    "verify",
]

#: Module -> the public names that it defines.
_PUBLIC = {
    "api.artefacts": ("artefacts",),
    "api.capacity": ("Capacity", "CarrierCapacity", "capacity"),
    "api.clip": ("Clip",),
    "api.clip_slice": ("ClipSlice",),
    "api.commit": ("Committed", "commit"),
    "api.decode": ("Decoded", "decode"),
    "api.diff": ("Difference", "diff"),
    "api.embed": ("Embedding", "embed"),
    "api.encode": ("Encoded", "encode"),
    "api.estimate": ("Estimate", "estimate"),
    "api.export": ("Exported", "export"),
    "api.gc": ("Compacted", "gc"),
    "api.ground": ("GroundCalibration", "ground"),
    "api.history": ("History", "Version", "checkout", "log", "tag"),
    "api.identify": ("Identity", "Original", "identify"),
    "api.info": ("Information", "info"),
    "api.plot": ("Plotted", "plot"),
    "api.recover": ("Recovered", "recover"),
    "api.room": ("Room", "room"),
    "api.stream": ("Encoder",),
    "api.track": ("Tracked", "track"),
    "api.trajectories": ("Trajectory", "TrajectoryPart"),
    "api.verify": ("Fault", "Verification", "verify"),
    # Not "view", which is a room.
    "api.view": ("Page", "page"),
    "carriers": ("CARRIERS",),
    "carriers.base": ("PictureView",),
    "errors": ("CssvError",),
    "frames": ("Frame",),
    "interop.rows": ("ObjectRow",),
    "perception.detections": ("Detections", "detections"),
    "perception.detectors": ("Detector",),
    "perception.transformer.meter": ("Artefacts",),
    "pipeline.decoder": ("Decoder",),
    "pipeline.final_frame": ("FinalFrame", "Written"),
    "pipeline.form_costs": ("FormCost",),
    "pipeline.moment": ("Moment",),
    "scene.model": ("Scene",),
}
_HOMES = {name: (module, name) for module, names in _PUBLIC.items() for name in names}
#: ``cssv.open(path)`` is a Clip, as the built-in ``open`` is a file.
_HOMES["open"] = ("api.clip", "Clip")
#: Modules that can be used after a plain ``import cssv``. ``calibration`` is an older name.
_MODULES = {
    name: name
    for name in (
        "boxes",
        "carriers",
        "container",
        "interop",
        "perception",
        "scene",
        "template",
        "video",
        "view",
    )
} | {"calibration": "scene.tsai"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    if name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(f"{__name__}.{module}"), attribute)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{_MODULES[name]}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
