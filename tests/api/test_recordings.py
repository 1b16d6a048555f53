"""Live recordings are not lost: by a refused frame, a late failure, a full disk, a lost folder, or a kill."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import (
    CssvError,
    FrameError,
    InputError,
    LockedError,
    OptionError,
    OutputError,
    VideoError,
)
from cssv.perception import detections
from cssv.pipeline.embed import WindowEmbedder
from cssv.testing import clips as synthetic
from cssv.video import FrameEncoder

SIZE = (192, 160)
NANO = Fraction(1, 10**9)
FRAME_NS = 40_000_000


def picture(number):
    planes = np.full((160, 192, 3), 60, np.uint8)
    planes[20:60, 10 + number % 100 : 50 + number % 100] = 200
    return planes


def found_at(number):
    return detections([[10 + number % 100, 20, 40, 40]], labels="block", ids=[1])


def write(encoder, numbers):
    for number in numbers:
        encoder.write(picture(number), found_at(number))


def check_frames(path, count):
    """The file is sound and has these frames, with their objects and pictures."""
    assert cssv.verify(path).is_sound
    with cssv.open(path) as clip:
        assert [moment.number for moment in clip] == list(range(count))
        for number in {0, count // 2, count - 1}:
            moment = clip[number]
            assert np.abs(moment.frame.planes.astype(int) - picture(number)).max() <= 15
            assert [row.track for row in moment.objects] == [1]


# ---- what is refused before it is accepted


def frame(pts, number=0):
    return cssv.Frame(picture(number), "rgb24", pts, NANO)


BAD_STAMPS = {
    "negative": -1,
    "float": 40e6,
    "text": "40",
    "none": None,
}


@pytest.mark.parametrize("bad", BAD_STAMPS)
@pytest.mark.parametrize("at", [0, 12])
def test_a_stamp_that_cannot_be_written_is_refused_at_once(bad, at, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, time_base=NANO, lossless=True) as encoder:
        for number in range(30):
            if number == at:
                with pytest.raises(FrameError, match="pts"):
                    encoder.write(frame(BAD_STAMPS[bad]), found_at(number))
            encoder.write(frame(number * FRAME_NS, number), found_at(number))
    check_frames(tmp_path / "x.cssv", 30)


@pytest.mark.parametrize("late", [1 << 62, 1_700_000_000 * 10**9, (1 << 53) + 12 * FRAME_NS])
def test_a_stamp_beyond_the_container_is_refused_at_once(late, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, time_base=NANO, lossless=True) as encoder:
        for number in range(30):
            if number == 12:
                with pytest.raises(FrameError, match="pts"):
                    encoder.write(frame(late), found_at(number))
            encoder.write(frame(number * FRAME_NS, number), found_at(number))
    check_frames(tmp_path / "x.cssv", 30)


def test_nanoseconds_since_1970(tmp_path):
    """The stamps of ROS: the file counts from the first frame, so that the container can hold them."""
    begin = 1_700_000_000 * 10**9
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, time_base=NANO, lossless=True) as encoder:
        for number in range(30):
            stamp = np.int64(begin + number * FRAME_NS)
            encoder.write(frame(stamp, number), found_at(number))
    check_frames(tmp_path / "x.cssv", 30)
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [moment.time for moment in clip] == [Fraction(number, 25) for number in range(30)]


def test_a_gap_too_long_for_nanoseconds_is_refused_and_nothing_lost(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, time_base=NANO, lossless=True) as encoder:
        for number in range(30):
            encoder.write(frame(number * FRAME_NS, number), found_at(number))
        last = 29 * FRAME_NS
        for gap in (2_200_000_000, 1 << 31):
            with pytest.raises(FrameError, match=r"too long for the time base.*time_base="):
                encoder.write(frame(last + gap), found_at(30))
        # The longest gap that the container holds.
        encoder.write(frame(last + (1 << 31) - 1, 30), found_at(30))
    check_frames(tmp_path / "x.cssv", 31)


def test_a_coarser_time_base_holds_a_long_gap(tmp_path):
    micro = Fraction(1, 10**6)
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, time_base=micro, lossless=True) as encoder:
        for number in range(30):
            pts = number * 40_000 + (600_000_000 if number >= 15 else 0)
            encoder.write(cssv.Frame(picture(number), "rgb24", pts, micro), found_at(number))
    check_frames(tmp_path / "x.cssv", 30)
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert clip[15].time - clip[14].time == Fraction(600_040_000, 10**6)


@pytest.mark.parametrize(
    "options",
    [
        {"created_s": -1},
        {"created_s": "now"},
        {"created_s": 1.5},
        {"created_s": 1 << 60},
        {"time_base": Fraction(1, 1 << 31)},
        {"time_base": Fraction(1 << 31, 1)},
        # A frame of 100 s has 10^11 of these units.
        {"time_base": NANO, "rate": Fraction(1, 100)},
    ],
    ids=str,
)
def test_what_would_fail_at_the_end_is_refused_at_the_beginning(options, tmp_path):
    with pytest.raises(OptionError):
        cssv.Encoder(tmp_path / "x.cssv", **({"size": SIZE, "rate": 25} | options))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("created_s", [-1, "now", 1.5, 1 << 60, math.nan])
def test_times_of_creation_are_checked_by_every_function(created_s, clips, stego, tmp_path):
    with pytest.raises(OptionError, match="creat"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", created_s=created_s)
    shutil.copy(stego, tmp_path / "y.cssv")
    with pytest.raises(OptionError, match="creat"):
        cssv.commit(tmp_path / "y.cssv", {"cssv_scene": 1}, created_s=created_s)
    assert [path.name for path in tmp_path.iterdir()] == ["y.cssv"]


def test_a_refusal_that_leaves_the_block_keeps_the_frames_before(tmp_path):
    def record():
        with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lossless=True) as encoder:
            write(encoder, range(20))
            encoder.write(np.zeros((3, 3, 3), np.uint8))

    with pytest.raises(FrameError):
        record()
    assert [path.name for path in tmp_path.iterdir()] == ["x.cssv"]
    check_frames(tmp_path / "x.cssv", 20)


# ---- what fails later


@pytest.fixture
def failing(monkeypatch):
    """The codec fails at frame 25."""
    encode = FrameEncoder.encode

    def fail(encoder, frame):
        if frame.number == 25:
            raise VideoError("mine")
        return encode(encoder, frame)

    monkeypatch.setattr(FrameEncoder, "encode", fail)


def notes_of(error):
    return " ".join(getattr(error, "__notes__", ()))


def test_a_codec_that_fails_costs_only_what_it_held(failing, tmp_path):
    encoder = cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, codec="ffv1", lag_s=0)
    with pytest.raises(VideoError, match="mine"):
        write(encoder, range(60))
    with pytest.raises(VideoError, match="mine"):
        encoder.write(picture(60), found_at(60))
    with pytest.raises(VideoError, match="mine") as caught:
        encoder.close()
    with cssv.open(tmp_path / "x.cssv") as clip:
        count = len(clip)
    # FFmpeg holds a frame for each of its threads, and one for its duration.
    assert 25 - 17 <= count <= 25
    assert f"first {count} frames" in notes_of(caught.value)
    check_frames(tmp_path / "x.cssv", count)
    assert [path.name for path in tmp_path.iterdir()] == ["x.cssv"]


@pytest.mark.parametrize(
    "place", ["cssv.pipeline.live_drawing.take_temperatures", "cssv.perception.LiveTracker.update"]
)
def test_an_error_of_the_program_costs_no_frame_that_was_drawn(place, tmp_path, monkeypatch):
    encoder = cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lossless=True)
    write(encoder, range(60))

    def fail(*_args, **_options):
        raise ZeroDivisionError("mine")

    monkeypatch.setattr(place, fail)
    with pytest.raises(ZeroDivisionError, match="mine"):
        write(encoder, range(60, 120))
    monkeypatch.undo()
    with pytest.raises(ZeroDivisionError, match="mine"):
        encoder.close()
    with cssv.open(tmp_path / "x.cssv") as clip:
        count = len(clip)
    # The frames of the lag wait for their objects.
    assert count >= 60 - 32
    check_frames(tmp_path / "x.cssv", count)


def test_facts_too_long_for_the_container(tmp_path):
    class Chatty(synthetic.Truth):
        notes = ("x" * 40_000, "y" * 40_000)

    encoder = cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, detector=Chatty(), lossless=True)
    for number in range(20):
        encoder.write(picture(number))
    with pytest.raises(CssvError):
        encoder.close()
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert len(clip) == 20
    assert cssv.verify(tmp_path / "x.cssv").is_sound


def test_an_interrupt_that_is_caught_ends_the_recording_in_order(tmp_path, monkeypatch):
    embed = WindowEmbedder.embed

    def interrupted(embedder, window, number, **options):
        if window[0].frame.number == 20:
            raise KeyboardInterrupt
        return embed(embedder, window, number, **options)

    monkeypatch.setattr(WindowEmbedder, "embed", interrupted)
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, lag_s=0, lossless=True) as encoder:
        with pytest.raises(KeyboardInterrupt):
            write(encoder, range(60))
        monkeypatch.undo()
    check_frames(tmp_path / "x.cssv", 20)


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_folder_that_was_removed_is_made_again(is_made_again, tmp_path):
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    encoder = cssv.Encoder(folder / "x.cssv", size=SIZE, rate=25, lossless=True)
    write(encoder, range(30))
    shutil.rmtree(folder.parent)
    if is_made_again:
        folder.mkdir(parents=True)
    write(encoder, range(30, 60))
    encoder.close()
    assert [path.name for path in folder.iterdir()] == ["x.cssv"]
    check_frames(folder / "x.cssv", 60)


# ---- full disks and kills, each in a process of its own

PREAMBLE = """
import os, resource, signal, sys, time
import numpy as np
import cssv
from pathlib import Path
folder = Path(sys.argv[1])

def picture(number):
    planes = np.full((160, 192, 3), 60, np.uint8)
    planes[20:60, 10 + number % 100 : 50 + number % 100] = 200
    return planes

def found_at(number):
    return cssv.detections([[10 + number % 100, 20, 40, 40]], labels="block", ids=[1])

def write(encoder, numbers):
    for number in numbers:
        encoder.write(picture(number), found_at(number))
"""


def run(folder, scenario):
    program = PREAMBLE + textwrap.dedent(scenario)
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
@pytest.mark.parametrize("limit_kib", [20, 60, 150])
def test_a_full_disk_costs_the_end_only(limit_kib, tmp_path):
    done = run(tmp_path, f"""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_kib} << 10, resource.RLIM_INFINITY))
        encoder = cssv.Encoder(folder / "x.cssv", size=(192, 160), rate=25, lossless=True)
        try:
            write(encoder, range(100_000))
        except cssv.CssvError as error:
            assert "too large" in str(error), error
        try:
            encoder.close()
        except cssv.CssvError as error:
            print(error, *error.__notes__)
    """)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "The file holds the first" in done.stdout
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size <= limit_kib << 10
    with cssv.open(path) as clip:
        count = len(clip)
    assert f"first {count} frames" in done.stdout
    check_frames(path, count)


KILLED = """
    encoder = cssv.Encoder(folder / "live.cssv", size=(192, 160), rate=25, codec={codec!r}, lossless=True)
    write(encoder, range({count}))
    # What the codec and the thread hold now is lost, as in any recording.
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def kill(folder, count=150, codec="h264"):
    done = run(folder, KILLED.format(count=count, codec=codec))
    assert done.returncode == -signal.SIGKILL, done.stderr


@needs_kill
@pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
def test_a_killed_recording_is_recovered_but_for_its_last_seconds(codec, tmp_path):
    kill(tmp_path, 150, codec)
    assert not (tmp_path / "live.cssv").exists()
    done = cssv.recover(tmp_path / "live.cssv")
    assert done.path == tmp_path / "live.cssv"
    # 150 frames are 6 s; the lag, the threads of the codec and an open chunk are 2.5 s at most.
    assert 150 - 63 <= done.frames < 150
    assert [path.name for path in tmp_path.iterdir()] == ["live.cssv"]
    check_frames(done.path, done.frames)
    assert done.bytes == done.path.stat().st_size
    with pytest.raises(InputError, match="no unfinished recording"):
        cssv.recover(tmp_path / "live.cssv")
    # It is a file like any other.
    assert cssv.commit(done.path, synthetic.SCENE).version == 2


@needs_kill
def test_later_runs_in_the_folder_leave_killed_recordings(tmp_path, clips):
    kill(tmp_path)
    # The lock file of the killed process goes with the next run.
    before = {path.name for path in tmp_path.iterdir()} - {"live.cssv.lock"}
    assert len(before) == 2
    cssv.encode(clips / "clip.mkv", tmp_path / "other.cssv", stop="0.2", lossless=True)
    with cssv.Encoder(tmp_path / "live.cssv", size=SIZE, rate=25, lossless=True) as encoder:
        write(encoder, range(5))
    now = {path.name for path in tmp_path.iterdir()}
    assert now == {*before, "other.cssv", "live.cssv"}
    # The name is taken now.
    with pytest.raises(OutputError, match="exists already"):
        cssv.recover(tmp_path / "live.cssv")
    done = cssv.recover(tmp_path / "live.cssv", tmp_path / "saved.cssv")
    check_frames(tmp_path / "saved.cssv", done.frames)
    check_frames(tmp_path / "live.cssv", 5)


@needs_kill
def test_recovery_of_several_and_by_the_temporary_name(tmp_path):
    for count in (150, 100):
        kill(tmp_path, count)
    done = cssv.recover(tmp_path / "live.cssv")
    assert (done.frames < 100, done.others) == (True, 1)
    (journal,) = tmp_path.glob(".*.journal")
    again = cssv.recover(journal.with_suffix(""), tmp_path / "first.cssv")
    assert again.frames > 80
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.cssv", "live.cssv"]


@needs_kill
def test_a_recovery_that_is_interrupted_can_be_done_again(tmp_path, monkeypatch):
    kill(tmp_path)

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("cssv.api.recover.check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cssv.recover(tmp_path / "live.cssv")
    monkeypatch.undo()
    done = cssv.recover(tmp_path / "live.cssv")
    check_frames(done.path, done.frames)


def test_a_recording_that_runs_is_left_alone(tmp_path):
    with cssv.Encoder(tmp_path / "live.cssv", size=SIZE, rate=25, lossless=True) as encoder:
        write(encoder, range(40))
        with pytest.raises(LockedError):
            cssv.recover(tmp_path / "live.cssv")
        write(encoder, range(40, 60))
    check_frames(tmp_path / "live.cssv", 60)


@needs_kill
def test_bytes_that_never_reached_the_disk_end_the_recording_there(tmp_path):
    """After a power failure the journal can list what the file does not hold."""
    kill(tmp_path)
    (data,) = (path for path in tmp_path.iterdir() if path.suffix == ".cssv")
    content = data.read_bytes()
    data.write_bytes(content[: len(content) * 2 // 3] + bytes(len(content) // 3))
    done = cssv.recover(tmp_path / "live.cssv")
    assert 40 < done.frames < 110
    check_frames(done.path, done.frames)


@needs_kill
def test_a_recording_killed_at_its_first_frames(tmp_path):
    kill(tmp_path, 3)
    with pytest.raises(CssvError, match="no complete frame"):
        cssv.recover(tmp_path / "live.cssv")


@pytest.mark.parametrize("name", ["none.cssv", "no folder/x.cssv", ".", "text.journal"])
def test_what_is_no_recording(name, tmp_path):
    (tmp_path / "text.journal").write_text("something else\n")
    with pytest.raises(InputError, match="no unfinished recording"):
        cssv.recover(tmp_path / name)


# ---- ranges


def test_speeds_above_the_range_are_told(tmp_path):
    scene = {"cssv_scene": 1, "ranges": {"speed_px_s": [0, 10]}}
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=25, scene=scene, lossless=True) as encoder:
        write(encoder, range(40))
    truth, note = encoder.notes
    assert truth.startswith("boxes with ids are the truth")
    # A ring shows two speeds in each of 40 frames.
    assert "speed range 0 to 10 px/s is too narrow for 80 of 80 values (100 %), up to 30.5 px/s" in note
    assert '"ranges": {"speed_px_s": [0, 40]}' in note
    assert encoder.warnings == (note,)
    assert cssv.info(tmp_path / "x.cssv").facts["notes"] == [truth, note]
    wide = scene | {"ranges": {"speed_px_s": [0, 500]}}
    with cssv.Encoder(tmp_path / "y.cssv", size=SIZE, rate=25, scene=wide, lossless=True) as encoder:
        write(encoder, range(40))
    assert encoder.notes == (truth,)
