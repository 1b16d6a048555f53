"""Coding runs of frames again in the middle of an existing stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.container import Appender, extract_entry, parameter_sets
from cssv.frames import Frame
from cssv.video import VARIANT_MAX, Codec, Effort, FrameEncoder, Packet, VideoInfo


def spans(
    changed: Sequence[int],
    syncs: NDArray[np.uint32] | None,
    count: int,
    *,
    whole: bool = False,
    breaks: NDArray[np.int64] | None = None,
) -> list[range]:
    """Runs of frames that must be coded when some frames change.

    Args:
        changed: ascending numbers of the frames that change.
        syncs: ascending, frames at which decoding can start, counted from 1; None where every one is.
        count: frames in all.
        whole: begin each run where decoding can start.
        breaks: ascending from 0, frames before which no frame depends on a later one; None for all frames.

    Returns:
        Ascending runs. Each begins at the last break up to a changed frame, or with ``whole`` where decoding
        can start, and ends before a frame at which decoding can start. So a run holds every frame that
        depends on a changed one, and no run contains a place at which decoding of an older version can start.
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
        start = number if breaks is None else int(breaks[np.searchsorted(breaks, number, side="right") - 1])
        found.append(range(int(syncs[at - 1]) - 1 if whole else start, stop))
    return found


@dataclass(frozen=True, slots=True)
class SpliceSettings:
    """Codec settings for runs of frames that go into an existing stream.

    Another release of the codec may write other parameter sets than the stream began with. Then the new
    frames get a sample entry and parameter sets of their own. Their key samples also contain these sets,
    because browsers read the first sample entry only.

    Attributes:
        info: size, layout, time base and rate of the frames.
        codec: of the stream.
        crf: its quality if it is lossy, else None.
        effort: of lossless coding, if the file states one.
        variant: number of the parameter sets.
        sets: parameter sets to put in front of each key sample; may be empty.
    """

    info: VideoInfo
    codec: Codec
    crf: int | None = None
    effort: Effort | None = None
    variant: int = 0
    sets: bytes = b""

    @classmethod
    def from_entries(
        cls,
        info: VideoInfo,
        codec: Codec,
        crf: int | None,
        entries: Sequence[bytes],
        frame: Frame,
        *,
        effort: Effort | None = None,
    ) -> SpliceSettings:
        """Settings that fit a stream with these sample entries.

        Args:
            info: of the frames.
            codec: of the stream.
            crf: its quality if it is lossy, else None.
            entries: its sample entries; the first is that of its beginning.
            frame: any frame; it is coded once to learn the parameter sets.
            effort: of lossless coding, if the file states one.
        """
        for variant in range(min(len(entries), VARIANT_MAX) + 1):
            settings = cls(info, codec, crf, effort, variant)
            with settings.encoder() as encoder:
                encoder.encode(frame)
                encoder.flush()
                entry = extract_entry(encoder.mp4_head(), "video")
            # The first entry has variant 0; parameter sets that the stream does not have get a new number.
            if entry in entries[:1] or (variant and (entry in entries or variant == len(entries))):
                break
        return replace(settings, sets=b"" if entry == entries[0] else parameter_sets(entry))

    def encoder(self) -> FrameEncoder:
        """An encoder for one run."""
        return FrameEncoder(self.info, self.codec, crf=self.crf, effort=self.effort, variant=self.variant)


class SpliceEncoder:
    """Encoder of one run of frames into a file; used in the worker thread.

    Args:
        encoder: that of the run.
        sets: parameter sets to put in front of each key sample.
        appender: writer of the file.
        first: number of the first frame.
    """

    def __init__(self, encoder: FrameEncoder, sets: bytes, appender: Appender, first: int) -> None:
        self._encoder = encoder
        self._sets = sets
        self._appender = appender
        self._place = first
        # Number and checksum of each frame without a packet, by pts.
        self._coded: dict[int, tuple[int, int]] = {}

    def code(self, frame: Frame, crc: int, sample: bytes | None) -> None:
        """Encode the next frame.

        Args:
            frame: to encode.
            crc: CRC-32 of its planes.
            sample: its scene sample if it changes, else None.
        """
        self._coded[frame.pts] = frame.number, crc
        if sample is not None:
            self._appender.write_scene(frame.number, sample)
        self._put(self._encoder.encode(frame))

    def finish(self) -> None:
        """Write the frames still in the codec."""
        self._put(self._encoder.flush())

    def _put(self, packets: list[Packet]) -> None:
        for packet in packets:
            number, crc = self._coded.pop(packet.pts)
            self._appender.write_video(
                number,
                self._sets + packet.data if packet.is_key else packet.data,
                is_key=packet.is_key,
                stego_crc=crc,
                head=self._encoder.mp4_head(),
                place=self._place,
            )
            self._place += 1
