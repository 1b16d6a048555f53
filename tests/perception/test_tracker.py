from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.boxes import from_centres
from cssv.errors import InputError, OptionError
from cssv.perception import EMPTY, ClipTracker, LiveTracker, Noise, Tracker, detections


def walk(steps, rate, starts, velocities, size=(40, 100), scatter=0.0, seed=0):
    """Boxes (steps, n, 4) of objects in uniform motion, and the times of the frames."""
    rng = np.random.default_rng(seed)
    times = [Fraction(k) / rate for k in range(steps)]
    t = np.array([float(time) for time in times])
    centres = np.array(starts, float)[None] + t[:, None, None] * np.array(velocities, float)[None]
    sizes = np.broadcast_to(np.array(size, float), centres.shape)
    boxes = from_centres(np.concatenate([centres, sizes], axis=-1))
    boxes[..., :2] += rng.normal(scale=scatter, size=centres.shape) if scatter else 0
    return boxes, times


def clip_of(boxes, times, hidden=(), **columns):
    """A clip of all boxes but those at the (frame, object) pairs ``hidden``; columns are per object."""
    clip = ClipTracker()
    for k, (frame, time) in enumerate(zip(boxes, times, strict=True)):
        kept = [n for n in range(len(frame)) if (k, n) not in hidden]
        given = {name: [column[n] for n in kept] for name, column in columns.items()}
        clip.add(k, time, detections(frame[kept], **given))
    return clip


def owners(tracks, boxes):
    """For each track the set of true objects its boxes are nearest to."""
    centres = boxes[..., :2] + boxes[..., 2:] / 2
    found = []
    for track in tracks:
        mine = track.boxes_px[:, :2] + track.boxes_px[:, 2:] / 2
        distance = np.linalg.norm(centres[track.numbers] - mine[:, None], axis=-1)
        found.append(set(distance.argmin(axis=1).tolist()))
    return found


@pytest.mark.parametrize(
    "rate", [Fraction(2), Fraction(7), Fraction(25), Fraction(30000, 1001), Fraction(60)]
)
def test_uniform_motion_comes_back_as_its_velocity_at_any_frame_rate(rate):
    velocity = [[30, -10], [-20, 5]]
    boxes, times = walk(int(6 * rate), rate, [[100, 300], [600, 200]], velocity, scatter=1.0)
    tracks = clip_of(boxes, times).finish()
    assert len(tracks) == 2
    for track, true in zip(tracks, velocity, strict=True):
        assert len(track) == len(times)
        np.testing.assert_allclose(track.velocity_px_s.mean(axis=0), true, atol=2)
        assert np.abs(track.velocity_px_s - true).max() < 8
        np.testing.assert_allclose(track.times_s, [float(time) for time in times])


def test_objects_that_cross_keep_their_identities():
    boxes, times = walk(60, Fraction(10), [[100, 200], [400, 220]], [[50, 0], [-50, 0]], scatter=1.0)
    tracks = clip_of(boxes, times).finish()
    assert sorted(map(min, owners(tracks, boxes))) == [0, 1]
    assert all(len(seen) == 1 for seen in owners(tracks, boxes))


@pytest.mark.parametrize("gap", [1, 2, 4])
def test_missed_frames_are_bridged_and_filled_with_score_zero(gap):
    boxes, times = walk(40, Fraction(10), [[100, 200]], [[40, 0]], scatter=0.5)
    tracks = clip_of(boxes, times, hidden={(k, 0) for k in range(20, 20 + gap)}).finish()
    assert len(tracks) == 1
    track = tracks[0]
    assert track.numbers.tolist() == list(range(40))
    assert (track.scores[20 : 20 + gap] == 0).all()
    assert (track.scores[:20] == 1).all()
    np.testing.assert_allclose(track.boxes_px[20 : 20 + gap, 0], boxes[20 : 20 + gap, 0, 0], atol=3)


def test_one_missed_frame_at_a_low_rate_is_survived():
    boxes, times = walk(16, Fraction(1, 2), [[100, 200]], [[8, 0]], scatter=0.5)
    tracks = clip_of(boxes, times, hidden={(5, 0), (9, 0)}).finish()
    assert len(tracks) == 1


def test_a_long_absence_is_not_filled():
    boxes, times = walk(100, Fraction(10), [[100, 200]], [[10, 0]], scatter=0.5)
    clip = clip_of(boxes, times, hidden={(k, 0) for k in range(40, 90)}, ids=[5])
    (track,) = clip.finish()
    assert track.id == 5
    assert not set(range(55, 75)) & set(track.numbers.tolist())
    assert {39, 90} <= set(track.numbers.tolist())


def test_given_ids_are_kept_even_where_boxes_swap_places():
    boxes, times = walk(30, Fraction(10), [[100, 200], [500, 200]], [[0, 0], [0, 0]])
    boxes[15:] = boxes[15:, ::-1]
    tracker = Tracker()
    for time, frame in zip(times, boxes, strict=True):
        assert tracker.update(time, detections(frame, ids=[41, 7])).tolist() == [41, 7]
    assert [track.id for track in clip_of(boxes, times, ids=[41, 7]).finish()] == [7, 41]


def test_given_and_anonymous_boxes_never_share_an_id():
    boxes, times = walk(20, Fraction(10), [[100, 200], [500, 200]], [[0, 0], [0, 0]])
    tracker = Tracker()
    first = tracker.update(times[0], detections(boxes[0], ids=[-1, -1]))
    assert sorted(first.tolist()) == [1, 2]
    later = tracker.update(times[1], detections([[900, 0, 40, 100]], ids=[1]))
    again = tracker.update(times[2], detections([[900, 0, 40, 100]], ids=[1]))
    assert later[0] not in (1, 2)
    assert again[0] == later[0]


def test_false_alarms_are_dropped_but_given_ids_are_believed():
    boxes, times = walk(20, Fraction(10), [[100, 200]], [[0, 0]])
    assert len(clip_of(boxes, times, {(k, 0) for k in range(3, 20)}).finish()) == 0
    assert len(clip_of(boxes, times, {(k, 0) for k in range(1, 20)}, ids=[3]).finish()) == 1


def test_labels_part_objects_in_the_same_place():
    boxes, times = walk(20, Fraction(10), [[100, 200], [104, 200]], [[10, 0], [10, 0]])
    hidden = {(k, k % 2) for k in range(0, 20, 4)} | {(k, 1 - k % 2) for k in range(1, 20, 4)}
    found = clip_of(boxes, times, hidden, labels=["car", "person"]).finish()
    assert sorted(track.label for track in found) == ["car", "person"]


def test_low_scores_continue_objects_but_begin_none():
    boxes, times = walk(30, Fraction(10), [[100, 200], [500, 200]], [[10, 0], [0, 0]])
    clip = ClipTracker()
    for k, time in enumerate(times):
        clip.add(k, time, detections(boxes[k], scores=[0.9 if k % 3 else 0.4, 0.4 if k % 7 else 0.3]))
    tracker = Tracker()
    ids = [
        tracker.update(
            time,
            detections(
                boxes[k][[0, 0, 1]] + [[0, 0, 0, 0], [0, 300, 0, 0], [0, 0, 0, 0]], scores=[0.9, 0.9, 0.2]
            ),
        )
        for k, time in enumerate(times)
    ]
    assert len({tuple(found) for found in ids}) == 1
    assert ids[0][2] == -1


def test_two_trackers_know_nothing_of_each_other():
    one, two = Tracker(), Tracker()
    seen = detections([[0, 0, 10, 20]])
    assert one.update(0, seen).tolist() == two.update(0, seen).tolist() == [1]


@pytest.mark.parametrize("time", [1.0, 0.5, float("nan")])
def test_time_that_does_not_rise_is_refused(time):
    tracker = Tracker()
    tracker.update(1.0, EMPTY)
    with pytest.raises(InputError, match="must increase"):
        tracker.update(time, EMPTY)


def test_memory_of_a_tracker_is_what_is_in_view():
    tracker = Tracker()
    for k in range(200):
        tracker.update(k * 2.0, detections([[k * 500.0, 0, 10, 20]]))
    assert len(tracker.alive) <= 4


box = st.tuples(st.floats(-500, 2000), st.floats(-500, 2000), st.floats(0.1, 900), st.floats(0.1, 900))
scene = st.lists(st.lists(st.tuples(box, st.floats(0, 1)), max_size=5), min_size=1, max_size=12)


@given(scene)
@settings(max_examples=60)
def test_any_boxes_make_valid_tracks_and_each_box_one_owner(frames):
    clip = ClipTracker(fewest_boxes=1)
    live, out = LiveTracker(lag_s=0.3), []
    for k, frame in enumerate(frames):
        seen = detections([b for b, _ in frame], scores=[s for _, s in frame])
        clip.add(k, k / 10, seen)
        out += live.update(k, k / 10, seen)
    out += live.finish()
    tracks = clip.finish()
    assert [states.number for states in out] == list(range(len(frames)))
    for track in tracks:
        assert (track.boxes_px[:, 2:] > 0).all()
        assert (np.linalg.eigvalsh(track.velocity_cov) > 0).all()
    for number, frame in enumerate(frames):
        assert int((tracks.in_frame(number).scores > 0).sum()) <= len(frame)


@given(st.integers(1, 40), st.floats(0, 3))
@settings(max_examples=30)
def test_a_live_stream_gives_every_frame_once_and_in_time(count, lag):
    live, out, waiting = LiveTracker(lag_s=lag), [], 0
    for k in range(count):
        ready = live.update(k, k / 10, detections([[5.0 * k, 0, 40, 100]]))
        out += ready
        waiting = max(waiting, k + 1 - len(out))
    # Frames leave in groups of a quarter of the lag.
    assert waiting <= 10 * lag * 1.25 + 2
    out += live.finish()
    assert [states.number for states in out] == list(range(count))


def test_live_velocities_are_those_of_the_whole_clip():
    boxes, times = walk(120, Fraction(10), [[100, 200], [900, 300]], [[20, 5], [-30, 0]], scatter=2.0)
    noise = Noise(measurement=(0.03,) * 4)
    clip, live, out = clip_of(boxes, times), LiveTracker(lag_s=3.0, noise=noise), []
    for k, time in enumerate(times):
        out += live.update(k, time, detections(boxes[k]))
    out += live.finish()
    whole = clip.finish(noise)
    for states in out:
        theirs = whole.in_frame(states.number)
        assert states.ids.tolist() == theirs.ids.tolist()
        # The past is the same past; the future ends after the lag.
        np.testing.assert_allclose(states.velocity_past_px_s, theirs.velocity_past_px_s, atol=1.0)
        np.testing.assert_allclose(states.velocity_px_s, theirs.velocity_px_s, atol=1.5)
        np.testing.assert_allclose(states.boxes_px, theirs.boxes_px, atol=0.5)


def test_a_live_stream_forgets_what_has_left():
    live = LiveTracker(lag_s=0.5)
    for k in range(2000):
        live.update(k, k / 10, detections([[(k // 10) * 300.0 + k % 10, 0, 40, 100]]))
    assert len(live._objects) < 10
    assert len(live._numbers) < 12


@pytest.mark.parametrize("lag", [-0.1, 61, float("nan")])
def test_a_lag_out_of_bounds_is_refused(lag):
    with pytest.raises(OptionError, match="lag is out of range"):
        LiveTracker(lag_s=lag)


def test_an_empty_clip_has_no_tracks():
    assert len(ClipTracker().finish()) == 0
    clip = ClipTracker()
    clip.add(0, 0, EMPTY)
    assert len(clip.finish()) == 0
    assert LiveTracker().finish() == []


@pytest.mark.parametrize("seed", range(6))
def test_sizes_and_times_across_many_magnitudes_stay_finite(seed):
    rng = np.random.default_rng(seed)
    clip, live, out, time = ClipTracker(), LiveTracker(lag_s=1.0), 0, 0.0
    for k in range(60):
        n = int(rng.integers(0, 8))
        sizes, places = 10 ** rng.uniform(-3, 6, (n, 2)), 10 ** rng.uniform(0, 6, (n, 2))
        if n and seed % 3 == 0:
            places[0], sizes[0] = 1e6, 1e-3
        seen = detections(np.concatenate([places, sizes], axis=1), rng.random(n))
        clip.add(k, time, seen)
        out += len(live.update(k, time, seen))
        time += float(10 ** rng.uniform(-4, 4))
    # Track refuses what is not finite, and warnings are errors here.
    clip.finish()
    assert out + len(live.finish()) == 60


def test_one_thing_that_a_network_calls_by_two_names_stays_one():
    boxes, times = walk(60, Fraction(10), [[100, 200]], [[20, 0]])
    names = ["truck" if k % 10 == 3 else "car" for k in range(60)]
    clip, live, out = ClipTracker(), LiveTracker(lag_s=0.5), []
    for k, time in enumerate(times):
        seen = detections(boxes[k], labels=[names[k]])
        clip.add(k, time, seen)
        out += live.update(k, time, seen)
    (track,) = clip.finish()
    assert (track.label, len(track)) == ("car", 60)
    assert {len(states) for states in [*out, *live.finish()]} == {1}


@pytest.mark.parametrize(("label", "shift", "objects"), [("car", 6, 1), ("truck", 1, 1), ("truck", 14, 2)])
def test_a_thing_seen_twice_in_one_frame_begins_one_object(label, shift, objects):
    boxes, times = walk(30, Fraction(10), [[100, 200]], [[20, 0]])
    clip = ClipTracker()
    for k, time in enumerate(times):
        twice = np.concatenate([boxes[k], boxes[k] + [shift, 0, 0, 0]]) if k else boxes[k]
        clip.add(k, time, detections(twice, labels=["car", label][: len(twice)]))
    assert len(clip.finish()) == objects


def test_a_thing_without_a_name_takes_the_first_it_is_given():
    boxes, times = walk(30, Fraction(10), [[100, 200]], [[20, 0]])
    clip, live, out = ClipTracker(), LiveTracker(lag_s=0.5), []
    for k, time in enumerate(times):
        seen = detections(boxes[k], labels=["object" if k < 20 else "dog"])
        clip.add(k, time, seen)
        out += live.update(k, time, seen)
    (track,) = clip.finish()
    assert track.label == "dog"
    assert live.finish()[-1].labels == ("dog",)


def test_objects_whose_ids_are_given_take_no_box_without_one():
    boxes, times = walk(20, Fraction(10), [[100, 200]], [[20, 0]])
    tracker = Tracker()
    for k, time in enumerate(times):
        ids = tracker.update(time, detections(boxes[k], ids=[7] if k < 10 else None))
        assert ids.tolist() == [7] if k < 10 else 7 not in ids


def test_firm_boxes_choose_before_doubtful_ones():
    """A doubtful box lies nearer to where the object should be than the firm one, which is the object."""
    boxes, times = walk(12, Fraction(10), [[100, 200]], [[0, 0]])
    tracker = Tracker()
    for k in range(11):
        (identity,) = tracker.update(times[k], detections(boxes[k], scores=[0.9]))
    two = np.concatenate([boxes[11], boxes[11] + [9, 0, 0, 0]])
    assert tracker.update(times[11], detections(two, scores=[0.2, 0.9])).tolist() == [-1, identity]


def test_a_box_of_another_size_in_the_same_place_is_another_object():
    boxes, times = walk(12, Fraction(10), [[100, 200]], [[0, 0]])
    tracker = Tracker()
    for k in range(11):
        (identity,) = tracker.update(times[k], detections(boxes[k]))
    assert tracker.update(times[11], detections(boxes[11] + [-10, -25, 20, 50])).tolist() != [identity]


def test_few_boxes_are_enough_where_frames_are_rare():
    for rate, fewest in ((25, 5), (7, 5), (2, 3)):
        for count in (fewest - 1, fewest):
            boxes, times = walk(20, Fraction(rate), [[100, 200]], [[20, 0]])
            tracks = clip_of(boxes, times, {(k, 0) for k in range(count, 20)}).finish()
            assert len(tracks) == (count >= fewest)


@pytest.mark.parametrize(("label", "same"), [("car", True), ("person", False)])
def test_a_box_beside_an_object_is_it_only_if_it_is_called_the_same(label, same):
    boxes, times = walk(12, Fraction(10), [[100, 200]], [[0, 0]])
    tracker = Tracker()
    for k in range(11):
        (identity,) = tracker.update(times[k], detections(boxes[k], labels="car"))
    (found,) = tracker.update(times[11], detections(boxes[11] + [14, 0, 0, 0], labels=label))
    assert bool(found == identity) is same


@pytest.mark.parametrize(("process", "same"), [(0.01, False), (3.0, True)])
def test_the_noise_of_the_clip_decides_how_far_an_object_can_have_gone(process, same):
    tracker = Tracker(noise=Noise(process=(process,) * 4))
    boxes = [[100 + 5 * k, 100, 40, 100] for k in range(20)]
    ids = [tracker.update(k / 10, detections([box]))[0] for k, box in enumerate(boxes)]
    # Half a second later it is a third of its height beside its prediction.
    later = tracker.update(2.5, detections([[225 + 33, 100, 40, 100]]))[0]
    assert len(set(ids)) == 1
    assert (later == ids[0]) == same


@pytest.mark.parametrize(("jerk", "low", "high"), [(0.0, 0.0, 0.05), (200.0, 0.15, 1.0)])
def test_a_clip_is_associated_again_with_its_own_noise(monkeypatch, jerk, low, high):
    used = []
    repeated = Tracker.repeated
    monkeypatch.setattr(Tracker, "repeated", lambda self, noise: used.append(noise) or repeated(self, noise))
    rng, clip = np.random.default_rng(5), ClipTracker()
    velocity = np.full((3, 1), 40.0)
    place = np.array([[20.0, 60], [320, 210], [620, 360]])
    for k in range(240):
        velocity, place = velocity + rng.normal(0, jerk / 10, (3, 1)), place + velocity * (0.1, 0)
        boxes = np.concatenate([place + rng.normal(0, 1, (3, 2)), np.tile([40.0, 100], (3, 1))], axis=1)
        clip.add(k, k / 10, detections(boxes[rng.random(3) > 0.1]))
    assert len(clip.finish()) == 3
    assert len(used) == 1
    assert low <= used[0].process[0] <= high
