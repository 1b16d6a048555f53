"""Native resources: used after close, by several threads, after a fork; each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import cssv
from cssv.testing import thermal_clips

#: Seconds after which a process counts as hung; each scenario takes a few.
PATIENCE_S = 120

PREAMBLE = """
import os, sys, threading
from fractions import Fraction
from pathlib import Path
import numpy as np
import cssv
from cssv.errors import ClosedError
from cssv.perception.thermal import ThermalReader
from cssv.video import FrameEncoder, PictureReader, VideoInfo, VideoReader, VideoWriter
from cssv.video.audio import AudioCopy
from cssv.video.sequence import SequenceReader
folder = Path(sys.argv[1])

def refused(call):
    try:
        call()
    except ClosedError as error:
        assert isinstance(error, (ValueError, OSError))
        return
    raise AssertionError("not refused")

def check_child(use):
    # The child ends without cleaning up, as those of multiprocessing do.
    pid = os.fork()
    if pid == 0:
        try:
            use()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def in_threads(use, count=4):
    found = []
    def run(number):
        try:
            use(number)
        except BaseException as error:
            found.append(error)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for each in threads: each.start()
    for each in threads: each.join()
    assert not found, found

INFO = VideoInfo(192, 160, "rgb24", Fraction(1, 25), Fraction(25))
def picture(number):
    planes = np.full((160, 192, 3), number % 200, np.uint8)
    return cssv.Frame(planes, "rgb24", number, Fraction(1, 25), number)
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory, clips, encode):
    """A folder with a .cssv, a copy, a folder of pictures, a clip and a thermal file."""
    stego = encode(lossless=True)
    folder = tmp_path_factory.mktemp("native")
    (folder / "x.cssv").write_bytes(stego.read_bytes())
    cssv.export(stego, folder / "copy.mkv")
    cssv.export(stego, folder / "pictures")
    (folder / "clip.mkv").write_bytes((clips / "clip.mkv").read_bytes())
    return folder


def run(folder, scenario):
    """Run a program; it must end by itself, without a signal and without an error."""
    program = PREAMBLE + textwrap.dedent(scenario)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program, str(folder)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])


SOURCES = ("x.cssv", "copy.mkv", "pictures")


@pytest.mark.parametrize("source", SOURCES)
def test_a_closed_clip_refuses_frames(source, material):
    run(material, f"""
        with cssv.open(folder / {source!r}) as clip:
            loop = iter(clip)
            first = next(loop)
        refused(lambda: next(loop))
        refused(lambda: clip[first.number + 1])
        refused(lambda: clip[7])
        refused(lambda: clip.scene)
        clip.close()
    """)  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_a_closed_decoder_refuses_frames(source, material):
    run(material, f"""
        decoder = cssv.Decoder(folder / {source!r})
        loop = iter(decoder)
        next(loop)
        decoder.close()
        refused(lambda: next(loop))
        refused(lambda: iter(decoder))
        refused(lambda: decoder.seek(1))
        refused(lambda: decoder.scene)
    """)  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        'VideoReader(folder / "clip.mkv")',
        'PictureReader(folder / "pictures")',
        'SequenceReader(folder / "pictures")',
    ],
)
def test_a_closed_reader_refuses_frames(made, material):
    run(material, f"""
        reader = {made}
        loop = iter(reader)
        next(loop)
        reader.close()
        refused(lambda: next(loop))
        refused(lambda: iter(reader))
        refused(lambda: reader.seek(1))
    """)  # fmt: skip


def test_a_closed_writer_refuses_frames(material):
    run(material, """
        writer = VideoWriter(folder / "w.mkv", INFO)
        writer.write(picture(0))
        writer.close()
        refused(lambda: writer.write(picture(1)))
        given_up = VideoWriter(folder / "w2.mkv", INFO)
        given_up.write(picture(0))
        given_up.abort()
        refused(lambda: given_up.write(picture(1)))
        encoder = FrameEncoder(INFO, "ffv1")
        encoder.encode(picture(0))
        encoder.close()
        refused(lambda: encoder.encode(picture(1)))
        refused(lambda: encoder.flush())
        stream = cssv.Encoder(folder / "s.cssv", size=(192, 160), rate=25, lossless=True)
        stream.write(picture(0).planes)
        stream.close()
        refused(lambda: stream.write(picture(1).planes))
    """)  # fmt: skip


def test_a_second_loop_ends_the_first(material):
    """Both would take frames from one decoder, so that one of them would show frames under wrong numbers."""
    run(material, """
        with VideoReader(folder / "clip.mkv") as reader:
            first = iter(reader)
            assert next(first).number == 0
            assert [frame.number for frame in reader][:3] == [0, 1, 2]
            refused(lambda: next(first))
    """)  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_threads_get_the_frames_they_ask_for(source, material):
    run(material, f"""
        with cssv.open(folder / {source!r}) as clip:
            expected = [moment.frame.planes.copy() for moment in clip]
            def use(number):
                for at in range(number, len(clip), 5):
                    assert np.array_equal(clip[at].frame.planes, expected[at]), at
            in_threads(use)
    """)  # fmt: skip


def test_threads_share_a_loop_a_writer_and_a_stream(material):
    run(material, """
        seen = []
        with VideoReader(folder / "clip.mkv") as reader:
            count = len(reader.timestamps())
            loop = iter(reader)
            in_threads(lambda number: seen.extend(frame.number for frame in loop))
        assert sorted(seen) == list(range(count))
        lock, number = threading.Lock(), iter(range(40))
        with VideoWriter(folder / "t.mkv", INFO) as writer:
            def write(_):
                for _ in range(10):
                    with lock:
                        frame = picture(next(number))
                        writer.write(frame)
            in_threads(write)
            writer.close()
        with VideoReader(folder / "t.mkv") as reader:
            assert sum(1 for _ in reader) == 40
        with cssv.Encoder(folder / "t.cssv", size=(192, 160), rate=25, lossless=True) as stream:
            in_threads(lambda n: [stream.write(picture(k).planes, cssv.detections([])) for k in range(10)])
        with cssv.open(folder / "t.cssv") as clip:
            assert len(clip) == 40
    """)  # fmt: skip


def test_closing_waits_for_other_threads(material):
    run(material, """
        for _ in range(5):
            clip = cssv.open(folder / "x.cssv")
            def use(number):
                if number == 0:
                    clip[0]
                    clip.close()
                else:
                    try:
                        for at in range(len(clip)):
                            clip[at]
                    except ClosedError:
                        pass
            in_threads(use)
    """)  # fmt: skip


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.parametrize("source", SOURCES)
def test_a_forked_child_opens_the_clip_again(source, material):
    run(material, f"""
        clip = cssv.open(folder / {source!r})
        expected = [moment.frame.planes.copy() for moment in clip]
        clip[0]
        def use():
            for at in (1, 17, 3, 4):
                assert np.array_equal(clip[at].frame.planes, expected[at]), at
            assert len([moment.number for moment in clip]) == len(clip)
            clip.scene
            clip.close()
            refused(lambda: clip[1])
        check_child(use)
        assert np.array_equal(clip[1].frame.planes, expected[1])
        clip.close()
    """)  # fmt: skip


@needs_fork
def test_children_read_at_the_same_time(material):
    """Parent and children share the position in each open file."""
    run(material, """
        clip = cssv.open(folder / "x.cssv")
        expected = [moment.frame.planes.copy() for moment in clip]
        children = []
        for seed in range(3):
            pid = os.fork()
            if pid == 0:
                dice = np.random.default_rng(seed)
                try:
                    for at in dice.integers(0, len(clip), 20).tolist():
                        assert np.array_equal(clip[at].frame.planes, expected[at])
                        clip[at].objects
                except BaseException:
                    os._exit(3)
                os._exit(0)
            children.append(pid)
        for at in np.random.default_rng(9).integers(0, len(clip), 20).tolist():
            assert np.array_equal(clip[at].frame.planes, expected[at])
        for pid in children:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """)  # fmt: skip


@needs_fork
@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"])
def test_a_loop_of_the_parent_is_refused_in_a_child(ending, material):
    run(material, f"""
        reader, decoder = VideoReader(folder / "clip.mkv"), cssv.Decoder(folder / "x.cssv")
        audio = iter(AudioCopy(folder / "x.cssv"))
        loops = [iter(reader), iter(decoder)]
        for loop in loops:
            next(loop)
        pid = os.fork()
        if pid == 0:
            for loop in loops:
                refused(lambda: next(loop))
            assert next(iter(reader)).number == next(iter(decoder)).number == 0
            for loop in loops:
                refused(lambda: next(loop))
            {ending}
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        for loop in loops:
            assert next(loop).number == 1
    """)  # fmt: skip


@needs_fork
@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"])
def test_a_child_leaves_what_its_parent_writes(ending, material):
    """Also where it ends in the ordinary way, which frees every object."""
    run(material, f"""
        stream = cssv.Encoder(folder / "f.cssv", size=(192, 160), rate=25, overwrite=True, lossless=True)
        writer = VideoWriter(folder / "f.mkv", INFO, overwrite=True)
        encoder = FrameEncoder(INFO, "h264")
        for number in range(12):
            stream.write(picture(number).planes, cssv.detections([]))
            writer.write(picture(number))
            encoder.encode(picture(number))
        pid = os.fork()
        if pid == 0:
            refused(lambda: stream.write(picture(12).planes))
            refused(lambda: writer.write(picture(12)))
            refused(lambda: encoder.encode(picture(12)))
            stream.close()
            writer.close()
            encoder.close()
            stream.abort()
            writer.abort()
            {ending}
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        for number in range(12, 30):
            stream.write(picture(number).planes, cssv.detections([]))
            writer.write(picture(number))
        stream.close()
        writer.close()
        with cssv.open(folder / "f.cssv") as clip, VideoReader(folder / "f.mkv") as reader:
            assert len(clip) == sum(1 for _ in reader) == 30
        assert cssv.verify(folder / "f.cssv").is_sound
    """)  # fmt: skip


@needs_fork
def test_a_thermal_loop_of_the_parent_is_refused_in_a_child(material):
    thermal_clips.write_video(material / "heat.mkv", [np.full((60, 80), 20.0 + n) for n in range(6)])
    run(material, """
        from cssv.scene.thermal import Unit
        reader = ThermalReader(folder / "heat.mkv", unit=Unit(0.01, -273.15))
        loop = iter(reader)
        next(loop)
        def use():
            refused(lambda: next(loop))
            assert [round(float(each.celsius[0, 0])) for each in reader] == [20, 21, 22, 23, 24, 25]
        check_child(use)
        seen = []
        in_threads(lambda number: seen.extend(round(float(each.celsius[0, 0])) for each in loop))
        assert sorted(seen) == [21, 22, 23, 24, 25]
    """)  # fmt: skip


@needs_fork
def test_a_child_leaves_the_locks_of_its_parent(material):
    run(material, """
        from cssv.errors import LockedError
        from cssv.files.lock import WriterLock
        lock = WriterLock(folder / "x.cssv")
        pid = os.fork()
        if pid == 0:
            lock.close()
            os._exit(0)
        os.waitpid(pid, 0)
        def held():
            try:
                WriterLock(folder / "x.cssv").close()
            except LockedError:
                return True
            return False
        assert held()
        lock.close()
        assert not held()
    """)  # fmt: skip
