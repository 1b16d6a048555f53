"""Progress, times, sizes and text that a terminal can be trusted with."""

from __future__ import annotations

import io
import os
import re
import time
from fractions import Fraction
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import OutputError
from cssv_cli.console import printable, write
from cssv_cli.options import seconds
from cssv_cli.progress import StageProgress
from cssv_cli.words import clock, count, quoted, size_text, times_text

#: Codes that hide and show the cursor.
CURSOR = r"\x1b\[\?25[lh]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def play(monkeypatch):
    """``play(frames, total, step_s)``: what a terminal receives from a stage, by a clock of the test."""
    now = [100.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "100")

    def run(frames: int, total: int | None, step_s: float, stream: io.StringIO | None = None) -> str:
        stream = stream or Terminal()
        with StageProgress(stream) as progress:
            for done in range(1, frames + 1):
                progress("encode", done, total)
                now[0] += step_s
        return stream.getvalue()

    return run


def last_line(text: str) -> str:
    """What stands in the last line that was drawn."""
    return re.sub(CURSOR, "", text.rstrip("\n")).split("\r")[-1].rstrip()


class TestStageProgress:
    def test_shows_stage_share_speed_and_time_left(self, play):
        last = last_line(play(51, 101, 0.2))
        assert last.startswith("encode ")
        assert "51/101" in last
        assert "50%" in last
        assert re.search(r"  00:00:(09|10)  5\.\d frames/s$", last)

    def test_without_total_counts(self, play):
        last = last_line(play(30, None, 0.2))
        assert re.search(r"\]  30  \d\.\d frames/s$", last)
        assert "%" not in last
        assert ":" not in last

    def test_more_frames_than_the_header_gives(self, play):
        last = last_line(play(30, 10, 0.2))
        assert "30/10" in last
        assert "100%" in last
        assert "00:0" not in last

    def test_each_stage_has_its_line(self):
        stream = Terminal()
        with StageProgress(stream) as progress:
            progress("perceive", 1, 2)
            progress("perceive", 2, 2)
            progress("encode", 1, 2)
        first, second = map(last_line, stream.getvalue().rstrip("\n").split("\n"))
        assert first.startswith("perceive ")
        assert "2/2  100%" in first
        assert second.startswith("encode ")
        assert "1/2   50%" in second

    def test_leaves_nothing_of_a_longer_line(self, play):
        text = play(60, 61, 0.2)
        screen = ""
        for drawn in re.sub(CURSOR, "", text.rstrip("\n")).split("\r"):
            screen = drawn + screen[len(drawn) :]
        assert screen.rstrip() == last_line(text)

    def test_close_is_repeatable(self):
        stream = Terminal()
        progress = StageProgress(stream)
        progress("export", 1, 1)
        progress.close()
        once = stream.getvalue()
        assert once.endswith("\n")
        progress.close()
        assert stream.getvalue() == once

    def test_no_stream_shows_nothing(self, capfd):
        with StageProgress(None) as progress:
            progress("encode", 1, 2)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("columns", [40, 60, 200])
    def test_fits_the_terminal(self, play, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        drawn = [last_line(line) for line in play(30, 100, 0.1).split("\r")]
        assert max(map(len, drawn)) <= columns


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
    def test_always_encodes_and_keeps_what_is_plain(self, text, encoding):
        shown = printable(text, encoding)
        assert shown.encode(encoding or "utf-8").decode(encoding or "utf-8") == shown
        assert all(c.isprintable() or c == "\n" for c in shown)
        if text.isascii() and text.isprintable():
            assert shown == text


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
