"""The benchmark of the default file, on a short synthetic clip."""

from __future__ import annotations

import argparse
from fractions import Fraction

import pytest
from default.bench import Bench, form_arguments, profile, share, x264
from default.rows import commit_rows, copy_rows, crop_rows, marks_row, picture_row, size_row
from default_file import ROWS, open_bench

from cssv.testing import clips as synthetic
from cssv.video import VideoReader


@pytest.fixture(scope="module")
def bench(clips, tmp_path_factory):
    form, lossless = form_arguments("full"), form_arguments("sparse")
    return Bench(
        name="blocks",
        path=clips / "clip.mkv",
        boxes=clips / "boxes.txt",
        rate=None,
        stop=Fraction(1),
        form=form,
        lossless=lossless,
        crf=20,
        folder=tmp_path_factory.mktemp("bench"),
    )


def test_picture_and_size(bench):
    picture = picture_row(bench)
    own, plain, lost = map(float, picture["undrawn: PSNR, plain, lost dB"].split(", "))
    assert lost == pytest.approx(plain - own, abs=0.011)
    assert own < plain
    size = size_row(bench)
    assert size["frames"] == str(synthetic.COUNT)
    assert size["profile"].startswith("High 4:4:4 Predictive, level ")
    assert float(size["of it"].split()[0]) > 1


def test_crops_copies_and_commits(bench):
    (crop,) = crop_rows(bench)
    assert crop["part"] == "160x160, one frame, lossless"
    assert crop["frames read"] == "1"
    copies = list(copy_rows(bench))
    assert [row["copy"] for row in copies] == ["CRF 28", "75 %, CRF 23", "CRF 23, then 23"]
    # The nibbles of this form do not survive.
    assert {row["frames with a heat map"] for row in copies} == {"0"}
    commits = list(commit_rows(bench))
    assert [row["file"] for row in commits] == ["default", "lossless"]
    # Each block is in every frame.
    assert commits[0]["frames changed"] == "100.0 %"


def test_forms_without_marks_of_their_own_are_skipped(bench):
    assert marks_row(bench)["marks"].startswith("skipped")


def test_a_scaled_copy(bench, tmp_path):
    with bench.covers() as reader:
        path = x264(reader, tmp_path / "small.mp4", reader.info, 23, (144, 120))
    with VideoReader(path) as reader:
        assert (reader.info.width, reader.info.height) == (144, 120)
        assert len(list(reader)) == synthetic.COUNT


def test_names(tmp_path, bench):
    options = argparse.Namespace(
        data=tmp_path, motion=False, form="sparse", is_lossy=False, crf=23, seconds=Fraction(4)
    )
    vtest, other = (open_bench(name, options, tmp_path) for name in ("vtest", "here/my.mp4"))
    assert (vtest.rate, vtest.boxes) == (7, tmp_path / "mot15/PETS09-S2L1/gt/gt.txt")
    assert (other.name, other.boxes, other.form) == ("my", None, form_arguments("sparse"))
    options.form = "none"
    with pytest.raises(SystemExit, match="no form none"):
        open_bench("vtest", options, tmp_path)
    assert form_arguments("none") is None
    assert {"picture", "size", "marks", "speed", "crops", "copies", "commits"} == set(ROWS)
    assert (share(1, 4), share(1, 0)) == ("25.0 %", "-")
    assert profile(bench.file()).startswith("High")
