"""Emoji in labels: found, drawn with the system's emoji font, or replaced by names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.interop.rows import ObjectRow
from cssv.view import emoji as module
from cssv.view import text as drawing
from cssv.view.emoji import emoji_image, emoji_name, plain_emoji, split_emoji
from cssv.view.overlay import OverlayContent, draw_overlay
from cssv.view.text import draw_text, drawable, fit_text, line_height, text_width

CAR, HEART, FLAG, KEY = "\U0001f697", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3"
ASTRONAUT, THUMB = "\U0001f469\u200d\U0001f680", "\U0001f44d\U0001f3fd"
RAINBOW = "\U0001f3f3\ufe0f\u200d\U0001f308"


@pytest.fixture
def font(monkeypatch):
    """``font(name, ...)``: only these emoji fonts are there."""

    def choose(*names):
        monkeypatch.setattr(module, "_EMOJI_FONTS", names)
        for cached in (module._emoji_font, emoji_image, drawable, drawing._line, drawing._emoji):
            cached.cache_clear()

    yield choose
    monkeypatch.undo()
    choose(*module._EMOJI_FONTS)


@pytest.mark.parametrize("emoji", [CAR, HEART, FLAG, KEY, ASTRONAUT, THUMB, RAINBOW, "\u26a1"])
def test_an_emoji_is_one_run(emoji):
    assert list(split_emoji(emoji)) == [(emoji, True)]
    assert list(split_emoji(f"a {emoji}b")) == [("a ", False), (emoji, True), ("b", False)]
    assert list(split_emoji(emoji * 2)) == [(emoji, True)] * 2


@pytest.mark.parametrize("text", ["", "car 12", "\u732b", "\u2603", "3 m\u00b2", "#1", "\u00a9"])
def test_other_texts_have_no_emoji(text):
    assert [run for run, is_emoji in split_emoji(text) if is_emoji] == []
    assert "".join(run for run, _ in split_emoji(text)) == text


@settings(max_examples=200)
@given(
    st.text(
        st.sampled_from(CAR + HEART + FLAG + KEY + ASTRONAUT + THUMB + RAINBOW + "a 1#\u2603"), max_size=12
    )
)
def test_runs_are_the_text(text):
    assert "".join(run for run, _ in split_emoji(text)) == text


@pytest.mark.parametrize(
    ("emoji", "name"),
    [
        (CAR, ":automobile:"),
        (HEART, ":heavy_black_heart:"),
        (FLAG, "DE"),
        (KEY, "1"),
        (ASTRONAUT, ":woman_rocket:"),
        (THUMB, ":thumbs_up_sign:"),
        (RAINBOW, ":waving_white_flag_rainbow:"),
        ("\U0001faff", ":u+1faff:"),
        ("\U0001f3fd", ":emoji_modifier_fitzpatrick_type-4:"),
    ],
)
def test_names(emoji, name):
    assert emoji_name(emoji) == name


def test_without_an_emoji_font_labels_have_names(font):
    font()
    assert drawable(f"{CAR} 3") == ":automobile: 3"
    assert drawable(f"{FLAG}{KEY}") == "DE1"
    assert "?" not in drawable(CAR + FLAG + KEY + ASTRONAUT + THUMB + RAINBOW)
    assert emoji_image(CAR, 13) is None


def test_a_character_that_the_text_font_shows_stays(font, package):
    package("matplotlib")
    font()
    assert drawable(HEART) == "\u2764" == plain_emoji(HEART)


def test_a_font_without_the_emoji_is_as_none(font):
    font("DejaVuSans.ttf")
    if module._emoji_font() is None:
        pytest.skip("DejaVu Sans is missing")
    assert emoji_image(CAR, 13) is None
    assert drawable(CAR) == ":automobile:"


@pytest.mark.parametrize("size", [10, 13, 26])
def test_an_emoji_is_drawn_in_its_own_colours_and_size(font, monkeypatch, size):
    """A square of red and black stands for the picture of a font."""
    square = np.zeros((round(1.15 * size), round(1.15 * size), 4), np.uint8)
    square[..., 3] = 255
    square[: size // 2, :, 0] = 200
    font()
    monkeypatch.setattr(drawing, "emoji_image", lambda emoji, size: square)  # noqa: ARG005 - the size is known
    picture = np.full((line_height(size), 200, 3), 90, np.uint8)
    draw_text(picture, f"i {CAR}", 0, 0, size, (255, 255, 255))
    red = (picture == (200, 1, 1)).all(axis=2)
    black = (picture == (1, 1, 1)).all(axis=2)
    assert red.sum() == (size // 2) * len(square)
    assert black.sum() == (len(square) - size // 2) * len(square)
    assert text_width(f"i {CAR}", size) == text_width("i ", size) + len(square)
    # The letter keeps the colour of the ink.
    assert (picture[:, : text_width("i", size)].max(axis=(0, 1)) > 200).all()
    drawing._emoji.cache_clear()


def test_the_real_font_has_colours(font):
    if module._emoji_font() is None:
        pytest.skip("no emoji font is installed")
    image = emoji_image(CAR, 26)
    assert image is not None
    assert image[..., 3].max() == 255


@settings(max_examples=60)
@given(
    st.text(st.sampled_from(f"ab 1#{CAR}{HEART}{FLAG}{KEY}{ASTRONAUT}{RAINBOW}"), max_size=20),
    st.integers(30, 200),
)
def test_a_text_with_emoji_is_cut_to_the_width(text, width):
    fitted = fit_text(text, 13, width)
    assert text_width(fitted, 13) <= width


def test_an_overlay_with_emoji_is_drawn(font):
    font()
    planes = np.zeros((64, 256, 3), np.uint8)
    row = ObjectRow(0, 0.0, 1, label=CAR, x_px=10.0, y_px=40.0, w_px=20.0, h_px=20.0)
    other = ObjectRow(0, 0.0, 1, label=":automobile:", x_px=10.0, y_px=40.0, w_px=20.0, h_px=20.0)
    one, two = (draw_overlay(planes, OverlayContent(objects=[each])).picture for each in (row, other))
    np.testing.assert_array_equal(one, two)
