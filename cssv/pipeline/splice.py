"""Coding runs of frames anew, in the middle of what is coded already."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.container import Appender, lift_entry, parameter_sets
from cssv.frames import Frame
from cssv.video import VARIANT_MAX, Codec, FrameEncoder, Packet, VideoInfo


def spans(
    changed: Sequence[int], syncs: NDArray[np.uint32] | None, count: int, *, whole: bool = False
) -> list[range]:
    """The runs of frames to be coded when some frames change.

    Args:
        changed: ascending numbers of the frames that change.
        syncs: ascending, frames at which decoding can start, counted from 1; None where every one is.
        count: frames in all.
        whole: begin each run where decoding can start.

    Returns:
        Ascending runs. Each begins at a changed frame, unless ``whole``, and ends before one at which
        decoding can start, so that every frame behind a changed one that depends on it is in the run, and
        no run spans a place where an older version could be decoded from.
    """
    found: list[range] = []
    for number in changed:
        if found and number < found[-1].stop:
            continue
        if syncs is None:
            if found and number == found[-1].stop and not whole:
                found[-1] = range(found[-1].start, number + 1)
                continue
            found.append(range(number, number + 1))
            continue
        at = int(np.searchsorted(syncs, number + 1, side="right"))
        stop = int(syncs[at]) - 1 if at < len(syncs) else count
        found.append(range(int(syncs[at - 1]) - 1 if whole else number, stop))
    return found


@dataclass(frozen=True, slots=True)
class SpliceSettings:
    """How runs of frames are coded that go into a stream which is there already.

    A program of another time may code otherwise than the one that began the stream. Then its frames get
    a sample entry and parameter sets of their own, and bring these along, because browsers look at the
    first entry alone.

    Attributes:
        info: size, layout, time base and rate of the frames.
        codec: of the stream.
        variant: number of the parameter sets.
        sets: what each key sample begins with.
    """

    info: VideoInfo
    codec: Codec
    variant: int = 0
    sets: bytes = b""

    @classmethod
    def of(cls, info: VideoInfo, codec: Codec, entries: Sequence[bytes], frame: Frame) -> SpliceSettings:
        """Find out how to code so that it fits a stream with these sample entries.

        Args:
            info: of the frames.
            codec: of the stream.
            entries: its sample entries, the first of them that which it began with.
            frame: any frame, to be coded and thrown away.
        """
        for variant in range(min(len(entries), VARIANT_MAX) + 1):
            shop = cls(info, codec, variant)
            with shop.encoder() as encoder:
                encoder.encode(frame)
                encoder.flush()
                entry = lift_entry(encoder.mp4_head(), "video")
            # The first entry is that of variant 0, and what the stream has not is made with a new number.
            if entry in entries[:1] or (variant and (entry in entries or variant == len(entries))):
                break
        return replace(shop, sets=b"" if entry == entries[0] else parameter_sets(entry))

    def encoder(self) -> FrameEncoder:
        """An encoder for one run."""
        return FrameEncoder(self.info, self.codec, variant=self.variant)


class SpliceEncoder:
    """Codes a run of frames into the file; in the relay's thread."""

    def __init__(self, encoder: FrameEncoder, sets: bytes, appender: Appender, first: int) -> None:
        self._encoder = encoder
        self._sets = sets
        self._appender = appender
        self._next = first
        self._crcs: deque[int] = deque()

    def code(self, frame: Frame, crc: int, sample: bytes | None) -> None:
        """Take the next frame, its planes' CRC-32 and its scene sample, where that is new."""
        self._crcs.append(crc)
        if sample is not None:
            self._appender.write_scene(frame.number, sample)
        self._put(self._encoder.encode(frame))

    def finish(self) -> None:
        """Write what is still inside."""
        self._put(self._encoder.flush())

    def _put(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._appender.write_video(
                self._next,
                self._sets + packet.data if packet.is_key else packet.data,
                is_key=packet.is_key,
                stego_crc=self._crcs.popleft(),
                head=self._encoder.mp4_head(),
            )
            self._next += 1
