"""Notes on objects and boxes that tracking leaves out because of their scores."""

from __future__ import annotations

import numpy as np
import pytest

import cssv
from cssv.perception import ClipTracker, LiveTracker, detections
from cssv.perception.left_out import LeftOut

FRAMES = 100


def seen(scores, ids=None):
    """Objects far apart, in every frame."""
    boxes = [[150 * k + 10, 30, 30, 60] for k in range(len(scores))]
    return detections(boxes, scores, ids=ids)


def in_clip(scores, ids=None):
    clip = ClipTracker()
    for number in range(FRAMES):
        clip.add(number, number / 25, seen(scores, ids))
    return clip.finish()


#: Scores of objects in every frame, how many of these objects are kept, and the note on the others.
CASES = [
    ([0.99, 0.6], 1, "100 boxes of no object left out, scores 0.60 to 0.60"),
    ([0.99, 0.9, 0.5], 2, "100 boxes of no object left out, scores 0.50 to 0.50"),
    ([0.9, 0.65], 1, "100 boxes of 1 object left out, scores 0.65 to 0.65"),
]
#: Objects that are kept although the scores of others are higher.
CONFIDENT = [
    [0.9, 0.8],
    [0.95, 0.9, 0.85, 0.8],
    [0.99, 0.98, 0.97, 0.96, 0.95, 0.94],
    [0.99, 0.7],
    [0.9999, 0.9, 0.8, 0.7],
]


@pytest.mark.parametrize(("scores", "kept", "note"), CASES)
def test_a_clip_notes_what_is_left_out(scores, kept, note):
    tracks = in_clip(scores)
    assert len(tracks) == kept
    assert len(tracks.notes) == 1
    assert tracks.notes[0].startswith(note)
    assert tracks.notes[0].endswith("objects seen in every frame with scores from 0.7, are always kept")


def in_stream(scores, frames=FRAMES):
    """Ids of a stream, and its notes."""
    live = LiveTracker()
    out = []
    for number in range(frames):
        out += live.update(number, number / 25, seen(scores))
    out += live.finish()
    return {identity for states in out for identity in states.ids.tolist()}, live.notes


@pytest.mark.parametrize(("scores", "kept", "note"), CASES)
def test_a_stream_notes_the_same(scores, kept, note):
    ids, notes = in_stream(scores)
    assert ids == set(range(1, kept + 1))
    assert [text.startswith(note) for text in notes] == [True]


@pytest.mark.parametrize("scores", CONFIDENT)
def test_an_object_in_every_frame_is_kept_whatever_others_score(scores):
    tracks = in_clip(scores)
    assert [track.id for track in tracks] == list(range(1, len(scores) + 1))
    assert [len(track) for track in tracks] == [FRAMES] * len(scores)
    assert tracks.notes == ()
    assert in_stream(scores) == (set(range(1, len(scores) + 1)), ())


@pytest.mark.parametrize("frames", [5, 12, 40])
def test_in_a_short_clip_too(frames):
    clip = ClipTracker()
    for number in range(frames):
        clip.add(number, number / 25, seen([0.95, 0.9, 0.85, 0.8]))
    assert len(clip.finish()) == 4


def test_a_long_clip_keeps_an_object_of_a_few_seconds_too():
    clip = ClipTracker()
    for number in range(300):
        clip.add(number, number / 25, seen([0.95, 0.8] if 50 <= number < 130 else [0.95]))
    assert [len(track) for track in clip.finish()] == [300, 80]


def test_a_stream_notes_objects_that_have_gone_before_it_ends():
    live = LiveTracker()
    for number in range(FRAMES):
        live.update(number, number / 25, seen([0.9, 0.8] if number < 20 else [0.9]))
    assert live.notes[0].startswith("20 boxes of 1 object left out, scores 0.80 to 0.80")


@pytest.mark.parametrize("scores", [[0.9, 0.9], [0.8] * 5 + [0.9], [1.0, 1.0]])
def test_nothing_left_out_is_no_note(scores):
    tracks = in_clip(scores)
    assert len(tracks) == len(scores)
    assert tracks.notes == ()


def test_objects_with_ids_are_kept_whatever_their_scores():
    tracks = in_clip([0.95, 0.3, 0.05], ids=[1, 2, 3])
    assert len(tracks) == 3
    assert tracks.notes == ()


def test_an_object_of_too_few_boxes_is_not_left_out_for_its_score():
    clip = ClipTracker()
    for number in range(FRAMES):
        clip.add(number, number / 25, seen([0.9, 0.9] if number == 50 else [0.9]))
    tracks = clip.finish()
    assert (len(tracks), tracks.notes) == (1, ())


def test_boxes_too_few_for_an_object_are_not_noted():
    left_out = LeftOut()
    left_out.add_boxes(np.full(4, 0.25))
    assert left_out.notes == ()


def test_objects_and_single_boxes_share_a_note():
    left_out = LeftOut()
    left_out.add_boxes(np.full(5, 0.25))
    left_out.add_object(3, 0.5, 0.75)
    note = "3 boxes of 1 object and 5 boxes of no object left out, scores 0.25 to 0.75"
    assert left_out.notes[0].startswith(note)


def test_tracks_of_a_box_file_come_with_the_note(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text(
        "".join(f"{n},-1,10,30,30,60,0.9\n{n},-1,300,30,30,60,0.65\n" for n in range(1, FRAMES + 1))
    )
    done = cssv.track(boxes=path)
    assert len(done.tracks) == 1
    assert any(note.startswith("100 boxes of 1 object left out") for note in done.notes)


def test_an_encoder_notes_it_and_the_file_stays_as_it_was(tmp_path):
    """The note is for the person who encodes; the facts of the file keep their bytes."""
    out = tmp_path / "out.cssv"
    picture = np.full((160, 352, 3), 90, np.uint8)
    with cssv.Encoder(out, size=(352, 160), rate=25, lossless=True) as encoder:
        for _ in range(40):
            encoder.write(picture, seen([0.9, 0.65]))
    assert encoder.notes[-1].startswith("40 boxes of 1 object left out")
    assert b"left out" not in out.read_bytes()


def test_encode_notes_it(tmp_path):
    from cssv.testing.clips import write_clip

    clip = write_clip(tmp_path / "clip.mkv", width=352, height=160, count=12)
    path = tmp_path / "boxes.txt"
    path.write_text("".join(f"{n},-1,10,30,30,60,0.9\n{n},-1,300,30,30,60,0.65\n" for n in range(1, 13)))
    done = cssv.encode(clip, boxes=path)
    assert any(note.startswith("12 boxes of 1 object left out") for note in done.notes)
