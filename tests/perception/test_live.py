"""A stream's numbers are those of the whole clip, up to its newest frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssv.perception import BoxesDetector, ClipTracker, LiveTracker, Noise, detections
from cssv.perception.noise import estimate_noise
from cssv.perception.recent import MEMORY_BOXES, MEMORY_S, RecentNoise
from cssv.perception.smoothing import Noise as SmootherNoise

FIELDS = (
    "boxes_px",
    "velocity_px_s",
    "velocity_past_px_s",
    "velocity_future_px_s",
    "velocity_cov",
    "nis",
)


def walkers(count=3, steps=90, rate=10.0, seed=0):
    """Frames of walkers with gaps, none as long as a tracker's patience; one turns all the time."""
    rng = np.random.default_rng(seed)
    times = np.arange(steps) / rate
    frames = []
    v = rng.normal(scale=40, size=(count, 2))
    for t in times:
        centres = 300 + 100 * np.arange(count)[:, None] + v * t
        centres[-1] = 400 + 60 * np.array([np.cos(1.5 * t), np.sin(1.5 * t)])
        size = np.tile([30.0, 80.0], (count, 1)) + 0.3 * t
        boxes = np.concatenate([centres - size / 2, size], axis=1) + rng.normal(scale=2, size=(count, 4))
        there = rng.random(count) > 0.2
        there |= t == 0
        frames.append(detections(boxes[there], ids=np.arange(count)[there]))
    return times, frames


def emitted(tracker, times, frames):
    """(newest frame, states) of every frame that comes back."""
    found = []
    for number, (time_s, seen) in enumerate(zip(times, frames, strict=True)):
        found += [(number, states) for states in tracker.update(number, time_s, seen)]
    return found + [(len(frames) - 1, states) for states in tracker.finish()]


@pytest.mark.parametrize("lag_s", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(2))
def test_a_stream_says_what_the_whole_clip_says_up_to_the_lag(lag_s, seed):
    times, frames = walkers(seed=seed)
    noise = Noise(process=(0.02,) * 4, measurement=(0.04,) * 4)
    tracks, checked = {}, 0
    # Frames are added once; finish() does not change the tracker.
    clip, added = ClipTracker(), 0
    for newest, states in emitted(LiveTracker(lag_s=lag_s, noise=noise), times, frames):
        assert newest == len(frames) - 1 or times[newest] - times[states.number] >= lag_s - 1e-9
        if newest not in tracks:
            for number in range(added, newest + 1):
                clip.add(number, times[number], frames[number])
            added = newest + 1
            tracks[newest] = clip.finish(noise)
        known = tracks[newest].in_frame(states.number)
        for row, identity in enumerate(states.ids.tolist()):
            (at,) = np.flatnonzero(known.ids == identity)
            for name in FIELDS:
                mine, theirs = getattr(states, name)[row], getattr(known, name)[at]
                np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6, err_msg=name)
            checked += 1
    assert checked > 200


def test_a_stream_estimates_the_noise_of_its_own_boxes():
    times, frames = walkers(count=6, steps=300)
    recent, ids = RecentNoise(), np.arange(6)
    assert recent.noise() == SmootherNoise()
    clip = ClipTracker()
    for number, (time_s, seen) in enumerate(zip(times, frames, strict=True)):
        recent.add(
            time_s, seen.ids, seen.boxes_px + np.array([0.5, 0.5, 0, 0]) * seen.boxes_px[:, [2, 3, 2, 3]]
        )
        clip.add(number, time_s, seen)
    # All of it was within the memory.
    assert times[-1] < MEMORY_S
    found, known = recent.noise(), estimate_noise(clip.tracklets())
    np.testing.assert_allclose(found.measurement, known.measurement, rtol=1e-6)
    np.testing.assert_allclose(found.process, known.process, rtol=1e-6)
    assert len(ids) == 6


def test_the_memory_of_a_stream_is_bounded():
    recent = RecentNoise()
    for number in range(2000):
        recent.add(number / 100, np.arange(20), np.ones((20, 4)))
    assert recent._boxes <= MEMORY_BOXES
    for number in range(100):
        recent.add(1000 + number, np.arange(1), np.ones((1, 4)))
    assert len(recent._frames) <= MEMORY_S + 1
    tracker = LiveTracker()
    for number in range(600):
        box = [[50.0 * (number // 60), 0, 40, 100]]
        tracker.update(number, number / 10, detections(box, ids=[number // 60]))
    assert len(tracker._objects) <= 3


@pytest.mark.parametrize("sequence", ["ETH-Bahnhof", "ADL-Rundle-6"])
def test_a_stream_from_a_shaking_camera_is_honest(data, benchmark, sequence):
    rate = {"ETH-Bahnhof": 14, "ADL-Rundle-6": 30}[sequence]
    annotated, public = (
        BoxesDetector(data / "mot15" / sequence / name) for name in ("gt/gt.txt", "det/det.txt")
    )
    truth, seen = ([boxes.in_frame(number) for number in range(500)] for boxes in (annotated, public))
    found = benchmark.live(benchmark.named_by_truth(seen, truth), rate)
    result = benchmark.judge(found, benchmark.paths(truth))
    # With identities from the truth the errors are smaller than those that the inflation is for.
    assert 0.92 <= result.coverage <= 0.995
    assert 0.9 < result.nees < 2.5


def test_a_stream_takes_flow_for_what_it_has_hardly_seen():
    class Still:
        def camera(self):
            from cssv.perception.camera import CameraMotion

            return CameraMotion.still() if hasattr(CameraMotion, "still") else None

        def of_boxes(self, boxes_px):
            return np.tile([4.0, 0.0, 0.1], (len(boxes_px), 1))

    noise = Noise(process=(0.02,) * 4, measurement=(0.1,) * 4)
    rng, found = np.random.default_rng(0), {}
    boxes = [[100 + 4 * n + rng.normal(scale=8), 100, 40, 100] for n in range(8)]
    for flow in (None, Still()):
        tracker = LiveTracker(noise=noise)
        states = []
        for n, box in enumerate(boxes):
            states += tracker.update(n, n / 10, detections([box], ids=[0]), flow)
        states += tracker.finish()
        found[flow is None] = np.array([s.velocity_px_s[0] for s in states])
    with_flow, without = (np.abs(found[key][:, 0] - 40).mean() for key in (False, True))
    assert with_flow < 2 < without


def test_noise_given_is_noise_kept():
    times, frames = walkers()
    noise = Noise(measurement=(0.3,) * 4)
    sure = emitted(LiveTracker(noise=replace(noise, measurement=(0.02,) * 4)), times, frames)
    unsure = emitted(LiveTracker(noise=noise), times, frames)
    assert unsure[40][1].velocity_cov[0, 0, 0] > sure[40][1].velocity_cov[0, 0, 0]


def test_one_frame_may_have_more_boxes_than_the_memory():
    """Of a bound smaller than one frame, the newest frame is what stays."""
    recent = RecentNoise()
    count = MEMORY_BOXES + 1
    centres = np.tile([100.0, 100.0, 10.0, 20.0], (count, 1))
    for step in range(3):
        recent.add(step / 10, np.arange(count), centres)
        assert recent.noise() == SmootherNoise()
    recent.add(1.0, np.arange(2), centres[:2])
    recent.add(2.0, np.arange(2), centres[:2])
    assert recent.noise() == SmootherNoise()


@pytest.mark.parametrize("bound", [0, 1, 2, 3])
def test_any_bound_of_the_memory_gives_all_frames(bound, monkeypatch):
    monkeypatch.setattr("cssv.perception.recent.MEMORY_BOXES", bound)
    times, frames = walkers(steps=40)
    assert [states.number for _, states in emitted(LiveTracker(), times, frames)] == list(range(40))
