"""encode -> verify -> open -> decode, for every option and every form of clip."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.errors import OptionError
from cssv.interop.table import read_rows
from cssv.testing import clips as synthetic

#: Options of the forms that are lossless, and what the facts of their files tell.
FORMS_TOLD = [
    ({"fidelity": "full"}, {"carrier": "full"}),
    ({"fidelity": "sparse", "merge": "opap"}, {"carrier": "sparse", "merge": "opap"}),
    ({"fidelity": "sparse", "merge": "plain"}, {"carrier": "sparse", "merge": "plain"}),
]
OPTIONS = list(itertools.product(("h264", "ffv1", "vp9"), ("native", "rgb"), FORMS_TOLD))


@pytest.mark.parametrize(("codec", "planes", "form"), OPTIONS, ids=str)
def test_every_option_comes_back(codec, planes, form, encode):
    options, told = form
    path = encode(codec=codec, planes=planes, **options)
    assert cssv.verify(path).is_sound
    facts = cssv.info(path).facts
    assert told.items() <= facts.items()
    assert (facts["codec"], facts.get("crf")) == (codec, None)
    with cssv.open(path) as clip:
        assert len(clip) == synthetic.COUNT
        assert clip.info.layout == ("rgb24" if planes == "rgb" else "yuv420p")
        moment = clip[synthetic.COUNT // 2]
    assert moment.number == synthetic.COUNT // 2
    assert {row.track for row in moment.objects} == {1, 2}
    for row, box in zip(moment.objects, synthetic.boxes_at(moment.number), strict=True):
        assert np.abs(np.subtract((row.x_px, row.y_px, row.w_px, row.h_px), box)).max() < 1


@pytest.mark.parametrize("fidelity", ["full", "sparse"])
def test_stego_carries_the_template_and_looks_like_the_cover(fidelity, encode, clips):
    covers = synthetic.source_planes(clips / "clip.mkv")
    stegos = synthetic.source_planes(encode(fidelity=fidelity, lossless=True))
    for cover, stego in zip(covers, stegos, strict=True):
        error = np.abs(stego.astype(int) - cover)
        assert error.max() <= 15
        assert np.mean(error.astype(float) ** 2) < 255**2 / 10**3.4
    if fidelity == "sparse":
        far_away = np.s_[130 : synthetic.HEIGHT, :90]
        assert np.abs(stegos[0].astype(int) - covers[0])[far_away].max() <= 1


def test_heat_file_is_the_low_nibbles(encode, tmp_path):
    """In the first version of the pixels every byte carries a nibble."""
    stego = encode(carrier=NibbleCarrier())
    done = cssv.decode(stego, tmp_path / "heat.mkv")
    heats = synthetic.source_planes(tmp_path / "heat.mkv")
    assert done.frames == len(heats) == synthetic.COUNT
    for heat, planes in zip(heats, synthetic.source_planes(stego), strict=True):
        assert np.array_equal(heat, (planes & 15) << 4)


def test_all_outputs_at_once(encode, tmp_path):
    done = cssv.decode(
        encode(name="sound.mp4"),
        tmp_path / "heat.mp4",
        objects=tmp_path / "objects.jsonl",
        scene=tmp_path / "scene.json",
        overlay=tmp_path / "overlay.mp4",
    )
    assert (done.frames, done.source) == (synthetic.COUNT, "metadata")
    assert done.rows == len(list(read_rows(tmp_path / "objects.jsonl"))) == 2 * synthetic.COUNT
    assert cssv.Scene.read(tmp_path / "scene.json") == cssv.Scene.from_json(synthetic.SCENE)
    assert set(done.written) == set(tmp_path.iterdir())
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        assert container.streams.audio


def test_folders_of_pictures(stego, tmp_path):
    cssv.decode(stego, tmp_path / "heat", overlay=tmp_path / "overlay")
    for folder in ("heat", "overlay"):
        names = sorted(path.name for path in (tmp_path / folder).iterdir())
        assert names == [f"{number:06d}.png" for number in range(synthetic.COUNT)]


@pytest.mark.parametrize("name", ["clip.mkv", "sound.mp4"])
def test_times_are_the_source_s(name, encode, clips):
    with av.open(str(clips / name)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    with cssv.open(encode(name=name)) as clip:
        assert [moment.time for moment in clip] == times
        assert all(isinstance(moment.time, Fraction) for moment in clip)


#: Decodes as gbrp.
GBRP = {"codec": "libx264rgb", "pix_fmt": "rgb24", "options": {"qp": "0"}}
FORMS = {
    "odd size": {"width": 175, "height": 143},
    "rgb": {"codec": "libx264rgb", "pix_fmt": "rgb24", "options": {"qp": "0"}},
    "odd rgb": {
        "codec": "libx264rgb",
        "pix_fmt": "rgb24",
        "options": {"qp": "0"},
        "width": 175,
        "height": 143,
    },
    "10 bit": {"pix_fmt": "yuv420p10le"},
    "4:2:2": {"pix_fmt": "yuv422p"},
    "grey": {"pix_fmt": "gray"},
    "smallest": {"width": 32, "height": 32},
    "not of eights": {"width": 46, "height": 58},
    "small": {"width": 96, "height": 96},
    "one frame": {"count": 1},
    "two frames": {"count": 2},
}


#: So small pictures have no place for all tags of the default file: only its scene track tells the objects.
TINY = {"smallest", "not of eights"}


@pytest.mark.parametrize("form", sorted(TINY))
def test_tiny_pictures_are_read_from_their_scene_track(form, clips, tmp_path):
    source = synthetic.write_clip(tmp_path / "clip.mkv", **FORMS[form])
    done = cssv.encode(source, tmp_path / "x.cssv", boxes=clips / "boxes.txt", scene=synthetic.SCENE)
    assert cssv.verify(done.path).is_sound
    decoded = cssv.decode(done.path, tmp_path / "heat.mkv", objects=tmp_path / "o.csv")
    assert (decoded.frames, decoded.rows, decoded.source) == (
        synthetic.COUNT,
        2 * synthetic.COUNT,
        "metadata",
    )


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_clips(form, clips, tmp_path):
    source = synthetic.write_clip(tmp_path / "clip.mkv", **FORMS[form])
    options = {"boxes": clips / "boxes.txt", "scene": synthetic.SCENE, "lossless": form in TINY}
    done = cssv.encode(source, tmp_path / "x.cssv", **options)
    assert done.frames == FORMS[form].get("count", synthetic.COUNT)
    assert cssv.verify(done.path).is_sound
    with cssv.open(done.path) as clip:
        assert [moment.number for moment in clip] == list(range(done.frames))
        assert clip[-1].objects
        assert clip[-1].overlay.shape == (clip.info.height, clip.info.width, 3)
    decoded = cssv.decode(
        done.path, tmp_path / "heat.mkv", overlay=tmp_path / "overlay.mp4", objects=tmp_path / "o.csv"
    )
    assert decoded.frames == done.frames
    copy = cssv.export(done.path, tmp_path / "copy.mkv").path
    assert cssv.decode(copy, objects=tmp_path / "p.csv").frames == done.frames
    if form == "odd size":
        assert any("padded from 175x143 to 176x144" in note for note in done.notes)
    if form == "10 bit":
        assert any("converted from yuv420p10le" in note for note in done.notes)


def test_rotated(clips, tmp_path):
    source = tmp_path / "turned.mp4"
    with av.open(str(clips / "sound.mp4")) as before, av.open(str(source), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write display matrices")
        stream.set_display_rotation(90)
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    done = cssv.encode(source, tmp_path / "x.cssv", detector=synthetic.Truth(), lossless=True)
    video = cssv.info(done.path).video
    assert (video.width, video.height) == (synthetic.HEIGHT, synthetic.WIDTH)
    assert any("rotated" in note for note in done.notes)


def test_variable_rate_and_late_start(clips, tmp_path):
    steps = np.array([33, 40, 1, 120, 7] * synthetic.COUNT)[: synthetic.COUNT]
    pts = (777 + np.cumsum(steps)).tolist()
    source = synthetic.write_clip(tmp_path / "v.mkv", time_base=Fraction(1, 1000), pts=pts)
    path = cssv.encode(source, tmp_path / "x.cssv", boxes=clips / "boxes.txt", lossless=True).path
    with cssv.open(path) as clip:
        assert [moment.time for moment in clip] == [Fraction(p, 1000) for p in pts]
    with av.open(str(path)) as container:
        assert [f.pts * f.time_base for f in container.decode(video=0)] == [Fraction(p, 1000) for p in pts]


@pytest.mark.parametrize(
    "rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60000, 1001), Fraction(1, 3)]
)
def test_times_are_exact_fractions(rate, tmp_path, clips):
    source = synthetic.write_clip(tmp_path / "n.mkv", count=8)
    path = cssv.encode(source, tmp_path / "x.cssv", boxes=clips / "boxes.txt", rate=rate, lossless=True).path
    copy = cssv.export(path, tmp_path / "copy.mkv").path
    for each in (path, copy):
        with cssv.open(each) as clip:
            assert [moment.time for moment in clip] == [number / rate for number in range(8)]
    with cssv.open(path) as clip:
        assert clip.rate == rate


@pytest.mark.parametrize(
    ("given", "exact"),
    [("29.97", Fraction(2997, 100)), (29.97, Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001))],
)
def test_rates_mean_what_they_say(given, exact, clips, tmp_path):
    path = cssv.encode(
        clips / "clip.mkv", tmp_path / "x.cssv", boxes=clips / "boxes.txt", rate=given, lossless=True
    ).path
    with cssv.open(path) as clip:
        assert clip.rate == exact
        assert clip[3].time == 3 / exact


@pytest.mark.parametrize("rate", ["nonsense", "1/0", "nan", float("inf"), 0, -5, 10**9])
def test_impossible_rates_are_refused(rate, clips, tmp_path):
    with pytest.raises(OptionError):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", rate=rate)
    assert not list(tmp_path.iterdir())


def test_speeds_follow_a_corrected_rate(clips, tmp_path):
    speeds = {}
    for rate in (25, 5):
        path = cssv.encode(
            clips / "clip.mkv", tmp_path / f"{rate}.cssv", boxes=clips / "boxes.txt", rate=rate, lossless=True
        ).path
        with cssv.open(path) as clip:
            speeds[rate] = clip[12].objects[0].vx_px_s
    assert speeds[25] == pytest.approx(50, rel=0.05)
    assert speeds[5] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("name", ["clip.mkv", "sound.mp4"])
def test_part_of_a_clip_keeps_the_box_file_s_numbers(name, clips, tmp_path):
    done = cssv.encode(
        clips / name, tmp_path / "x.cssv", boxes=clips / "boxes.txt", start="0.36", stop="0.76", lossless=True
    )
    assert done.frames == 10
    covers = synthetic.source_planes(clips / name)[9:19]
    with cssv.open(done.path) as clip:
        for count, moment in enumerate(clip):
            assert (moment.number, moment.time) == (count, Fraction(count, synthetic.RATE))
            boxes = synthetic.boxes_at(9 + count)
            for row, box in zip(moment.objects, boxes, strict=True):
                assert abs(row.x_px - box[0]) < 1
            assert np.abs(moment.frame.planes.astype(int) - covers[count]).max() <= 15


def sound(path):
    """Audio packets of a file: bytes -> time."""
    with av.open(str(path)) as container:
        return {bytes(p): p.pts * p.time_base for p in container.demux(audio=0) if p.size}


@pytest.mark.parametrize(("start", "shift"), [(None, 0), ("0.2", Fraction(1, 5)), ("0.5", Fraction(13, 25))])
def test_sound_stays_with_the_picture(start, shift, clips, tmp_path):
    """All packets are the source's, moved by as much as the first frame was."""
    source = clips / "sound.mp4"
    before = sound(source)
    after = sound(
        cssv.encode(source, tmp_path / "x.cssv", boxes=clips / "boxes.txt", start=start, lossless=True).path
    )
    assert {before[data] - time for data, time in after.items()} == {shift}
    assert len(after) == sum(time >= Fraction(start or -1) for time in before.values())


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (2, 1), (0, 0), ("x", None), (None, "1/0")])
def test_impossible_spans_are_refused(start, stop, clips, tmp_path):
    with pytest.raises(OptionError):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", start=start, stop=stop)
    assert not list(tmp_path.iterdir())


def test_a_span_without_frames_is_refused(clips, tmp_path):
    with pytest.raises(cssv.CssvError, match="no frame lies between"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", start=100, stop=200)
    assert not list(tmp_path.iterdir())


def test_the_same_again_is_the_same_byte_for_byte(encode, stego, clips, tmp_path):
    again = cssv.encode(
        clips / "clip.mkv", tmp_path / "x.cssv", boxes=clips / "boxes.txt", scene=synthetic.SCENE,
        created_s=1_700_000_000,
    ).path  # fmt: skip
    assert again.read_bytes() == stego.read_bytes()


def test_default_output_is_beside_the_clip(clips, tmp_path):
    source = synthetic.write_clip(tmp_path / "a.b.mkv", count=3)
    assert cssv.encode(source, boxes=clips / "boxes.txt").path == tmp_path / "a.b.cssv"


def test_a_clip_is_never_written_over(stego, tmp_path):
    for name in ("x.cssv", "y.mkv"):
        (tmp_path / name).write_bytes(stego.read_bytes())
    before = stego.read_bytes()
    with pytest.raises(OptionError):
        cssv.encode(tmp_path / "x.cssv")
    with pytest.raises(OptionError):
        cssv.export(tmp_path / "y.mkv", tmp_path / "y.mkv")
    with pytest.raises(OptionError):
        cssv.decode(tmp_path / "y.mkv", tmp_path / "y.mkv")
    with pytest.raises(OptionError):
        cssv.decode(tmp_path / "x.cssv", tmp_path / "z.mp4", overlay=tmp_path / "z.mp4")
    assert (tmp_path / "x.cssv").read_bytes() == (tmp_path / "y.mkv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_stego_is_a_clip_again(stego, clips, tmp_path):
    """Encoding what already carries replaces what it carries."""
    done = cssv.encode(stego, tmp_path / "again.cssv", boxes=clips / "boxes.txt", lossless=True)
    with cssv.open(done.path) as clip:
        assert clip.scene == cssv.Scene()
        assert clip[5].objects[0].temperature_c is None
