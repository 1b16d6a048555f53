"""One writer at a time, whatever becomes of it, and readers beside it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from cssv.container import Appender, Reader, repair
from cssv.errors import ContainerError, LockedError
from cssv.testing.container import problems_of
from tests.container.appends import ABOUT, commit

pytestmark = pytest.mark.series

HOLD = """
import sys, time
from cssv.container import Appender
appender = Appender(sys.argv[1])
appender.write_scene(0, b"half done")
appender._write_queue()
print(flush=True)
time.sleep(60)
"""


def test_second_writer_is_refused_and_a_killed_one_is_cleaned_up_after(path, small_bytes):
    with Appender(path), pytest.raises(LockedError) as caught:
        Appender(path)
    assert caught.value.pid == os.getpid()
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline()
        with pytest.raises(LockedError, match=f"process {process.pid}"):
            Appender(path)
        with Reader(path) as reader:
            assert reader.torn_bytes == 16 + len(b"half done")
        process.send_signal(signal.SIGKILL)
    with Appender(path) as appender:
        assert appender.cut_bytes == 16 + len(b"half done")
        assert path.read_bytes() == small_bytes
        commit(appender)
    with Reader(path) as reader:
        assert reader.sample(reader.video.number, 1) == b"new second"


LOOP = """
import sys
from cssv.container import Appender, IndexMeta
for at in range(10_000):
    with Appender(sys.argv[1]) as appender:
        appender.write_scene(0, b"{%d}" % at)
        appender.write_video(at % 3, b"video %d" % at, is_key=True, stego_crc=at)
        appender.stage(IndexMeta(), frames_changed=1)
        print(appender.publish().number, flush=True)
        if at % 3 == 0:
            appender.checkout(1 + at // 2)
        if at % 4 == 0:
            appender.tag("tag", 1 + at)
"""


@pytest.mark.parametrize("seed", range(8))
def test_killed_at_any_moment_it_holds_every_version_that_was_acknowledged(path, seed):
    process = subprocess.Popen([sys.executable, "-c", LOOP, str(path)], stdout=subprocess.PIPE)
    with process:
        for _ in range(3):
            assert process.stdout.readline()
        time.sleep(random.Random(seed).random() / 5)
        process.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in process.stdout.read().split(b"\n")[:-1] if line]
    with Reader(path) as reader:
        assert {problem.kind for problem in problems_of(reader)} <= {"tail"}
        numbers = [version.number for version in reader.index.versions]
        torn_bytes = reader.torn_bytes
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= max([4, *acknowledged])
    for number in numbers[1:]:
        with Reader(path, version=number) as reader:
            assert reader.scene_sample(0) == b"{%d}" % (number - 2)
    assert repair(path) == torn_bytes
    with Reader(path) as reader:
        assert problems_of(reader) == []


def test_readers_open_at_any_moment_of_a_writer(path):
    """Tails that grow, are cut off, and moov boxes that are renamed while a reader walks."""
    done = threading.Event()
    failures, opened = [], []

    def read():
        while not done.is_set():
            try:
                with Reader(path) as reader:
                    assert not {problem.kind for problem in problems_of(reader)} - {"tail"}
                    opened.append(reader.version.number)
            except (ContainerError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for at in range(60):
        with Appender(path) as appender:
            appender.write_scene(at % 3, b"{%d}" % at)
            appender.stage(ABOUT, frames_changed=0)
            if at % 2:
                appender.publish()
                appender.checkout(1)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(opened) > 10
