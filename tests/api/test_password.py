"""Files with a password: what is read with it, what is shown without it, and that nothing leaks."""

from __future__ import annotations

import json
import shutil

import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.carriers.base import Carrier
from cssv.carriers.keyed import KeyedCarrier, give_key, key_of
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.container import Reader
from cssv.errors import ContainerError, NibblesLostError, OptionError, OptionTypeError, PasswordError
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.scene_track import SceneSample, write_sample
from cssv.pipeline.sealed_track import is_sealed_sample
from cssv.testing.clips import pictures, write_boxes, write_clip
from tests.api.masked_carrier import MaskedCarrier

PASSWORD, WRONG = "correct horse", "correct horsf"
SCENE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.62, "sigma": 0.5}, "density_kg_m3": 985.5},
        {"match": {"near_px": [1, 1], "at_s": 0}, "name": "courierX"},
    ],
}
#: Texts of the scene, the objects and the notes that must not be in a sealed file.
SECRETS = (b"36.62", b"985.5", b"courierX", b"17.5", b"box_px", b"cssv_scene", b"person")


@pytest.fixture(scope="module", autouse=True)
def _registered():
    CARRIERS.register("masked", MaskedCarrier)
    yield
    CARRIERS.unregister("masked")


@pytest.fixture(scope="module", params=["masked", "constructive"])
def carrier(request):
    """A carrier of frames and one of windows."""
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory, carrier):
    folder = tmp_path_factory.mktemp("password")
    write_clip(folder / "clip.mkv", count=12)
    write_boxes(folder / "boxes.txt", count=12)
    common = {"boxes": folder / "boxes.txt", "label": "person", "scene": SCENE, "created_s": 0}
    for name, password in (("sealed", PASSWORD), ("plain", None)):
        cssv.encode(
            folder / "clip.mkv", folder / f"{name}.cssv", carrier=carrier, password=password, **common
        )
    return folder


@pytest.fixture
def sealed(folder, tmp_path):
    """A copy of the file with a password."""
    return shutil.copy(folder / "sealed.cssv", tmp_path / "sealed.cssv")


def rows(path, **options):
    with cssv.open(path, **options) as clip:
        return [clip[number].objects for number in range(len(clip))]


def assert_nothing_shown(path):
    content = path.read_bytes()
    assert not [word for word in SECRETS if word in content]
    key = PayloadKey.from_password(PASSWORD)
    for part in (PASSWORD.encode(), key.positions, key.sealing, key.positions.hex().encode()):
        assert part not in content


def test_a_plain_file_shows_what_a_sealed_one_hides(folder):
    content = (folder / "plain.cssv").read_bytes()
    assert [word for word in SECRETS if word in content] == list(SECRETS)
    assert_nothing_shown(folder / "sealed.cssv")


def test_with_the_password_everything_is_read(folder, tmp_path):
    found = rows(folder / "sealed.cssv", password=PASSWORD)
    assert found == rows(folder / "plain.cssv")
    assert sum(map(len, found)) >= 12
    done = cssv.decode(
        folder / "sealed.cssv", objects=tmp_path / "objects.csv", scene=tmp_path / "x.json", password=PASSWORD
    )
    assert done.source == "metadata"
    assert "36.62" in (tmp_path / "objects.csv").read_text()
    assert json.loads((tmp_path / "x.json").read_text())["objects"]


@pytest.mark.parametrize(
    ("password", "text"), [(None, "sealed with a password. Give `password=`"), (WRONG, "password is wrong")]
)
def test_without_the_password_nothing_is_read_or_written(sealed, tmp_path, password, text):
    before = sealed.read_bytes()
    calls = (
        lambda: cssv.Decoder(sealed, password=password),
        lambda: cssv.open(sealed, password=password),
        lambda: cssv.decode(sealed, objects=tmp_path / "x.csv", password=password),
        lambda: cssv.export(sealed, tmp_path / "x.mkv", password=password),
        lambda: cssv.commit(sealed, SCENE, password=password),
        lambda: cssv.diff(sealed, 1, 1, password=password),
        lambda: cssv.encode(sealed, tmp_path / "x.cssv", carrier="masked", password=password),
    )
    for call in calls:
        with pytest.raises(PasswordError) as caught:
            call()
        assert text in str(caught.value)
    assert sealed.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["sealed.cssv"]


def test_the_same_clip_and_password_give_the_same_bytes(folder, carrier, tmp_path):
    again = tmp_path / "again.cssv"
    cssv.encode(
        folder / "clip.mkv",
        again,
        boxes=folder / "boxes.txt",
        label="person",
        scene=SCENE,
        created_s=0,
        carrier=CARRIERS[carrier].from_options({}),
        password=PASSWORD,
    )
    with Reader(again) as new, Reader(folder / "sealed.cssv") as old:
        assert new.frames.stegos.tolist() == old.frames.stegos.tolist()
        assert new.frames.scenes.tolist() == old.frames.scenes.tolist()
        assert new.version.about.meta == old.version.about.meta


def test_info(folder):
    path = folder / "sealed.cssv"
    without = cssv.info(path)
    assert (without.kind, without.frames, without.ranges) == ("cssv", 12, None)
    assert any("sealed with a password; give `password=`" in note for note in without.notes)
    assert without.facts["sealed"] == "password"
    assert json.dumps(without.to_json())
    found, plain = cssv.info(path, password=PASSWORD), cssv.info(folder / "plain.cssv", password=PASSWORD)
    assert found.ranges == plain.ranges
    assert found.facts == plain.facts | {"sealed": "password"}
    assert found.notes == plain.notes
    with pytest.raises(PasswordError, match="password is wrong"):
        cssv.info(path, password=WRONG)


def test_verify(sealed):
    found = cssv.verify(sealed, password=PASSWORD)
    assert (found.is_sound, found.notes) == (True, ())
    without = cssv.verify(sealed)
    assert without.is_sound
    assert without.notes == ("sealed content of pixels and scene track was not checked; give `password=`",)
    assert without.to_json()["notes"] == list(without.notes)
    with pytest.raises(PasswordError, match="password is wrong"):
        cssv.verify(sealed, password=WRONG)
    # Damage is found without the password.
    with Reader(sealed) as reader:
        places = [int(reader.scene.table.offsets[3]) + 30, int(reader.video.table.offsets[5]) + 10]
    content = bytearray(sealed.read_bytes())
    for place in places:
        content[place] ^= 1
    sealed.write_bytes(content)
    assert {fault.frame for fault in cssv.verify(sealed).faults} >= {3, 5}


def test_versions(sealed):
    warmer = json.loads(json.dumps(SCENE).replace("36.62", "39.51"))
    done = cssv.commit(sealed, warmer, password=PASSWORD)
    assert done.frames_changed
    assert b"39.51" not in sealed.read_bytes()
    assert_nothing_shown(sealed)
    with Reader(sealed) as reader:
        assert all(is_sealed_sample(reader.scene_sample(number)) for number in range(len(reader)))
        assert reader.version.about.meta["sealed"] == "password"
    assert cssv.verify(sealed, password=PASSWORD).is_sound
    found = cssv.diff(sealed, 1, 2, password=PASSWORD)
    assert any("39.51" in str(change.to_json()) for change in found.objects)
    assert len(found.frames) == done.frames_changed
    # Going back shares every frame and sample with version 1: equal content is sealed to equal bytes.
    back = cssv.commit(sealed, SCENE, password=PASSWORD)
    assert back.frames_coded == 0
    with Reader(sealed) as now, Reader(sealed, version=1) as first:
        assert now.frames.stegos.tolist() == first.frames.stegos.tolist()
        assert now.frames.scenes.tolist() == first.frames.scenes.tolist()
    assert rows(sealed, version=3, password=PASSWORD) == rows(sealed, version=1, password=PASSWORD)


def test_a_plain_sample_in_a_sealed_version(sealed, monkeypatch):
    """What somebody without the password could write there."""
    number, plain = 4, write_sample(SceneSample(4))
    read = Reader.scene_sample
    monkeypatch.setattr(
        Reader, "scene_sample", lambda reader, frame: plain if frame == number else read(reader, frame)
    )
    with cssv.open(sealed, password=PASSWORD) as clip:
        assert clip[3].states
        with pytest.raises(ContainerError, match="frame 4 is not sealed"):
            _ = clip[4].states
        # The pixels do not depend on it.
        assert clip[4].states_in_pixels
    for password in (PASSWORD, None):
        assert [fault.frame for fault in cssv.verify(sealed, password=password).faults] == [number]


def test_a_sealed_sample_that_does_not_open(sealed, monkeypatch):
    read = Reader.scene_sample
    monkeypatch.setattr(
        Reader, "scene_sample", lambda reader, frame: read(reader, 5 if frame == 6 else frame)
    )
    with cssv.open(sealed, password=PASSWORD) as clip:
        with pytest.raises(PasswordError, match="or the content is damaged"):
            _ = clip[6].states
        assert clip[6].states_in_pixels
    (fault,) = cssv.verify(sealed, password=PASSWORD).faults
    assert (fault.kind, fault.frame) == ("scene", 6)


def test_a_clip_keeps_its_password(sealed):
    with cssv.open(sealed, password=PASSWORD) as clip:
        clip.commit(SCENE | {"environment": {"ambient_temperature_c": 20.25}})
        with clip.at(2) as other:
            assert other.scene.environment.ambient_temperature_c.value == 20.25


def test_history_needs_no_password(sealed, tmp_path):
    cssv.tag(sealed, "first", 1)
    cssv.checkout(sealed, "first")
    assert len(cssv.log(sealed).versions) == 1
    copy = tmp_path / "copy.cssv"
    cssv.gc(sealed, copy, 1)
    assert rows(copy, password=PASSWORD) == rows(sealed, password=PASSWORD)


def test_copies_of_the_pixels(sealed, tmp_path):
    copy = tmp_path / "copy.mkv"
    cssv.export(sealed, copy, password=PASSWORD)
    assert cssv.info(copy, password=PASSWORD).kind == "copy"
    assert len(rows(copy, password=PASSWORD)[3]) == len(rows(sealed, password=PASSWORD)[3])
    for password in (None, WRONG):
        assert cssv.info(copy, password=password).kind == "plain"
        with pytest.raises(NibblesLostError, match="password"):
            rows(copy, password=password)
    again = tmp_path / "again.cssv"
    cssv.export(sealed, again, password=PASSWORD)
    assert rows(again, password=PASSWORD) == rows(sealed, password=PASSWORD)
    assert_nothing_shown(again)


def test_a_sealed_clip_is_encoded_again(sealed, carrier, tmp_path):
    again = tmp_path / "again.cssv"
    cssv.encode(sealed, again, carrier=carrier, password=PASSWORD)
    assert_nothing_shown(again)
    found, before = rows(again, password=PASSWORD), rows(sealed, password=PASSWORD)
    assert [[row.track for row in each] for each in found] == [[row.track for row in each] for each in before]


def test_a_stream(carrier, tmp_path):
    path = tmp_path / "live.cssv"
    options = {"scene": SCENE, "carrier": carrier, "password": PASSWORD}
    with cssv.Encoder(path, size=(192, 160), rate=25, **options) as encoder:
        for picture in pictures(count=12):
            encoder.write(picture, cssv.detections([(20, 30, 40, 50)], [0.9], ["person"]))
        # Also what a killed process would leave: the file so far, and its journal.
        others = [each for each in tmp_path.iterdir() if each.stat().st_size]
        assert len(others) >= 1
        for each in others:
            assert_nothing_shown(each)
    assert_nothing_shown(path)
    found = rows(path, password=PASSWORD)
    assert [row.label for each in found for row in each] == ["person"] * 12


def test_a_killed_stream_is_recovered_without_the_password(carrier, tmp_path):
    """A copy of the files of a running stream is what a kill leaves."""
    folder = tmp_path / "killed"
    folder.mkdir()
    shown = pictures(count=12)
    options = {"scene": SCENE, "carrier": carrier, "password": PASSWORD}
    with cssv.Encoder(tmp_path / "live.cssv", size=(192, 160), rate=25, **options) as encoder:
        for number in range(150):
            encoder.write(shown[number % 12], cssv.detections([(20, 30, 40, 50)], [0.9], ["person"]))
        for path in tmp_path.glob(".cssv-*"):
            shutil.copy(path, folder / path.name)
    done = cssv.recover(folder / "live.cssv")
    assert done.frames > 25
    assert done.verification.notes
    assert_nothing_shown(done.path)
    assert cssv.verify(done.path, password=PASSWORD).is_sound
    assert rows(done.path, password=PASSWORD)[20][0].label == "person"


def test_equations_need_the_password(sealed):
    with pytest.raises(PasswordError):
        cssv.info(sealed, equations=True)
    assert cssv.info(sealed, equations=True, password=PASSWORD).trajectories
    with cssv.open(sealed, password=PASSWORD) as clip:
        assert clip.trajectories()


def test_pictures_alone_need_no_password(sealed, folder, tmp_path):
    """Without the objects of a sealed file, it is a clip like any other."""
    done = cssv.encode(sealed, tmp_path / "x.cssv", boxes=folder / "boxes.txt")
    assert done.frames == 12
    assert cssv.track(sealed, boxes=folder / "boxes.txt").rows


def test_a_file_without_a_password(folder, tmp_path):
    plain = shutil.copy(folder / "plain.cssv", tmp_path / "plain.cssv")
    # A password may be set for all files of a program.
    assert rows(plain, password=WRONG) == rows(plain)
    assert cssv.verify(plain, password=WRONG).is_sound
    assert cssv.diff(plain, 1, 1, password=WRONG).total == 12
    changed = SCENE | {"environment": {"ambient_temperature_c": 20.25}}
    with pytest.raises(OptionError, match="the file has no password"):
        cssv.commit(plain, changed, password=PASSWORD)
    with cssv.open(plain, password=PASSWORD) as clip:
        assert clip.commit(changed).version == 2


@pytest.mark.parametrize(
    "options",
    [{}, {"lossless": True}, {"fidelity": "full"}],
    ids=["mixed", "sparse", "full"],
)
def test_no_form_of_the_nibble_carrier_has_a_password(folder, tmp_path, options):
    options = options | {"password": PASSWORD}
    for call in (
        lambda: cssv.encode(folder / "clip.mkv", tmp_path / "x.cssv", **options),
        lambda: cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, **options),
    ):
        with pytest.raises(OptionError, match=r"the nibble carrier cannot.*`carrier=\"constructive\"`"):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("password", "error"), [("", OptionError), (b"bytes", OptionTypeError)])
def test_wrong_passwords_are_refused_before_anything_is_done(folder, tmp_path, password, error):
    for call in (
        lambda: cssv.encode(folder / "clip.mkv", tmp_path / "x.cssv", carrier="masked", password=password),
        lambda: cssv.open(folder / "plain.cssv", password=password),
        lambda: cssv.verify(folder / "plain.cssv", password=password),
    ):
        with pytest.raises(error, match="password") as caught:
            call()
        assert "bytes'" not in str(caught.value).replace("found 'bytes'", "")
    assert not list(tmp_path.iterdir())


def test_keyed_carriers():
    key = PayloadKey(bytes(32), bytes(64))
    carrier = give_key(MaskedCarrier(), key)
    assert isinstance(carrier, Carrier)
    assert isinstance(carrier, KeyedCarrier)
    assert key_of(carrier) is key
    assert key_of(MaskedCarrier()) is key_of(NibbleCarrier()) is None
    assert give_key(NibbleCarrier(), None) == NibbleCarrier()
