"""Files of a stated date have the same bytes each time."""

from __future__ import annotations

import json

import pytest

import cssv
from cssv.container.texts import DATE_VARIABLE
from cssv.errors import OptionError

DATE_S = 1_796_047_200


def encoded(run, material, out, *options):
    return run(
        "encode", material / "clip.mkv", "--boxes", material / "boxes.txt", "--lossless", "-o", out, *options
    )


@pytest.mark.parametrize("date", ["2026-11-30T14:00:00Z", "2026-11-30T15:00:00+01:00", str(DATE_S)])
def test_a_date_is_recorded(run, material, tmp_path, date):
    assert encoded(run, material, tmp_path / "a.cssv", "--date", date).code == 0
    assert cssv.log(tmp_path / "a.cssv").versions[0].created_s == DATE_S


def test_a_date_without_a_time_begins_the_day(run, material, tmp_path):
    encoded(run, material, tmp_path / "a.cssv", "--date", "2026-11-30")
    assert cssv.log(tmp_path / "a.cssv").versions[0].created_s == DATE_S - 14 * 3600


def test_another_text_is_no_date(run, material, tmp_path):
    done = encoded(run, material, tmp_path / "a.cssv", "--date", "yesterday")
    assert done.code == 2
    assert "'yesterday' is not a date" in done.err


def test_the_environment_gives_the_date(run, material, tmp_path, monkeypatch):
    monkeypatch.setenv(DATE_VARIABLE, str(DATE_S))
    for name in ("a.cssv", "b.cssv"):
        assert encoded(run, material, tmp_path / name).code == 0
    assert (tmp_path / "a.cssv").read_bytes() == (tmp_path / "b.cssv").read_bytes()
    scene = tmp_path / "scene.json"
    scene.write_text(
        json.dumps({"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 9}]})
    )
    cssv.commit(tmp_path / "a.cssv", scene)
    assert [version.created_s for version in cssv.log(tmp_path / "a.cssv").versions] == [DATE_S, DATE_S]


@pytest.mark.parametrize("given", ["tomorrow", "-1", "1e9", str(10**20)])
def test_a_wrong_date_of_the_environment_is_refused(material, tmp_path, monkeypatch, given):
    monkeypatch.setenv(DATE_VARIABLE, given)
    with pytest.raises(OptionError, match="SOURCE_DATE_EPOCH is not a time of creation"):
        cssv.encode(material / "clip.mkv", tmp_path / "a.cssv", boxes=material / "boxes.txt")
    assert not (tmp_path / "a.cssv").exists()
