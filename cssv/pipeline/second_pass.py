"""Second pass over a clip: draw, embed, code and write its frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cssv.container import IndexMeta
from cssv.errors import VideoError
from cssv.pipeline.arguments import Progress
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import config_to_facts
from cssv.pipeline.embed import loss_notes
from cssv.pipeline.mux import StegoFile
from cssv.pipeline.segment_coding import CodedPart
from cssv.pipeline.segment_processes import useful_workers
from cssv.pipeline.segment_runs import RunEnd, run_in_order, run_in_processes
from cssv.pipeline.segments import ClipContent, Segment, SegmentWork, plan_segments
from cssv.pipeline.time_origin import TimeOrigin
from cssv.video import AudioCopy


def write_clip(
    path: Path,
    plan: ClipPlan,
    content: ClipContent,
    notes: Sequence[str],
    created_s: int,
    progress: Progress | None,
    workers: int = 1,
    *,
    is_checked: bool = True,
) -> tuple[tuple[str, ...], int]:
    """Draw, embed, code and write every frame of a clip. The bytes do not depend on ``workers``.

    Args:
        path: the file to write.
        plan: how the clip is opened.
        content: what its frames share.
        notes: for users, written into the file; more can be added.
        created_s: time of creation, seconds since 1970 UTC.
        progress: called after every frame, or after some frames.
        workers: number of processes; 1 for this one alone.
        is_checked: whether what is coded is read back.

    Returns:
        The notes written, and the number of frames.

    Raises:
        VideoError: the clip holds no frames, or cannot be read.
        CarrierError: the content does not fit into the frames.
        ChecksumError: what was coded does not read back.
        OutputError: the file cannot be written.
    """
    audio = plan.audio()
    work = SegmentWork(plan, content, TimeOrigin.from_plan(plan, audio), is_checked)
    clip = _Clip(path, work, audio, notes, created_s, progress)
    workers = min(useful_workers(plan, workers), len(clip.segments))
    if workers > 1 and (written := clip.write(workers)) is not None:
        return written
    written = clip.write(1)
    assert written is not None
    return written


class _Clip:
    """A clip that is to be written.

    Args:
        path: the file to write.
        work: what the segments share.
        audio: of the clip; None if it has none.
        notes: for users.
        created_s: time of creation, seconds since 1970 UTC.
        progress: called after every frame, or after some frames.
    """

    def __init__(
        self,
        path: Path,
        work: SegmentWork,
        audio: AudioCopy | None,
        notes: Sequence[str],
        created_s: int,
        progress: Progress | None,
    ) -> None:
        self._path, self._work, self._notes, self._created_s = path, work, notes, created_s
        self._audio = audio
        self._progress = progress
        self.segments: Sequence[Segment] = plan_segments(work)

    def write(self, workers: int) -> tuple[tuple[str, ...], int] | None:
        """Write the file by so many processes; None where one alone has to write it."""
        plan, origin = self._work.plan, self._work.origin
        shift = origin.seconds + origin.ahead_s
        with self._path.open("wb") as opened:
            file = StegoFile(opened, plan.info, audio=self._audio, shift=shift)

            def put(part: CodedPart) -> None:
                file.add(part.crcs, part.samples)
                file.write(part.packets, part.mp4_head)

            try:
                end: RunEnd | None
                if workers > 1:
                    end = run_in_processes(self._work, self.segments, put, self._report, workers)
                else:
                    end = run_in_order(self._work, self.segments, put, self._report)
                if end is None:
                    return None
                if not end.tally.frames:
                    raise VideoError("the clip holds no frames", found=str(plan.source))
                notes, facts = self._told(end)
                file.finish(IndexMeta(self._created_s, meta=facts))
            finally:
                file.abort()
        return notes, end.tally.frames

    def _report(self, frames: int) -> None:
        if self._progress is not None:
            self._progress("encode", frames, len(self._work.plan))

    def _told(self, end: RunEnd) -> tuple[tuple[str, ...], dict[str, Any]]:
        """All notes, and the facts of the file."""
        plan, content, origin = self._work.plan, self._work.content, self._work.origin
        tally, thermal = end.tally, content.thermal
        lost = loss_notes(content.config.carrier, tally.losses)
        # Some notes only exist once every frame has been read.
        read = (*end.info.notes, *end.info.left_out_notes)
        sound = self._audio.notes if self._audio else ()
        late = (*read, *sound, *(thermal.notes(tally.thermal) if thermal else ()))
        notes = (*self._notes, *origin.notes, *tally.saturation.notes, *lost, *late)
        facts = config_to_facts(end.info, content.config, content.ranges, notes, plan.opened())
        return notes, facts | origin.facts
