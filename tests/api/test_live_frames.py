"""What is known while a stream runs: results of write, and frames for a preview."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import ClosedError, FrameError, OptionTypeError
from cssv.testing import clips as synthetic

SIZE, LAG_S = (synthetic.WIDTH, synthetic.HEIGHT), 0.2
#: Groups of frames span at least a quarter of the lag: two steps.
LAG_FRAMES, GROUP_FRAMES = 5, 3
PICTURES = synthetic.pictures()


def encoder_at(path, **options):
    settings = {
        "size": SIZE,
        "rate": 25,
        "lag_s": LAG_S,
        "carrier": "constructive",
        "scene": synthetic.SCENE,
    }
    return cssv.Encoder(path, **settings | options)


def found_at(number):
    return cssv.detections(synthetic.boxes_at(number), labels="block", ids=[1, 2])


def write_all(encoder, count=synthetic.COUNT):
    return [encoder.write(PICTURES[number], found_at(number)) for number in range(count)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """The file, the frames of its preview, the results of write, and how many frames came before the end."""
    path, seen = tmp_path_factory.mktemp("live") / "x.cssv", []
    with encoder_at(path, on_frame=seen.append) as encoder:
        written = write_all(encoder)
        before = len(seen)
    return path, seen, written, before


def test_write_returns_what_is_final(recording):
    _, seen, written, before = recording
    assert [each.frames for each in written] == [*range(1, len(PICTURES) + 1)]
    behind = [each.frames - each.final_frames for each in written]
    assert behind[: LAG_FRAMES - 1] == [1, 2, 3, 4]
    assert min(behind[LAG_FRAMES:]) >= LAG_FRAMES
    assert max(behind) <= LAG_FRAMES + GROUP_FRAMES
    assert (written[0].newest, written[0].objects, written[0].ids) == (None, (), ())
    last = written[-1]
    assert last.newest.number == last.final_frames - 1 == before - 1
    assert last.ids == (1, 2)
    assert last.objects == seen[before - 1].objects
    with pytest.raises(FrozenInstanceError):
        last.frames = 3


def test_every_frame_comes_once_in_order_with_the_objects_of_the_file(recording):
    path, seen, *_ = recording
    with cssv.open(path) as clip:
        assert [each.number for each in seen] == [*range(len(PICTURES))]
        for each, moment in zip(seen, clip, strict=True):
            assert each.time == moment.time
            assert each.objects == moment.objects
            assert each.ids == tuple(row.track for row in moment.objects)
    assert seen[9].objects[0].temperature_c == 36.2
    assert repr(seen[9]) == "<cssv.FinalFrame 9 at 0.360 s: 2 objects>"


def test_its_picture_is_the_one_that_was_given(recording):
    for each, picture in zip(recording[1], PICTURES, strict=True):
        assert np.array_equal(each.frame.planes, picture)
        drawn = each.rgb
        drawn[:] = 0  # a copy
        assert np.array_equal(each.rgb, picture)
    with pytest.raises(ValueError, match="read-only"):
        recording[1][0].frame.planes[0] = 0


def test_detections_of_supervision_from_a_file(recording, package):
    package("supervision")
    with cssv.open(recording[0]) as clip:
        found, rows = clip[12].to_supervision(), clip[12].objects
    assert found.tracker_id.tolist() == [1, 2]
    assert found.data["class_name"].tolist() == ["block", "block"]
    assert found.data["temperature_c"].tolist() == [36.2, 12]
    assert found.data["vx_px_s"].tolist() == [row.vx_px_s for row in rows]
    back = cssv.detections(found)
    assert np.allclose(back.boxes_px, [(row.x_px, row.y_px, row.w_px, row.h_px) for row in rows], atol=1e-9)
    assert back.scores.tolist() == [row.score for row in rows]
    assert back.ids.tolist() == [1, 2]
    assert back.labels == ("block", "block")


class BoomError(Exception):
    pass


class Preview:
    """Fails once at a frame, and records the others."""

    def __init__(self, at, error=BoomError):
        self.at, self.error, self.seen = at, error, []

    def __call__(self, frame):
        if frame.number == self.at:
            raise self.error("no screen")
        self.seen.append(frame.number)


def test_an_error_of_the_preview_comes_after_the_frame_was_taken(tmp_path):
    path, preview, raised = tmp_path / "x.cssv", Preview(3), []
    with encoder_at(path, on_frame=preview) as encoder:
        for number in range(12):
            try:
                encoder.write(PICTURES[number], found_at(number))
            except BoomError:
                raised.append(number)
    assert len(raised) == 1
    # No frame is delivered twice, and none but that of the error is lost.
    assert preview.seen == [0, 1, 2, *range(4, 12)]
    assert frames_of(path) == 12


def test_an_error_of_the_preview_that_leaves_the_block_finishes_the_file(tmp_path):
    path, preview = tmp_path / "x.cssv", Preview(3)
    with pytest.raises(BoomError), encoder_at(path, on_frame=preview) as encoder:
        write_all(encoder)
    assert preview.seen == [0, 1, 2]
    # Frame 3 is final in the second group.
    assert frames_of(path) == LAG_FRAMES + 2 * GROUP_FRAMES


def test_an_error_of_the_preview_at_the_end_leaves_a_whole_file(tmp_path):
    path, preview = tmp_path / "x.cssv", Preview(9)
    encoder = encoder_at(path, on_frame=preview)
    write_all(encoder, 10)
    with pytest.raises(BoomError):
        encoder.close()
    encoder.close()
    assert preview.seen == [*range(9)]
    assert frames_of(path) == 10


def test_an_interrupt_in_the_preview_removes_the_recording_as_any_other(tmp_path):
    preview = Preview(0, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt), encoder_at(tmp_path / "x.cssv", on_frame=preview) as encoder:
        write_all(encoder)
    assert [*tmp_path.iterdir()] == []
    assert preview.seen == []


def test_a_refused_picture_that_leaves_the_block_ends_the_preview(tmp_path):
    path, preview = tmp_path / "x.cssv", Preview(None)
    encoder = encoder_at(path, on_frame=preview)
    write_all(encoder, 10)
    before = [*preview.seen]
    with pytest.raises(FrameError), encoder:
        encoder.write(np.zeros((3, 3, 3), np.uint8))
    assert preview.seen == before
    assert frames_of(path) == 10


def test_the_preview_may_use_the_encoder(tmp_path):
    path, seen, late = tmp_path / "x.cssv", [], []

    def preview(frame):
        seen.append(frame.number)
        if frame.number == 2:
            encoder.write(PICTURES[20], found_at(20))
        if frame.number == 4:
            encoder.close()
            assert path.exists()
        if frame.number == 5:
            with pytest.raises(ClosedError):
                encoder.write(PICTURES[20], found_at(20))
            late.append(frame.number)

    encoder = encoder_at(path, on_frame=preview)
    while not late:
        encoder.write(PICTURES[0], found_at(0))
    assert seen == [*range(frames_of(path))]


def test_times_are_those_of_the_file_and_colours_those_of_the_planes(tmp_path):
    """The time stamps of the stream count from another time; frames come in native planes."""
    path, seen = tmp_path / "x.cssv", []
    planes = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
    planes[: SIZE[1]] = 200
    with encoder_at(path, on_frame=seen.append, lag_s=0, scene=None) as encoder:
        for number in range(3):
            frame = cssv.Frame(planes, "yuv420p", 1000 + number, Fraction(1, 25))
            written = encoder.write(frame, found_at(number))
            # Without a lag every frame is final at once.
            assert written.final_frames == written.frames == len(seen) == number + 1
    with cssv.open(path) as clip:
        assert [each.time for each in seen] == [moment.time for moment in clip]
    assert [each.frame.pts for each in seen] == [0, 1, 2]
    grey = seen[0].rgb
    assert grey.shape == (SIZE[1], SIZE[0], 3)
    assert np.ptp(grey.astype(int)) <= 1
    assert 210 <= grey[0, 0, 0] <= 216


def test_frames_of_pictures_that_are_only_embedded():
    preview, stegos = Preview(3), []
    pairs = [(PICTURES[number], found_at(number)) for number in range(12)]
    embedding = cssv.embed(pairs, rate=25, lag_s=LAG_S, carrier="constructive", on_frame=preview)
    while True:
        try:
            stegos.append(next(embedding))
        except BoomError:
            assert preview.seen == [0, 1, 2]
        except StopIteration:
            break
    assert preview.seen == [0, 1, 2, *range(4, 12)]
    assert len(stegos) == 12


def test_what_cannot_be_called_is_refused(tmp_path):
    with pytest.raises(OptionTypeError, match="`on_frame=` cannot be called"):
        encoder_at(tmp_path / "x.cssv", on_frame=5)
    assert [*tmp_path.iterdir()] == []


def frames_of(path):
    """Number of frames of a file that is sound."""
    assert cssv.verify(path).is_sound
    with cssv.open(path) as clip:
        return len(clip)
