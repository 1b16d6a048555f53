"""Coding runs of frames again in the middle of an existing stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.container import Appender, SampleTable, extract_entry, parameter_sets
from cssv.files.closing import Closing
from cssv.frames import ExactContent, Frame
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.stego_coding import FrameCoding, GroupCoding, StegoCoding
from cssv.video import (
    VARIANT_MAX,
    Codec,
    CodecSettings,
    Effort,
    FrameEncoder,
    Packet,
    VideoInfo,
    gop_length,
    settings_of,
)


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
class Run:
    """Frames that are coded by one encoder, and those of them that go into the file.

    Attributes:
        frames: the frames coded.
        written: numbers of those that are written; for the others the file keeps the samples that it has.
        checked: frames to read back: all whose decoding depends on a written one.
    """

    frames: range
    written: frozenset[int]
    checked: range

    @classmethod
    def of_all(cls, frames: range) -> Run:
        """A run of which all frames are written."""
        return cls(frames, frozenset(frames), frames)


def plan_runs(
    changed: Sequence[int], table: SampleTable, count: int, settings: SpliceSettings
) -> tuple[Run, ...]:
    """Runs of frames that must be coded when some frames change, ascending.

    In a lossless stream in which each frame is predicted from one or two before it, only changed frames and
    their successors differ from what the file holds. The encoder begins where the group of pictures begins,
    so that its frames have the numbers of those that stay. In other streams all frames up to the next place
    at which decoding can start are written.

    Args:
        changed: ascending numbers of the frames that change.
        table: samples of the stream.
        count: frames in all.
        settings: of the encoder.
    """
    breaks = None if table.order is None else table.breaks
    plain = [Run.of_all(span) for span in spans(changed, table.syncs, count, breaks=breaks)]
    if table.syncs is None or table.order is not None or not settings.references:
        return tuple(plain)
    wanted, found = frozenset(changed), list[Run]()
    for group, run in zip(spans(changed, table.syncs, count, whole=True), plain, strict=True):
        if len(group) > settings.gop or any(table.entry_of(number) for number in group):
            found.append(run)
            continue
        # A key frame is predicted from none.
        before = range(settings.references + 1)
        written = frozenset(
            n for n in run.frames if any(n - k in wanted and n - k >= group.start for k in before)
        )
        found.append(Run(range(group.start, max(written) + 1), written, run.frames))
    return tuple(found)


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
        regions: whether macroblocks with content are coded finer, in whole groups of pictures.
        variant: number of the parameter sets.
        sets: parameter sets to put in front of each key sample; may be empty.
    """

    info: VideoInfo
    codec: Codec
    crf: int | None = None
    effort: Effort | None = None
    regions: bool = False
    variant: int = 0
    sets: bytes = b""

    @classmethod
    def from_entries(
        cls, info: VideoInfo, config: EncoderConfig, entries: Sequence[bytes], frame: Frame
    ) -> SpliceSettings:
        """Settings that fit a stream with these sample entries.

        Args:
            info: of the frames.
            config: how the stream is coded.
            entries: its sample entries; the first is that of its beginning.
            frame: any frame; it is coded once to learn the parameter sets.
        """
        for variant in range(min(len(entries), VARIANT_MAX) + 1):
            settings = cls(info, config.codec, config.crf, config.effort, config.has_regions, variant)
            with settings.encoder() as encoder:
                encoder.encode(frame)
                encoder.flush()
                entry = extract_entry(encoder.mp4_head(), "video")
            # The first entry has variant 0; parameter sets that the stream does not have get a new number.
            if entry in entries[:1] or (variant and (entry in entries or variant == len(entries))):
                break
        return replace(settings, sets=b"" if entry == entries[0] else parameter_sets(entry))

    @property
    def _codec(self) -> CodecSettings:
        return settings_of(self.codec, self.crf, self.effort, regions=self.regions)

    @property
    def gop(self) -> int:
        """Frames of a group of pictures, at most."""
        return gop_length(self._codec, self.info.rate)

    @property
    def references(self) -> int:
        """From how many frames before it a frame is predicted, in the stream too; 0 if that is unknown."""
        # Frames with other parameter sets cannot stand between those of the stream.
        return 0 if self.variant or self.sets else self._codec.references

    def encoder(self) -> FrameEncoder:
        """An encoder for one run."""
        return FrameEncoder(
            self.info,
            self.codec,
            crf=self.crf,
            effort=self.effort,
            variant=self.variant,
            regions=self.regions,
        )

    def coder(self, appender: Appender, run: Run) -> RunCoder:
        """A coder for one run."""
        if self.regions and self.crf is not None:
            coding: StegoCoding = GroupCoding(self.info, self.crf, self.variant)
        else:
            coding = FrameCoding(self.encoder())
        return RunCoder(coding, self.sets, appender, run)


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A frame to code again.

    Attributes:
        stego: it.
        sample: its scene sample if it changes, else None.
        exact: what must decode exactly after lossy coding; None for nothing.
    """

    stego: Frame
    sample: bytes | None = None
    exact: ExactContent | None = None


class RunCoder(Closing):
    """Coder of one run of frames into a file; used in the worker thread.

    Args:
        coding: of the run.
        sets: parameter sets to put in front of each key sample.
        appender: writer of the file.
        run: the frames.

    Attributes:
        changed: number of frames that differ from the parent's.
    """

    def __init__(self, coding: StegoCoding, sets: bytes, appender: Appender, run: Run) -> None:
        self.changed = 0
        self._coding = coding
        self._sets = sets
        self._appender = appender
        self._place = run.frames.start
        self._written = run.written
        # Number and checksum of each frame without a packet, by pts.
        self._coded: dict[int, tuple[int, int]] = {}

    def code(self, redrawn: Redrawn) -> None:
        """Encode the next frame."""
        if redrawn.sample is not None:
            self._appender.write_scene(redrawn.stego.number, redrawn.sample)
        # A run of whole groups of pictures goes on at the windows inside.
        embedded = EmbeddedFrame(redrawn.stego, b"", redrawn.exact, begins_window=False)
        self._encode(self._coding.add(embedded))

    def finish(self) -> None:
        """Write the frames that wait or are still in the codec."""
        self._encode(self._coding.finish())
        self._put(self._coding.flush())

    def _encode(self, frames: Sequence[EmbeddedFrame]) -> None:
        if not frames:
            return
        coded = self._coding.code(frames)
        parent = self._appender.reader.frames.stegos
        for each, crc in zip(frames, coded.crcs, strict=True):
            self._coded[each.stego.pts] = each.stego.number, crc
            self.changed += crc != int(parent[each.stego.number])
        self._put(coded.packets)

    def _put(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            number, crc = self._coded.pop(packet.pts)
            place, self._place = self._place, self._place + 1
            if number not in self._written:
                continue
            self._appender.write_video(
                number,
                self._sets + packet.data if packet.is_key else packet.data,
                is_key=packet.is_key,
                stego_crc=crc,
                head=self._coding.mp4_head(),
                place=place,
            )

    def close(self) -> None:
        """Close the codec; may be called twice."""
        self._coding.close()
