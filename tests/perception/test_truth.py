"""Boxes with ids and without scores are the truth: they come back as given."""

from __future__ import annotations

import numpy as np
import pytest

import cssv
from cssv.errors import BoxesError, OptionError, OptionTypeError
from cssv.interop.mot import read_boxes
from cssv.perception import BoxesDetector, ClipTracker, LiveTracker, detections

COUNT = 60
#: Ids as annotators give them: with gaps, in no order.
IDS = (41, 7, 0)
KEPT = (
    "boxes with ids are the truth, because no score is below 1: "
    "they are kept as given, and no others are added"
)


def given_boxes(seed=3):
    """(COUNT, len(IDS), 4) boxes that jitter far more than a smoother would let them."""
    rng = np.random.default_rng(seed)
    boxes = np.empty((COUNT, len(IDS), 4))
    for k in range(len(IDS)):
        boxes[:, k, 0] = 20 + 200 * k + 3.0 * np.arange(COUNT)
        boxes[:, k, 1] = 40
        boxes[:, k, 2:] = 40, 80
    return boxes + rng.normal(0, 6, boxes.shape).round(3)


BOXES = given_boxes()


def is_given(number, k):
    """Each object is absent for a while, and the second one leaves and comes back much later."""
    return number % 20 != 7 + k and not (k == 1 and 15 <= number < 50)


def mot_text(score=None, hidden=True):
    rows = []
    for number in range(COUNT):
        for k, identity in enumerate(IDS):
            if is_given(number, k) or not hidden:
                box = ",".join(f"{value:.3f}" for value in BOXES[number, k])
                rows.append(f"{number + 1},{identity},{box}" + ("" if score is None else f",{score}"))
    return "\n".join(rows) + "\n"


def expected():
    return {
        (number, identity): BOXES[number, k]
        for number in range(COUNT)
        for k, identity in enumerate(IDS)
        if is_given(number, k)
    }


def found_in(tracks):
    return {
        (int(number), track.id): box
        for track in tracks
        for number, box in zip(track.numbers, track.boxes_px, strict=True)
    }


def assert_equal_boxes(found, wanted, atol=1e-9):
    assert found.keys() == wanted.keys()
    keys = sorted(wanted)
    np.testing.assert_allclose([found[key] for key in keys], [wanted[key] for key in keys], atol=atol)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "gt.txt"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("score", [None, 1, "1.0", 100, -1])
def test_boxes_with_ids_and_no_scores_come_back_as_given(file, score):
    tracked = cssv.track(boxes=file(mot_text(score)))
    assert_equal_boxes(found_in(tracked.tracks), expected())
    assert KEPT in tracked.notes
    velocities = np.concatenate([track.velocity_px_s for track in tracked.tracks])
    # The velocity is that of the motion, 75 px/s at 25 frames per second, not of the jitter.
    assert np.abs(np.median(velocities, axis=0) - (75, 0)).max() < 5


def test_boxes_with_ids_and_scores_are_smoothed_and_keep_their_ids(file):
    tracked = cssv.track(boxes=file(mot_text(0.9)))
    found, given = found_in(tracked.tracks), expected()
    assert {track.id for track in tracked.tracks} == set(IDS)
    # Short gaps are filled.
    assert len(found) > len(given)
    away = np.array([np.abs(found[key] - given[key]).max() for key in given])
    assert np.median(away) > 1
    assert tracked.notes == (
        f"boxes with ids are detections, because {len(given)} of {len(given)} scores are below 1: "
        "the ids are kept, and the boxes smoothed",
    )


def test_one_score_below_1_makes_detections_of_all(file):
    text = mot_text(1)
    path = file(text.replace(",1\n", ",0.5\n", 1))
    assert BoxesDetector(path).boxes_are == "detections"
    # Not by the boxes that are left.
    assert BoxesDetector(path, min_score=0.6).boxes_are == "detections"


def test_score_0_marks_ignored_entries_of_the_truth(file):
    text = mot_text(1) + "3,99,1,2,30,40,0\n"
    tracked = cssv.track(boxes=file(text))
    assert_equal_boxes(found_in(tracked.tracks), expected())
    count = len(expected())
    assert f"1 of {count + 1} boxes of the box file have score 0: left out" in tracked.notes


@pytest.mark.parametrize(
    ("score", "boxes_are", "is_kept"),
    [(1, "detections", False), (0.9, "truth", True), (1, "truth", True), (0.9, "detections", False)],
)
def test_the_option_decides(file, score, boxes_are, is_kept):
    tracked = cssv.track(boxes=file(mot_text(score)), boxes_are=boxes_are)
    found, given = found_in(tracked.tracks), expected()
    if is_kept:
        assert_equal_boxes(found, given)
    else:
        assert max(np.abs(found[key] - given[key]).max() for key in given) > 3
    assert [note.startswith("boxes with ids are the truth, as stated") for note in tracked.notes] == (
        [True] * is_kept
    )


def test_tracks_that_were_written_come_back_as_they_are(file, tmp_path):
    first = cssv.track(boxes=file(mot_text(0.9)), output=tmp_path / "tracks.txt")
    # Frames without a detection have score 0, and are part of the tracks.
    assert min(track.scores.min() for track in first.tracks) == 0
    again = cssv.track(boxes=tmp_path / "tracks.txt", boxes_are="truth")
    assert_equal_boxes(found_in(again.tracks), found_in(first.tracks), atol=0.0011)


def test_boxes_without_ids_are_detections_beside_the_truth(file):
    text = mot_text(1)
    lines = [f"{n + 1},-1,{700 + 2 * n},50,30,60,1" for n in range(COUNT)]
    tracked = cssv.track(boxes=file(text + "\n".join(lines)))
    found = found_in(tracked.tracks)
    others = {key for key in found if key[1] not in IDS}
    assert_equal_boxes({key: box for key, box in found.items() if key not in others}, expected())
    assert len(others) == COUNT
    count = len(expected())
    assert f"{COUNT} of {count + COUNT} boxes have no id: they are detections" in tracked.notes


def test_a_file_without_ids_has_no_such_note(file):
    made = BoxesDetector(file("1,-1,5,5,20,30,1\n2,-1,6,5,20,30,1\n"))
    assert made.boxes_are is None
    assert made.notes == ()


def test_ids_that_were_given_stay_whatever_numbers_others_got(file):
    # The first object has no id; the one of id 1 comes later.
    lines = [f"{n + 1},-1,{10 + 2 * n},50,30,60,1\n" for n in range(30)]
    lines += [f"{n + 1},1,{400 + 2 * n},50,30,60,1\n" for n in range(10, 30)]
    lines += [f"{n + 1},2,{700 + 2 * n},50,30,60,1\n" for n in range(30)]
    tracks = cssv.track(boxes=file("".join(lines))).tracks
    assert {track.id: int(track.boxes_px[0, 0]) // 100 for track in tracks} == {1: 4, 2: 7, 3: 0}


def test_a_stream_says_which_id_was_in_use():
    live = LiveTracker(lag_s=0.0)
    for number in range(10):
        ids = [-1] if number < 5 else [-1, 1]
        boxes = [[10, 20, 30, 60], [400, 20, 30, 60]][: len(ids)]
        (states,) = live.update(number, number / 25, detections(boxes, ids=ids))
    assert states.ids.tolist() == [1, 2]
    assert live.given_notes[-1] == "ids that objects without an id had before: 1 is 2"


def test_the_truth_needs_ids(file):
    path = file("1,3,5,5,20,30,1\n1,-1,60,5,20,30,1\n2,-1,6,5,20,30,1\n")
    with pytest.raises(BoxesError, match=r"truth.*no id.*2 of 3 boxes.*`boxes_are=`"):
        cssv.track(boxes=path, boxes_are="truth")


def test_an_id_twice_in_a_frame_is_refused(file):
    with pytest.raises(BoxesError, match="line 2: an id occurs twice in one frame"):
        cssv.track(boxes=file("1,3,5,5,20,30,1\n1,3,60,5,20,30,1\n"))


def test_a_wrong_word_is_refused(file):
    path = file(mot_text(1))
    with pytest.raises(OptionError, match=r"unknown boxes_are.*'?thruth.*truth, detections"):
        cssv.track(boxes=path, boxes_are="thruth")
    with pytest.raises(OptionTypeError, match="boxes_are"):
        cssv.track(boxes=path, boxes_are=True)
    with pytest.raises(OptionError, match=r"motion detector does not take boxes_are"):
        cssv.track("clip.mp4", boxes_are="truth")


def test_a_detector_states_what_its_boxes_are():
    class Odd:
        name = "odd"
        boxes_are = "odd"

        def detect(self, _frame):
            return detections([])

    with pytest.raises(OptionError, match="unknown boxes_are"):
        cssv.track("clip.mp4", detector=Odd())


# ---- streams


def frame_of(number, score=None):
    shown = [k for k in range(len(IDS)) if is_given(number, k)]
    return detections(
        BOXES[number, shown], None if score is None else [score] * len(shown), ids=[IDS[k] for k in shown]
    )


def in_stream(scores=None, **options):
    live, found = LiveTracker(**options), {}
    for number in range(COUNT):
        score = scores(number) if callable(scores) else scores
        ready = live.update(number, number / 25, frame_of(number, score))
        for states in ready + (live.finish() if number == COUNT - 1 else []):
            found |= {
                (states.number, identity): box
                for identity, box in zip(states.ids.tolist(), states.boxes_px, strict=True)
            }
    return found, live.given_notes


@pytest.mark.parametrize("lag_s", [0.0, 0.3, 1.0])
def test_a_stream_keeps_the_truth_too(lag_s):
    found, notes = in_stream(lag_s=lag_s)
    assert_equal_boxes(found, expected())
    assert notes == (KEPT,)


def test_a_stream_smooths_boxes_with_scores():
    found, notes = in_stream(0.9)
    assert max(np.abs(found[key] - box).max() for key, box in expected().items()) > 3
    assert notes == ()
    found, notes = in_stream(0.9, boxes_are="truth")
    assert_equal_boxes(found, expected())
    assert notes == ()


def test_a_stream_smooths_from_the_first_score_on():
    found, notes = in_stream(lambda number: 1.0 if number < 40 else 0.9, lag_s=0.0)
    away = {key: np.abs(found[key] - box).max() for key, box in expected().items()}
    assert max(value for (number, _), value in away.items() if number < 40) < 1e-9
    # The first box after a long absence is its own smoothed value.
    assert all(value > 1e-3 for (number, identity), value in away.items() if number >= 40 and identity != 7)
    assert notes[0].startswith("boxes with ids are detections, because frame 40 has a score below 1")


def test_a_stream_and_a_clip_give_the_same_velocities():
    clip = ClipTracker()
    for number in range(COUNT):
        clip.add(number, number / 25, frame_of(number))
    whole = {
        (int(n), track.id): v
        for track in clip.finish()
        for n, v in zip(track.numbers, track.velocity_px_s, strict=True)
    }
    live, found = LiveTracker(lag_s=10.0), {}
    for number in range(COUNT):
        live.update(number, number / 25, frame_of(number))
    for states in live.finish():
        found |= {
            (states.number, i): v for i, v in zip(states.ids.tolist(), states.velocity_px_s, strict=True)
        }
    assert_equal_boxes(found, whole, atol=1e-6)


def test_a_refused_box_leaves_the_stream_as_it_was(tmp_path):
    picture = np.zeros((160, 192, 3), np.uint8)
    box = [20, 20, 40, 60]
    with cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, boxes_are="truth") as encoder:
        encoder.write(picture, detections([box], ids=[5]))
        with pytest.raises(BoxesError, match=r"truth.*no id.*1 of 1 boxes of a frame"):
            encoder.write(picture, detections([box]))
        encoder.write(picture, detections([box], [0.3], ids=[5]))
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [[(row.track, row.x_px, row.score) for row in moment.objects] for moment in clip] == [
            [(5, 20, 1)],
            [(5, 20, 0.3)],
        ]


# ---- real annotations


def test_real_annotations_come_back_as_given(data):
    for path in sorted((data / "mot15").glob("*/gt/gt.txt")):
        rows = read_boxes(path).rows
        rows = rows[rows[:, 6] != 0]
        wanted = {(int(row[0]) - 1, int(row[1])): row[2:6] for row in rows}
        assert_equal_boxes(found_in(cssv.track(boxes=path, rate=7).tracks), wanted)
