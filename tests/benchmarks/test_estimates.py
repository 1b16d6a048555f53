"""The benchmark of estimates, on a short synthetic clip."""

from __future__ import annotations

from estimates import difference, rows

from cssv.testing import clips as synthetic


def test_a_row_for_each_form_that_the_clip_can_have(clips, tmp_path):
    inputs = {"scene": synthetic.SCENE, "boxes": clips / "boxes.txt"}
    found = list(rows(clips / "clip.mkv", inputs, tmp_path))
    assert {"full", "sparse", "constructive"} <= {row["form"] for row in found}
    # The whole clip is the sample.
    assert all(abs(float(row["estimate"].split()[0])) < 3 for row in found)
    assert {row["line of the report"] for row in found} == {"-"}


def test_difference():
    assert (difference(110, 100), difference(97, 100)) == ("+10.0 %", "-3.0 %")
