"""Processes that code segments of a clip."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver
from multiprocessing.context import BaseContext

import cv2

from cssv.errors import OptionError, VideoError
from cssv.files.closing import Closing
from cssv.frames import planes_shape
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.segment_coding import ClipFrames, CodedSegment, SegmentEmbedder, encode_segment
from cssv.pipeline.segments import Segment, SegmentWork

#: Bounds of the number of processes.
WORKERS_RANGE = (1, 256)
#: Segments for each process that are coded or wait for an earlier one, at most.
_AHEAD = 2
#: Pixels of a clip from which on processes save more time than their start takes.
_LEAST_PIXELS = 40_000_000
#: Frames that one process holds in memory, about, and most bytes of those of all processes.
_FRAMES_HELD, _MOST_BYTES = 12, 2 << 30


def default_workers() -> int:
    """Number of cores that this process may use."""
    # Only Linux tells which cores these are.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, WORKERS_RANGE[1])


def check_workers(workers: int | None) -> int:
    """Return the number of processes, or the default for None. Raises OptionError when out of range."""
    if workers is None:
        return default_workers()
    low, high = WORKERS_RANGE
    if isinstance(workers, bool) or not isinstance(workers, int) or not low <= workers <= high:
        raise OptionError(
            "the number of workers is out of range",
            found=repr(workers),
            bound=f"{low} to {high}",
            remedy="Give `workers=` a number in this range.",
        )
    return workers


def useful_workers(plan: ClipPlan, workers: int) -> int:
    """How many of so many processes are of use for a clip; 1 for a small one, or one with damaged frames."""
    info = plan.info
    if len(plan) * info.width * info.height < _LEAST_PIXELS or plan.damaged != "error":
        return 1
    held = _FRAMES_HELD * math.prod(planes_shape(info.layout, info.width, info.height))
    return max(1, min(workers, _MOST_BYTES // held))


def start_early(plan: ClipPlan, workers: int) -> None:
    """Start to load what so many processes need for a clip, before they are needed."""
    if useful_workers(plan, workers) > 1:
        _start()


def _start() -> None:
    if isinstance(_context(), multiprocessing.context.ForkServerContext):
        _context().set_forkserver_preload([__name__])
        forkserver.ensure_running()


def _context() -> BaseContext:
    """How processes are started: copies of one without threads where the system has this, else new ones."""
    is_known = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if is_known else "spawn")


class SegmentProcesses(Closing):
    """Processes that read, embed, code and check segments of one clip.

    Args:
        work: what the segments share.
        workers: number of processes.
    """

    def __init__(self, work: SegmentWork, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        try:
            data = pickle.dumps(work)
        except (pickle.PicklingError, AttributeError, TypeError):
            # A carrier of somebody else may not be a plain value.
            return
        _start()
        self._pool = ProcessPoolExecutor(workers, _context(), initializer=_begin, initargs=(data,))

    def encode(self, segments: Sequence[Segment]) -> Iterator[CodedSegment | None]:
        """Yield the coded segments in order; None, and nothing more, where they must be coded in order.

        Raises:
            CarrierError: the content does not fit into the frames.
            ChecksumError: what was coded does not read back.
        """
        if self._pool is None:
            yield None
            return
        running, left = deque[Future[CodedSegment]](), deque(segments)
        while running or left:
            try:
                while left and len(running) < _AHEAD * self._workers:
                    running.append(self._pool.submit(_encode, left.popleft()))
                coded = running.popleft().result()
            except (VideoError, BrokenProcessPool):
                # In order the clip is read again, and an error is that of the whole clip.
                yield None
                return
            yield coded

    def close(self) -> None:
        """End the processes; may be called twice."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class _Process:
    """State of one process: the clip and the embedder, from one segment to the next.

    Args:
        work: what the segments share.
    """

    def __init__(self, work: SegmentWork) -> None:
        self._work = work
        self._embedder = SegmentEmbedder(work)
        self._frames: ClipFrames | None = None

    def encode(self, segment: Segment) -> CodedSegment:
        """Code a segment."""
        if self._frames is None:
            self._frames = ClipFrames(self._work)
        return encode_segment(self._work, segment, self._frames, self._embedder)


_process: _Process | None = None


def _begin(data: bytes) -> None:
    """Set a process up."""
    global _process
    # The process that reads the keyboard decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _process = _Process(pickle.loads(data))


def _end_with_parent() -> None:
    """End this process when the one that has started it is killed; nothing else would end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _encode(segment: Segment) -> CodedSegment:
    """Code a segment in a process that is set up."""
    assert _process is not None
    return _process.encode(segment)
