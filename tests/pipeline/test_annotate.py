"""Objects of each frame: detections, box files and scenes together."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
from cssv.carriers.nibble.room_page import LABEL_SIZE
from cssv.errors import BoxesError, InputError
from cssv.perception import FrameStates, detections
from cssv.pipeline.annotate import FIRST_GIVEN_TRACK, FORGET_S, LiveAnnotator
from cssv.testing import clips as synthetic
from cssv.video import VideoReader

CART = {
    "name": "cart",
    "label": "cart",
    "density_kg_m3": 400,
    "trajectory": [{"time_s": 0.2, "box_px": [100, 5, 20, 24]}, {"time_s": 0.6, "box_px": [120, 5, 20, 24]}],
}


class Fixed:
    """The same detections in every frame."""

    name = "fixed"

    def __init__(self, boxes, **options):
        self.found = detections(boxes, **options)

    def detect(self, _frame):
        return self.found


def encode_with(clips, path, detector, **options):
    return cssv.encode(clips / "clip.mkv", path, detector=detector, lossless=True, **options)


def rows_of(path, number):
    with cssv.open(path) as clip:
        return clip[number].objects


def test_scene_in_every_form(clips, tmp_path):
    file = tmp_path / "scene.json"
    file.write_text(json.dumps(synthetic.SCENE))
    forms = [synthetic.SCENE, file, str(file), cssv.Scene.read(file)]
    boxes = clips / "boxes.txt"
    written = [
        cssv.encode(
            clips / "clip.mkv", tmp_path / f"{number}.cssv", boxes=boxes, scene=scene, created_s=0
        ).path.read_bytes()
        for number, scene in enumerate(forms)
    ]
    assert len(set(written)) == 1


def test_a_detector_of_one_s_own_sees_every_frame_in_order(clips, tmp_path):
    truth = synthetic.Truth()
    done = encode_with(clips, tmp_path / "x.cssv", truth, scene=synthetic.SCENE)
    assert truth.numbers == list(range(synthetic.COUNT))
    assert done.tracks == 2
    rows = rows_of(done.path, 10)
    assert [(row.track, row.label) for row in rows] == [(1, "block"), (2, "block")]
    assert [row.temperature_c for row in rows] == [36.2, 12]
    assert [row.temperature_sigma_c for row in rows] == [0.5, None]


def test_motion_finds_the_blocks(clips, tmp_path):
    source = synthetic.write_clip(tmp_path / "long.mkv", count=60)
    path = cssv.encode(source, tmp_path / "x.cssv", lossless=True).path
    x, y, w, h = synthetic.boxes_at(50)[0]
    rows = rows_of(path, 50)
    nearest = min(
        (math.hypot(r.x_px + r.w_px / 2 - x - w / 2, r.y_px + r.h_px / 2 - y - h / 2) for r in rows),
        default=math.inf,
    )
    assert nearest < 15


def test_a_scene_of_trajectories_alone(clips, tmp_path):
    done = encode_with(clips, tmp_path / "x.cssv", Fixed([]), scene={"cssv_scene": 1, "objects": [CART]})
    assert done.tracks == 1
    with cssv.open(done.path) as clip:
        for moment in clip:
            inside = Fraction(1, 5) <= moment.time <= Fraction(3, 5)
            assert len(moment.objects) == len(moment.objects_in_pixels) == inside
            if inside:
                (row,) = moment.objects
                assert (row.track, row.label) == (FIRST_GIVEN_TRACK, "cart")
                assert row.x_px == pytest.approx(100 + 50 * (float(moment.time) - 0.2), abs=0.01)
                assert row.vx_px_s == pytest.approx(50, abs=0.01)
                assert row.density_kg_m3 == 400
                assert row.temperature_c is None
                assert moment.objects_in_pixels[0].track == FIRST_GIVEN_TRACK


def test_given_and_perceived_are_not_drawn_twice(clips, tmp_path):
    x, y, w, h = synthetic.boxes_at(0)[0]
    path = [{"time_s": n / 25, "box_px": [x + 2 * n, y + n, w, h]} for n in (0, 23)]
    scene = {"cssv_scene": 1, "objects": [{"label": "known", "trajectory": path}]}
    done = encode_with(clips, tmp_path / "x.cssv", synthetic.Truth(), scene=scene)
    assert sorted(row.label for row in rows_of(done.path, 12)) == ["block", "known"]


STILL = {
    "name": "boat",
    "label": "boat",
    "trajectory": [{"time_s": t, "box_px": [60, 60, 30, 40]} for t in (0, 5)],
}


@pytest.mark.parametrize(
    ("box", "is_boat"),
    [
        ((60, 60, 30, 40), True),  # the same
        ((62, 70, 12, 12), True),  # its cabin
        ((50, 62, 60, 60), True),  # with its wake: 3 times its area, and all of it but a strip
        ((60, 40, 60, 80), True),  # 4 times
        ((60, 39, 60, 81), False),  # more: the pier behind it
        ((20, 20, 120, 120), False),
        ((74, 50, 60, 60), False),  # half of it: a neighbour
        ((90, 60, 30, 40), False),  # beside it
    ],
)
def test_a_perceived_object_may_be_a_given_one(box, is_boat):
    annotator = LiveAnnotator(cssv.Scene.from_json({"cssv_scene": 1, "objects": [STILL]}))
    seen = replace(states_at(0, [7]), boxes_px=np.array([box], float))
    found = [state.track for state in annotator.annotate(seen, Fraction(1, 25)).objects]
    assert found == ([] if is_boat else [7]) + [FIRST_GIVEN_TRACK]


def test_no_object_at_all(clips, tmp_path):
    done = encode_with(clips, tmp_path / "x.cssv", Fixed([]))
    assert done.verification.is_sound
    decoded = cssv.decode(
        done.path, tmp_path / "h.mkv", objects=tmp_path / "o.csv", overlay=tmp_path / "v.mp4"
    )
    assert (decoded.frames, decoded.rows) == (synthetic.COUNT, 0)
    with cssv.open(done.path) as clip:
        assert not any(moment.objects or moment.objects_in_pixels for moment in clip)
        assert not clip[5].clean_heat[: synthetic.HEIGHT].any()


def test_objects_that_come_and_go(clips, tmp_path):
    class Sometimes(synthetic.Truth):
        def detect(self, frame):
            found = super().detect(frame)
            return found if 8 <= frame.number < 16 else detections([])

    done = encode_with(clips, tmp_path / "x.cssv", Sometimes())
    with cssv.open(done.path) as clip:
        assert [bool(moment.objects) for moment in clip] == [8 <= n < 16 for n in range(synthetic.COUNT)]


def test_an_object_that_leaves_the_frame(clips, tmp_path):
    class Leaving(synthetic.Truth):
        def detect(self, frame):
            return detections([[170 + 3 * frame.number - 40, 60, 40, 50]], ids=[7])

    done = encode_with(clips, tmp_path / "x.cssv", Leaving())
    with cssv.open(done.path) as clip:
        for moment in clip:
            (row,) = moment.objects
            left = 130 + 3 * moment.number
            assert row.x_px == pytest.approx(left, abs=1)
            if left < synthetic.WIDTH - 4:
                seen = moment.objects_in_pixels[0]
                assert seen.x_px + seen.w_px <= synthetic.WIDTH
                assert seen.x_px == pytest.approx(left, abs=1)
            elif left > synthetic.WIDTH:
                assert not moment.objects_in_pixels


@pytest.mark.parametrize("fidelity", ["full", "sparse"])
def test_hundreds_of_objects(fidelity, clips, tmp_path):
    dice = np.random.default_rng(0)
    corner, size = dice.uniform((0, 0), (180, 150), (400, 2)), dice.uniform(4, 30, (400, 2))
    crowd = Fixed(np.hstack([corner, size]), ids=np.arange(400))
    done = encode_with(clips, tmp_path / "x.cssv", crowd, stop="0.2", fidelity=fidelity)
    assert done.verification.is_sound
    with cssv.open(done.path) as clip:
        moment = clip[2]
        assert len(moment.objects) == 400
        read = moment.objects_in_pixels
        assert 10 < len(read) < 400
        told = {row.track: row for row in moment.objects}
        for row in read:
            assert abs(row.x_px - max(told[row.track].x_px, 0)) <= 1


@pytest.mark.parametrize(
    ("box", "carried"),
    [
        ([0, 0, 192, 160], (0, 0, 192, 160)),
        # A tag holds the part of a box that lies in the frame.
        ([-1e5, -1e5, 3e5, 3e5], (0, 0, 192, 160)),
        ([10, 10, 1, 120], (10, 10, 1, 120)),
        ([10, 10, 120, 1], (10, 10, 120, 1)),
        # A smaller box is drawn as one pixel.
        ([9, 9, 0.4, 0.4], (9, 9, 1, 1)),
    ],
)
def test_strange_boxes(box, carried, clips, tmp_path):
    done = encode_with(clips, tmp_path / "x.cssv", Fixed([box], ids=[3]), stop="0.3")
    assert done.verification.is_sound
    decoded = cssv.decode(done.path, objects=tmp_path / "o.csv", overlay=tmp_path / "v")
    assert decoded.rows == decoded.frames == len(list((tmp_path / "v").iterdir())) == 8
    with cssv.open(done.path) as clip:
        for moment in clip:
            (told,), (read,) = moment.states, moment.states_in_pixels
            assert (told.track, read.track) == (3, 3)
            assert told.box_px == pytest.approx(box, abs=0.6)
            assert read.box_px == carried
            assert moment.overlay.any()


LABELS = ["", "x" * 5000, "ж" * 300, "👨‍👩‍👧 familie", 'a\nb,"c"\r', "a\0b", "\u202edrawkcab", " "]


@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_labels(label, clips, tmp_path):
    detector = Fixed([[40, 40, 50, 60]], labels=label, ids=[3])
    done = encode_with(clips, tmp_path / "x.cssv", detector, stop="0.3")
    with cssv.open(done.path) as clip:
        moment = clip[3]
        assert moment.objects[0].label == (label or None)
        short = moment.objects_in_pixels[0].label or ""
        assert label.startswith(short) or "\0" in label
        # The marks tell more of a label than its object's tag.
        assert len(short.encode()) <= LABEL_SIZE
        assert moment.overlay.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": [2**31]},
        {"ids": [2**62]},
        {"labels": "\ud800"},
        {"labels": [None]},
        {"scores": [2.0]},
        {"scores": [math.nan]},
    ],
)
def test_impossible_detections(wrong):
    with pytest.raises(BoxesError):
        detections([[1, 1, 5, 5]], **wrong)


@pytest.mark.parametrize("box", [[1e7, 0, 5, 5], [0, 0, 1e300, 5], [math.inf, 0, 1, 1], [math.nan, 0, 1, 1]])
def test_impossible_boxes(box):
    with pytest.raises(BoxesError, match="1000000 px"):
        detections([box])


@pytest.mark.parametrize("track", [0, 1, 999_999, FIRST_GIVEN_TRACK, FIRST_GIVEN_TRACK + 5, 2**31 - 1])
def test_given_objects_get_unused_ids(track, clips, tmp_path):
    scene = {"cssv_scene": 1, "objects": [CART, CART | {"name": "other"}]}
    detector = Fixed([[40, 60, 50, 60]], ids=[track])
    done = encode_with(clips, tmp_path / "x.cssv", detector, scene=scene)
    rows = rows_of(done.path, 10)
    assert rows[0].track == track
    assert len({row.track for row in rows}) == 3
    assert all(row.track >= FIRST_GIVEN_TRACK for row in rows[1:])


def test_a_stream_whose_detector_takes_a_given_id(tmp_path):
    scene = {"cssv_scene": 1, "objects": [CART]}
    encoder = cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, scene=scene, lag_s=0)
    with pytest.raises(InputError, match="id of one that the scene gives"), encoder:
        encoder.write(synthetic.pictures(count=1)[0], detections([[5, 5, 20, 20]], ids=[FIRST_GIVEN_TRACK]))
    assert not list(tmp_path.iterdir())


def test_warnings_name_what_matched_nothing(clips, tmp_path):
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "unicorn"}, "density_kg_m3": 1}]}
    done = encode_with(clips, tmp_path / "x.cssv", synthetic.Truth(), scene=scene)
    assert any("unicorn" in note for note in done.notes)


def test_extreme_scenes(clips, tmp_path):
    scene = {
        "cssv_scene": 1,
        "environment": {"lighting_lux": 1e9},
        "ranges": {"speed_px_s": [0, 1e6], "temperature_c": [0, 1e-9], "density_kg_m3": [0, 1e6]},
        "objects": [
            {"match": {"label": "*"}, "temperature_c": {"value": -273.15, "sigma": 1e9}, "density_kg_m3": 0}
        ],
    }
    done = encode_with(clips, tmp_path / "x.cssv", Fixed([[40, 40, 50, 60]]), scene=scene)
    copy = cssv.export(done.path, tmp_path / "copy.mkv").path
    cssv.decode(copy, objects=tmp_path / "o.csv", scene=tmp_path / "s.json")
    assert cssv.Scene.read(tmp_path / "s.json").ranges.density_kg_m3 == (0, 1e6)


# ---- box files on clips whose time stamps are broken


def test_boxes_beyond_the_end_give_a_warning(clips, tmp_path):
    file = synthetic.write_boxes(tmp_path / "long.txt", 30)

    def notes(boxes, **span):
        done = cssv.encode(
            clips / "clip.mkv", tmp_path / "x.cssv", boxes=boxes, overwrite=True, lossless=True, **span
        )
        return [note for note in done.notes if "boxes detector" in note]

    assert notes(file) == [
        f"the boxes detector has detections up to frame 30; the clip has {synthetic.COUNT} frames"
    ]
    assert notes(clips / "boxes.txt") == []
    assert notes(file, start="0.2") == notes(file, stop="0.6") == []


@pytest.fixture
def doubled(tmp_path):
    """A clip two pairs of whose frames claim one time."""
    whole, path = (
        synthetic.write_clip(tmp_path / "whole.mkv", codec="mpeg4", count=8),
        tmp_path / "doubled.mkv",
    )
    stamps = [0, 40, 80, 80, 160, 200, 200, 280]
    with av.open(str(whole)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        packets = [packet for packet in before.demux(video=0) if packet.size]
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.pts = packet.dts = stamp
            packet.stream = stream
            after.mux(packet)
    return path


def test_boxes_on_a_clip_whose_times_do_not_grow(doubled, clips, tmp_path):
    done = cssv.encode(doubled, tmp_path / "x.cssv", boxes=clips / "boxes.txt", lossless=True)
    assert any("put between their neighbours" in note for note in done.notes)
    with cssv.open(done.path) as clip:
        assert [moment.time * 1000 for moment in clip] == [0, 40, 80, 120, 160, 200, 240, 280]
        for moment in clip:
            assert abs(moment.objects[0].w_px - synthetic.boxes_at(0)[0][2]) < 1


def test_boxes_on_a_clip_that_begins_in_the_middle(clips, tmp_path):
    """Frames are counted as they are decoded, with and without a start."""
    options = {"g": "12", "bf": "2"}
    whole = synthetic.write_clip(tmp_path / "whole.ts", codec="libx264", options=options)
    source = tmp_path / "cut.ts"
    source.write_bytes(whole.read_bytes()[188 * 20 :])
    with VideoReader(source) as reader:
        frames = list(reader)
        assert len(frames) < len(reader.timestamps()), "the cut must leave packets that cannot be decoded"
    all_of_it = cssv.encode(source, tmp_path / "a.cssv", boxes=clips / "boxes.txt", lossless=True).path
    start = frames[3].time
    part = cssv.encode(
        source, tmp_path / "b.cssv", boxes=clips / "boxes.txt", start=start, lossless=True
    ).path
    with cssv.open(all_of_it) as clip, cssv.open(part) as later:
        assert (len(clip), len(later)) == (len(frames), len(frames) - 3)
        for number in range(len(frames)):
            assert clip[number].objects[0].x_px == pytest.approx(synthetic.boxes_at(number)[0][0], abs=1)
        for number in range(len(later)):
            assert later[number].objects[0].x_px == pytest.approx(synthetic.boxes_at(number + 3)[0][0], abs=1)


# ---- streams


def states_at(number, ids):
    count = len(ids)
    boxes = np.tile([10.0, 10.0, 30.0, 40.0], (count, 1))
    zero = np.zeros((count, 2))
    return FrameStates(
        number, np.array(ids, np.int64), ("a",) * count, boxes, np.ones(count),
        zero, zero.copy(), zero.copy(), np.tile(np.eye(2), (count, 1, 1)), np.zeros(count),
    )  # fmt: skip


def test_a_stream_forgets_what_left_long_ago():
    scene = cssv.Scene.from_json(
        {
            "cssv_scene": 1,
            "objects": [
                {"match": {"label": "*"}, "temperature_c": 30},
                {"match": {"track": 0}, "density_kg_m3": 5},
            ],
        }
    )
    annotator = LiveAnnotator(scene)
    assert len(annotator.warnings) == 2
    for number in range(600):
        (state,) = annotator.annotate(states_at(number, [number]), Fraction(number)).objects
        assert state.temperature_c.value == 30
    assert len(annotator._matcher.all_facts()) <= FORGET_S + 2
    assert annotator.warnings == ()
    (again,) = annotator.annotate(states_at(600, [0]), Fraction(600)).objects
    assert again.density_kg_m3.value == 5
