"""How a clip is encoded: options that a file and a stream share, and what a version records of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from cssv import __version__
from cssv.carriers import DEFAULT_CARRIER, carrier_to_facts, make_carrier
from cssv.carriers.base import AnyCarrier, needs_regions
from cssv.carriers.keyed import give_key, key_of
from cssv.carriers.nibble.forms import FAMILY, MIXED, choose_form, family_name
from cssv.errors import ContainerError, OptionError, check_choice
from cssv.frames import LAYOUTS, Layout
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import to_key
from cssv.pipeline.sealed_track import carrier_of_version, seal_facts
from cssv.scene import Ranges
from cssv.video import (
    CODEC_NAMES,
    CODECS,
    LOSSY_CODECS,
    REGION_H264,
    Codec,
    CodecSettings,
    Effort,
    Planes,
    VideoInfo,
    check_crf,
    check_effort,
    check_rate,
    default_effort,
    settings_of,
)

DEFAULT_CODEC: Codec = "h264"
#: The codec that codes some macroblocks finer than others.
REGION_CODEC: Codec = "h264"
#: File name extension of the container.
EXTENSION = ".cssv"


def _default_carrier() -> AnyCarrier:
    return make_carrier(DEFAULT_CARRIER, {})


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """How frames are drawn, hidden and coded.

    Attributes:
        codec: codec of the video track: a key of ``CODECS`` (lossless) or, with ``crf``, of ``LOSSY_CODECS``.
        carrier: the way to hide the heat map.
        crf: quality of lossy coding on the codec's own scale; None codes losslessly.
        effort: of lossless coding; None for codecs that have none, and in files that state none.

    Raises:
        OptionError: an unknown codec, a quality or an effort that it does not have, or lossy coding for a
            carrier that needs the exact pixels.
    """

    codec: Codec = DEFAULT_CODEC
    carrier: AnyCarrier = field(default_factory=_default_carrier)
    crf: int | None = None
    effort: Effort | None = None

    @classmethod
    def from_arguments(
        cls,
        codec: Codec,
        carrier: str | AnyCarrier,
        *,
        crf: int | None,
        effort: Effort | None,
        password: str | None,
        lossless: bool = False,
        is_rgb: bool = False,
        **options: object,
    ) -> EncoderConfig:
        """The configuration that the arguments of :func:`cssv.encode` of the same names state.

        A carrier that survives lossy coding is coded lossily, unless the codec is lossless only.

        Args:
            codec: of the video track.
            carrier: name of a carrier, or of the family of :mod:`cssv.carriers.nibble.forms`, or a carrier.
            crf: quality of lossy coding.
            effort: of lossless coding.
            password: that of the file.
            lossless: whether all pixels must come back exactly.
            is_rgb: whether planes of RGB are asked for.
            options: of the carrier.
        """
        check_choice("codec", codec, CODEC_NAMES)
        if lossless and crf is not None:
            raise OptionError(
                "lossless coding has no quality", found=f"crf {crf!r}", remedy="Leave out one of the two."
            )
        # Only lossless coding has an effort.
        exact = lossless or effort is not None or is_rgb or codec != REGION_CODEC
        made = carrier_from_arguments(carrier, password=password, lossless=exact, **options)
        if crf is None and needs_regions(made):
            crf = REGION_H264.crf
        elif crf is None and not (lossless or made.needs_lossless) and codec in LOSSY_CODECS:
            crf = LOSSY_CODECS[codec].crf
        return cls(codec, made, crf, default_effort(codec, crf) if effort is None else effort)

    def __post_init__(self) -> None:
        check_choice("codec", self.codec, CODEC_NAMES)
        if self.carrier.needs_lossless and (self.codec not in CODECS or self.crf is not None):
            raise OptionError(
                f"the {family_name(self.carrier.name)} carrier needs a lossless codec",
                found=self.codec if self.crf is None else f"{self.codec} at crf {self.crf}",
                bound=", ".join(CODECS),
                remedy=None if self.crf is None else "Leave out `crf=`.",
            )
        # A carrier whose content survives lossy coding may still be stored losslessly.
        check_crf(self.codec, self.crf, regions=self.has_regions)
        check_effort(self.codec, self.crf, self.effort)

    @property
    def has_regions(self) -> bool:
        """Whether some macroblocks are coded finer, so that content in them decodes exactly."""
        return needs_regions(self.carrier)

    @property
    def settings(self) -> CodecSettings:
        """Settings of the codec."""
        return settings_of(self.codec, self.crf, self.effort, regions=self.has_regions)


def carrier_from_arguments(
    carrier: str | AnyCarrier, *, password: str | None, lossless: bool = False, **options: object
) -> AnyCarrier:
    """The carrier that the arguments of :func:`cssv.encode` of the same names state.

    Raises:
        OptionError: an unknown carrier, or a value or a password that it does not take.
    """
    # An array given by mistake has no truth value.
    if isinstance(carrier, str) and carrier == FAMILY:
        # Bytes are merged in lossless forms only.
        exact = lossless or options.get("merge") is not None
        carrier = choose_form(options.pop("fidelity", None), is_lossless=exact)
        if carrier == MIXED:
            # Its room is always thinned, because the rings hold all that the scene says.
            options.pop("fit", None)
    texts = {name: _option_text(value) for name, value in options.items()}
    return give_key(make_carrier(carrier, texts), to_key(password))


def planes_for(carrier: AnyCarrier, planes: Planes) -> Planes:
    """The planes in which a clip is opened for a carrier, if these are asked for.

    Raises:
        OptionError: the carrier does not take such planes.
    """
    if len(carrier.layouts) == len(LAYOUTS):
        return planes
    (layout,) = carrier.layouts
    only: Planes = "rgb" if layout == "rgb24" else "yuv"
    if planes not in ("native", only):
        raise OptionError(
            f"the {family_name(carrier.name)} carrier does not take these planes",
            found=planes,
            bound=layout,
            remedy="Leave out `planes=`.",
        )
    return only


def layout_for(carrier: AnyCarrier, layout: Layout | None) -> Layout | None:
    """The layout of a stream for a carrier, if this one is asked for; None if its first frame decides.

    Raises:
        OptionError: an unknown layout, or one that the carrier does not take.
    """
    if layout is None:
        return None if len(carrier.layouts) > 1 else carrier.layouts[0]
    check_choice("layout", layout, LAYOUTS)
    if layout not in carrier.layouts:
        raise OptionError(
            f"the {family_name(carrier.name)} carrier does not take these planes",
            found=layout,
            bound=", ".join(carrier.layouts),
            remedy="Leave out `layout=`.",
        )
    return layout


def _option_text(value: object) -> object:
    """The text of an option; None if it is not given. Other kinds of values stay, and are refused later."""
    # A choice that is not made is as if it were not given, so that it suits every carrier.
    if value is None or value is False:
        return None
    if value is True:
        return "true"
    return str(value) if isinstance(value, int | float | Fraction) else value


def config_to_facts(
    info: VideoInfo,
    config: EncoderConfig,
    ranges: Ranges,
    notes: Sequence[str] = (),
    opened: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The codec's own facts for the version index (container/SPEC.md, "Facts").

    They are sealed if the carrier has a key.

    Args:
        info: of the frames.
        config: how they are encoded.
        ranges: values at the bottom and top of each ring.
        notes: remarks for users.
        opened: options with which the clip was opened, so that it can be opened in the same way again.
    """
    facts = {
        "cssv": __version__,
        "layout": info.layout,
        "codec": config.codec,
        # Only of coding that has them, so that all other files keep their facts.
        **({} if config.crf is None else {"crf": config.crf}),
        **({} if config.effort is None else {"effort": config.effort}),
        **carrier_to_facts(config.carrier),
        "rate": str(info.rate),
        "ranges": asdict(ranges),
        "source": {
            "codec": info.codec,
            "pix_fmt": info.pix_fmt,
            "width": info.source_width,
            "height": info.source_height,
            "rotation_deg": info.rotation_deg,
            "padding": list(info.padding),
            # Only of interlaced clips, so that all others keep their facts.
            **({"fields": info.fields} if info.fields else {}),
        },
        "notes": list(notes),
        "opened": dict(opened or {}),
    }
    return seal_facts(facts, key_of(config.carrier))


@dataclass(frozen=True, slots=True)
class RecordedConfig:
    """How a version was encoded, as far as another version must be encoded in the same way.

    Attributes:
        layout: of the planes.
        config: codec, quality and carrier.
        rate: average frames per second given to the codec.
        opened: options with which the clip was opened.
        start_s: time of the clip at which the file begins, seconds; None where the file keeps its times.
    """

    layout: Layout
    config: EncoderConfig
    rate: Fraction
    opened: Mapping[str, str]
    start_s: str | None = None


def config_from_facts(facts: Mapping[str, Any], key: PayloadKey | None = None) -> RecordedConfig:
    """Read the facts of a version, sealed or not. Inverse of :func:`config_to_facts`.

    Raises:
        ContainerError: facts that :func:`config_to_facts` does not write.
        CarrierError: a carrier that is not installed.
    """
    try:
        opened = {str(key): str(value) for key, value in facts.get("opened", {}).items()}
        carrier = carrier_of_version(facts, key)
        check_choice("layout", facts["layout"], carrier.layouts)
        # A default must not stand in for a lost option: other pixels would follow.
        _ = [facts[key] for key in carrier.options()]
        config = EncoderConfig(facts["codec"], carrier, facts.get("crf"), facts.get("effort"))
        rate = Fraction(facts["rate"])
        check_rate(rate)
        start_s = facts.get("start_s")
        return RecordedConfig(
            facts["layout"], config, rate, opened, None if start_s is None else str(start_s)
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ContainerError(
            "a version does not record how it was encoded", found=f"{type(error).__name__}: {error}"
        ) from error
