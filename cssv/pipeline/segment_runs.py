"""Runs over the segments of a clip: in order, or in several processes. Both give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cssv.container import extract_entry
from cssv.files.worker import SerialWorker
from cssv.pipeline.saturation import Saturation
from cssv.pipeline.segment_coding import (
    ClipFrames,
    CodedSegment,
    Put,
    SegmentCoder,
    SegmentEmbedder,
    SegmentTally,
)
from cssv.pipeline.segment_processes import SegmentProcesses
from cssv.pipeline.segments import Segment, SegmentWork
from cssv.video import VideoInfo

#: Called with the number of frames that are done.
Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What is known when all segments are coded.

    Attributes:
        tally: for the notes of the file.
        info: of the reader, with the notes that reading has brought up.
    """

    tally: SegmentTally
    info: VideoInfo


def run_in_order(work: SegmentWork, segments: Sequence[Segment], put: Put, report: Report) -> RunEnd:
    """Code all segments one after the other; frames are embedded while those before them are coded.

    Args:
        work: what the segments share.
        segments: of the clip.
        put: takes the coded frames, in order; called in another thread.
        report: called after each frame.
    """
    embedder, tally = SegmentEmbedder(work), SegmentTally(Saturation(work.content.ranges))
    with ClipFrames(work) as frames:
        worker, coders = SerialWorker(), list[SegmentCoder]()
        try:
            for segment in segments:
                # The thread closes a coder behind its last frame.
                coders = [coder for coder in coders if not coder.is_closed]
                coders.append(coder := SegmentCoder(work, put, worker))
                for embedded in embedder.embed(segment, frames, frames.read(segment), tally):
                    coder.add(embedded)
                    report(tally.frames)
                coder.finish()
                if frames.is_ended:
                    break
            worker.drain()
        finally:
            # A codec must not be closed under the thread.
            worker.close()
            for coder in coders:
                coder.close()
        return RunEnd(tally, frames.reader.info)


def run_in_processes(
    work: SegmentWork, segments: Sequence[Segment], put: Put, report: Report, workers: int
) -> RunEnd | None:
    """Code the segments in several processes, each of which reads the clip.

    Args:
        work: what the segments share.
        segments: of the clip.
        put: takes the coded frames, in order.
        report: called after each segment.
        workers: number of processes.

    Returns:
        None where the clip must be read in order: it cannot be read from the middle, what the processes read
        does not fit together, or one of them has died. Segments may have been put before.
    """
    tally, last = SegmentTally(Saturation(work.content.ranges)), None
    with SegmentProcesses(work, workers) as processes:
        for coded in processes.encode(segments):
            if coded is None or not _follows(coded, last):
                return None
            put(coded.part)
            tally.merge(coded.tally)
            report(tally.frames)
            last = coded
    return None if last is None else RunEnd(tally, last.info)


def _follows(coded: CodedSegment, before: CodedSegment | None) -> bool:
    """Whether a segment begins with the picture that was read behind the one before, and is coded alike."""
    if before is None:
        return True
    one, other = (extract_entry(each.part.mp4_head, "video") for each in (before, coded))
    return before.following_crc in (None, coded.first_crc) and one == other
