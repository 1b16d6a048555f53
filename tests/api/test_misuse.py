"""Wrong types and values for every argument of every public function and class."""

from __future__ import annotations

import inspect
import math
import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.errors import BoxesError, CssvError, OptionError, OptionTypeError
from cssv.perception import detections
from cssv.testing import clips as synthetic


class BytesPath:
    """A path of bytes, as ``os.PathLike`` allows it."""

    def __fspath__(self):
        return b"x.cssv"


class Unprintable:
    def __repr__(self):
        return "<unprintable>"


WRONG = {
    "object": object(),
    "None": None,
    "True": True,
    "-1": -1,
    "0": 0,
    "3.5": 3.5,
    "nan": math.nan,
    "inf": -math.inf,
    "10**30": 10**30,
    "decimal": Decimal(3),
    "complex": 3j,
    "empty": "",
    "word": "ab",
    "long": "x" * 5000,
    "nul": "a\0b",
    "surrogate": "\ud800",
    "bytes": b"ab",
    "list": [],
    "nested": [[], [1]],
    "dict": {},
    "set": {1},
    "triple": (1, 2, 3),
    "one": (160,),
    "texts": ("a", "b"),
    "array": np.zeros((3, 3)),
    "objects": np.array([None, "x"]),
    "class": Unprintable,
    "instance": Unprintable(),
    "bytes path": BytesPath(),
    "folder": Path("/"),
}


def is_ours(error):
    """An error of the tree that is also one of Python's usual errors for it."""
    usual = (TypeError, ValueError, OSError, ImportError)
    return isinstance(error, CssvError) and isinstance(error, usual)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch):
    """Some of the values are names of files, which are written where the tests run."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def material(tmp_path_factory, clips, encode):
    folder = tmp_path_factory.mktemp("misuse")
    shutil.copy(clips / "clip.mkv", folder / "clip.mkv")
    shutil.copy(clips / "boxes.txt", folder / "boxes.txt")
    shutil.copy(encode(lossless=True), folder / "x.cssv")
    # Trials of the capacity take as long as the pictures are large.
    synthetic.write_clip(folder / "tiny.mkv", width=64, height=64, count=3, rate=2)
    (folder / "weights.safetensors").write_bytes(b"no weights")
    return folder


SIZE = (192, 160)
FIELD = [((0, 60), (0, 0)), ((60, 60), (3, 0)), ((45, 10), (3, 9)), ((15, 10), (0, 9))]
PICTURE = np.zeros((160, 192, 3), np.uint8)


def base_calls(folder):
    """Name -> function and good arguments; each call is short."""
    clip, stego, out = folder / "clip.mkv", folder / "x.cssv", folder / "out"
    weights = folder / "weights.safetensors"
    return {
        "artefacts": (cssv.artefacts, {"image": PICTURE, "weights": weights}),
        "capacity": (cssv.capacity, {"source": folder / "tiny.mkv", "boxes": folder / "boxes.txt"}),
        "checkout": (cssv.checkout, {"path": stego, "version": 1}),
        "commit": (cssv.commit, {"path": stego, "scene": {"cssv_scene": 7}}),
        "decode": (cssv.decode, {"source": stego, "heat": out / "h"}),
        "detections": (cssv.detections, {"boxes_px": [[1, 2, 3, 4]]}),
        "diff": (cssv.diff, {"path": stego, "before": 1}),
        "embed": (cssv.embed, {"frames": [PICTURE], "rate": 25}),
        "encode": (cssv.encode, {"source": clip, "output": out / "e.cssv", "stop": "0.05", "lossless": True}),
        "estimate": (cssv.estimate, {"source": clip, "boxes": folder / "boxes.txt", "stop": "0.05"}),
        "export": (cssv.export, {"source": stego, "output": out / "p"}),
        "gc": (cssv.gc, {"path": stego, "output": out / "g.cssv", "keep": 1}),
        "ground": (
            cssv.ground, {"source": folder / "tiny.mkv", "points": FIELD, "picture": out / "grid.png"}
        ),
        "identify": (cssv.identify, {"source": stego}),
        "info": (cssv.info, {"source": stego}),
        "log": (cssv.log, {"path": stego}),
        "page": (cssv.page, {"path": stego, "output": out / "page.html"}),
        "plot": (cssv.plot, {"source": stego, "output": out / "plot.png", "kind": "timeline"}),
        "recover": (cssv.recover, {"path": stego}),
        "room": (cssv.room, {"source": stego, "output": out / "room.glb"}),
        "tag": (cssv.tag, {"path": stego, "name": "a"}),
        "track": (cssv.track, {"boxes": folder / "boxes.txt"}),
        "verify": (cssv.verify, {"path": stego}),
        "Clip": (cssv.Clip, {"path": stego}),
        "Decoder": (cssv.Decoder, {"source": stego}),
        "Encoder": (cssv.Encoder, {"output": out / "s.cssv", "size": SIZE, "rate": 25, "lossless": True}),
        "Frame": (
            cssv.Frame,
            {"planes": PICTURE, "layout": "rgb24", "pts": 0, "time_base": Fraction(1, 25)},
        ),
        "Detections": (
            cssv.Detections,
            {
                "boxes_px": np.ones((1, 4)), "scores": np.ones(1), "labels": ("a",),
                "ids": np.zeros(1, np.int64),
            },
        ),
        "Scene": (cssv.Scene, {}),
    }  # fmt: skip


CALLED = sorted(base_calls(Path("x")))


def test_every_public_callable_is_here():
    results = {
        "Artefacts", "Capacity", "CarrierCapacity", "Committed", "Compacted", "CssvError", "Decoded",
        "Difference", "Embedding", "Encoded", "Estimate", "Exported", "Fault", "FormCost", "History",
        "ClipSlice", "GroundCalibration", "Plotted", "Room",
        "Identity", "Information", "Moment", "ObjectRow", "Original", "Page", "PictureView", "Recovered",
        "Tracked", "Trajectory",
        "TrajectoryPart", "Verification", "Version",
        "FinalFrame", "Written",
    }  # fmt: skip
    others = {"CARRIERS", "Detector", "__version__", "open"}
    assert set(CALLED) | results | others == set(cssv.__all__)
    assert not set(CALLED) & results


def close(found):
    if isinstance(found, cssv.Encoder):
        found.abort()
    elif isinstance(found, cssv.Clip | cssv.Decoder):
        found.close()
    elif isinstance(found, cssv.Embedding):
        list(found)


def parameters():
    for name, (function, _) in base_calls(Path("x")).items():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                yield pytest.param(name, parameter.name, id=f"{name}-{parameter.name}")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "parameter"), [*parameters()])
def test_a_wrong_argument_is_an_error_of_ours(name, parameter, material):
    function, good = base_calls(material)[name]
    failed = {}
    for kind, value in WRONG.items():
        # It can be called; what the function of the user raises is not ours.
        if (parameter, kind) == ("progress", "class"):
            continue
        shutil.rmtree(material / "out", ignore_errors=True)
        (material / "out").mkdir()
        try:
            close(function(**(good | {parameter: value})))
        except Exception as error:
            if not is_ours(error):
                failed[kind] = f"{type(error).__name__}: {error}"[:200]
    assert not failed


@pytest.mark.parametrize("argument", ["picture", "detections", "thermal"])
def test_a_stream_survives_wrong_arguments(argument, tmp_path):
    good = {"picture": PICTURE, "detections": detections([[20, 20, 40, 40]])}
    accepted, failed = 0, {}
    with cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, lossless=True) as encoder:
        encoder.write(**good)
        for kind, value in WRONG.items():
            try:
                encoder.write(**(good | {argument: value}))
                accepted += 1
            except Exception as error:
                if not is_ours(error):
                    failed[kind] = f"{type(error).__name__}: {error}"[:200]
        encoder.write(**good)
    assert not failed
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert len(clip) == accepted + 2


@pytest.mark.parametrize("call", ["__getitem__", "at", "commit", "seek", "read"])
def test_wrong_arguments_of_methods(call, material):
    failed = {}
    with cssv.open(material / "x.cssv") as clip, cssv.Decoder(material / "x.cssv") as decoder:
        for kind, value in WRONG.items():
            try:
                if call == "seek":
                    decoder.seek(value)
                elif call == "read":
                    detections([[1, 2, 3, 4]]).at_least(value)
                else:
                    close(getattr(clip, call)(value))
            except IndexError:
                # What a sequence of Python raises, so that loops over it end.
                assert call == "__getitem__"
            except Exception as error:
                if not is_ours(error):
                    failed[kind] = f"{type(error).__name__}: {error}"[:200]
    assert not failed


CASES = {
    "size of letters": lambda path: cssv.Encoder(path, size="ab", rate=25),
    "size of one side": lambda path: cssv.Encoder(path, size=(160,), rate=25),
    "lag": lambda path: cssv.Encoder(path, size=(192, 160), rate=25, lag_s="x"),
    "version": lambda path: cssv.open(path, version=1.5),
    "progress": lambda path: cssv.verify(path, progress="x"),
}


@pytest.mark.parametrize("case", CASES)
def test_types_are_type_errors_too(case, tmp_path):
    with pytest.raises(OptionTypeError) as caught:
        CASES[case](tmp_path / "x.cssv")
    assert isinstance(caught.value, OptionError)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("boxes", "options"),
    [
        ([[1, 2, 3]], {}),
        ([[1, 2, 3]] * 4, {}),
        ([[1, 2, 3, 4, 5]], {}),
        ([1, 2, 3], {}),
        (5, {}),
        ("text", {}),
        ([[1, 2, 3, 4]], {"labels": 5}),
        ([[1, 2, 3, 4]], {"labels": [None]}),
        ([[1, 2, 3, 4]], {"scores": "high"}),
        ([[1, 2, 3, 4]], {"ids": [1.5]}),
        ([[1, 2, 3, 4]], {"ids": [math.nan]}),
        ([[1, 2, 3, 4]], {"ids": [10**30]}),
        ([[1, 2, 1e-300, 4]], {}),
        ([[1, 2, 3, 5e-324]], {}),
    ],
    ids=str,
)
def test_detections_that_are_none(boxes, options):
    with pytest.raises(BoxesError) as caught:
        cssv.detections(boxes, **options)
    assert isinstance(caught.value, ValueError)


def test_detections_of_flat_and_empty_lists():
    assert cssv.detections([]).boxes_px.shape == (0, 4)
    assert cssv.detections([[]]).boxes_px.shape == (0, 4)
    assert cssv.detections([1, 2, 3, 4, 5, 6, 7, 8]).boxes_px.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert cssv.detections([[1, 2, 3, 4]], ids=[7.0]).ids.tolist() == [7]
    assert cssv.detections([[1, 2, 3, 4]], labels=np.array(["a"])).labels == ("a",)


@pytest.mark.filterwarnings("error")
def test_the_smallest_box_gives_no_warning_of_numpy(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, lag_s=0.2, lossless=True) as encoder:
        for number in range(40):
            boxes = [[30 + number, 30, 1e-6, 1e-6], [50, 50 + number, 30, 1e-6]]
            encoder.write(PICTURE, cssv.detections(boxes, ids=[1, 2]))
    assert cssv.verify(tmp_path / "x.cssv").is_sound


def test_a_version_that_a_replaced_file_lacks(material, tmp_path, stego):
    """The version is that of the file as it was opened."""
    path = tmp_path / "x.cssv"
    shutil.copy(stego, path)
    cssv.commit(path, synthetic.SCENE | {"x_changed": 1, "environment": {}})
    with cssv.open(path) as clip:
        path.unlink()
        shutil.copy(stego, path)
        assert clip.version.number == 2
        assert [version.number for version in clip.versions] == [1]
