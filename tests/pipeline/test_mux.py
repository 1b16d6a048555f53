"""The writer's thread: same bytes, bounded, every error told, gone with its block."""

from __future__ import annotations

import gc
import io
import threading
import traceback
import weakref
from concurrent.futures import Future
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import cssv
import cssv.files.worker
from cssv.errors import OutputError, VideoError
from cssv.files.worker import AHEAD
from cssv.frames import Frame
from cssv.pipeline.mux import StegoWriter
from cssv.testing import clips as synthetic
from cssv.video import FrameEncoder, VideoInfo

WIDTH, HEIGHT = 64, 48
WAIT_S = 20.0
META = {"cssv": "test"}


def info(layout="yuv420p"):
    return VideoInfo(
        WIDTH, HEIGHT, layout, Fraction(1, 25), Fraction(25), source_width=WIDTH, source_height=HEIGHT
    )


def frame(number, layout="yuv420p"):
    shape = (HEIGHT * 3 // 2, WIDTH) if layout == "yuv420p" else (HEIGHT, WIDTH, 3)
    planes = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    return Frame(planes, layout, number, Fraction(1, 25), number)


def writers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("cssv-worker")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()
    assert not writers()


class Inline:
    """An executor that is not one: calls are done at once, by the caller."""

    def __init__(self, *_args, **_options):
        pass

    def submit(self, call, *args):
        done = Future()
        done.set_result(call(*args))
        return done

    def shutdown(self, **_options):
        pass


class Gate:
    """Holds the codec at one frame until it is opened; notes what happens."""

    def __init__(self, monkeypatch, at=0):
        self.entered, self.opened = threading.Event(), threading.Event()
        self.numbers, self.log = [], []
        encode, close = FrameEncoder.encode, FrameEncoder.close

        def held(encoder, given):
            self.numbers.append(given.number)
            if given.number == at:
                self.entered.set()
                assert self.opened.wait(WAIT_S)
            packets = encode(encoder, given)
            self.log.append(f"encoded {given.number}")
            return packets

        def closed(encoder):
            self.log.append("closed")
            close(encoder)

        monkeypatch.setattr(FrameEncoder, "encode", held)
        monkeypatch.setattr(FrameEncoder, "close", closed)


def break_at(monkeypatch, number, error):
    """Let the codec fail at a frame; returns the list of frames that it was given."""
    numbers, encode = [], FrameEncoder.encode

    def broken(encoder, given):
        numbers.append(given.number)
        if given.number == number:
            raise error
        return encode(encoder, given)

    monkeypatch.setattr(FrameEncoder, "encode", broken)
    return numbers


def write(writer, count):
    for number in range(count):
        writer.write(frame(number), b"{}")


def written(codec, layout, count=30):
    file = io.BytesIO()
    with StegoWriter(file, info(layout), codec=codec, threads=1) as writer:
        for number in range(count):
            writer.write(frame(number, layout), b"sample %d" % number)
        writer.finish(META, created_s=1_700_000_000)
        assert writer.frames == count
    return file.getvalue()


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
def test_the_bytes_are_those_of_a_writer_without_thread(codec, layout, monkeypatch):
    threaded = written(codec, layout)
    monkeypatch.setattr(cssv.files.worker, "ThreadPoolExecutor", Inline)
    assert written(codec, layout) == threaded


@pytest.mark.parametrize("name", ["clip.mkv", "sound.mp4"])
def test_a_clip_becomes_the_file_of_a_writer_without_thread(name, clips, tmp_path, monkeypatch):
    def encode(output):
        done = cssv.encode(
            clips / name, output, boxes=clips / "boxes.txt", scene=synthetic.SCENE, codec="ffv1", created_s=5
        )
        assert done.frames == synthetic.COUNT
        return output.read_bytes()

    threaded = encode(tmp_path / "a.cssv")
    monkeypatch.setattr(cssv.files.worker, "ThreadPoolExecutor", Inline)
    assert encode(tmp_path / "b.cssv") == threaded


def test_another_thread_encodes_and_ends_with_the_block(monkeypatch):
    names = set()
    encode = FrameEncoder.encode

    def noting(encoder, given):
        names.add(threading.current_thread().name)
        return encode(encoder, given)

    monkeypatch.setattr(FrameEncoder, "encode", noting)
    with StegoWriter(io.BytesIO(), info()) as writer:
        write(writer, 9)
        assert len(writers()) == 1
        writer.finish(META, created_s=0)
    assert not writers()
    assert names == {"cssv-worker_0"}


def test_at_most_so_many_frames_wait(monkeypatch):
    """The caller runs ahead of a codec that stands still, but only so far."""
    gate = Gate(monkeypatch)
    planes, returned = [], []

    def produce(writer):
        for number in range(4 * AHEAD):
            given = frame(number)
            planes.append(weakref.ref(given.planes))
            writer.write(given, b"{}")
            del given
            returned.append(number)

    with StegoWriter(io.BytesIO(), info()) as writer:
        producer = threading.Thread(target=produce, args=(writer,))
        producer.start()
        assert gate.entered.wait(WAIT_S)
        producer.join(0.3)
        assert producer.is_alive()
        assert returned == list(range(AHEAD))
        assert sum(ref() is not None for ref in planes) == AHEAD + 1
        gate.opened.set()
        producer.join(WAIT_S)
        assert len(returned) == 4 * AHEAD
        writer.finish(META, created_s=0)
        assert not any(ref() is not None for ref in planes)


@pytest.mark.parametrize("error", [VideoError("mine"), ZeroDivisionError("mine"), KeyError("mine")], ids=repr)
def test_a_failure_reaches_the_caller_as_it_is(error, monkeypatch):
    numbers = break_at(monkeypatch, 7, error)
    file = io.BytesIO()
    with StegoWriter(file, info()) as writer:
        with pytest.raises(type(error)) as caught:
            write(writer, 8 + AHEAD)
        assert caught.value is error
        assert "broken" in [step.name for step in traceback.extract_tb(error.__traceback__)]
        # whoever goes on all the same is told again, and nothing is encoded behind the gap
        for again in (
            lambda: writer.write(frame(20), b"{}"),
            lambda: writer.finish(META, created_s=0),
            lambda: writer.finish(META, created_s=0),
        ):
            with pytest.raises(type(error)) as caught:
                again()
            assert caught.value is error
    assert numbers == list(range(8))
    assert b"moov" not in file.getvalue()


def test_frames_behind_a_failure_are_not_encoded(monkeypatch):
    """Those that waited already when the codec failed."""
    numbers = break_at(monkeypatch, 0, VideoError("mine"))
    held, given = threading.Event(), cssv.frames.planes_crc

    def crc(planes):
        assert held.wait(WAIT_S)
        return given(planes)

    monkeypatch.setattr(cssv.pipeline.stego_coding, "planes_crc", crc)
    with StegoWriter(io.BytesIO(), info()) as writer:
        write(writer, AHEAD)
        held.set()
        with pytest.raises(VideoError, match="mine"):
            writer.finish(META, created_s=0)
    assert numbers == [0]


def test_the_last_frame_fails(monkeypatch):
    break_at(monkeypatch, 2, VideoError("mine"))
    with StegoWriter(io.BytesIO(), info()) as writer:
        write(writer, 3)
        with pytest.raises(VideoError, match="mine"):
            writer.finish(META, created_s=0)


def test_a_full_disk_is_told():
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() + len(data) > 100_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    def fill():
        with StegoWriter(Full(), info("rgb24")) as writer:
            for number in range(1000):
                writer.write(frame(number, "rgb24"), b"{}")
            pytest.fail("a megabyte went into 100 kB")

    with pytest.raises(OutputError, match="No space left"):
        fill()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, GeneratorExit])
def test_the_caller_is_interrupted_while_frames_wait(error, monkeypatch):
    """The frame in the codec is finished before the codec is closed; those that wait are dropped."""
    gate = Gate(monkeypatch)

    def interrupted():
        with StegoWriter(io.BytesIO(), info()) as writer:
            write(writer, AHEAD)
            assert gate.entered.wait(WAIT_S)
            threading.Timer(0.2, gate.opened.set).start()
            raise error("mine")

    with pytest.raises(error, match="mine"):
        interrupted()
    assert not writers()
    assert gate.log == ["encoded 0", "closed"]


def test_the_caller_is_interrupted_while_it_waits(monkeypatch):
    """Ctrl-C in a write that waits for the codec; the frames before it are not lost by that."""
    gate = Gate(monkeypatch)
    result, calls = Future.result, []

    def interrupt(future, timeout=None):
        calls.append(future)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", interrupt)
    file = io.BytesIO()
    with StegoWriter(file, info()) as writer:
        write(writer, AHEAD)
        with pytest.raises(KeyboardInterrupt):
            writer.write(frame(AHEAD), b"{}")
        gate.opened.set()
        writer.write(frame(AHEAD), b"{}")
        writer.finish(META, created_s=0)
    assert gate.numbers == list(range(AHEAD + 1))
    assert b"moov" in file.getvalue()


def test_a_block_that_ends_early(monkeypatch):
    with StegoWriter(io.BytesIO(), info()):
        pass
    file = io.BytesIO()
    with StegoWriter(file, info()) as writer:
        writer.write(frame(0), b"{}")
    assert b"moov" not in file.getvalue()


def test_nothing_is_written_behind_the_end():
    file = io.BytesIO()
    with StegoWriter(file, info()) as writer:
        writer.write(frame(0), b"{}")
        writer.finish(META, created_s=0)
        size = len(file.getvalue())
        with pytest.raises(OutputError, match="finished"):
            writer.write(frame(1), b"{}")
    assert len(file.getvalue()) == size
    assert writer.frames == 1


def test_a_clip_whose_codec_fails_leaves_what_was_there(clips, tmp_path, monkeypatch, listing):
    (tmp_path / "x.cssv").write_bytes(b"before")
    before = listing(tmp_path)
    numbers = break_at(monkeypatch, 7, VideoError("mine"))
    with pytest.raises(VideoError, match="mine"):
        cssv.encode(
            clips / "sound.mp4", tmp_path / "x.cssv", boxes=clips / "boxes.txt", overwrite=True, lossless=True
        )
    assert listing(tmp_path) == before
    assert numbers == list(range(8))
    assert not writers()


@pytest.fixture
def stream(tmp_path):
    """A stream's encoder whose frames wait for nothing but the codec."""
    encoder = cssv.Encoder(
        tmp_path / "x.cssv",
        size=(synthetic.WIDTH, synthetic.HEIGHT),
        rate=synthetic.RATE,
        detector=synthetic.Truth(),
        lag_s=0.0,
        lossless=True,
    )
    return SimpleNamespace(encoder=encoder, pictures=synthetic.pictures())


def test_a_stream_whose_codec_fails(stream, tmp_path, monkeypatch):
    numbers = break_at(monkeypatch, 7, VideoError("mine"))

    def run():
        with stream.encoder as encoder:
            for picture in stream.pictures:
                encoder.write(picture)

    with pytest.raises(VideoError, match="mine"):
        run()
    assert numbers == list(range(8))
    assert not list(tmp_path.iterdir())
    assert not writers()


def test_a_stream_is_given_up_while_frames_wait(stream, tmp_path, monkeypatch):
    gate = Gate(monkeypatch, at=3)
    for picture in stream.pictures[: 3 + AHEAD]:
        stream.encoder.write(picture)
    assert gate.entered.wait(WAIT_S)
    threading.Timer(0.2, gate.opened.set).start()
    stream.encoder.abort()
    assert not writers()
    assert gate.log == [*(f"encoded {number}" for number in range(4)), "closed"]
    assert not list(tmp_path.iterdir())
    stream.encoder.abort()
