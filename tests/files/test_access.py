"""Access to a resource: closed, shared by threads, by one loop at a time, and after a fork."""

from __future__ import annotations

import threading

import pytest

from cssv.errors import ClosedError, ClosedInputError, ClosedOutputError
from cssv.files.access import Access, Loop, guarded


class Numbers:
    """Something with an access, and numbers as its items."""

    def __init__(self, error=ClosedInputError):
        self.access = Access(self, "the numbers", error)
        self.released = 0
        self.opened = 1

    def __iter__(self):
        with self.access.renewed(self._open):
            return Loop(iter(range(5)), self.access)

    def _open(self):
        self.opened += 1

    def close(self):
        with self.access.closing() as is_held:
            self.released += is_held


@pytest.mark.parametrize("error", [ClosedInputError, ClosedOutputError])
def test_a_closed_resource_is_released_once_and_refused(error):
    numbers = Numbers(error)
    with numbers.access, numbers.access:
        pass
    loop = iter(numbers)
    assert next(loop) == 0
    numbers.close()
    numbers.close()
    assert numbers.released == 1
    for use in (lambda: next(loop), lambda: iter(numbers), numbers.access.check):
        with pytest.raises(error, match="the numbers is already closed"):
            use()
    assert issubclass(error, ClosedError)


def test_a_new_loop_ends_the_one_before():
    numbers = Numbers()
    first = iter(numbers)
    assert next(first) == 0
    assert list(numbers) == [0, 1, 2, 3, 4]
    with pytest.raises(ClosedError, match="another one has begun"):
        next(first)


def test_a_child_opens_again_and_leaves_the_rest_to_its_parent():
    """As the handler of a fork does it; tests/api/test_native.py forks."""
    numbers = Numbers()
    loop = iter(numbers)
    next(loop)
    numbers.access.disown()
    with pytest.raises(ClosedError, match="opened by the parent"):
        next(loop)
    assert list(numbers) == [0, 1, 2, 3, 4]
    assert numbers.opened == 2
    with pytest.raises(ClosedError):
        next(loop)
    inherited = Numbers()
    inherited.access.disown()
    inherited.close()
    assert inherited.released == 0


def test_threads_take_turns():
    numbers = Numbers()
    inside, most = 0, 0

    def use():
        nonlocal inside, most
        for _ in range(200):
            with numbers.access:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_guarded_generator_can_be_shared_and_closed():
    ended = []

    @guarded
    def numbers(count):
        try:
            yield from range(count)
        finally:
            ended.append(count)

    found = []
    loop = numbers(1000)
    threads = [threading.Thread(target=lambda: found.extend(loop)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1000))
    early = numbers(3)
    assert next(early) == 0
    early.close()
    early.close()
    assert ended == [1000, 3]
    with pytest.raises(ClosedError):
        next(early)
