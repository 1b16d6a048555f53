"""Faults of a scene as text: what is no JSON, too deep, too large or cannot be read."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest

import cssv.scene.check as checking
from cssv.errors import SceneError
from cssv.scene import Scene


def loads_faults(text):
    with pytest.raises(SceneError) as caught:
        Scene.loads(text)
    return caught.value.faults


def test_keys_given_twice_are_found_at_any_depth():
    wind = '"environment": {"wind_deg": 3, "wind_deg": 3}'
    own = '"x_a": [{"b": 1, "b": 2, "c": 3}]'
    assert loads_faults(f'{{"cssv_scene": 1, {wind}, {own}}}') == (
        "$.environment.wind_deg: key given twice",
        "$.x_a[0].b: key given twice",
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"cssv_scene": 1,}', "line 1, column 18"),
        ('{\n "cssv_scene" 1}', "line 2, column 15"),
        ("", "line 1, column 1"),
        ("{'cssv_scene': 1}", "line 1, column 2"),
        ('{"cssv_scene": 1} {}', "line 1, column 19"),
        ('{"cssv_scene": 01}', "line 1, column 17"),
    ],
)
def test_text_that_is_not_json_is_placed(text, place):
    (line,) = loads_faults(text)
    assert line.startswith(place + ":")


def test_text_that_is_not_utf8_is_placed():
    data = '{"cssv_scene": 1, "textures": {"a": "é"}}'.encode("latin-1")
    (line,) = loads_faults(data)
    assert line == f"$: found byte 0xe9 at offset {data.index(0xE9)}; allowed: UTF-8 text"
    loads_faults('{"cssv_scene": 1}'.encode("utf-16"))


def test_an_infinite_exponent_is_not_a_number():
    assert loads_faults('{"cssv_scene": 1, "environment": {"wind_m_s": 1e999}}') == (
        "$.environment.wind_m_s: found Infinity; allowed: finite numbers",
    )


def test_an_endless_integer_is_refused():
    (line,) = loads_faults('{"cssv_scene": ' + "1" * 5000 + "}")
    assert "digits" in line


@pytest.mark.parametrize("depth", [checking.DEPTH_BOUND + 2, 900, 200_000])
@pytest.mark.parametrize(("first", "last"), [("[", "]"), ('{"a":', "}")])
def test_nesting_bombs_are_defused(depth, first, last):
    middle = "1" if first != "[" else ""
    for text in (
        first * depth + middle + last * depth,
        '{"cssv_scene": 1, "x_own": ' + first * depth + middle + last * depth + "}",
    ):
        with pytest.raises(SceneError, match="nested too deeply") as caught:
            Scene.loads(text)
        assert str(checking.DEPTH_BOUND) in caught.value.faults[0]


def test_a_tree_that_holds_itself_is_refused():
    tree = {"cssv_scene": 1}
    tree["x_self"] = tree
    with pytest.raises(SceneError, match="nested too deeply"):
        Scene.from_json(tree)


def test_depth_within_the_bound_is_read():
    inner = 0
    for _ in range(checking.DEPTH_BOUND - 1):
        inner = [inner]
    assert Scene.loads(json.dumps({"cssv_scene": 1, "x_own": inner})).extra == {"x_own": inner}


def test_size_is_bounded_before_parsing(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "TEXT_BOUND", 100)
    Scene.loads('{"cssv_scene": 1' + " " * 83 + "}")
    for data in (b" " * 101, " " * 101):
        with pytest.raises(SceneError, match="too large"):
            Scene.loads(data)
    monkeypatch.setattr(checking, "NODES_BOUND", 10)
    with pytest.raises(SceneError, match="too large"):
        Scene.from_json({"cssv_scene": 1, "x_own": [0] * 10})


def test_an_endless_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: a terabyte that takes no room
    tracemalloc.start()
    try:
        with pytest.raises(SceneError, match="too large"):
            Scene.read(path)
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SceneError, match=re.escape(str(path))):
            Scene.read(path)


def test_the_file_stands_in_the_error(tmp_path):
    path = tmp_path / "wrong.json"
    path.write_text('{"cssv_scene": 9}')
    with pytest.raises(SceneError, match=re.escape(str(path))):
        Scene.read(path)
