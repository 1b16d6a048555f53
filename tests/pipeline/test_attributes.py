"""One field of ObjectAttributes is all that a new attribute needs, from the scene to the report of a change.

The library is copied, one line of the one file is changed, and a new process encodes, decodes, commits and
compares with the copy.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cssv
from cssv.interop.rows import COLUMNS

HOME = "scene/attributes.py"
#: Uses the copy of the library: from an entry about a match to every place where the value must arrive.
SCRIPT = """
import json, sys
import numpy as np
import cssv
from cssv.interop.table import read_rows
from cssv.scene import schema

before, after = (
    {"cssv_scene": 1, "objects": [{"match": {"label": "boat"}, "density_kg_m3": 600} | given]}
    for given in json.loads(sys.argv[1])
)
with cssv.Encoder("x.cssv", size=(160, 120), rate=25, scene=before, lag_s=0, lossless=True) as encoder:
    picture = np.random.default_rng(1).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    for number in range(4):
        encoder.write(picture, cssv.detections([[10 + number, 30, 40, 50]], [0.9], ["boat"], [1]))
first = [f"first{form}" for form in (".csv", ".jsonl", ".parquet")]
for name in first:
    cssv.decode("x.cssv", objects=name)
cssv.commit("x.cssv", after)
found = cssv.diff("x.cssv", 1, 2)
with cssv.open("x.cssv") as clip:
    moment = clip[2]
    row, state = moment.objects[0], moment.states[0]
    names = json.loads(sys.argv[2])
    result = {
        "row": {name: getattr(row, name) for name in names},
        "state": {n: getattr(state, n).to_json() for n in ("humidity_pct",) if hasattr(state, n)},
        "extra": state.extra,
        "scene": clip.scene.to_json()["objects"],
    }
result["tables"] = [[getattr(row, name) for name in names] for table in first for row in read_rows(table)]
result["changes"] = [change.words for change in found.objects]
result["scene changes"] = [change.words for change in found.scene]
result["schema"] = schema()["$defs"]["object"]["properties"].get("humidity_pct")
print(json.dumps(result))
"""


def run_with(edit: tuple[str, str], folder: Path, scenes: list[dict], columns: list[str]) -> dict:
    """What the script prints if the first text of ``edit`` is replaced by the second in the one file."""
    shutil.copytree(Path(cssv.__file__).parent, folder / "cssv", ignore=shutil.ignore_patterns("__pycache__"))
    home = folder / "cssv" / HOME
    text = home.read_text(encoding="utf-8")
    assert text.count(edit[0]) == 1
    home.write_text(text.replace(*edit), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(scenes), json.dumps(columns)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_a_new_attribute_is_one_line(tmp_path):
    field = "    density_kg_m3: Value | None = field("
    line = "    humidity_pct: Value | None = field(default=None, metadata=_number(0, 100))\n"
    scenes = [{"humidity_pct": {"value": 61, "sigma": 2.5}}, {"humidity_pct": 70}]
    columns = ["humidity_pct", "humidity_sigma_pct", "density_kg_m3"]
    found = run_with((field, line + field), tmp_path, scenes, columns)
    assert found["schema"]["properties"]["value"] == {"type": "number", "minimum": 0, "maximum": 100}
    assert found["tables"] == [[61, 2.5, 600]] * 12  # three forms, four frames
    assert found["row"] == {"humidity_pct": 70, "humidity_sigma_pct": None, "density_kg_m3": 600}
    assert found["state"] == {"humidity_pct": 70}
    assert found["scene"] == [{"match": {"label": "boat"}, "humidity_pct": 70, "density_kg_m3": 600}]
    assert found["scene changes"] == ['objects with label "boat": humidity 61 ± 2.5 % -> 70 %']
    (change,) = found["changes"]
    assert change.endswith('"boat": humidity 61 ± 2.5 % -> 70 % in frames 0-3')
    with (tmp_path / "first.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert [name for name in header if name not in columns[:2]] == list(COLUMNS)


def test_the_goal_of_a_matched_track_reaches_every_output(tmp_path):
    """Goals were in the scene only: an entry that a track matched had no effect on any output."""
    scenes = [
        {"goal_m": [1, 2], "goal_px": {"value": [30, 40], "sigma": 2}},
        {"goal_m": {"value": [3, 2], "sigma": 0.5}, "goal_px": [30, 40]},
    ]
    columns = ["goal_x_m", "goal_y_m", "goal_sigma_m", "goal_x_px", "goal_y_px", "goal_sigma_px"]
    field = "    density_kg_m3: Value | None = field("
    found = run_with((field, field), tmp_path, scenes, columns)
    assert found["tables"] == [[1, 2, None, 30, 40, 2]] * 12
    assert found["row"] == dict(zip(columns, [3, 2, 0.5, 30, 40, None], strict=True))
    assert found["scene"][0]["goal_m"] == scenes[1]["goal_m"]
    assert [change.partition('"boat": ')[2] for change in found["changes"]] == [
        "goal (1, 2) m -> (3, 2) ± 0.5 m in frames 0-3",
        "goal (30, 40) ± 2 px -> (30, 40) px in frames 0-3",
    ]


def test_own_keys_are_carried_by_one_word(tmp_path):
    """Keys that start with x_ are in the scene only; the bytes of the scene track change when it has them."""
    edit = ('metadata={"is_carried": False}', 'metadata={"is_carried": True}')
    found = run_with(edit, tmp_path, [{"x_note": "old"}, {"x_note": "new"}], [])
    assert found["extra"] == {"x_note": "new"}
    (change,) = found["changes"]
    assert change.endswith('"boat": x_note "old" -> "new" in frames 0-3')
