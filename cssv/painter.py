"""How frames are drawn and carried: the options, and the painter that turns frames into stego frames."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, TypeVar

from cssv.carriers.frame import DEFAULT_FIDELITY, FIDELITIES, Fidelity, FrameCarrier
from cssv.carriers.nibble import DEFAULT_MERGE, MERGES, Merge
from cssv.carriers.tags import place_tags
from cssv.errors import ContainerError, OptionError
from cssv.frames import LAYOUTS, Frame, Layout
from cssv.lineup import Shown
from cssv.payload.mark import Miniature
from cssv.payload.sample import SceneSample, write_sample
from cssv.scene import Ranges, Scene, Value
from cssv.template.drawing import Outline
from cssv.template.render import render
from cssv.template.state import Place, draw
from cssv.thermal import Calibration
from cssv.video import CODECS, Codec, VideoInfo, check_rate

VERSION = "0.1.0"
DEFAULT_CODEC: Codec = "h264"
#: File name extension of the container.
EXTENSION = ".cssv"

#: Called with the stage's name, the frames done and the frames in all (None when unknown).
Progress = Callable[[str, int, int | None], None]
Path_ = str | os.PathLike[str]
SceneLike = Scene | Path_ | dict[str, Any] | None
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Style:
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


def counted(
    items: Iterable[_Item], stage: str, total: int | None, progress: Progress | None
) -> Iterator[_Item]:
    """Pass items on, and say after each how many have been dealt with."""
    for count, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(stage, count, total)


def check_choice(what: str, value: str, allowed: Iterable[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise OptionError(f"unknown {what}", found=value, bound=", ".join(allowed))


def load_scene(scene: SceneLike) -> Scene:
    """A Scene from what people have: a Scene, a path, a JSON object or nothing."""
    if scene is None:
        return Scene()
    if isinstance(scene, Scene):
        return scene
    if isinstance(scene, dict):
        return Scene.from_json(scene)
    if not isinstance(scene, str | os.PathLike):
        raise OptionError("not a scene", found=type(scene).__name__, bound="a Scene, a path, a JSON object")
    return Scene.read(scene)


def _number(value: Value | None) -> float:
    return math.nan if value is None else value.value


def miniature(scene: Scene, ranges: Ranges, info: VideoInfo) -> Miniature:
    """The scene in the 64 bytes that every mark repeats."""
    air = scene.environment
    canonical = json.dumps(scene.to_json(), sort_keys=True, separators=(",", ":")).encode()
    return Miniature(
        speed_px_s=ranges.speed_px_s,
        temperature_c=ranges.temperature_c,
        density_kg_m3=ranges.density_kg_m3,
        width=info.width,
        height=info.height,
        time_base=info.time_base,
        lighting_lux=_number(air.lighting_lux),
        humidity_pct=_number(air.humidity_pct),
        ambient_temperature_c=_number(air.ambient_temperature_c),
        wind_m_s=_number(air.wind_m_s),
        wind_deg=_number(air.wind_deg),
        pressure_hpa=_number(air.pressure_hpa),
        digest=hashlib.sha256(canonical).digest()[:8],
    )


@dataclass(slots=True)
class Painter:
    """Turns frames and their objects into stego frames and scene samples, one after another.

    ``calibration`` is what the readings of a thermal camera were made with, if there are any.
    """

    scene: Scene
    ranges: Ranges
    carrier: FrameCarrier
    number: int = 0
    calibration: Calibration | None = None

    @classmethod
    def of(cls, scene: Scene, ranges: Ranges, info: VideoInfo, style: Style) -> Painter:
        """A painter for the frames that ``info`` describes."""
        small = miniature(scene, ranges, info).write()
        return cls(scene, ranges, FrameCarrier(info.layout, small, style.merge, style.fidelity))

    def paint(
        self, frame: Frame, shown: Shown, known: Mapping[Place, Outline] | None = None
    ) -> tuple[Frame, bytes]:
        """The stego frame and its scene sample; outlines that are ``known`` are not looked for again."""
        luma = frame.luma()
        size = (frame.width, frame.height)
        drawn = (draw(state, self.ranges, luma, size, known) for state in shown.objects)
        drawings = [drawing for drawing in drawn if drawing is not None]
        template = render(drawings, luma, frame.layout)
        outlines = [drawing.outline for drawing in drawings]
        planes = self.carrier.embed(frame.planes, template, outlines, number=self.number, pts=frame.pts)
        stego = Frame(planes, frame.layout, frame.pts, frame.time_base, self.number)
        sample = self.sample(self.number, shown, untagged(outlines, size))
        self.number += 1
        return stego, write_sample(sample)

    def sample(self, number: int, shown: Shown, outlines: tuple[Outline, ...]) -> SceneSample:
        """What the scene track says of a frame."""
        is_first = number == 0
        return SceneSample(
            number,
            shown.objects,
            self.scene if is_first else None,
            self.ranges if is_first else None,
            shown.replaced,
            outlines,
            self.calibration if is_first else None,
        )


def untagged(outlines: Sequence[Outline], size: tuple[int, int]) -> tuple[Outline, ...]:
    """The outlines that find no place for a tag in a frame of this width and height."""
    places = place_tags(outlines, *size)
    return tuple(outline for outline, place in zip(outlines, places, strict=True) if place is None)


def about(
    info: VideoInfo,
    style: Style,
    ranges: Ranges,
    notes: Sequence[str] = (),
    opened: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The codec's own facts for the version index (SPEC, "Facts").

    ``opened``: options with which the clip was opened, so that it can be opened so again.
    """
    return {
        "cssv": VERSION,
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
class Making:
    """How a version was made, as far as another one must be made alike.

    Attributes:
        layout: of the planes.
        style: codec, merge, fidelity.
        rate: average frames per second that the codec was told.
        opened: options with which the clip was opened.
    """

    layout: Layout
    style: Style
    rate: Fraction
    opened: Mapping[str, str]


def making_of(facts: Mapping[str, Any]) -> Making:
    """What :func:`about` wrote. Raises ContainerError for facts that it has not written."""
    try:
        check_choice("layout", facts["layout"], LAYOUTS)
        opened = {str(key): str(value) for key, value in facts.get("opened", {}).items()}
        style = Style(facts["codec"], facts["merge"], facts["fidelity"])
        rate = Fraction(facts["rate"])
        check_rate(rate)
        return Making(facts["layout"], style, rate, opened)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ContainerError(
            "a version does not say how it was made", found=f"{type(error).__name__}: {error}"
        ) from error


def to_fraction(value: Fraction | float | str | None) -> Fraction | None:
    """An exact number from what people type: 7, "29.97", "30000/1001". Raises OptionError."""
    if value is None:
        return None
    try:
        # A float means the decimal number it prints as, not the binary one beside it.
        return Fraction(str(value) if isinstance(value, float) else value)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise OptionError("not a number", found=str(value), bound="like 7, 29.97 or 30000/1001") from error
