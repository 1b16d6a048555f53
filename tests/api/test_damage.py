"""Damaged and hostile files: a named error, the right frame, never a wrong heat map."""

from __future__ import annotations

import json
import random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cssv
import cssv.api.encode
import cssv.pipeline.embed
from cssv.container import Reader
from cssv.errors import ChecksumError, ContainerError, NibblesLostError
from cssv.interop.table import read_rows
from cssv.pipeline.scene_track import read_sample
from cssv.testing import clips as synthetic


def samples(path, kind):
    """(offset, size) of every sample of a track, in order."""
    with Reader(path) as reader:
        table = getattr(reader, kind).table
        return list(zip(table.offsets.tolist(), table.sizes.tolist(), strict=True))


def flipped(path, target, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    target.write_bytes(data)
    return target


#: Options of :func:`cssv.encode`, by name.
CODINGS = {
    "default": {},
    "h264": {"lossless": True},
    "ffv1": {"codec": "ffv1"},
    "vp9": {"codec": "vp9"},
}


@pytest.fixture(scope="module")
def stego(encode):
    return encode(lossless=True)


@pytest.fixture(scope="module")
def truths(encode):
    """Coding -> heat of every frame."""
    found = {}
    for coding, options in CODINGS.items():
        with cssv.Decoder(encode(**options)) as decoder:
            found[coding] = [moment.heat for moment in decoder]
    return found


@pytest.mark.parametrize("frame", [0, 7, 23])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_damaged_frame_is_named_and_the_others_are_right(coding, frame, encode, truths, tmp_path):
    path = encode(**CODINGS[coding])
    offset, size = samples(path, "video")[frame]
    bad = flipped(path, tmp_path / "bad.cssv", offset + size * 2 // 3)
    found = cssv.verify(bad)
    assert not found.is_sound
    assert ("sample", frame) in {(fault.kind, fault.frame) for fault in found.faults}
    assert all(fault.text for fault in found.faults)
    right = 0
    with pytest.raises(ChecksumError, match=r"cssv\.verify\(\)"), cssv.Decoder(bad) as decoder:  # noqa: PT012
        for moment in decoder:
            assert np.array_equal(moment.heat, truths[coding][moment.number])
            right += 1
    assert right <= frame
    with pytest.raises(ChecksumError, match=rf"(after|frame) ?\d*|{frame}"):
        cssv.decode(bad, tmp_path / "heat.mkv", objects=tmp_path / "o.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.cssv"]


@pytest.mark.parametrize("coding", CODINGS)
def test_random_damage_in_the_media_is_never_a_wrong_heat(coding, encode, truths, tmp_path):
    path = encode(**CODINGS[coding])
    mdat = next((at, size) for kind, at, size in synthetic.top_boxes(path.read_bytes()) if kind == b"mdat")
    dice = random.Random(coding)
    for attempt in range(12):
        at = mdat[0] + 16 + dice.randrange(mdat[1] - 16)
        bad = flipped(path, tmp_path / f"{attempt}.cssv", at)
        assert cssv.verify(bad).faults
        try:
            with cssv.open(bad) as clip:
                for index in dice.sample(range(len(truths[coding])), 8):
                    moment = clip[index]
                    assert np.array_equal(moment.heat, truths[coding][index])
                    assert moment.number == index
        except ChecksumError:
            pass


def test_a_damaged_scene_sample_costs_its_frame_s_metadata_only(stego, truths, tmp_path):
    offset, size = samples(stego, "scene")[5]
    bad = flipped(stego, tmp_path / "bad.cssv", offset + size // 2)
    faults = cssv.verify(bad).faults
    assert [(fault.kind, fault.frame, fault.version) for fault in faults] == [("scene", 5, 1)]
    with cssv.open(bad) as clip:
        moment = clip[5]
        assert np.array_equal(moment.heat, truths["h264"][5])
        assert len(moment.objects_in_pixels) == 2
        for _ in range(2):
            with pytest.raises(ChecksumError, match="frame 5"):
                moment.objects  # noqa: B018
        assert clip[6].objects
    assert cssv.decode(bad, tmp_path / "heat.mkv").frames == 24
    with pytest.raises(ChecksumError, match="frame 5"):
        cssv.decode(bad, objects=tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


def test_damaged_audio_is_told_and_pixels_stay_sound(encode, tmp_path):
    path = encode(name="sound.mp4")
    with Reader(path) as reader:
        (track,) = (track for track in reader.tracks if track.kind == "audio")
        offset = int(track.table.offsets[4])
    bad = flipped(path, tmp_path / "bad.cssv", offset + 3)
    assert [(fault.kind, fault.frame) for fault in cssv.verify(bad).faults] == [("audio", None)]
    assert cssv.decode(bad, objects=tmp_path / "o.csv").frames == 24


@pytest.mark.parametrize("keep", [0, 4, 100, 0.3, 0.9])
def test_a_file_cut_short(keep, stego, tmp_path):
    data = stego.read_bytes()
    keep = int(len(data) * keep) if isinstance(keep, float) else keep
    bad = tmp_path / "bad.cssv"
    bad.write_bytes(data[:keep])
    for call in (cssv.verify, cssv.open, cssv.info):
        with pytest.raises(cssv.CssvError):
            call(bad)
    with pytest.raises(cssv.CssvError):
        cssv.decode(bad, tmp_path / "heat.mkv")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.cssv"]


def test_every_byte_of_the_tables_is_guarded(stego, tmp_path):
    """Whatever is flipped behind the media: an error of ours, or the same pictures as before."""
    kinds = {kind: (at, size) for kind, at, size in synthetic.top_boxes(stego.read_bytes())}
    dice = random.Random(3)
    with cssv.open(stego) as clip:
        truth = clip[3].heat
    for kind in (b"ftyp", b"moov", b"cssv"):
        at, size = kinds[kind]
        for _ in range(25):
            bad = flipped(stego, tmp_path / "bad.cssv", at + dice.randrange(size))
            try:
                with cssv.open(bad) as clip:
                    assert np.array_equal(clip[3].heat, truth)
            except cssv.CssvError:
                continue


def test_bytes_behind_the_file_are_told(stego, tmp_path):
    bad = tmp_path / "bad.cssv"
    bad.write_bytes(stego.read_bytes() + b"\0\0\0\x40mdat now torn")
    found = cssv.verify(bad)
    assert found.is_sound
    assert found.torn_bytes == 17
    assert cssv.log(bad).torn_bytes == cssv.info(bad).torn_bytes == 17
    repaired = cssv.verify(bad, repair=True)
    assert (repaired.cut_bytes, repaired.torn_bytes) == (17, 0)
    assert bad.read_bytes() == stego.read_bytes()


def test_verify_says_what_is_no_cssv(clips, tmp_path, stego):
    for path in (clips / "clip.mkv", clips / "sound.mp4", clips / "boxes.txt"):
        with pytest.raises(ContainerError, match="not a CSSV file"):
            cssv.verify(path)
    cssv.export(stego, tmp_path / "copy.mp4")
    with pytest.raises(ContainerError, match="not a CSSV file"):
        cssv.verify(tmp_path / "copy.mp4")


def test_pixels_that_never_carried(clips, tmp_path):
    with pytest.raises(NibblesLostError, match="never"):
        cssv.decode(clips / "clip.mkv", tmp_path / "heat.mkv", objects=tmp_path / "o.csv")
    assert not list(tmp_path.iterdir())


# ---- scene samples that somebody else wrote

OBJECT = {
    "track": 1, "label": "a", "score": 1, "box_px": [1, 2, 30, 40],
    "velocity_px_s": [1, 2], "past_px_s": [1, 2], "future_px_s": [1, 2],
}  # fmt: skip
NONSENSE = {
    "empty": b" ",
    "no json": b"{",
    "not utf-8": b'{"frame": "\xff"}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "deep": b"[" * 100_000,
    "no objects": b'{"frame": 0}',
    "objects are a number": b'{"frame": 0, "objects": 7}',
    "object is null": b'{"frame": 0, "objects": [null]}',
    "long number": b'{"frame": ' + b"9" * 5000 + b', "objects": []}',
    "half a frame": b'{"frame": 0.5, "objects": []}',
    "nan": b'{"frame": NaN, "objects": []}',
}
FIELDS = {
    "track too high": {"track": 2**32},
    "track below": {"track": -1},
    "track is text": {"track": "1"},
    "track is true": {"track": True},
    "label is number": {"label": 3},
    "three numbers": {"box_px": [1, 2, 3]},
    "far away": {"box_px": [1e300, 0, 5, 5]},
    "infinite": {"velocity_px_s": [1e999, 0]},
    "overflowing": {"velocity_px_s": [1e308, 1e308]},
    "negative sigma": {"sigma_px_s": -1},
    "no such template": {"template": "spiral"},
    "template is list": {"template": []},
    "temperature is text": {"temperature_c": "hot"},
    "temperature without value": {"temperature_c": {"sigma": 1}},
    "no such source": {"temperature_c": {"value": 1, "source": "guessed"}},
}
NONSENSE |= {
    name: json.dumps({"frame": 0, "objects": [OBJECT | fields]}).encode() for name, fields in FIELDS.items()
}


@pytest.fixture
def hostile(monkeypatch, clips, tmp_path):
    """``hostile(data)``: a sound container whose every scene sample is ``data``."""

    def make(data):
        with monkeypatch.context() as patch:
            patch.setattr(cssv.pipeline.embed, "write_sample", lambda _sample: data)
            patch.setattr(cssv.api.encode, "check", lambda *_, **__: None)
            return cssv.encode(
                clips / "clip.mkv",
                tmp_path / "hostile.cssv",
                boxes=clips / "boxes.txt",
                stop="0.1",
                lossless=True,
            ).path

    return make


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_in_the_scene_track(what, hostile, tmp_path):
    path = hostile(NONSENSE[what])
    assert cssv.decode(path, tmp_path / "heat.mkv").frames == 3
    with pytest.raises(ContainerError, match="scene sample"):
        cssv.decode(path, objects=tmp_path / "o.csv")
    with pytest.raises(ContainerError, match="scene sample"):
        cssv.decode(path, overlay=tmp_path / "overlay")
    assert {entry.name for entry in tmp_path.iterdir()} == {"hostile.cssv", "heat.mkv"}
    found = cssv.verify(path).faults
    assert [(fault.kind, fault.frame) for fault in found] == [("scene", 0), ("scene", 1), ("scene", 2)]


def test_nonsense_in_the_scene_track_is_found_before_the_file_gets_its_name(monkeypatch, clips, tmp_path):
    monkeypatch.setattr(cssv.pipeline.embed, "write_sample", lambda _sample: b"nonsense")
    with pytest.raises(ChecksumError, match="scene sample of frame 0"):
        cssv.encode(
            clips / "clip.mkv", tmp_path / "x.cssv", boxes=clips / "boxes.txt", stop="0.1", lossless=True
        )
    assert not list(tmp_path.iterdir())


def test_a_faulty_scene_in_the_scene_track(hostile, tmp_path):
    path = hostile(b'{"frame": 0, "objects": [], "scene": {"cssv_scene": 99}}')
    with pytest.raises(cssv.CssvError, match="cssv_scene"):
        cssv.decode(path, scene=tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists()


LONG_LABEL = "\u0000\n\r\u202e" + "ж" * 10_000
BOX_COLUMNS = ("x_px", "y_px", "w_px", "h_px")


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        (
            {"box_px": [1e15, -1e15, 1e15, 1e15]},
            dict(zip(BOX_COLUMNS, (1e15, -1e15, 1e15, 1e15), strict=True)),
        ),
        ({"box_px": [-5, -5, -5, 0]}, dict(zip(BOX_COLUMNS, (-5, -5, -5, 0), strict=True))),
        (
            {"velocity_px_s": [1e15, -1e15], "sigma_px_s": 0},
            {"vx_px_s": 1e15, "vy_px_s": -1e15, "sigma_px_s": 0},
        ),
        ({"label": LONG_LABEL}, {"label": LONG_LABEL}),
        (
            {"track": 2**32 - 1, "score": -7, "temperature_c": 1e15},
            {"track": 2**32 - 1, "score": -7, "temperature_c": 1e15},
        ),
    ],
    ids=["far box", "empty box", "fast", "long label", "large numbers"],
)
def test_strange_but_readable_samples_go_into_every_output(fields, columns, hostile, tmp_path):
    path = hostile(json.dumps({"frame": 0, "objects": [OBJECT | fields]}).encode())
    for suffix in ("csv", "jsonl", "parquet"):
        table, overlay = tmp_path / f"o.{suffix}", tmp_path / f"overlay-{suffix}"
        done = cssv.decode(path, objects=table, overlay=overlay)
        assert (done.frames, done.rows, done.damaged_frames) == (3, 3, 0)
        for row in read_rows(table):
            assert {name: getattr(row, name) for name in columns} == columns
        pictures = [cv2.imread(str(each)) for each in sorted(overlay.iterdir())]
        assert [picture.shape for picture in pictures] == [(synthetic.HEIGHT, synthetic.WIDTH, 3)] * 3


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({})
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=6)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from([*OBJECT, "sigma_px_s", "temperature_c", "name", "template"]), values))
def test_any_field_is_read_or_refused_by_name(fields):
    data = json.dumps({"frame": 0, "objects": [OBJECT | fields]}).encode()
    try:
        (state,) = read_sample(data).objects
    except ContainerError:
        return
    assert np.isfinite([*state.box_px, state.speed_px_s, state.score]).all()
    assert 0 <= state.track < 2**32
