"""Thermal pictures as arrays: one frame, streams; and the files of real cameras."""

from __future__ import annotations

import math

import av
import numpy as np
import pytest

import cssv
from cssv.errors import FrameError, ThermalError
from cssv.perception.thermal.registration import ThermalRegistration
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.temperatures import SAMPLES, ThermalView, _visible, take_temperatures
from cssv.scene import Ranges
from cssv.scene.thermal import CENTIKELVIN
from cssv.template.drawing import Outline, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.template.state import ObjectState
from cssv.testing import clips as synthetic
from cssv.testing.thermal_clips import COLD, PLACED, WARM, as_counts, celsius_by_track, thermal_scene

# ---- one frame


def state_at(track, box):
    return ObjectState(track, "", 1.0, box, (0, 0), (0, 0), (0, 0), 1.0)


def test_who_is_hidden_is_not_read():
    celsius = np.full((60, 80), 20.0, np.float32)
    celsius[20:50, 20:50] = 30
    view = ThermalView(celsius, ThermalRegistration.from_homography(None, (80, 60), (80, 60)))
    near, far = state_at(1, (20, 20, 30, 30)), state_at(2, (22, 10, 24, 36))
    aside = state_at(3, (52, 10, 24, 36))
    shown, outlines = take_temperatures(
        FrameObjects((near, far, aside), (far,)), Ranges(), np.zeros((60, 80), np.uint8), (80, 60), view
    )
    assert [state.thermal_c and state.thermal_c.value for state in shown.objects] == [30, None, 20]
    # One that is not drawn is hidden by none that is.
    assert shown.replaced[0].thermal_c is not None
    assert shown.replaced[0].temperature_c is None
    assert {track for track, _ in outlines} == {1, 2, 3}
    assert take_temperatures(shown, Ranges(), None, (80, 60), None) == (shown, {})


def test_large_outlines_are_sampled():
    radii, shift = pack_radii(superellipse(600, 500))
    outline = Outline(1, "", 255, (100, 50, 600, 500), radii, shift, Selector.RINGS, 0)
    hidden = np.zeros((600, 800), bool)
    x, y, share = _visible(outline, hidden)
    assert share == 1
    assert SAMPLES / 2 < x.size <= SAMPLES
    assert hidden[y, x].all()
    assert hidden.sum() > 100_000
    assert abs(x.mean() - 400) < 2
    assert abs(y.mean() - 300) < 2
    assert _visible(outline, hidden)[2] == 0


# ---- streams


def stream(path, pictures, scene):
    found = [
        cssv.detections(synthetic.boxes_at(n), labels="block", ids=[1, 2]) for n in range(synthetic.COUNT)
    ]
    with cssv.Encoder(
        path, size=(synthetic.WIDTH, synthetic.HEIGHT), rate=25, scene=scene, lossless=True
    ) as encoder:
        for picture, boxes, thermal in zip(synthetic.pictures(), found, pictures, strict=True):
            given = None if thermal is None else thermal.copy()
            encoder.write(picture, boxes, given)
            if given is not None:
                given[:] = 0
    return celsius_by_track(path)


@pytest.mark.parametrize("kind", ["counts", "float32", "float64"])
def test_a_stream_takes_thermal_pictures(tmp_path, heat, kind):
    made = [as_counts(p) if kind == "counts" else p.astype(kind) for p in heat.pictures]
    made[5] = None
    rows = stream(tmp_path / "a.cssv", made, PLACED)
    assert rows[1] == pytest.approx([WARM] * 5 + [None] + [WARM] * 18, abs=0.006)
    assert rows[2] == pytest.approx([COLD] * 5 + [None] + [COLD] * 18, abs=0.006)


def test_thermal_pictures_that_a_stream_refuses(tmp_path, heat):
    pictures = heat.pictures
    whole, boxes = synthetic.pictures(count=3), cssv.detections(synthetic.boxes_at(0))
    with cssv.Encoder(
        tmp_path / "a.cssv",
        size=(synthetic.WIDTH, synthetic.HEIGHT),
        rate=25,
        scene=thermal_scene(),
        lossless=True,
    ) as encoder:
        encoder.write(whole[0], boxes, pictures[0])
        for bad in (pictures[0][None], pictures[0].astype(np.uint8), pictures[0].astype(complex)):
            with pytest.raises(FrameError, match="not a thermal picture"):
                encoder.write(whole[1], boxes, bad)
        with pytest.raises(FrameError, match=r"60x84.*100x84"):
            encoder.write(whole[1], boxes, pictures[0][:, :60])
        encoder.write(whole[1], boxes, pictures[1])
    with cssv.open(tmp_path / "a.cssv") as clip:
        assert len(clip) == 2
    bare = cssv.Encoder(tmp_path / "b.cssv", size=(synthetic.WIDTH, synthetic.HEIGHT), rate=25, lossless=True)
    with pytest.raises(FrameError, match="uint16 counts with a scale"):
        bare.write(whole[0], boxes, as_counts(pictures[0]))
    with pytest.raises(ThermalError, match="homography"):
        bare.write(whole[0], boxes, pictures[0][:30])
    bare.abort()


@pytest.mark.parametrize(("kind", "value"), [(float, -500), (float, 1e9), (float, 28815), (float, math.nan)])
def test_a_stream_refuses_what_is_no_temperature(tmp_path, heat, kind, value):
    boxes = cssv.detections(synthetic.boxes_at(0), ids=[1, 2])
    with cssv.Encoder(
        tmp_path / "a.cssv",
        size=(synthetic.WIDTH, synthetic.HEIGHT),
        rate=25,
        scene=thermal_scene(),
        lossless=True,
    ) as encoder:
        for picture in synthetic.pictures(count=3):
            with pytest.raises(ThermalError, match=r"(?s)no temperatures.*counts as uint16"):
                encoder.write(picture, boxes, np.full((84, 100), value, kind))
            dead = heat.pictures[0].copy()
            dead[:3] = value
            encoder.write(picture, boxes, dead)
    with cssv.open(tmp_path / "a.cssv") as clip:
        assert len(clip) == 3
        assert clip[0].objects[0].temperature_c == pytest.approx(WARM, abs=0.01)


def test_a_stream_refuses_counts_by_a_wrong_scale(tmp_path, heat):
    scene = thermal_scene(scale=1)
    encoder = cssv.Encoder(
        tmp_path / "a.cssv", size=(synthetic.WIDTH, synthetic.HEIGHT), rate=25, scene=scene, lossless=True
    )
    with pytest.raises(ThermalError, match="Check scale and offset_c"):
        encoder.write(synthetic.pictures(count=1)[0], None, as_counts(heat.pictures[0]))
    encoder.abort()


def test_a_stream_gives_degrees_or_counts_not_both(tmp_path, heat):
    boxes = cssv.detections(synthetic.boxes_at(0))
    with cssv.Encoder(
        tmp_path / "a.cssv",
        size=(synthetic.WIDTH, synthetic.HEIGHT),
        rate=25,
        scene=thermal_scene(),
        lossless=True,
    ) as encoder:
        encoder.write(synthetic.pictures(count=1)[0], boxes, heat.pictures[0])
        with pytest.raises(FrameError, match=r"100x84 counts.*100x84 degrees"):
            encoder.write(synthetic.pictures(count=1)[0], boxes, as_counts(heat.pictures[0]))


# ---- real cameras


def test_a_real_recording_beside_a_clip(data, tmp_path):
    """The recording is its own clip, in grey; what it reads in a box is what its counts say there."""
    from cssv.perception.thermal.cptv import CptvVideo

    path = data / "thermal" / "cacophony_v2.cptv"
    counts = [array for array, _ in CptvVideo(path)]
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as container:
        made = container.add_stream("ffv1", rate=9)
        made.width, made.height, made.pix_fmt = 160, 120, "yuv420p"
        for number, array in enumerate(counts):
            grey = np.clip((array.astype(int) - 2600) // 2, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.dstack([grey] * 3), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts = number
            container.mux(made.encode(frame))
        container.mux(made.encode(None))
    box = (60, 40, 30, 36)
    (tmp_path / "boxes.txt").write_text(
        "".join(f"{n + 1},1,{','.join(map(str, box))},0.9\n" for n in range(len(counts)))
    )
    scene = {"cssv_scene": 1, "thermal": {"scale": 0.05, "offset_c": -115}}
    done = cssv.encode(
        clip,
        tmp_path / "a.cssv",
        boxes=tmp_path / "boxes.txt",
        scene=scene,
        thermal=path,
        created_s=0,
        lossless=True,
    )
    rows = celsius_by_track(done.path)[1]
    assert len(rows) == 100
    for celsius, array in zip(rows, counts, strict=True):
        inside = array[40:76, 60:90].astype(float) * 0.05 - 115
        low, high = np.quantile(inside, [0.25, 0.75])
        assert low <= celsius <= high


def test_a_flir_still_beside_a_clip(data, tmp_path):
    synthetic.write_clip(tmp_path / "clip.mkv", width=160, height=120)
    (tmp_path / "boxes.txt").write_text(
        "".join(f"{n + 1},1,40,30,60,60,0.9\n" for n in range(synthetic.COUNT))
    )
    done = cssv.encode(
        tmp_path / "clip.mkv", tmp_path / "a.cssv", boxes=tmp_path / "boxes.txt",
        thermal=data / "thermal" / "Flir_E40.jpg", lossless=True,
    )  # fmt: skip
    rows = celsius_by_track(done.path)[1]
    assert len(rows) == synthetic.COUNT
    assert all(17.9 < celsius < 24.7 for celsius in rows)
    assert CENTIKELVIN.scale == 0.01
