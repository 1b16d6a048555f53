"""A clip is cut into segments, and any number of processes make the same file of them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

import cssv
import cssv.pipeline.segment_processes
import cssv.pipeline.segments
import cssv.pipeline.stego_coding
from cssv.carriers import CARRIERS
from cssv.carriers.windows import group_frames, window_codec
from cssv.errors import ChecksumError, OptionError, VideoError
from cssv.perception import Tracks
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.coded_check import CodedCheck
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.segments import ClipContent, SegmentWork, plan_segments
from cssv.pipeline.stego_coding import FrameCoding
from cssv.pipeline.time_origin import TimeOrigin
from cssv.scene import Ranges, Scene
from cssv.testing import clips as synthetic
from cssv.video import FrameEncoder, VideoReader

RANGES = Ranges((0.0, 100.0), (-20.0, 60.0), (0.0, 2000.0))
COUNT = 130
FORMS = {
    "lossless": {"lossless": True},
    "mixed": {"strength": 46},
    "full": {"fidelity": "full"},
    "ffv1": {"codec": "ffv1"},
    "constructive": {"carrier": "constructive", "window": 1},
    "robust": {"carrier": "robust", "strength": 40, "fit": True},
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of several groups of pictures in a file with B-frames and sound, and its boxes."""
    folder = tmp_path_factory.mktemp("segments")
    options = {"x264-params": "keyint=40:bframes=2", "qp": "20"}
    path = synthetic.write_clip(
        folder / "clip.mp4", count=COUNT, codec="libx264", options=options, audio=True
    )
    return path, synthetic.write_boxes(folder / "boxes.txt", COUNT)


@pytest.fixture
def short_segments(monkeypatch):
    """Segments of as few frames as there can be, of clips of any size."""
    monkeypatch.setattr(cssv.pipeline.segments, "SEGMENT_FRAMES", 10)
    monkeypatch.setattr(cssv.pipeline.stego_coding, "GROUP_S", Fraction(1))
    monkeypatch.setattr(cssv.pipeline.segment_processes, "_LEAST_PIXELS", 0)


def encoded(clip, path, workers, **options):
    source, boxes = clip
    done = cssv.encode(
        source, path, boxes=boxes, scene=synthetic.SCENE, created_s=1, workers=workers, **options
    )
    return hashlib.sha256(path.read_bytes()).hexdigest(), done.notes


def work_of(path, config):
    plan = ClipPlan.open(path)
    annotator = TrackAnnotator(Scene(), Tracks())
    content = ClipContent(Scene(), config, annotator, None, RANGES)
    return SegmentWork(plan, content, TimeOrigin.from_plan(plan, None))


@pytest.mark.series
@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("form", FORMS)
def test_any_number_of_processes_makes_the_same_bytes(clip, tmp_path, form):
    made = [encoded(clip, tmp_path / f"{n}.cssv", n, **FORMS[form]) for n in (1, 2, 3, 5)]
    assert made == [made[0]] * 4
    assert cssv.verify(tmp_path / "2.cssv").is_sound


@pytest.mark.usefixtures("short_segments")
def test_processes_code_the_segments(clip, tmp_path, monkeypatch):
    """The clip is not read again in order."""
    import cssv.pipeline.second_pass

    def fail(*_):
        raise AssertionError("read in order")

    monkeypatch.setattr(cssv.pipeline.second_pass, "run_in_order", fail)
    encoded(clip, tmp_path / "a.cssv", 2, lossless=True)


@pytest.mark.parametrize("name", ["nibble", "full", "mixed", "constructive", "robust"])
def test_segments_are_whole_windows(clip, name, short_segments):
    carrier = CARRIERS[name].from_options({})
    config = EncoderConfig(carrier=carrier, crf=None if carrier.needs_lossless else 23)
    work = work_of(clip[0], config)
    segments = plan_segments(work)
    assert [n for each in segments for n in each.frames] == list(range(COUNT))
    assert [each.is_last for each in segments] == [False] * (len(segments) - 1) + [True]
    info = work.plan.info
    times = [work.plan.part[number] for number in range(COUNT)]
    span = window_codec(carrier).span(info.layout, info.width, info.height)
    firsts = [window.start for window in group_frames(times, span)]
    for segment in segments:
        assert segment.frames.start == firsts[segment.window]


@dataclass(frozen=True)
class Stubborn:
    """A carrier that is no plain value, because it holds a function of a function."""

    def __init__(self) -> None:
        object.__setattr__(self, "inner", CARRIERS["nibble"].from_options({}))
        object.__setattr__(self, "local", lambda: None)

    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, "inner"), name)


@pytest.mark.usefixtures("short_segments")
def test_what_processes_cannot_take_is_coded_in_order(clip, tmp_path):
    """Here the class is that of a test, which a new process does not find."""
    plain = encoded(clip, tmp_path / "a.cssv", 1, carrier=CARRIERS["nibble"].from_options({}))
    assert encoded(clip, tmp_path / "b.cssv", 2, carrier=Stubborn()) == plain


@pytest.mark.usefixtures("short_segments")
def test_a_process_that_dies_costs_nothing(clip, tmp_path, monkeypatch):
    plain = encoded(clip, tmp_path / "a.cssv", 1, lossless=True)
    monkeypatch.setattr(cssv.pipeline.segment_processes, "_begin", os.abort)
    assert encoded(clip, tmp_path / "b.cssv", 2, lossless=True) == plain


@pytest.mark.usefixtures("short_segments")
def test_processes_that_read_other_pictures_are_noticed(clip, tmp_path, monkeypatch):
    plain = encoded(clip, tmp_path / "a.cssv", 1, lossless=True)
    found = cssv.pipeline.segment_processes.SegmentProcesses.encode

    def other(self, segments):
        for coded in found(self, segments):
            yield replace(coded, first_crc=coded.first_crc ^ 1)

    monkeypatch.setattr(cssv.pipeline.segment_processes.SegmentProcesses, "encode", other)
    assert encoded(clip, tmp_path / "b.cssv", 2, lossless=True) == plain


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_clip_that_breaks_off_is_refused_alike(clip, tmp_path, workers):
    broken = tmp_path / "broken.mkv"
    whole = synthetic.write_clip(tmp_path / "whole.mkv", count=COUNT)
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 9 // 10])
    with pytest.raises(VideoError, match="breaks off after") as error:
        encoded((broken, clip[1]), tmp_path / "a.cssv", workers, lossless=True)
    assert not (tmp_path / "a.cssv").exists()
    assert "after 0 frames" not in str(error.value)


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_number_of_workers_out_of_range_is_refused(clip, tmp_path, workers):
    with pytest.raises(OptionError, match="workers is out of range"):
        encoded(clip, tmp_path / "a.cssv", workers)


class TestCodedCheck:
    """What is coded is compared with what was to be coded."""

    @pytest.fixture
    def coded(self, clips):
        with VideoReader(clips / "clip.mkv") as reader:
            frames, info = list(reader), reader.info
        with FrameEncoder(info) as encoder:
            coding = FrameCoding(encoder)
            embedded = [EmbeddedFrame(frame, b"") for frame in frames]
            done = coding.code(embedded)
            return embedded, done.crcs, [*done.packets, *coding.flush()], encoder.mp4_head()

    def check(self, coded, crcs, packets):
        embedded, _, _, head = coded
        config = EncoderConfig(carrier=_Silent())
        with CodedCheck(config) as check:
            check.add(embedded, crcs)
            check.decode(packets, head)
            check.finish()

    def test_sound_frames_pass(self, coded):
        self.check(coded, coded[1], coded[2])

    def test_another_pixel_is_found(self, coded):
        crcs = list(coded[1])
        crcs[7] ^= 1
        with pytest.raises(ChecksumError, match="frame 7 decodes to other pixels"):
            self.check(coded, crcs, coded[2])

    def test_a_missing_frame_is_found(self, coded):
        with pytest.raises(ChecksumError, match="1 frames cannot be decoded"):
            self.check(coded, coded[1], coded[2][:-1])

    def test_pixels_that_carry_nothing_are_found(self, coded):
        embedded, crcs, packets, head = coded
        with CodedCheck(EncoderConfig(carrier=CARRIERS["nibble"].from_options({}))) as check:
            check.add(embedded, crcs)
            with pytest.raises(ChecksumError, match="frame 0 has damaged marks"):
                check.decode(packets, head)


class _Silent:
    """A carrier whose frames always hold what they should."""

    needs_lossless = True

    def span(self, *_):
        raise NotImplementedError

    def extractor(self):
        return self

    def feed(self, *_):
        return ()

    def finish(self):
        return ()


def test_the_reader_goes_on_where_it_stands(clip):
    """Runs of frames in any order are those of one reading."""
    rng = np.random.default_rng(3)
    for options in ({}, {"rate": Fraction(7)}):
        with VideoReader(clip[0], **options) as reader:
            whole = [(frame.number, frame.pts, frame.duration, frame.planes.copy()) for frame in reader]
            for _ in range(12):
                first, count = int(rng.integers(0, COUNT)), int(rng.integers(1, 30))
                reader.seek(first, whole[first][1])
                for expected, frame in zip(whole[first : first + count], reader, strict=False):
                    assert (frame.number, frame.pts, frame.duration) == expected[:3]
                    np.testing.assert_array_equal(frame.planes, expected[3])
                    last = frame.number
                following = reader.following()
                assert (following is None) == (last + 1 == COUNT) == reader.is_at_end()
                if following is not None:
                    np.testing.assert_array_equal(following, whole[last + 1][3])
