"""A worker does its tasks in order, and stops at the first that fails."""

from __future__ import annotations

import threading

import pytest

from cssv.files.worker import AHEAD, SerialWorker

#: A guard against a hang, not a bound that a slow machine could break.
PATIENCE_S = 120


def test_tasks_run_in_order_in_one_other_thread():
    done, threads = [], set()

    def task(number):
        done.append(number)
        threads.add(threading.get_ident())

    with SerialWorker() as worker:
        for number in range(50):
            worker.submit(lambda number=number: task(number))
        worker.drain()
    assert done == list(range(50))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_the_caller_waits_when_enough_tasks_are_unfinished():
    gate, submitted = threading.Event(), []

    def submit(worker):
        for number in range(AHEAD + 1):
            worker.submit(lambda: gate.wait(PATIENCE_S) and None)
            submitted.append(number)

    with SerialWorker() as worker:
        thread = threading.Thread(target=submit, args=(worker,))
        thread.start()
        # The last call cannot return before a task is done, and none is done before the gate opens.
        thread.join(0.1)
        assert len(submitted) <= AHEAD
        gate.set()
        thread.join(PATIENCE_S)
        worker.drain()
    assert len(submitted) == AHEAD + 1


def test_after_a_failure_nothing_runs_and_every_call_raises_it():
    done = []

    def fail():
        raise KeyError("first")

    with SerialWorker() as worker:
        worker.submit(fail)
        for call in (worker.drain, lambda: worker.submit(lambda: done.append(1)), worker.drain):
            with pytest.raises(KeyError, match="first"):
                call()
    assert done == []


def test_closing_drops_what_waits():
    gate, started, done = threading.Event(), threading.Event(), []

    def first():
        started.set()
        gate.wait(PATIENCE_S)

    worker = SerialWorker()
    worker.submit(first)
    worker.submit(lambda: done.append(1))
    assert started.wait(PATIENCE_S)
    threading.Timer(0.05, gate.set).start()
    worker.close()
    worker.close()
    assert done == []
