"""Coding of stego frames: one by one, or in groups of pictures whose content decodes exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cssv.frames import planes_crc, planes_shape
from cssv.pipeline.embed import EmbeddedFrame
from cssv.video import (
    REGION_H264,
    Codec,
    Effort,
    FrameEncoder,
    Packet,
    RegionEncoder,
    RegionFrame,
    VideoInfo,
    longest_gap,
)

#: A group of pictures ends before the first window that begins behind a multiple of so many seconds. Shorter
#: groups make larger files, and longer ones add more bytes for each commit.
GROUP_S = 4
#: Most bytes of the planes of a group. From half of it on, a group ends before the next window.
GROUP_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class CodedFrames:
    """What coding some frames has given.

    Attributes:
        crcs: the CRC-32 that the file holds for each of them, in their order.
        packets: those that are ready, in the order of decoding. They may be those of earlier frames.
    """

    crcs: Sequence[int]
    packets: Sequence[Packet]


class StegoCoding(Protocol):
    """What codes the stego frames of a file; :meth:`code` and :meth:`flush` may run in a worker thread."""

    def add(self, embedded: EmbeddedFrame) -> Sequence[EmbeddedFrame]:
        """Take the next frame; returns the frames that are to be coded now, often none."""

    def finish(self) -> Sequence[EmbeddedFrame]:
        """Return the frames that wait."""

    def code(self, frames: Sequence[EmbeddedFrame]) -> CodedFrames:
        """Code frames that :meth:`add` or :meth:`finish` has returned, in their order."""

    def flush(self) -> Sequence[Packet]:
        """Return the packets still in the codec."""

    def mp4_head(self) -> bytes:
        """An MP4 whose sample entry is valid for all packets; there must be one."""

    def close(self) -> None:
        """Close the codec."""


def make_coding(
    info: VideoInfo,
    codec: Codec,
    crf: int | None,
    threads: int | None,
    *,
    effort: Effort | None = None,
    regions: bool,
) -> StegoCoding:
    """The coding of a file.

    Args:
        info: of the frames.
        codec: of the video track.
        crf: quality of lossy coding; None codes losslessly.
        threads: of the codec.
        effort: of lossless coding, for codecs that have one.
        regions: whether the macroblocks with content are coded finer.

    Raises:
        OptionError: the codec does not code so.
    """
    if regions and crf is not None:
        return GroupCoding(info, crf)
    return FrameCoding(FrameEncoder(info, codec, crf=crf, effort=effort, threads=threads, regions=regions))


class FrameCoding:
    """Coding of each frame as it comes. The checksums are of the planes before coding.

    Args:
        encoder: of the file.
    """

    def __init__(self, encoder: FrameEncoder) -> None:
        self._encoder = encoder

    def add(self, embedded: EmbeddedFrame) -> tuple[EmbeddedFrame, ...]:
        """Return the frame."""
        return (embedded,)

    def finish(self) -> tuple[EmbeddedFrame, ...]:
        """No frame waits."""
        return ()

    def code(self, frames: Sequence[EmbeddedFrame]) -> CodedFrames:
        """Give the frames to the codec."""
        crcs = [planes_crc(each.stego.planes) for each in frames]
        return CodedFrames(crcs, [packet for each in frames for packet in self._encoder.encode(each.stego)])

    def flush(self) -> list[Packet]:
        """Return the packets still in the codec."""
        return self._encoder.flush()

    def mp4_head(self) -> bytes:
        """An MP4 with the sample entry."""
        return self._encoder.mp4_head()

    def close(self) -> None:
        """Close the codec."""
        self._encoder.close()


class GroupRule:
    """Rule where groups of pictures with exact content begin.

    It depends on the times of the frames and on the windows alone, so that groups are known before a frame is
    read, and can be coded in any order and process.

    Args:
        info: of the frames.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._longest_gap = longest_gap(REGION_H264.settings, info.time_base)
        self._frame_bytes = math.prod(planes_shape(info.layout, info.width, info.height))
        self._time_base = info.time_base
        self._first_pts: int | None = None
        self._last_pts = 0
        self._bytes = 0

    def begins(self, pts: int, *, begins_window: bool) -> bool:
        """Whether the next frame begins a group; the first one does.

        Args:
            pts: of the frame in the file.
            begins_window: whether it begins a window of the carrier.
        """
        is_first = self._first_pts is None or self._is_full(self._first_pts, pts, begins_window=begins_window)
        if is_first:
            self._first_pts, self._bytes = pts, 0
        self._bytes += self._frame_bytes
        self._last_pts = pts
        return is_first

    def _is_full(self, first_pts: int, pts: int, *, begins_window: bool) -> bool:
        """Whether the group that begins at a time ends before a frame."""
        first, place = (each * self._time_base // GROUP_S for each in (first_pts, pts))
        is_next = first != place or self._bytes >= GROUP_BYTES // 2
        # MP4 cannot hold the times of frames that are reordered across a long gap.
        is_gap = self._longest_gap is not None and pts - self._last_pts > self._longest_gap
        return (begins_window and is_next) or is_gap or self._bytes + self._frame_bytes > GROUP_BYTES


class GroupCoding:
    """Coding in groups of pictures whose content decodes exactly. The checksums are of the decoded planes.

    Args:
        info: of the frames.
        crf: quality where there is no content.
        variant: number of the parameter sets.
    """

    def __init__(self, info: VideoInfo, crf: int, variant: int = 0) -> None:
        self._encoder = RegionEncoder(info, crf, variant)
        self._rule = GroupRule(info)
        self._group: list[EmbeddedFrame] = []
        self._last_pts: int | None = None
        self._head: bytes | None = None

    def add(self, embedded: EmbeddedFrame) -> list[EmbeddedFrame]:
        """Take the next frame; returns the group before it if that is complete, else an empty list."""
        frame, done = embedded.stego, list[EmbeddedFrame]()
        self._encoder.info.check_frame(frame, self._last_pts)
        if self._rule.begins(frame.pts, begins_window=embedded.begins_window) and self._group:
            done = self.finish()
            # The last frame of a group is shown until the next group begins.
            last = done[-1].stego
            done[-1] = replace(done[-1], stego=replace(last, duration=frame.pts - last.pts))
        self._group.append(embedded)
        self._last_pts = frame.pts
        return done

    def finish(self) -> list[EmbeddedFrame]:
        """Return the frames that wait, as the last group."""
        done, self._group = self._group, []
        return done

    def code(self, frames: Sequence[EmbeddedFrame]) -> CodedFrames:
        """Code a group."""
        coded = self._encoder.encode([RegionFrame(each.stego, each.exact) for each in frames])
        self._head = coded.head
        return CodedFrames(coded.crcs, coded.packets)

    def flush(self) -> tuple[Packet, ...]:
        """Nothing stays in the codec: each group is a session of its own."""
        return ()

    def mp4_head(self) -> bytes:
        """An MP4 with the sample entry, which all groups share."""
        assert self._head is not None
        return self._head

    def close(self) -> None:
        """No codec is open between groups."""
