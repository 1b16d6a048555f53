"""What is no regular file is refused by what it is; nothing waits for a pipe."""

from __future__ import annotations

import json
import os
import socket

import pytest

import cssv
from cssv.container import Reader
from cssv.errors import BoxesError, InputError, ModelError, OptionError, SceneError, ThermalError, VideoError
from cssv.files.inputs import check_regular
from cssv.interop.mot import read_mot_array
from cssv.perception.detectors.options import check_weights
from cssv.perception.thermal.reader import ThermalReader
from cssv.perception.transformer import load_transformer
from cssv.scene import Scene
from cssv.scene.tsai import read_tsai

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")

READERS = {
    "clip": (VideoError, cssv.info),
    "encoded clip": (VideoError, lambda path: cssv.encode(path, path.parent / "out.cssv")),
    "tracked clip": (VideoError, cssv.track),
    "version": (InputError, cssv.log),
    "container": (InputError, Reader),
    "decoded clip": (VideoError, lambda path: cssv.decode(path, objects=path.parent / "o.csv")),
    "boxes": (BoxesError, read_mot_array),
    "scene": (SceneError, Scene.read),
    "calibration": (SceneError, read_tsai),
    "weights": (ModelError, check_weights),
    "transformer": (ModelError, load_transformer),
    "thermal file": (ThermalError, ThermalReader),
    "picture": (InputError, lambda path: cssv.artefacts(path, weights=path)),
}


@pytest.fixture
def pipe(tmp_path):
    """A named pipe without a writer; opening it for reading would wait for ever."""
    os.mkfifo(tmp_path / "pipe.safetensors")
    return tmp_path / "pipe.safetensors"


@pipes
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_by_every_reader(pipe, name):
    kind, read = READERS[name]
    with pytest.raises(kind, match=r"cannot be read: '.*pipe\.safetensors' is a pipe"):
        read(pipe)


def test_sockets_devices_and_folders_are_refused(tmp_path, monkeypatch):
    # The name of a socket must be short.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("s")
        for path, kind in (("s", "a socket"), (os.devnull, "a device"), (str(tmp_path), "a folder")):
            with pytest.raises(VideoError, match=f"the clip cannot be read: '{path}' is {kind}"):
                check_regular(path, VideoError, "the clip")


def test_folders_are_let_through_where_they_may_be_given(tmp_path):
    check_regular(tmp_path, VideoError, folders=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("-", "the standard input"),
        ("https://example.org/a.mp4", "an address"),
        ("rtsp://camera/1", "an address"),
        ("file:///tmp/a.mp4", "an address"),
        ("0", "the number of a camera"),
        ("/dev/video17", "no such file"),
    ],
)
def test_names_that_mean_something_else_are_explained(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for read in (cssv.info, cssv.track, cssv.encode):
        with pytest.raises(VideoError, match=words):
            read(name)


def test_a_file_of_such_a_name_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("0", "-"):
        (tmp_path / name).write_text("1,-1,10,20,30,40,0.9\n")
        assert read_mot_array(name).shape == (1, 7)


def test_the_number_of_a_camera_is_no_path():
    with pytest.raises(OptionError, match=r"not a path.*`cssv.Encoder`"):
        cssv.encode(0)


@pipes
def test_a_pipe_beside_the_weights_is_no_configuration(tmp_path):
    from cssv.perception.transformer.heads import _read_config

    os.mkfifo(tmp_path / "config.json")
    assert _read_config(tmp_path / "config.json") == {}


@pipes
def test_a_calibration_beside_the_scene_may_be_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "view.xml")
    scene = {"cssv_scene": 1, "camera": {"calibration": "view.xml"}}
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    with pytest.raises(SceneError, match="is a pipe"):
        Scene.read(tmp_path / "scene.json")
