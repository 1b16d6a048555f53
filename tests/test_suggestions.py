"""A name with a typing error gets the most similar name as a remedy, wherever a name is chosen."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import cssv
from cssv.errors import CssvError, OptionError, did_you_mean
from cssv.perception.detectors.classes import COCO, choose


@pytest.mark.parametrize(
    ("given", "known", "near"),
    [
        ("cars", COCO, "car"),
        ("persons", COCO, "person"),
        ("Buss", COCO, "bus"),
        ("H264", ["h264", "ffv1"], "h264"),
        ("xyz", COCO, None),
        ("", COCO, None),
        ("a", [], None),
    ],
)
def test_the_most_similar_name_is_suggested(given, known, near):
    assert did_you_mean(given, known) == (None if near is None else f"Did you mean '{near}'?")


def test_every_unknown_class_gets_its_own():
    with pytest.raises(OptionError, match=r"Did you mean 'car'\? Did you mean 'person'\?"):
        choose("cars,persn,bus", COCO)


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"detector": "motoin"}, "motion"),
        ({"carrier": "nible"}, "nibble"),
        ({"codec": "h265"}, "h264"),
        ({"planes": "natve"}, "native"),
        ({"merge": "opab"}, "opap"),
        ({"fidelity": "spars"}, "sparse"),
    ],
)
def test_options_of_encode(tmp_path, options, near):
    with pytest.raises(OptionError, match=f"Did you mean '{near}'"):
        cssv.encode("clip.mp4", tmp_path / "x.cssv", **options)


@pytest.mark.parametrize(("ending", "near"), [(".cvs", ".csv"), (".json", ".jsonl")])
def test_endings_of_tables(tmp_path, ending, near):
    with pytest.raises(OptionError, match=f"Did you mean '{near}'"):
        cssv.decode("clip.cssv", objects=tmp_path / f"objects{ending}")


def test_endings_of_exports(tmp_path):
    with pytest.raises(OptionError, match=r"Did you mean '\.webm'"):
        cssv.export("clip.cssv", tmp_path / "out.wbm")


def test_tags(tmp_path):
    from cssv.testing.clips import write_clip

    clip = write_clip(tmp_path / "clip.mkv", count=3)
    cssv.encode(clip)
    file = clip.with_suffix(".cssv")
    cssv.tag(file, "approved")
    for call in (cssv.checkout, lambda path, version: cssv.decode(path, version=version)):
        with pytest.raises(CssvError, match=r"no such tag.*Did you mean 'approved'"):
            call(file, "aproved")


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["encode", "clip.mp4", "--detector", "motoin"], "motion"),
        (["encode", "clip.mp4", "--codec", "h265"], "h264"),
        (["encode", "clip.mp4", "--boxs", "x"], "--boxes"),
        (["enocde", "clip.mp4"], "encode"),
    ],
)
def test_words_of_the_command_line(words, near):
    from cssv_cli.main import main

    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert near in result.output.partition("Error:")[2]
    assert "id you mean" in result.output
