"""Work handed to one thread, in order, with few pieces waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from cssv.files.closing import Closing

#: Pieces of work that may wait, the one under way included; more cost memory and save no time.
AHEAD = 2


class SerialWorker(Closing):
    """Does pieces of work one after another in a thread of its own while the caller goes on.

    Codecs and big array operations let other threads run, so that one frame is coded while the next is
    drawn. After a piece has failed no other is done, and its exception meets the caller at every later
    call. As a context manager it ends its thread with the block, what still waits is dropped.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cssv-relay")
        self._ahead: deque[Future[None]] = deque()
        self._has_failed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Hand over the next piece; waits while AHEAD pieces are not done. Raises what has failed."""
        self._await(AHEAD - 1)
        self._ahead.append(self._pool.submit(self._do, work))

    def drain(self) -> None:
        """Wait until everything is done. Raises what has failed."""
        self._await(0)

    def _await(self, left: int) -> None:
        while self._ahead and (len(self._ahead) > left or self._ahead[0].done()):
            # What has failed stays in front, so that nobody can go on as if it had not.
            self._ahead[0].result()
            self._ahead.popleft()

    def _do(self, work: Callable[[], None]) -> None:
        if self._has_failed:
            return
        # Until the end is reached, it counts as failed.
        self._has_failed = True
        work()
        self._has_failed = False

    def close(self) -> None:
        """End the thread; what still waits is dropped. May be called twice."""
        self._pool.shutdown(cancel_futures=True)
