"""Path arguments are checked before work begins."""

from __future__ import annotations

import os

import pytest

from cssv.errors import OptionError
from cssv.files.paths import check_distinct, check_path, check_paths


@pytest.mark.parametrize("path", [3, None, b"clip.mp4", ["clip.mp4"]])
def test_a_value_that_is_no_path(path):
    with pytest.raises(OptionError, match="weights is not a path"):
        check_path("weights", path)


def test_an_empty_text_names_no_file():
    with pytest.raises(OptionError, match="Give `weights=` the path of a file"):
        check_path("weights", "")


def test_arguments_that_are_not_given(tmp_path):
    check_paths(boxes=None, weights=tmp_path)
    with pytest.raises(OptionError, match="boxes names no file"):
        check_paths(weights=None, boxes="")


def test_an_output_that_is_the_source(tmp_path):
    clip = tmp_path / "clip.mp4"
    for output in (clip, str(clip), tmp_path / "sub" / ".." / "clip.mp4"):
        with pytest.raises(OptionError, match="replace the input"):
            check_distinct(clip, None, output)


def test_links_are_the_file_they_lead_to(tmp_path):
    clip, soft, hard = (tmp_path / name for name in ("clip.mp4", "soft.mp4", "hard.mp4"))
    clip.touch()
    soft.symlink_to(clip)
    os.link(clip, hard)
    for output in (soft, hard):
        with pytest.raises(OptionError, match="replace the input"):
            check_distinct(clip, output)


def test_two_outputs_of_one_name(tmp_path):
    heat, objects = tmp_path / "heat.mkv", tmp_path / "objects.csv"
    check_distinct(tmp_path / "clip.mp4", heat, objects, None)
    with pytest.raises(OptionError, match=r"heat\.mkv"):
        check_distinct(tmp_path / "clip.mp4", heat, objects, heat)
