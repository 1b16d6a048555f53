"""A worker thread that does tasks in order, while few tasks wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from cssv.files.closing import Closing

#: Tasks that may be unfinished, the running one included; more cost memory and save no time.
AHEAD = 2


class SerialWorker(Closing):
    """A thread that does tasks one after another while the caller goes on.

    Codecs and large array operations release the interpreter lock, so that one frame is encoded while the
    next one is drawn. After a task has failed no further task runs, and every later call raises its
    exception. As a context manager it ends the thread with its block and drops the tasks that still wait.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cssv-worker")
        self._unfinished: deque[Future[None]] = deque()
        self._has_failed = False

    def submit(self, task: Callable[[], None]) -> None:
        """Queue a task, after waiting until fewer than AHEAD are unfinished.

        Raises the exception of an earlier task that failed.
        """
        self._wait_until(AHEAD - 1)
        self._unfinished.append(self._pool.submit(self._run, task))

    def drain(self) -> None:
        """Wait until all tasks are done. Raises the exception of a task that failed."""
        self._wait_until(0)

    def _wait_until(self, left: int) -> None:
        """Wait until at most ``left`` tasks are unfinished, and collect those that are done."""
        while self._unfinished and (len(self._unfinished) > left or self._unfinished[0].done()):
            # A failed task stays at the front, so that every later call raises its exception again.
            self._unfinished[0].result()
            self._unfinished.popleft()

    def _run(self, task: Callable[[], None]) -> None:
        # Tasks depend on each other: a sample must not follow one that is missing.
        if self._has_failed:
            return
        # Set before the task and cleared after it, so that any exception leaves it set.
        self._has_failed = True
        task()
        self._has_failed = False

    def close(self) -> None:
        """End the thread and drop the tasks that still wait; may be called twice."""
        self._pool.shutdown(cancel_futures=True)
