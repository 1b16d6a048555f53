"""A plan lists a clip once; every pass and every process works from it."""

from __future__ import annotations

import pickle
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.errors import OptionError, VideoError
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.embed import Scheduled, WindowEmbedder
from cssv.pipeline.frame_objects import FrameObjects
from cssv.scene import Ranges, Scene
from cssv.testing import clips as synthetic
from cssv.testing.carrier import some_objects
from cssv.video import Span

RANGES = Ranges((0.0, 100.0), (-20.0, 60.0), (0.0, 2000.0))


def test_a_plan_lists_every_frame(clips):
    plan = ClipPlan.open(clips / "clip.mkv")
    with plan.reader() as reader:
        frames = list(reader)
    assert len(plan) == len(frames) == synthetic.COUNT
    assert plan.part.pts.tolist() == [frame.pts for frame in frames]
    assert (plan.info.width, plan.info.height) == (synthetic.WIDTH, synthetic.HEIGHT)
    assert plan.opened() == {"planes": "native"}


@pytest.mark.parametrize(("start", "stop"), [("0.2", None), (None, "0.4"), ("0.21", "0.4"), ("0.9", "9")])
def test_the_part_is_what_a_reader_delivers(clips, start, stop):
    span = Span(*(None if t is None else Fraction(t) for t in (start, stop)))
    plan = ClipPlan.open(clips / "clip.mkv", span=span)
    with plan.reader() as reader:
        frames = list(reader)
    assert plan.part.pts.tolist() == [frame.pts for frame in frames]
    assert plan.stamps.pts[plan.first] == frames[0].pts
    assert len(plan.stamps) == synthetic.COUNT


def test_a_part_without_frames_is_refused(clips):
    with pytest.raises(VideoError, match="no frame lies between start and stop"):
        ClipPlan.open(clips / "clip.mkv", span=Span(Fraction(50)))
    with pytest.raises(OptionError, match="rate"):
        ClipPlan.open(clips / "clip.mkv", rate=Fraction(10**9))


def test_another_process_can_work_from_it(clips):
    """Plan and embedder are values: what they give after pickling is the same."""
    plan = ClipPlan.open(clips / "clip.mkv", planes="rgb", span=Span(Fraction("0.1"), Fraction("0.5")))
    again = pickle.loads(pickle.dumps(plan))
    assert again.opened() == plan.opened()
    embedder = WindowEmbedder(CARRIERS["nibble"].from_options({}), Scene(), RANGES)
    other = pickle.loads(pickle.dumps(embedder))
    objects = FrameObjects(some_objects())
    with plan.reader() as one, again.reader() as two:
        for mine, theirs in zip(one, two, strict=True):
            [a] = embedder.embed([Scheduled(mine, objects)], mine.number).frames
            [b] = other.embed([Scheduled(theirs, objects)], theirs.number).frames
            assert np.array_equal(a.stego.planes, b.stego.planes)
            assert a.sample == b.sample


def test_frames_can_be_embedded_in_any_order(clips):
    """No frame depends on the one embedded before."""
    plan = ClipPlan.open(clips / "clip.mkv")
    embedder = WindowEmbedder(CARRIERS["nibble"].from_options({}), Scene(), RANGES)
    objects = FrameObjects(some_objects())
    with plan.reader() as reader:
        frames = list(reader)[:6]
    windows = [([Scheduled(frame, objects)], frame.number) for frame in frames]
    forwards = [embedder.embed(*window).frames for window in windows]
    backwards = [embedder.embed(*window).frames for window in reversed(windows)][::-1]
    for [a], [b] in zip(forwards, backwards, strict=True):
        assert np.array_equal(a.stego.planes, b.stego.planes)
        assert a.sample == b.sample


@pytest.mark.parametrize(("detector", "most"), [("boxes", 3), ("motion", 4)])
def test_a_clip_is_opened_few_times(clips, tmp_path, monkeypatch, detector, most):
    """Once for its first frame, once for the list of its frames, then once a pass."""
    source = clips / "clip.mkv"
    opened = []
    plain = av.open

    def counting(file, *args, **kwargs):
        opened.append(str(getattr(file, "name", file)))
        return plain(file, *args, **kwargs)

    monkeypatch.setattr(av, "open", counting)
    monkeypatch.setattr("av.container.open", counting, raising=False)
    boxes = {"boxes": clips / "boxes.txt"} if detector == "boxes" else {"detector": "motion"}
    cssv.encode(source, tmp_path / "x.cssv", lossless=True, **boxes)
    assert 1 <= opened.count(str(source)) <= most
