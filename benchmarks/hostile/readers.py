"""Readers of foreign bytes: mutated input gives a result or one of CSSV's errors, within bounds."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from hostile.lab import Lab, Trial, finish, start

#: Mutated inputs read by one child process. It ends early when it is killed by its bounds.
BATCH = 40
#: Most memory of one child, bytes: what the imports take and 1 GiB.
MOST_BYTES = 3 << 30

#: Reads every file of a folder. Prints a line per file: its name and how the reading ended.
_CODE = """
import json, resource, sys, warnings
import av, cv2, numpy, scipy.signal, cssv
from pathlib import Path
from cssv.errors import CssvError
kind, folder, boxes = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[4]),) * 2)
warnings.simplefilter("error")

def read(path):
    if kind == "scene":
        cssv.Scene.read(path)
    elif kind == "boxes":
        cssv.track(folder / "clip.mkv", boxes=path)
    elif kind == "thermal":
        cssv.encode(folder / "clip.mkv", path.with_suffix(".cssv"), boxes=boxes, thermal=path,
                    scene={"cssv_scene": 1, "thermal": {"homography": "full_frame"}})
    elif kind == "weights":
        cssv.artefacts(folder.parent / "picture.png", weights=path)
    elif kind == "cssv":
        cssv.info(path)
        cssv.log(path)
        cssv.decode(path, objects=path.with_suffix(".csv"))
    elif kind == "video":
        cssv.track(path, boxes=boxes)
    elif kind == "picture":
        cssv.info(path)

for path in sorted(folder.glob("input-*")):
    print(path.name, end=" ", flush=True)
    try:
        read(path)
        print("read", flush=True)
    except CssvError:
        print("refused", flush=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}".replace(chr(10), " ")[:150], flush=True)
"""


def safetensors(lab: Lab) -> bytes:
    """A small weights file with a vision transformer's names."""
    rng = np.random.default_rng(lab.dice.randrange(1 << 30))
    shapes = {"cls_token": (1, 1, 64), "pos_embed": (1, 10, 64), "patch_embed.proj.weight": (64, 3, 4, 4)}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data, end = b"", 0
    for name, shape in shapes.items():
        raw = rng.standard_normal(shape).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + len(raw)]}
        data, end = data + raw, end + len(raw)
    # Claims that no file of this size can hold.
    if lab.dice.random() < 0.5:
        wild = lab.dice.choice([[1 << 62, 1 << 62, 0], [1] * 65, [], [1 << 70], [-1]])
        header["patch_embed.proj.weight"] = {"dtype": "F32", "shape": wild, "data_offsets": [0, 4]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _png(lab: Lab) -> bytes:
    picture = np.full((64, 96, 3), lab.dice.randrange(256), np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def _counts(lab: Lab) -> bytes:
    counts = np.full((60, 80), 29315 + lab.dice.randrange(500), np.uint16)
    return cv2.imencode(".png", counts)[1].tobytes()


def _cptv(lab: Lab) -> bytes:
    """The beginning of a CPTV file that claims a size."""
    width, height = lab.dice.choice([(160, 120), (16384, 16384), (65535, 1), (0, 0)])
    fields = b"".join(
        bytes((len(raw),)) + name + raw
        for name, raw in (
            (b"X", struct.pack("<I", width)),
            (b"Y", struct.pack("<I", height)),
            (b"T", struct.pack("<Q", 1 << 50)),
        )
    )
    return b"CPTV" + bytes((lab.dice.choice([1, 2]),)) + b"H" + bytes((3,)) + fields + bytes(40)


#: Reader by name: what its sound input is, and its suffix.
_INPUTS = {
    "scene": (lambda lab: lab.scene.read_bytes(), ".json"),
    "boxes": (lambda lab: lab.boxes.read_bytes(), ".txt"),
    "video": (lambda lab: lab.clip.read_bytes(), ".mkv"),
    "cssv": (lambda lab: lab.file.read_bytes(), ".cssv"),
    "weights": (safetensors, ".safetensors"),
    "picture": (_png, ".png"),
    "thermal": (lambda lab: lab.dice.choice([_counts, _cptv])(lab), ".cptv"),
}


def mutate(lab: Lab, data: bytes) -> bytes:
    """Change some bytes, cut, repeat or insert a piece."""
    dice, new = lab.dice, bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5, 20])):
        at = dice.randrange(max(len(new), 1))
        what = dice.randrange(6)
        if what == 0:
            new[at : at + 1] = bytes((dice.randrange(256),))
        elif what == 1:
            new[at : at + 4] = struct.pack(">I", dice.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
        elif what == 2:
            del new[at : at + dice.choice([1, 2, 16, 200])]
        elif what == 3:
            new[at:at] = new[at : at + dice.choice([1, 8, 64])]
        elif what == 4:
            new[at:at] = dice.choice([b"\xff\xfe", b"\0", b"1e999", b"-", b"NaN", b'"', b"[[[[", b"9" * 40])
        else:
            del new[at:]
    return bytes(new)


def fuzzed_readers(lab: Lab) -> Iterator[Trial]:
    """Mutated input of every kind, read in child processes with bounded memory."""
    while True:
        for kind, (make, suffix) in _INPUTS.items():
            folder = lab.new_folder()
            inputs = folder / "inputs"
            inputs.mkdir()
            (inputs / "clip.mkv").write_bytes(lab.clip.read_bytes())
            (folder / "picture.png").write_bytes(_png(lab))
            for number in range(BATCH):
                (inputs / f"input-{number:02}{suffix}").write_bytes(mutate(lab, make(lab)))
            yield from _ends(kind, inputs, lab.boxes)


def _ends(kind: str, inputs: Path, boxes: Path) -> Iterator[Trial]:
    """How the reading of each input ended."""
    out, fault = finish(start(_CODE, kind, inputs, boxes, MOST_BYTES))
    for line in out.splitlines():
        name, _, end = line.partition(" ")
        right = end in ("read", "refused")
        last = end or fault or "no answer"
        yield Trial(f"{kind} {name}", None if right else last)
    if fault and not (out.splitlines() and not out.endswith("\n")):
        yield Trial(kind, fault)
