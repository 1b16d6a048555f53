"""Text in pictures: what is drawn, how wide it is, and what replaces missing characters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.view import text as drawing
from cssv.view.text import draw_text, drawable, fit_text, line_height, text_width

WHITE = (255, 255, 255)


def image(text, size=13, width=400, ink=WHITE):
    picture = np.zeros((line_height(size), width, 3), np.uint8)
    draw_text(picture, text, 0, 0, size, ink)
    return picture


@pytest.fixture
def plain_font(monkeypatch):
    """Pillow's own font, as on a machine without any other."""
    caches = [drawing._font, drawing._shows, drawable, drawing._word, drawing._line, line_height]
    caches.append(drawing._space_width)

    def clear():
        for cached in caches:
            cached.cache_clear()

    monkeypatch.setattr(drawing, "_SYSTEM_FONTS", ())
    monkeypatch.setattr(drawing, "_matplotlib_font", list)
    clear()
    yield
    monkeypatch.undo()
    clear()


@pytest.mark.parametrize("text", ["é", "²", "°", "ü", "ñ", "ß", "Ø", "ł"])
def test_characters_of_european_languages_are_drawn(package, text):
    package("matplotlib")
    assert drawable(text) == text
    others = "e2ounslO?"
    assert all(not np.array_equal(image(text), image(other)) for other in others)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain ASCII 123 {}~", "plain ASCII 123 {}~"),
        ("e\u0301", "\u00e9"),
        ("\u732b", "?"),
        ("\n\t\x00\x1b", "????"),
        ("\ue000\ufdd0\U0010ffff", "???"),
        ("", ""),
    ],
)
def test_what_no_font_shows_becomes_a_question_mark(text, drawn):
    assert drawable(text) == drawn


def test_pillows_own_font_draws_base_letters(plain_font):
    assert drawable("déjà vu 3 m²") == "deja vu 3 m2"
    assert drawable("20 °C") == "20 °C"
    assert drawable("☃") == "?"
    assert image("déjà vu").any()


@settings(max_examples=60)
@given(st.text(max_size=30), st.sampled_from([10, 13, 26]))
def test_any_text_is_drawn_within_its_width(text, size):
    width = text_width(text, size)
    picture = image(text, size, width + 20)
    assert not picture[:, width:].any()


@settings(max_examples=40)
@given(st.text(max_size=60), st.integers(30, 300))
def test_a_text_is_cut_to_the_width(text, width):
    fitted = fit_text(text, 13, width)
    assert text_width(fitted, 13) <= width
    if fitted != text:
        kept = len(fitted) - 3
        assert fitted == text[:kept] + "..."
        assert text_width(text, 13) > width
        assert text_width(text[: kept + 1] + "...", 13) > width


def test_letters_have_the_colour_of_the_ink():
    picture = image("HHH", 26, ink=(200, 100, 0))
    assert picture[..., 0].max() == 200
    assert picture[..., 1].max() == 100
    assert picture[..., 2].max() == 0


def test_a_text_is_cut_at_the_edges():
    picture = np.zeros((20, 30, 3), np.uint8)
    draw_text(picture, "a long text that does not fit", 10, 12, 13, WHITE)
    assert picture[12:, 10:].any()
    assert not picture[:12].any()
    assert not picture[:, :10].any()
    draw_text(picture, "outside", 40, 40, 13, WHITE)


def test_the_picture_shows_through_between_letters():
    picture = np.full((line_height(13), 100, 3), 80, np.uint8)
    draw_text(picture, "x", 0, 0, 13, WHITE)
    assert (picture[:, 50:] == 80).all()
    assert (picture[0] == 80).all()
    assert picture.max() > 200
