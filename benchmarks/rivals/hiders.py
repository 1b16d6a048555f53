"""Ways to hide data in all frames of a clip and to recover it: carriers of CSSV and their rivals."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from av.video.frame import VideoFrame
from meters.lattice import to_rgb

import cssv
from cssv.carriers import make_carrier
from cssv.carriers.base import AnyCarrier, Extracted, FrameContent, Hint
from cssv.carriers.windows import group_frames, window_codec
from cssv.errors import NibblesLostError
from cssv.frames import U8, Frame
from cssv.video import VideoReader

#: Bits of the watermark of each frame.
WATERMARK_BITS = 32
_LIMITED_RANGE, _FULL_RANGE = 1, 2
#: Bytes of the length and of the checksum around a payload.
_LENGTH, _CHECK = 2, 4


@dataclass(frozen=True)
class Source:
    """A clip in memory and what is to be hidden in it.

    Attributes:
        name: of the clip.
        frames: the covers.
        contents: of each frame.
        rate: frames per second.
    """

    name: str
    frames: Sequence[Frame]
    contents: Sequence[FrameContent]
    rate: Fraction

    def part(self, count: int | None) -> Source:
        """The first frames."""
        return replace(self, frames=self.frames[:count], contents=self.contents[:count])

    def windows(self, carrier: AnyCarrier) -> list[range]:
        """The windows of a carrier."""
        first = self.frames[0]
        span = window_codec(carrier).span(first.layout, first.width, first.height)
        return group_frames([frame.time for frame in self.frames], span)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was recovered from one frame.

    Attributes:
        content: checksum of the heat map, or the message itself.
        objects: ids of the objects listed; None if it is a message.
    """

    content: bytes
    objects: frozenset[int] | None = None

    def lists(self, wanted: Answer) -> bool:
        """Whether it tells of all objects, or has the whole message."""
        if self.objects is None or wanted.objects is None:
            return self.content == wanted.content
        return self.objects >= wanted.objects


class Hider(Protocol):
    """A way to hide data in frames.

    Attributes:
        name: of its row.
        most_frames: it is slow, and gets no more frames; None for no bound.
    """

    name: str
    most_frames: int | None

    def amount(self, source: Source) -> str:
        """What is hidden in a window of 2 s, in words."""

    def hide(self, source: Source) -> list[Frame]:
        """The stego frames."""

    def recover(self, frames: Sequence[Frame]) -> list[Answer | None]:
        """What each frame holds; None if nothing is found."""

    def recover_file(self, path: Path) -> list[Answer | None]:
        """The same from a file."""

    def truth(self, source: Source, recovered: Sequence[Answer | None]) -> list[Answer]:
        """What each frame should hold; ``recovered`` is from the stego frames themselves."""


@dataclass(frozen=True)
class CssvHider:
    """A carrier of CSSV.

    Attributes:
        name: of the row.
        carrier: the carrier.
    """

    name: str
    carrier: AnyCarrier
    most_frames: ClassVar[int | None] = None

    def amount(self, source: Source) -> str:
        lengths = [len(payload) for payload in payloads(source, self.carrier) if payload is not None]
        return f"{np.mean(lengths):.0f} bytes, in every part" if lengths else "the heat map itself"

    def hide(self, source: Source) -> list[Frame]:
        codec, stegos = window_codec(self.carrier), list[Frame]()
        for number, window in enumerate(source.windows(self.carrier)):
            part = slice(window.start, window.stop)
            covers = source.frames[part]
            done = codec.embed_window(covers, source.contents[part], number)
            # Carriers do not know how long a frame is shown.
            stegos += [
                replace(each.stego, duration=cover.duration) for each, cover in zip(done, covers, strict=True)
            ]
        return stegos

    def recover(self, frames: Sequence[Frame]) -> list[Answer | None]:
        extractor, reads = window_codec(self.carrier).extractor(), list[Extracted | None]()
        for frame in frames:
            reads += [found for _, found in extractor.feed(frame, Hint())]
        reads += [found for _, found in extractor.finish()]
        return [None if found is None else self._answer(found) for found in reads]

    @staticmethod
    def _answer(found: Extracted) -> Answer:
        assert found.clip is not None
        return _answer_of(found.heat, [state.track for state in found.states(found.clip.ranges)])

    def recover_file(self, path: Path) -> list[Answer | None]:
        try:
            with cssv.Decoder(path) as decoder:
                return [
                    None
                    if moment.is_missing
                    else _answer_of(moment.heat, [state.track for state in moment.states_in_pixels])
                    for moment in decoder
                ]
        except NibblesLostError:
            return []

    def truth(self, source: Source, recovered: Sequence[Answer | None]) -> list[Answer]:
        return [
            Answer(found.content if found else b"", frozenset(state.track for state in content.objects))
            for content, found in zip(source.contents, recovered, strict=True)
        ]


def _answer_of(heat: U8, tracks: Sequence[int]) -> Answer:
    return Answer(zlib.crc32(np.ascontiguousarray(heat)).to_bytes(4, "big"), frozenset(tracks))


def payloads(source: Source, carrier: AnyCarrier) -> list[bytes | None]:
    """The payload of each window of a carrier; None where the carrier hides the heat map itself."""
    codec, first = window_codec(carrier), source.frames[0]
    return [
        codec.payload(source.contents[window.start : window.stop], number, (first.width, first.height))
        for number, window in enumerate(source.windows(carrier))
    ]


class FrameHider:
    """A rival that treats each frame by itself; a message is right or wrong as a whole."""

    most_frames: int | None = None

    def recover(self, frames: Sequence[Frame]) -> list[Answer | None]:
        found = [self.read(frame) for frame in frames]
        return [None if message is None else Answer(message) for message in found]

    def recover_file(self, path: Path) -> list[Answer | None]:
        with VideoReader(path) as reader:
            return self.recover(list(reader))

    def truth(self, source: Source, recovered: Sequence[Answer | None]) -> list[Answer]:  # noqa: ARG002
        return [Answer(message) for message in self.messages(source)]

    def hide(self, source: Source) -> list[Frame]:
        pairs = zip(source.frames, self.messages(source), strict=True)
        return [self.write(frame, message) for frame, message in pairs]

    def messages(self, source: Source) -> list[bytes]:
        """The message of each frame."""
        raise NotImplementedError

    def write(self, frame: Frame, message: bytes) -> Frame:
        """Hide a message."""
        raise NotImplementedError

    def read(self, frame: Frame) -> bytes | None:
        """Recover a message; None if a checksum shows that there is none."""
        raise NotImplementedError


class PlainLsb(FrameHider):
    """LSB replacement: the payload of the window, with length and CRC-32, at the beginning of each frame."""

    name = "plain LSB"

    def amount(self, source: Source) -> str:
        return f"{np.mean([len(message) for message in self.messages(source)]):.0f} bytes, in each frame"

    def messages(self, source: Source) -> list[bytes]:
        carrier = make_carrier("constructive", {})
        pairs = zip(source.windows(carrier), payloads(source, carrier), strict=True)
        return [payload or b"" for window, payload in pairs for _ in window]

    def write(self, frame: Frame, message: bytes) -> Frame:
        data = len(message).to_bytes(_LENGTH, "big") + message + zlib.crc32(message).to_bytes(_CHECK, "big")
        bits, planes = np.unpackbits(np.frombuffer(data, np.uint8)), frame.planes.copy()
        flat = planes.reshape(-1)
        flat[: bits.size] = flat[: bits.size] & 0xFE | bits
        return replace(frame, planes=planes)

    def read(self, frame: Frame) -> bytes | None:
        data = np.packbits(frame.planes.reshape(-1) & 1).tobytes()
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
        message, check = data[_LENGTH:end], data[end : end + _CHECK]
        return message if check == zlib.crc32(message).to_bytes(_CHECK, "big") else None


class Watermark(FrameHider):
    """A package that hides bits in an RGB picture; its result is converted back to the planes of the clip.

    Args:
        most_frames: number of frames that it gets.
        bits: length of the message, a multiple of 8.
    """

    def __init__(self, most_frames: int, bits: int = WATERMARK_BITS) -> None:
        self.most_frames = most_frames
        self.bits = bits

    def amount(self, source: Source) -> str:  # noqa: ARG002
        return f"{self.bits // 8} bytes, in each frame"

    def messages(self, source: Source) -> list[bytes]:
        return [np.random.default_rng(number).bytes(self.bits // 8) for number in range(len(source.frames))]

    def write(self, frame: Frame, message: bytes) -> Frame:
        bits = np.unpackbits(np.frombuffer(message, np.uint8))
        marked = np.clip(np.rint(self.mark(to_rgb(frame.planes)[..., ::-1].copy(), bits)), 0, 255)
        return replace(frame, planes=from_rgb(marked.astype(np.uint8)[..., ::-1].copy()))

    def read(self, frame: Frame) -> bytes | None:
        try:
            bits = self.unmark(to_rgb(frame.planes)[..., ::-1].copy())
        # The packages refuse small pictures, such as crops, by errors of any kind.
        except (ValueError, RuntimeError, AssertionError, IndexError):
            return None
        return np.packbits(np.asarray(bits).astype(np.float64) > 0.5).tobytes()

    def mark(self, picture: U8, bits: U8) -> U8:
        """Hide bits in a BGR picture."""
        raise NotImplementedError

    def unmark(self, picture: U8) -> Sequence[float]:
        """Recover bits from a BGR picture."""
        raise NotImplementedError


class InvisibleWatermark(Watermark):
    """Package invisible-watermark.

    Args:
        method: ``dwtDctSvd``, or ``rivaGan``, a network.
        most_frames: number of frames that it gets.
        bits: length of the message; ``rivaGan`` has 32.
    """

    def __init__(self, method: str, most_frames: int, bits: int = WATERMARK_BITS) -> None:
        super().__init__(most_frames, bits)
        from imwatermark import WatermarkDecoder, WatermarkEncoder

        self.name, self._method = f"invisible-watermark, {method}", method
        self._encoder, self._decoder = WatermarkEncoder(), WatermarkDecoder("bits", bits)
        if method == "rivaGan":
            WatermarkEncoder.loadModel()
            WatermarkDecoder.loadModel()

    def mark(self, picture: U8, bits: U8) -> U8:
        self._encoder.set_watermark("bits", bits.tolist())
        return np.asarray(self._encoder.encode(picture, self._method))

    def unmark(self, picture: U8) -> Sequence[float]:
        return list(self._decoder.decode(picture, self._method))


class BlindWatermark(Watermark):
    """Package blind-watermark."""

    name = "blind-watermark"

    def mark(self, picture: U8, bits: U8) -> U8:
        mark = self._package()
        mark.read_img(img=picture)
        mark.read_wm(bits.astype(np.bool_), mode="bit")
        return np.asarray(mark.embed())

    def unmark(self, picture: U8) -> Sequence[float]:
        return list(self._package().extract(embed_img=picture, wm_shape=self.bits, mode="bit"))

    @staticmethod
    def _package():  # noqa: ANN205 - the package has no types
        from blind_watermark import WaterMark

        # The constructor prints an advertisement.
        with contextlib.redirect_stdout(io.StringIO()):
            return WaterMark(password_wm=1, password_img=1)


def from_rgb(picture: U8) -> U8:
    """Convert RGB to I420 planes of limited range. Nearly the inverse of :func:`meters.lattice.to_rgb`."""
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    options = {"src_color_range": _FULL_RANGE, "dst_color_range": _LIMITED_RANGE}
    return np.asarray(frame.reformat(format="yuv420p", **options).to_ndarray(), np.uint8)


def all_hiders(most_frames: int) -> list[Hider]:
    """The carriers of CSSV, plain LSB, and the packages that are installed."""
    found: list[Hider] = [
        CssvHider("nibble, sparse", make_carrier("nibble", {"fidelity": "sparse"})),
        CssvHider("sparse (version 2)", make_carrier("sparse", {})),
        CssvHider("nibble, full", make_carrier("nibble", {"fidelity": "full"})),
        CssvHider("constructive", make_carrier("constructive", {})),
        PlainLsb(),
    ]
    if importlib.util.find_spec("imwatermark") is not None:
        methods = ["dwtDctSvd"] + ["rivaGan"] * (importlib.util.find_spec("onnxruntime") is not None)
        found += [InvisibleWatermark(method, most_frames) for method in methods]
    if importlib.util.find_spec("blind_watermark") is not None:
        found.append(BlindWatermark(most_frames))
    return found
