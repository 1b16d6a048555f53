"""Calibration files: the XML form of PETS 2009, and what is no such thing."""

from __future__ import annotations

import json
import os

import pytest

from cssv.errors import SceneError
from cssv.scene import Scene, Tsai
from cssv.scene.tsai import FILE_BOUND, read_tsai

GEOMETRY = '<Geometry width="768" height="576" ncx="795" dpx="0.0051" dpy="0.00465"/>'
INTRINSIC = '<Intrinsic focal="5.5" kappa1="-0.0051" cx="324.2" cy="282.5" sx="1.09"/>'
EXTRINSIC = '<Extrinsic tx="8e2" ty="-3175" tz="35469" rx="2.04" ry="-0.89" rz="-0.43"/>'
GOOD = f'<?xml version="1.0"?>\n<Camera name="é">{GEOMETRY}{INTRINSIC}{EXTRINSIC}</Camera>'
NUMBERS = {
    "size_px": [768, 576],
    "centre_px": [324.2, 282.5],
    "pixel_mm": [0.0051, 0.00465],
    "sx": 1.09,
    "focal_mm": 5.5,
    "kappa1_per_mm2": -0.0051,
    "translation_mm": [800, -3175, 35469],
    "rotation_rad": [2.04, -0.89, -0.43],
}


@pytest.fixture
def write(tmp_path):
    def make(text, name="camera.xml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def test_the_numbers_are_those_of_the_file(write):
    assert read_tsai(write(GOOD)) == NUMBERS
    for encoding in ("utf-16", "utf-8-sig"):
        assert read_tsai(write(GOOD.encode(encoding))) == NUMBERS


def test_the_calibration_of_pets(data):
    tsai = read_tsai(data / "calibration/PETS09_View_001.xml")
    camera = Scene.from_json({"cssv_scene": 1, "camera": {"tsai": tsai}}).camera
    assert isinstance(camera.tsai, Tsai)
    assert camera.tsai.size_px == (768, 576)
    assert camera.tsai.kappa1_per_mm2 == 5.1113043639e-03
    assert camera.tsai.translation_mm[2] == 3.5469298547e04


BOMB = '<!DOCTYPE Camera [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
WRONG = {
    "empty": ("", "is not XML"),
    "no XML": ("width=768", "is not XML"),
    "cut off": (GOOD[:-9], "is not XML"),
    "another format": ("<opencv_storage><K/></opencv_storage>", "no Tsai calibration"),
    "a document type": (GOOD.replace("<Camera", f"{BOMB}<Camera"), "document type"),
    "an entity": (GOOD.replace("<Camera", f"{BOMB}<Camera").replace('"5.5"', '"&b;"'), "document type"),
    "an unknown entity": (GOOD.replace('"5.5"', '"&b;"'), "is not XML"),
    "a file": (
        GOOD.replace("<Camera", '<!DOCTYPE Camera SYSTEM "file:///etc/hostname"><Camera'),
        "document type",
    ),
    "two cameras": (f"<All>{GOOD.partition('?>')[2]}{GOOD.partition('?>')[2]}</All>", "more than one camera"),
    "deep": ("<a>" * 10_000, "nested too deeply"),
    "large": (GOOD + " " * FILE_BOUND, "too large"),
    "no focal": (GOOD.replace('focal="5.5"', ""), "Intrinsic focal: missing; allowed: a number"),
    "text": (GOOD.replace('"5.5"', '"five"'), "Intrinsic focal: found 'five'"),
    "nan": (GOOD.replace('"5.5"', '"nan"'), "Intrinsic focal: found 'nan'"),
    "infinite": (GOOD.replace('"8e2"', '"8e999"'), "Extrinsic tx: found '8e999'"),
    "half a pixel": (GOOD.replace('"768"', '"768.5"'), "Geometry width: found '768.5'; allowed: a whole"),
    "an encoding of nobody": (GOOD.replace("?>", ' encoding="klingon"?>'), "klingon|XML|encoding"),
    "no text": (b"\x00\xff" * 400, "is not XML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_by_name(write, name):
    text, says = WRONG[name]
    path = write(text)
    with pytest.raises(SceneError, match=says) as caught:
        read_tsai(path)
    assert str(path) in str(caught.value)
    # One error, not one inside another.
    assert str(caught.value).count(str(path)) == 1


def test_every_missing_number_is_named_at_once(write):
    with pytest.raises(SceneError) as caught:
        read_tsai(write(GOOD.replace(INTRINSIC, "")))
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        f"Intrinsic {key}" for key in ("focal", "kappa1", "cx", "cy", "sx")
    ]


def test_a_scene_takes_the_numbers_of_the_file_beside_it(write, tmp_path):
    write(GOOD, "view.xml")
    camera = {"calibration": "view.xml", "hfov_deg": 50}
    path = write(json.dumps({"cssv_scene": 1, "camera": camera}), "scene.json")
    scene = Scene.read(path)
    assert scene.camera.tsai == Scene.from_json({"cssv_scene": 1, "camera": {"tsai": NUMBERS}}).camera.tsai
    # What is kept holds the numbers, so that it needs no other file.
    scene.write(tmp_path / "alone.json")
    (tmp_path / "view.xml").unlink()
    assert Scene.read(tmp_path / "alone.json") == scene
    with pytest.raises(SceneError, match=r"view\.xml"):
        Scene.read(path)


def test_only_the_folder_of_the_scene_file_is_looked_into(write, tmp_path):
    """As the README says; a stranger's scene.json names no file of anybody else."""
    path = write(GOOD, "view.xml")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "view.xml").write_bytes(path.read_bytes())
    (tmp_path / "link.xml").symlink_to(path)
    (inner / "link.xml").symlink_to(path)
    for name in (str(path), "inner/view.xml", "../view.xml", "./view.xml", "..", ".", "", "link.xml", "a\0b"):
        scene = {"cssv_scene": 1, "camera": {"calibration": name}}
        for folder in (tmp_path, inner):
            (folder / "scene.json").write_text(json.dumps(scene))
            with pytest.raises(SceneError, match="names no file beside"):
                Scene.read(folder / "scene.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_only_ordinary_files_are_read(write, tmp_path):
    """Nobody writes to the pipe, so reading it would wait for ever."""
    os.mkfifo(tmp_path / "pipe.xml")
    for path, kind in ((tmp_path / "pipe.xml", "pipe"), (tmp_path, "folder"), ("/dev/zero", "device")):
        with pytest.raises(SceneError, match=rf"the calibration cannot be read: .* is a {kind}"):
            read_tsai(path)
    path = write(json.dumps({"cssv_scene": 1, "camera": {"calibration": "pipe.xml"}}), "scene.json")
    with pytest.raises(SceneError, match="is a pipe"):
        Scene.read(path)


def test_only_a_scene_file_names_other_files(write):
    """A scene that comes in a clip could name any file of the reader's."""
    write(GOOD, "view.xml")
    tree = {"cssv_scene": 1, "camera": {"calibration": "view.xml"}}
    with pytest.raises(SceneError, match=r"\$\.camera\.calibration: found .*allowed here: tsai"):
        Scene.from_json(tree)
    with pytest.raises(SceneError, match="calibration"):
        Scene.loads(json.dumps(tree))


def test_a_calibration_stands_without_other_numbers(write):
    write(GOOD, "view.xml")
    both = {"cssv_scene": 1, "camera": {"calibration": "view.xml", "tsai": NUMBERS}}
    with pytest.raises(SceneError, match="without tsai"):
        Scene.read(write(json.dumps(both), "scene.json"))
    for odd in (3, None, "", ["view.xml"], "a\0b", "..", "x" * 300, "nowhere/view.xml"):
        with pytest.raises(SceneError, match="calibration"):
            Scene.read(write(json.dumps({"cssv_scene": 1, "camera": {"calibration": odd}}), "odd.json"))


def test_a_camera_on_the_ground_sees_none_of_it():
    flat = NUMBERS | {"translation_mm": [100, 200, 0], "rotation_rad": [0, 0, 0.3]}
    with pytest.raises(SceneError, match=r"\$\.camera\.tsai\.translation_mm: .* a camera on the ground"):
        Scene.from_json({"cssv_scene": 1, "camera": {"tsai": flat}})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"focal_mm": 0}, "focal_mm: found 0; allowed: a number above 0"),
        ({"size_px": [768]}, "size_px: found"),
        ({"size_px": [768.5, 576]}, r"size_px\[0\]: found 768.5; allowed: a whole number"),
        ({"pixel_mm": [0, 1]}, r"pixel_mm\[0\]: found 0"),
        ({"kappa1": 1}, r"kappa1: unknown key"),
        ({"rotation_rad": None}, "rotation_rad: found null"),
    ],
)
def test_faulty_numbers_are_named(change, says):
    with pytest.raises(SceneError, match=rf"\$\.camera\.tsai\.{says}"):
        Scene.from_json({"cssv_scene": 1, "camera": {"tsai": NUMBERS | change}})
