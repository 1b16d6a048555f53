"""Coding of groups of pictures whose content in some macroblocks decodes exactly, while the rest is lossy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cssv.errors import VideoError
from cssv.frames import FINEST, LOST, U8, Blocks, ExactContent, Finer, Frame, blocks_shape, planes_crc
from cssv.video.encoder import FrameEncoder
from cssv.video.info import VideoInfo
from cssv.video.packet import Packet
from cssv.video.packet_decoder import PacketDecoder

#: How much finer macroblocks are coded after the first rounds in which their content is missed, and after all
#: later ones. Each round changes all choices of the codec a little, so that others may be missed then.
STEPS = (10, 20, 40)
#: How much finer all macroblocks with content are coded after each of these later rounds. Where few of many
#: are missed, others are missed in the next round, and only this ends it.
COMMON = 3
#: Rounds after which all macroblocks with content, and those around them, are coded as finely as possible.
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class RegionFrame:
    """A frame to code.

    Attributes:
        frame: it.
        exact: what must decode exactly; None for nothing.
    """

    frame: Frame
    exact: ExactContent | None = None


@dataclass(frozen=True, slots=True)
class CodedGroup:
    """A group of pictures that was coded.

    Attributes:
        packets: one for each frame, in the order of decoding. The first is the only key.
        crcs: CRC-32 of the decoded planes of each frame, in the order of the frames.
        head: an MP4 whose sample entry is valid for the packets.
        rounds: how often the group was coded until its content was exact.
    """

    packets: tuple[Packet, ...]
    crcs: tuple[int, ...]
    head: bytes
    rounds: int


@dataclass(frozen=True, slots=True)
class RegionEncoder:
    """Encoder of groups of pictures, each in a session of its own.

    It decodes what it has coded. Macroblocks whose content is missed are coded finer, until all content is
    exact. The result depends on the group alone, so that groups can be coded in any order and process.

    Attributes:
        info: size, layout, time base, rate, colour tags and pixel aspect of the frames.
        crf: quality where there is no content.
        variant: number of the parameter sets.
    """

    info: VideoInfo
    crf: int
    variant: int = 0

    def encode(self, group: Sequence[RegionFrame]) -> CodedGroup:
        """Code the frames of a group.

        Raises:
            VideoError: FFmpeg refuses, or the content does not become exact.
        """
        levels = [self._first(each.exact) for each in group]
        for round_number in range(1, ROUNDS + 2):
            packets, head = self._code(group, levels)
            crcs, is_exact = list[int](), True
            decoded = _decode(packets, head)
            for at, (each, planes) in enumerate(zip(group, decoded, strict=True)):
                crcs.append(planes_crc(planes))
                if each.exact is None:
                    continue
                faults = each.exact.faults(planes)
                is_exact = is_exact and not (faults == LOST).any()
                levels[at] = self._finer(levels[at], each.exact.blocks, faults > 0, round_number)
            if is_exact:
                return CodedGroup(packets, tuple(crcs), head, round_number)
            if round_number == ROUNDS:
                levels = [self._finest(each.exact, own) for each, own in zip(group, levels, strict=True)]
        raise VideoError(
            "the drawing does not decode exactly at any quality",
            found=f"frames {group[0].frame.number} to {group[-1].frame.number}",
            remedy="Code with `lossless=True`.",
        )

    def _first(self, exact: ExactContent | None) -> Finer | None:
        """How finely the macroblocks of a frame are coded in the first round; None where all are equal."""
        return None if exact is None else self._levels(exact.finer)

    def _finest(self, exact: ExactContent | None, before: Finer | None) -> Finer | None:
        """The levels of a frame in the last round, after those of the round before."""
        if exact is None or before is None:
            return before
        # Faults can lie beside the content.
        return np.asarray(
            np.maximum(before, _around(self._levels(exact.blocks)) * np.int16(FINEST)), np.int16
        )

    def _finer(self, levels: Finer | None, blocks: Blocks, faults: Blocks, round_number: int) -> Finer:
        """The levels of a frame for the next round, after these faults in a round, counted from 1."""
        missed = self._levels(faults)
        before = np.zeros_like(missed) if levels is None else levels
        # The deblocking filter also depends on the macroblocks around one.
        beyond = _around(missed * (before >= FINEST)) * np.int16(FINEST)
        step = STEPS[min(round_number, len(STEPS)) - 1]
        common = COMMON if round_number > len(STEPS) else 0
        raised = before + np.where(faults, step, np.where(blocks, common, 0))
        return np.asarray(np.minimum(np.maximum(raised, beyond), FINEST), np.int16)

    def _levels(self, blocks: Blocks | Finer) -> Finer:
        """The values of macroblocks, as integers."""
        shape = blocks_shape(self.info.width, self.info.height)
        if blocks.shape != shape:
            raise VideoError("blocks do not fit the picture", found=str(blocks.shape), bound=str(shape))
        return np.asarray(blocks, np.int16)

    def _code(
        self, group: Sequence[RegionFrame], levels: Sequence[Finer | None]
    ) -> tuple[tuple[Packet, ...], bytes]:
        """The packets of a group, and an MP4 with its sample entry."""
        with FrameEncoder(self.info, crf=self.crf, variant=self.variant, regions=True) as encoder:
            packets = [
                packet
                for each, finer in zip(group, levels, strict=True)
                for packet in encoder.encode(each.frame, finer)
            ]
            packets += encoder.flush()
            return tuple(packets), encoder.mp4_head()


def _around(levels: Finer) -> Finer:
    """The levels, each spread to the eight macroblocks around it."""
    return np.asarray(cv2.dilate(levels, np.ones((3, 3), np.uint8)), np.int16)


def _decode(packets: Sequence[Packet], mp4_head: bytes) -> Iterator[U8]:
    """Decode a group; yields the planes of each frame in the order of presentation."""
    with PacketDecoder(mp4_head) as decoder:
        yield from decoder.decode(packets)
        yield from decoder.finish()
