"""CSSV: video that carries its own heat map of velocity, temperature, density and uncertainty.

::

    import cssv
    cssv.encode("clip.mp4", "clip.cssv", scene="scene.json")
    with cssv.open("clip.cssv") as clip:
        moment = clip[100]                  # .frame .heat .objects .time
"""

from cssv.artefacts import artefacts
from cssv.clip import Clip
from cssv.committing import Committed, commit
from cssv.compaction import Compacted, gc
from cssv.decoder import Decoded, Decoder, Moment, decode
from cssv.difference import Difference, diff
from cssv.encoder import Encoded, encode
from cssv.errors import CssvError
from cssv.exporting import Exported, export
from cssv.frames import Frame
from cssv.history import History, Version, checkout, log, tag
from cssv.information import Information, info
from cssv.painter import VERSION as __version__  # noqa: N811
from cssv.perception import Detections, Detector, detections
from cssv.perception.transformer.meter import Artefacts
from cssv.scene import Scene
from cssv.stream import Encoder
from cssv.table import ObjectRow
from cssv.tracking import Tracked, track
from cssv.verification import Fault, Verification, verify

#: ``cssv.open(path)`` is a Clip, as the built-in ``open`` is a file.
open = Clip  # noqa: A001

__all__ = [
    "Artefacts",
    "Clip",
    "Committed",
    "Compacted",
    "CssvError",
    "Decoded",
    "Decoder",
    "Detections",
    "Detector",
    "Difference",
    "Encoded",
    "Encoder",
    "Exported",
    "Fault",
    "Frame",
    "History",
    "Information",
    "Moment",
    "ObjectRow",
    "Scene",
    "Tracked",
    "Verification",
    "Version",
    "__version__",
    "artefacts",
    "checkout",
    "commit",
    "decode",
    "detections",
    "diff",
    "encode",
    "export",
    "gc",
    "info",
    "log",
    "open",
    "tag",
    "track",
    "verify",
]
