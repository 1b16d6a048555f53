"""Ways to hide data in the frames of a clip with one interface: carriers of CSSV and their rivals."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol

import numpy as np

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.frames import U8, Frame
from cssv.video import VideoReader
from cssv.video.frame_reader import Planes
from cssv.video.span import Span
from rivals.bits import EmbedBits, match_bits, replace_bits

#: Rows of CSSV: name -> options of :func:`cssv.encode`. A new carrier is one more row. "mixed" has none:
#: it is lossy, and its marks are those of the robust one.
CARRIERS: Mapping[str, Mapping[str, Any]] = {
    # Version 1 of the pixels.
    "nibble, sparse": {"carrier": NibbleCarrier(fidelity="sparse")},
    "nibble, full": {"carrier": NibbleCarrier(fidelity="full")},
    "sparse": {"carrier": "sparse"},
    "full": {"carrier": "full"},
    "constructive": {"carrier": "constructive"},
    # Lossless, so that the marks alone are seen, and not the codec.
    "robust, 48 dB": {"carrier": "robust", "strength": "48", "codec": "ffv1"},
}
#: Frames with fewer pixels have no room for the robust carrier's payloads.
ROBUST_PIXELS = 512 * 384
#: Attributes of all objects, so that the carriers hide every attribute there is.
SCENE: Mapping[str, Any] = {
    "cssv_scene": 1,
    "objects": [
        {
            "match": {"label": "*"},
            "temperature_c": {"value": 36.6, "sigma": 0.5},
            "density_kg_m3": {"value": 985, "sigma": 20},
        }
    ],
}
#: Largest rate of the rows that embed in moving samples; still clips have too few of these for more.
MOVING_RATE = 0.01
#: Rate of the row that embeds in RGB.
RGB_RATE = 0.05


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Frames that are sampled from the beginning of a clip, each with its two neighbours.

    Attributes:
        path: the clip.
        stop_s: the excerpt ends here.
        centres: numbers of the frames sampled.
    """

    path: Path
    stop_s: Fraction
    centres: tuple[int, ...]

    @classmethod
    def sample(cls, path: Path, stop_s: Fraction, count: int) -> Excerpt:
        """Sample at most ``count`` frames at even distances.

        Raises:
            ValueError: fewer than three frames are shown before ``stop_s``.
        """
        with VideoReader(path, span=Span(stop=stop_s)) as reader:
            length = sum(1 for _ in reader)
        if length < 3:
            raise ValueError(f"{path} has {length} frames before {stop_s} s, and three are needed")
        # The first and the last frame have one neighbour only.
        return cls(path, stop_s, tuple(sorted({1 + index * (length - 2) // count for index in range(count)})))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the frames sampled and of their neighbours, in order."""
        return tuple(sorted({centre + step for centre in self.centres for step in (-1, 0, 1)}))

    def covers(self, planes: Planes) -> list[Frame]:
        """The frames of :attr:`numbers` as they are."""
        return self.read(self.path, planes)

    def read(self, path: Path, planes: Planes = "native") -> list[Frame]:
        """The frames of :attr:`numbers` from a file with the same frames as the clip."""
        found = read_frames(path, planes, self.numbers)
        if len(found) != len(self.numbers):
            raise ValueError(f"{path} has {len(found)} of the frames {self.numbers}")
        return list(found.values())


def read_frames(path: Path, planes: Planes, numbers: Iterable[int]) -> dict[int, Frame]:
    """The frames of a file that have these numbers, by number; numbers beyond its ends are passed over."""
    wanted = set(numbers)
    found: dict[int, Frame] = {}
    with VideoReader(path, planes=planes) as reader:
        for number, frame in enumerate(reader):
            if number in wanted:
                found[number] = frame
            if number >= max(wanted):
                break
    return found


class Embedder(Protocol):
    """A way to hide data in frames.

    Attributes:
        name: of its row in tables.
        planes: the planes it embeds in.
        least_pixels: it takes no smaller frames.
    """

    name: str
    planes: Planes
    least_pixels: int

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        """Return the frames of :attr:`Excerpt.numbers` with data hidden in them."""


@dataclass(frozen=True, slots=True)
class NoEmbedding:
    """The cover itself: every meter should guess."""

    name: str = "the cover itself"
    planes: Planes = "native"
    least_pixels: int = 0

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        return excerpt.covers(self.planes)


@dataclass(frozen=True, slots=True)
class CssvCarrier:
    """A carrier of CSSV: the excerpt is encoded with perception and a scene, as by ``cssv encode``.

    Attributes:
        name: of the row.
        options: of :func:`cssv.encode`.
        least_pixels: it takes no smaller frames.
    """

    name: str
    options: Mapping[str, Any]
    least_pixels: int = 0
    planes: ClassVar[Planes] = "native"

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        with TemporaryDirectory() as folder:
            stego = Path(folder) / "stego.cssv"
            cssv.encode(excerpt.path, stego, stop=excerpt.stop_s, scene=dict(SCENE), **self.options)
            return excerpt.read(stego)


@dataclass(frozen=True, slots=True)
class RandomBits:
    """Random bits in a share of the samples; every frame has its own.

    Attributes:
        name: of the row.
        method: how a bit is embedded.
        rate: share of the samples that carry a bit.
        planes: the planes to embed in.
    """

    name: str
    method: EmbedBits
    rate: float
    planes: Planes = "native"
    least_pixels: ClassVar[int] = 0

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        seed = zlib.crc32(f"{self.name}, {excerpt.path.stem}".encode())
        return [
            replace(frame, planes=self.method(frame.planes, self.rate, np.random.default_rng([seed, number])))
            for number, frame in zip(excerpt.numbers, excerpt.covers(self.planes), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class MovingBits:
    """LSB matching in samples that differ from those of both neighbouring frames of the cover.

    Still samples are never changed, so they do not flicker. The receiver of real data would need a code for
    positions that it cannot know (wet paper codes); random bits stand for the coded data.

    Attributes:
        name: of the row.
        rate: share of all samples that carry a bit; less where too few samples move.
    """

    name: str
    rate: float
    planes: ClassVar[Planes] = "native"
    least_pixels: ClassVar[int] = 0

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        reach = {number + step for number in excerpt.numbers for step in (-1, 0, 1)}
        frames = read_frames(excerpt.path, self.planes, reach)
        seed = zlib.crc32(f"{self.name}, {excerpt.path.stem}".encode())
        return [
            replace(frames[number], planes=self._match(frames, number, np.random.default_rng([seed, number])))
            for number in excerpt.numbers
        ]

    def _match(self, frames: Mapping[int, Frame], number: int, rng: np.random.Generator) -> U8:
        """Embed in one frame; the first and the last of a clip have one neighbour and carry nothing."""
        planes = frames[number].planes
        before, after = (frames.get(number + step, frames[number]).planes for step in (-1, 1))
        moves = (planes != before) & (planes != after)
        share = float(moves.mean())
        stego = match_bits(planes, min(1.0, self.rate / share) if share else 0.0, rng)
        return np.where(moves, stego, planes)


def _watermark_bits() -> list[int]:
    return np.random.default_rng(32).integers(0, 2, 32).tolist()


@dataclass(frozen=True, slots=True)
class BlindWatermark:
    """Package blind-watermark: 32 bits in singular values of DWT and DCT blocks of RGB pictures."""

    name: str = "blind-watermark, 32 bits"
    planes: Planes = "rgb"
    least_pixels: int = 0

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        return [replace(frame, planes=self._mark(frame.planes)) for frame in excerpt.covers(self.planes)]

    @staticmethod
    def _mark(picture: U8) -> U8:
        from blind_watermark import WaterMark

        # The constructor prints an advertisement.
        with contextlib.redirect_stdout(io.StringIO()):
            mark = WaterMark(password_wm=1, password_img=1)
        mark.read_img(img=picture[..., ::-1])
        mark.read_wm(np.array(_watermark_bits(), np.bool_), mode="bit")
        return np.clip(np.rint(mark.embed()), 0, 255).astype(np.uint8)[..., ::-1].copy()


@dataclass(frozen=True, slots=True)
class InvisibleWatermark:
    """Package invisible-watermark: 32 bits in DWT and DCT coefficients of RGB pictures (``dwtDct``)."""

    name: str = "invisible-watermark, 32 bits"
    planes: Planes = "rgb"
    least_pixels: int = 256 * 256

    def embed(self, excerpt: Excerpt) -> list[Frame]:
        from imwatermark import WatermarkEncoder

        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", _watermark_bits())
        return [
            replace(frame, planes=encoder.encode(frame.planes[..., ::-1].copy(), "dwtDct")[..., ::-1].copy())
            for frame in excerpt.covers(self.planes)
        ]


def all_embedders(rates: Sequence[float]) -> list[Embedder]:
    """The cover itself, the carriers of CSSV, plain rivals at given rates, and the packages installed."""
    found: list[Embedder] = [NoEmbedding()]
    found += [
        CssvCarrier(name, options, ROBUST_PIXELS if options["carrier"] == "robust" else 0)
        for name, options in CARRIERS.items()
    ]
    for title, method in (("LSB replacement", replace_bits), ("LSB matching", match_bits)):
        found += [RandomBits(f"{title}, {100 * rate:g} %", method, rate) for rate in rates]
    found += [
        MovingBits(f"LSB matching, {100 * rate:g} %, in moving samples", rate)
        for rate in rates
        if rate <= MOVING_RATE
    ]
    name = f"LSB replacement in RGB, {100 * RGB_RATE:g} %"
    found.append(RandomBits(name, replace_bits, RGB_RATE, "rgb"))
    for module, rival in (("blind_watermark", BlindWatermark), ("imwatermark", InvisibleWatermark)):
        if importlib.util.find_spec(module) is not None:
            found.append(rival())
    return found
