"""How a clip is encoded: the options that a file and a stream share, and what a version records of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from cssv import __version__
from cssv.carriers.nibble.carrier import DEFAULT_FIDELITY, FIDELITIES, Fidelity
from cssv.carriers.nibble.merge import DEFAULT_MERGE, MERGES, Merge
from cssv.errors import ContainerError
from cssv.frames import LAYOUTS, Layout
from cssv.pipeline.arguments import check_choice
from cssv.scene import Ranges
from cssv.video import CODECS, Codec, VideoInfo, check_rate

DEFAULT_CODEC: Codec = "h264"
#: File name extension of the container.
EXTENSION = ".cssv"


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """How a clip is drawn and carried; the options that encoding a file and a stream share.

    Attributes:
        codec: lossless codec of the video track: h264, ffv1 or vp9.
        merge: ``opap`` or ``plain``.
        fidelity: ``full`` or ``sparse``.
    """

    codec: Codec = DEFAULT_CODEC
    merge: Merge = DEFAULT_MERGE
    fidelity: Fidelity = DEFAULT_FIDELITY

    def __post_init__(self) -> None:
        check_choice("codec", self.codec, CODECS)
        check_choice("merge", self.merge, MERGES)
        check_choice("fidelity", self.fidelity, FIDELITIES)


def about(
    info: VideoInfo,
    style: EncoderConfig,
    ranges: Ranges,
    notes: Sequence[str] = (),
    opened: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The codec's own facts for the version index (SPEC, "Facts").

    ``opened``: options with which the clip was opened, so that it can be opened so again.
    """
    return {
        "cssv": __version__,
        "layout": info.layout,
        "codec": style.codec,
        "merge": style.merge,
        "fidelity": style.fidelity,
        "rate": str(info.rate),
        "ranges": asdict(ranges),
        "source": {
            "codec": info.codec,
            "pix_fmt": info.pix_fmt,
            "width": info.source_width,
            "height": info.source_height,
            "rotation_deg": info.rotation_deg,
            "padding": list(info.padding),
        },
        "notes": list(notes),
        "opened": dict(opened or {}),
    }


@dataclass(frozen=True, slots=True)
class RecordedConfig:
    """How a version was made, as far as another one must be made alike.

    Attributes:
        layout: of the planes.
        style: codec, merge, fidelity.
        rate: average frames per second that the codec was told.
        opened: options with which the clip was opened.
    """

    layout: Layout
    style: EncoderConfig
    rate: Fraction
    opened: Mapping[str, str]


def config_from_facts(facts: Mapping[str, Any]) -> RecordedConfig:
    """What :func:`about` wrote. Raises ContainerError for facts that it has not written."""
    try:
        check_choice("layout", facts["layout"], LAYOUTS)
        opened = {str(key): str(value) for key, value in facts.get("opened", {}).items()}
        style = EncoderConfig(facts["codec"], facts["merge"], facts["fidelity"])
        rate = Fraction(facts["rate"])
        check_rate(rate)
        return RecordedConfig(facts["layout"], style, rate, opened)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ContainerError(
            "a version does not say how it was made", found=f"{type(error).__name__}: {error}"
        ) from error
