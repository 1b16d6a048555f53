"""Text in pictures, drawn by Pillow."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from cssv.frames import U8
from cssv.view.emoji import emoji_image, emoji_name, plain_emoji, split_emoji

#: File names of fonts on Linux, macOS and Windows; the first that is found is used.
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
)
#: Stands for a character that the font does not show.
_UNKNOWN = "?"
#: A code point that no font has (Unicode 23.7): its image is that of every missing character.
_NO_CHARACTER = "\uffff"
#: Variation selectors and joiners.
_INVISIBLE = frozenset(map(chr, (0x200C, 0x200D, *range(0xFE00, 0xFE10))))
_CACHED_TEXTS, _CACHED_WORDS = 2048, 4096


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The first font found; ``size`` in pixels.

    The font in Pillow holds ASCII and few other characters. So a font of the system is preferred, then
    that of matplotlib, an optional package.
    """
    for name in (*_SYSTEM_FONTS, *_matplotlib_font()):
        try:
            # The basic layout is enough for labels, and the same on every machine.
            return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _matplotlib_font() -> list[str]:
    """Path of the font that matplotlib contains, found without loading matplotlib."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return []
    return [str(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf")]


@lru_cache(maxsize=4096)
def _shows(character: str) -> bool:
    """Whether the font has an image of a character."""
    if character == " ":
        return True
    if not character.isprintable() or character.isspace():
        return False
    font = _font(16)
    found, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
    return (found.size, bytes(found)) != (missing.size, bytes(missing))


@lru_cache(maxsize=_CACHED_TEXTS)
def drawable(text: str) -> str:
    """The text with what no font shows replaced: emoji by their names, other characters by ``?``.

    A character of other letters is replaced by its base letters, where these are shown.
    """
    return "".join(
        _drawable_emoji(run) if is_emoji else "".join(map(_drawable_character, run))
        for run, is_emoji in split_emoji(unicodedata.normalize("NFC", text))
    )


def _drawable_character(character: str) -> str:
    return character if _shows(character) else _replacement(character)


def _drawable_emoji(emoji: str) -> str:
    """The emoji if a font shows it, else its name."""
    # Any size: whether the font has it does not depend on that.
    if emoji_image(emoji, 16) is not None:
        return emoji
    plain = plain_emoji(emoji)
    if plain and all(map(_shows, plain)):
        return plain
    return emoji_name(emoji)


def _replacement(character: str) -> str:
    """``e`` for ``é``, ``2`` for ``²``; ``?`` for a character without base letters that the font shows."""
    # What only changes or joins the characters around it has no picture of its own.
    if character in _INVISIBLE:
        return ""
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    return base if base and all(map(_shows, base)) else _UNKNOWN


def text_width(text: str, size: int) -> int:
    """Width in pixels of a text drawn in one line."""
    return int(_line(text, size)[0].shape[1])


def fit_text(text: str, size: int, width: int) -> str:
    """The longest beginning of a text that fits into ``width`` pixels; ``...`` marks a cut."""
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    # Longer beginnings are wider, so the longest that fits is found by halving.
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle] + "...", size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "..."


@lru_cache(maxsize=32)
def line_height(size: int) -> int:
    """Height in pixels of a line of text, from the highest accent to the lowest descender."""
    return sum(_font(size).getmetrics())


@lru_cache(maxsize=32)
def _space_width(size: int) -> int:
    return round(_font(size).getlength(" "))


# Labels change with every frame, but the words in them repeat: words are cached.
@lru_cache(maxsize=_CACHED_WORDS)
def _word(word: str, size: int) -> NDArray[np.uint16]:
    """(H, W, 1): how much of each pixel a word covers, 256 for all of it; one height for each size."""
    font = _font(size)
    mask, (left, top) = font.getmask2(word, mode="L")
    width, height = mask.size
    drawn = np.frombuffer(bytes(mask), np.uint8).reshape(height, width).astype(np.uint16)
    # Letters such as j can begin left of their place, and rare ones reach above the line.
    left, top = max(left, 0), max(top, 0)
    line = np.zeros((line_height(size), max(math.ceil(font.getlength(word)), left + width), 1), np.uint16)
    rows = max(min(height, line.shape[0] - top), 0)
    line[top : top + rows, left : left + width, 0] = (drawn + (drawn >> 7))[:rows]
    line.setflags(write=False)
    return line


def draw_text(picture: U8, text: str, left: int, top: int, size: int, ink: tuple[int, int, int]) -> None:
    """Draw a line of text into an RGB picture, cut at its edges.

    Args:
        picture: (H, W, 3) uint8, changed in place.
        text: one line.
        left: of the line in pixels, at least 0.
        top: of the line in pixels, at least 0.
        size: of the font in pixels.
        ink: red, green and blue of the letters, 0 to 255.
    """
    share, own = _line(text, size)
    place = picture[top : top + share.shape[0], left : left + share.shape[1]]
    share = share[: place.shape[0], : place.shape[1]]
    colours = np.array(ink, np.uint16)
    if own is not None:
        own = own[: place.shape[0], : place.shape[1]]
        # Emoji have colours of their own.
        colours = np.where(own.any(axis=2, keepdims=True), own, colours)
    place[...] = (place * (256 - share) + share * colours + 128) >> 8


@lru_cache(maxsize=_CACHED_TEXTS)
def _line(text: str, size: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """(H, W, 3): how much of each pixel a line of text covers, 256 for all of it, once per colour.

    Also the colours (H, W, 3) of its emoji, 0 elsewhere; None without emoji.
    """
    space = np.zeros((line_height(size), _space_width(size), 1), np.uint16)
    parts = [part for word in drawable(text).split(" ") for part in (space, *_runs(word, size))][1:]
    # One copy per colour makes blending twice as fast as a broadcast over three values.
    share = np.repeat(np.concatenate([part[..., -1:] for part in parts], axis=1), 3, axis=2)
    if all(part.shape[2] == 1 for part in parts):
        return share, None
    colours = [part[..., :3] if part.shape[2] == 4 else part * np.zeros(3, np.uint16) for part in parts]
    return share, np.concatenate(colours, axis=1)


def _runs(word: str, size: int) -> list[NDArray[np.uint16]]:
    """The runs of a word: (H, W, 1) shares of letters; (H, W, 4) colours and shares of an emoji."""
    runs = [
        _emoji(run, size) if is_emoji and emoji_image(run, size) is not None else _word(run, size)
        for run, is_emoji in split_emoji(word)
    ]
    return runs or [_word("", size)]


@lru_cache(maxsize=_CACHED_WORDS)
def _emoji(emoji: str, size: int) -> NDArray[np.uint16]:
    """(H, W, 4): the colours of an emoji, at least 1, and how much of each pixel it covers."""
    picture = emoji_image(emoji, size)
    assert picture is not None
    height = line_height(size)
    picture = picture[:height].astype(np.uint16)
    tile = np.zeros((height, picture.shape[1], 4), np.uint16)
    top = (height - len(picture)) // 2
    tile[top : top + len(picture), :, :3] = np.maximum(picture[..., :3], 1)
    tile[top : top + len(picture), :, 3] = picture[..., 3] + (picture[..., 3] >> 7)
    tile.setflags(write=False)
    return tile
