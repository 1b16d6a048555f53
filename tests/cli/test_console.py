"""Progress, times, sizes and text that a terminal can be trusted with."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import OutputError
from cssv_cli.console import printable, write
from cssv_cli.options import seconds
from cssv_cli.progress import ProgressBar
from cssv_cli.words import clock, count, quoted, size_text, times_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def play(frames: int, total: int | None, step_s: float) -> tuple[str, ProgressBar]:
    stream, clock_ = io.StringIO(), Clock()
    bar = ProgressBar(stream, clock_)
    for done in range(1, frames + 1):
        bar("encode", done, total)
        clock_.now += step_s
    return stream.getvalue(), bar


class TestProgressBar:
    def test_shows_stage_share_speed_and_time_left(self):
        text, _ = play(51, 100, 0.2)
        last = text.split("\r")[-1]
        assert last.startswith("encode")
        assert "51%" in last
        assert "5.0 frames/s" in last
        assert "0:10 left" in last

    def test_is_throttled(self):
        text, _ = play(1000, 1000, 0.001)
        assert 5 <= text.count("\r") <= 11

    def test_without_total_counts(self):
        text, _ = play(30, None, 0.2)
        assert "30 frames" in text
        assert "%" not in text
        assert "left" not in text

    def test_more_frames_than_the_header_said(self):
        last = play(30, 10, 0.2)[0].split("\r")[-1]
        assert "100%" in last
        assert "left" not in last

    def test_each_stage_has_its_line(self):
        stream = io.StringIO()
        with ProgressBar(stream, Clock()) as bar:
            bar("perceive", 1, 2)
            bar("perceive", 2, 2)
            bar("encode", 1, 2)
        lines = [line.split("\r")[-1].strip() for line in stream.getvalue().split("\n")[:-1]]
        assert lines == ["perceive   2 frames in 0:00", "encode     1 frame in 0:00"]

    def test_leaves_nothing_of_a_longer_line(self):
        stream, now = io.StringIO(), Clock()
        with ProgressBar(stream, now) as bar:
            bar("verify", 1, 3)
            now.now += 1
            bar("verify", 2, 3)
            drawn = stream.getvalue().split("\r")[-1]
        assert len(stream.getvalue().split("\r")[-1].rstrip("\n")) >= len(drawn)

    def test_close_is_repeatable(self):
        stream = io.StringIO()
        bar = ProgressBar(stream)
        bar("export", 1, 1)
        bar.close()
        once = stream.getvalue()
        bar.close()
        assert stream.getvalue() == once

    def test_no_stream_says_nothing(self):
        bar = ProgressBar(None)
        bar("encode", 1, 2)
        bar.close()

    def test_fits_a_narrow_terminal(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "30")
        text, _ = play(20, 100, 0.5)
        assert max(map(len, text.split("\r"))) == 29


@pytest.mark.parametrize(
    ("seconds_", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_clock(seconds_, text):
    assert clock(seconds_) == text


class TestSeconds:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("7", Fraction(7)),
            ("0", Fraction(0)),
            ("90", Fraction(90)),
            ("7.25", Fraction(29, 4)),
            (".5", Fraction(1, 2)),
            ("1:30", Fraction(90)),
            ("90:00", Fraction(5400)),
            ("01:02:03.5", Fraction(7447, 2)),
            ("0.1", Fraction(1, 10)),
            ("100:00:00", Fraction(360000)),
        ],
    )
    def test_reads_exactly(self, text, value):
        assert seconds(text) == value

    @pytest.mark.parametrize(
        "text",
        [
            *("", ".", ":30", "1:", "1::2", "1:2:3:4"),
            *("-1", "+1", "1e3", "nan", "1,5", "7s", " 7", "7 "),
            *("1:60", "1:2:60", "1:60:00", "1.5:00"),
            "\N{ARABIC-INDIC DIGIT SEVEN}",
        ],
    )
    def test_refuses(self, text):
        with pytest.raises(click.BadParameter):
            seconds(text)

    @given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59_999))
    def test_undoes_writing(self, hours, minutes, milliseconds):
        text = f"{hours}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
        assert seconds(text) == hours * 3600 + minutes * 60 + Fraction(milliseconds, 1000)


class TestPrintable:
    def test_keeps_plain_text(self):
        assert printable("Füße °C\nnext", "utf-8") == "Füße °C\nnext"

    def test_disarms_terminal_codes(self):
        assert printable("a\x1b[31m\r\x07", "utf-8") == r"a\x1b[31m\r\x07"

    def test_takes_undecodable_names(self):
        assert printable(os.fsdecode(b"a\xff"), "utf-8") == r"a\udcff"

    def test_takes_poor_terminals(self):
        assert printable("20 °C", "ascii") == r"20 \xb0C"

    @given(st.text(), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", None]))
    def test_always_encodes(self, text, encoding):
        printable(text, encoding).encode(encoding or "utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_output_is_named():
    with Path("/dev/full").open("w") as stream, pytest.raises(OutputError, match="standard output"):
        write(stream, "text")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (31 << 20, "31.0 MiB"), (3 << 30, "3.0 GiB")],
)
def test_size_text(size, text):
    assert size_text(size) == text


def test_small_words(tmp_path):
    assert count(1, "frame") == "1 frame"
    assert count(1200, "frame") == "1,200 frames"
    assert times_text(300, 100) == "3 times"
    assert times_text(5, 0) == "5 times"
    assert quoted(tmp_path / "a b.mp4") == f"'{tmp_path}/a b.mp4'"
