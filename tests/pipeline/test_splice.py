"""Coding changed frames again inside a stream: what is written, and that the stream stays whole."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from cssv.container import Appender, IndexMeta, Reader
from cssv.frames import Frame
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.splice import Redrawn, SpliceSettings, plan_runs
from cssv.video import Colour, VideoInfo, VideoReader, settings_of

WIDTH, HEIGHT, COUNT, GOP = 96, 64, 40, 12
#: With the matrix that files of this size state.
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", Fraction(1, 6), Fraction(6), colour=Colour(space=6))


def frames_of(seed: int) -> list[Frame]:
    """A square that moves over noise: motion vectors differ from frame to frame."""
    random = np.random.default_rng(seed)
    ground = random.integers(40, 200, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
    frames = []
    for number in range(COUNT):
        planes = ground.copy()
        planes[10:30, number : number + 20] = 16 + seed
        frames.append(Frame(planes, "yuv420p", number, INFO.time_base, number))
    return frames


#: Efforts of lossless coding, and from how many frames a frame is predicted.
REFERENCES = {None: 1, "fast": 1, "small": 2}


def make(folder, effort):
    path = folder / f"{effort}.cssv"
    with path.open("wb") as file, StegoWriter(file, INFO, effort=effort) as writer:
        for frame in frames_of(1):
            writer.write(frame, b"{}")
        writer.finish({}, created_s=1)
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return make(tmp_path_factory.mktemp("splice"), None)


def change(path, numbers, effort=None):
    """Change some frames of a file as a commit does; returns the frames that it should have now."""
    with Appender(path) as appender:
        with VideoReader(path) as reader:
            old = list(reader)
        new = {number: frames_of(number + 2)[number] for number in numbers}
        table = appender.reader.video.table
        config = EncoderConfig(effort=effort)
        settings = SpliceSettings.from_entries(INFO, config, table.entries, old[0])
        runs = plan_runs(sorted(numbers), table, COUNT, settings)
        expected = [new.get(frame.number, frame) for frame in old]
        for run in runs:
            with settings.coder(appender, run) as coder:
                for number in run.frames:
                    coder.code(Redrawn(expected[number]))
                coder.finish()
                assert coder.changed <= len(numbers & set(run.frames))
        appender.stage(IndexMeta(2, "", "", {}), frames_changed=len(numbers))
        appender.publish()
    return expected, runs


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("effort", REFERENCES)
def test_any_chain_of_changes_decodes_to_its_frames(tmp_path, seed, effort, tool):
    path, references = make(tmp_path, effort), REFERENCES[effort]
    random = np.random.default_rng(seed)
    for _ in range(3):
        numbers = set(random.choice(COUNT, random.integers(1, 9), replace=False).tolist())
        expected, runs = change(path, numbers, effort)
        written = set().union(*(run.written for run in runs))
        assert numbers <= written <= {number + k for number in numbers for k in range(references + 1)}
        with VideoReader(path) as reader:
            for want, found in zip(expected, reader, strict=True):
                assert np.array_equal(want.planes, found.planes)
    # Another decoder reads the stream without a word of warning.
    command = [tool("ffmpeg"), "-v", "warning", "-xerror", "-i", path, "-map", "0:v", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout == b"".join(frame.planes.tobytes() for frame in expected)


def test_one_changed_frame_costs_two(first, tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(first.read_bytes())
    with Reader(path) as reader:
        before = reader.video.table
    _, runs = change(path, {GOP + 3})
    (run,) = runs
    assert (run.frames, run.written) == (range(GOP, GOP + 5), {GOP + 3, GOP + 4})
    # All that depends on the changed frame is read back.
    assert run.checked == range(GOP + 3, 2 * GOP)
    with Reader(path) as reader:
        after = reader.video.table
    assert np.flatnonzero(before.offsets != after.offsets).tolist() == [GOP + 3, GOP + 4]
    assert np.array_equal(before.syncs, after.syncs)


def test_the_last_frame_of_a_group_has_no_successor(first, tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(first.read_bytes())
    (run,) = change(path, {GOP - 1})[1]
    assert (run.frames, run.written) == (range(GOP), {GOP - 1})


def test_other_streams_are_written_up_to_the_next_key_frame(first):
    with Reader(first) as reader:
        table = reader.video.table
    frame = frames_of(1)[0]
    ours = SpliceSettings.from_entries(INFO, EncoderConfig(), table.entries, frame)
    for other in (replace(ours, variant=1), replace(ours, sets=b"x"), replace(ours, crf=20)):
        (run,) = plan_runs([3], table, COUNT, other)
        assert run.frames == run.checked == range(3, GOP)
        assert run.written == set(range(3, GOP))
    (run,) = plan_runs([3], replace(table, syncs=None), COUNT, ours)
    assert run.frames == range(3, 4)
    # A group that is longer than the encoder's would get a key frame inside.
    slower = replace(ours, info=replace(INFO, rate=Fraction(30)))
    whole = replace(table, syncs=np.array([1], np.uint32))
    assert plan_runs([3], whole, COUNT, slower)[0].written == {3, 4}
    assert plan_runs([3], whole, COUNT, ours)[0].written == set(range(3, COUNT))


@pytest.mark.parametrize(("effort", "references"), REFERENCES.items())
def test_the_stream_says_from_how_many_frames_it_predicts(tmp_path, effort, references):
    # x264 writes its settings into the first frame.
    told = re.search(rb" ref=(\d+) ", make(tmp_path, effort).read_bytes())
    assert int(told[1]) == references
    assert settings_of("h264", None, effort).references == references
