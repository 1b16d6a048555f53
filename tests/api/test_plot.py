"""``cssv.plot``: files, choices and errors."""

import sys

import numpy as np
import pytest

import cssv
from cssv.errors import ExistsError, InputError, MissingExtraError, OptionError
from cssv.pipeline.clip_rows import ClipRows, read_picture_at, read_rows
from cssv.pipeline.decoder import Decoder
from cssv.testing import clips as synthetic
from cssv.view.heat import to_rgb


@pytest.fixture(scope="module")
def clip(encode):
    return encode(fidelity="full")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_clips_give_equal_files(clip, suffix, tmp_path):
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    done = cssv.plot(clip, one)
    cssv.plot(clip, two)
    assert one.read_bytes() == two.read_bytes()
    assert (done.kind, len(done.tracks), done.unit) == ("paths", done.objects, "px/s")
    assert done.to_json()["path"] == str(one)


@pytest.mark.parametrize("kind", ["presence", "speed", "values", "timeline"])
def test_each_kind(clip, kind, tmp_path):
    assert cssv.plot(clip, tmp_path / "a.png", kind=kind).path.stat().st_size > 5000


def test_rows_come_from_the_scene_track_as_those_of_moments(clip, monkeypatch):
    with Decoder(clip) as decoder:
        expected = [row for moment in decoder for row in moment.objects]
    with Decoder(clip) as decoder:
        monkeypatch.setattr(Decoder, "__iter__", lambda _: pytest.fail("a picture is decoded"))
        found = read_rows(decoder)
        count = len(decoder)
    assert list(found.rows) == expected
    assert len(found.times_s) == count + 1


def test_a_copy_is_read_from_its_pixels(clip, tmp_path):
    copy = tmp_path / "copy.mkv"
    cssv.export(clip, copy)
    of_copy = cssv.plot(copy, tmp_path / "a.png", kind="timeline")
    assert of_copy.tracks == cssv.plot(clip, tmp_path / "b.png", kind="timeline").tracks


def test_chosen_tracks(clip, tmp_path):
    every = cssv.plot(clip, tmp_path / "a.png", kind="timeline").tracks
    assert cssv.plot(clip, tmp_path / "b.png", tracks=[every[0]]).tracks == every[:1]
    with pytest.raises(OptionError, match="no such track"):
        cssv.plot(clip, tmp_path / "c.png", tracks=[987_654])
    with pytest.raises(OptionError, match="names no object"):
        cssv.plot(clip, tmp_path / "c.png", tracks=[])
    with pytest.raises(OptionError, match="no list of ids"):
        cssv.plot(clip, tmp_path / "c.png", tracks="12")
    assert not (tmp_path / "c.png").exists()


def test_kilometres_per_hour_need_the_ground(clip, tmp_path):
    with pytest.raises(OptionError, match=r"km/h need the ground.*camera"):
        cssv.plot(clip, tmp_path / "a.png", units="kmh")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.jpg", {}, r"kind of file.*\.png, \.svg, \.pdf"),
        ("a", {}, "kind of file"),
        ("a.png", {"kind": "pie"}, "kind of plot"),
        ("a.png", {"colour": "red"}, "colour of a timeline"),
        ("a.png", {"units": "knots"}, "unknown unit"),
    ],
)
def test_wrong_options(clip, name, options, message, tmp_path):
    with pytest.raises(OptionError, match=message):
        cssv.plot(clip, tmp_path / name, **options)


def test_a_file_that_exists_is_kept(clip, tmp_path):
    path = tmp_path / "a.png"
    path.write_text("mine")
    with pytest.raises(ExistsError):
        cssv.plot(clip, path)
    assert path.read_text() == "mine"
    cssv.plot(clip, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_clip_without_objects(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("cssv.api.plot.read_rows", lambda *_: ClipRows((), np.array([0.0, 1.0])))
    with pytest.raises(InputError, match="no objects"):
        cssv.plot(clip, tmp_path / "a.png")


def test_without_matplotlib_the_extra_is_named(clip, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[plot\]'"):
        cssv.plot(clip, tmp_path / "a.png")


def test_the_picture_below_has_the_colours_of_the_file(tmp_path):
    """A clip of this size is BT.709 without saying so, as players take it."""
    pictures = np.full((2, 720, 1280, 3), (200, 60, 40), np.uint8)
    clip = synthetic.write_clip(tmp_path / "clip.mkv", pictures)
    path = cssv.encode(clip, tmp_path / "clip.cssv", fidelity="full").path
    with Decoder(path) as decoder:
        picture, _ = read_picture_at(decoder, 1)
    with cssv.open(path) as opened:
        assert np.array_equal(picture, opened[1].rgb)
        assert not np.array_equal(picture, to_rgb(opened[1].frame.planes, "yuv420p"))
