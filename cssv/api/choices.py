"""Names, defaults and bounds that a user may choose from: for the command line, programs and documentation.

Each is defined in its own room and only listed here. It is imported when it is first used (PEP 562), since
some of these rooms load FFmpeg and OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cssv.api.encode import DEFAULT_PLANES, PLANES
    from cssv.api.export import EXPORT_CODECS
    from cssv.api.plot import DEFAULT_PLOT_COLOUR, DEFAULT_PLOT_KIND, PLOT_COLOURS, PLOT_KINDS
    from cssv.api.track import DEFAULT_RATE
    from cssv.api.trajectories import DEFAULT_BOUND_PX, LEAST_BOUND_PX, MOST_BOUND_PX
    from cssv.api.view import DEFAULT_EMBED, EMBEDS
    from cssv.carriers import CARRIERS, DEFAULT_CARRIER
    from cssv.carriers.constructive.spans import WINDOW_S
    from cssv.carriers.nibble.forms import DEFAULT_FIDELITY, DESCRIPTIONS, FIDELITIES, FORM_NAMES
    from cssv.carriers.nibble.merge import DEFAULT_MERGE, MERGES
    from cssv.carriers.robust.recoding import DEFAULT_SURVIVE, RECODING_CODECS
    from cssv.interop.table import extensions as table_extensions
    from cssv.payload.symbolic import BACKENDS as SYMBOLIC_BACKENDS
    from cssv.perception.detectors import DEFAULT_DETECTOR, DETECTORS
    from cssv.perception.detectors.options import NMS_IOU_ACROSS, NMS_IOU_WITHIN
    from cssv.perception.given_boxes import BOXES_ARE
    from cssv.perception.transformer.features import SIDE_PX, SIDE_RANGE
    from cssv.perception.transformer.norms import OUTLIER_DEVIATIONS
    from cssv.pipeline.config import DEFAULT_CODEC, EXTENSION
    from cssv.scene.camera import FIND_GROUND
    from cssv.video.codecs import CODEC_NAMES, CODECS, DEFAULT_EFFORT, EFFORTS, LOSSY_CODECS, REGION_H264
    from cssv.video.decoding import DAMAGED, DEFAULT_DAMAGED
    from cssv.view.units import SPEED_UNITS

__all__ = [
    "BOXES_ARE",
    "CARRIERS",
    "CODECS",
    "CODEC_NAMES",
    "DAMAGED",
    "DEFAULT_BOUND_PX",
    "DEFAULT_CARRIER",
    "DEFAULT_CODEC",
    "DEFAULT_DAMAGED",
    "DEFAULT_DETECTOR",
    "DEFAULT_EFFORT",
    "DEFAULT_EMBED",
    "DEFAULT_FIDELITY",
    "DEFAULT_MERGE",
    "DEFAULT_PLANES",
    "DEFAULT_PLOT_COLOUR",
    "DEFAULT_PLOT_KIND",
    "DEFAULT_RATE",
    "DEFAULT_SURVIVE",
    "DESCRIPTIONS",
    "DETECTORS",
    "EFFORTS",
    "EMBEDS",
    "EXPORT_CODECS",
    "EXTENSION",
    "FIDELITIES",
    "FIND_GROUND",
    "FORM_NAMES",
    "LEAST_BOUND_PX",
    "LOSSY_CODECS",
    "MERGES",
    "MOST_BOUND_PX",
    "NMS_IOU_ACROSS",
    "NMS_IOU_WITHIN",
    "OUTLIER_DEVIATIONS",
    "PLANES",
    "PLOT_COLOURS",
    "PLOT_KINDS",
    "RECODING_CODECS",
    "REGION_H264",
    "SIDE_PX",
    "SIDE_RANGE",
    "SPEED_UNITS",
    "SYMBOLIC_BACKENDS",
    "WINDOW_S",
    "table_extensions",
]

#: Module -> what it defines. The import block above says the same to type checkers.
_HOMES = {
    "cssv.api.encode": ("DEFAULT_PLANES", "PLANES"),
    "cssv.api.export": ("EXPORT_CODECS",),
    "cssv.api.plot": ("DEFAULT_PLOT_COLOUR", "DEFAULT_PLOT_KIND", "PLOT_COLOURS", "PLOT_KINDS"),
    "cssv.api.track": ("DEFAULT_RATE",),
    "cssv.api.trajectories": ("DEFAULT_BOUND_PX", "LEAST_BOUND_PX", "MOST_BOUND_PX"),
    "cssv.api.view": ("DEFAULT_EMBED", "EMBEDS"),
    "cssv.carriers": ("CARRIERS", "DEFAULT_CARRIER"),
    "cssv.carriers.constructive.spans": ("WINDOW_S",),
    "cssv.carriers.nibble.merge": ("DEFAULT_MERGE", "MERGES"),
    "cssv.carriers.nibble.forms": ("DEFAULT_FIDELITY", "DESCRIPTIONS", "FIDELITIES", "FORM_NAMES"),
    "cssv.carriers.robust.recoding": ("DEFAULT_SURVIVE", "RECODING_CODECS"),
    "cssv.interop.table": ("extensions",),
    "cssv.payload.symbolic": ("BACKENDS",),
    "cssv.perception.detectors": ("DEFAULT_DETECTOR", "DETECTORS"),
    "cssv.perception.detectors.options": ("NMS_IOU_ACROSS", "NMS_IOU_WITHIN"),
    "cssv.perception.given_boxes": ("BOXES_ARE",),
    "cssv.perception.transformer.features": ("SIDE_PX", "SIDE_RANGE"),
    "cssv.perception.transformer.norms": ("OUTLIER_DEVIATIONS",),
    "cssv.pipeline.config": ("DEFAULT_CODEC", "EXTENSION"),
    "cssv.scene.camera": ("FIND_GROUND",),
    "cssv.video.codecs": (
        "CODECS",
        "CODEC_NAMES",
        "DEFAULT_EFFORT",
        "EFFORTS",
        "LOSSY_CODECS",
        "REGION_H264",
    ),
    "cssv.video.decoding": ("DAMAGED", "DEFAULT_DAMAGED"),
    "cssv.view.units": ("SPEED_UNITS",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
#: Names that would be unclear outside their module.
_RENAMED = {"table_extensions": "extensions", "SYMBOLIC_BACKENDS": "BACKENDS"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any constant
    inner = _RENAMED.get(name, name)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[inner]), inner)
    globals()[name] = value
    return value
