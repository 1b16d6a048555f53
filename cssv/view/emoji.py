"""Emoji in labels: found in a text, drawn with the emoji font of the system, or replaced by their names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

#: File names of fonts with emoji on Linux, macOS and Windows; the first that is found is used.
_EMOJI_FONTS = (
    "NotoColorEmoji.ttf",
    "Apple Color Emoji.ttc",
    "seguiemj.ttf",
    "NotoEmoji-Regular.ttf",
    "Symbola.ttf",
)
#: Sizes in pixels that are tried: fonts of bitmaps have few.
_FONT_SIZES = (109, 160, 136, 128, 96, 64)
#: Emoji are drawn in a square of this many font sizes, like capital letters with their accents.
_SIDE = 1.15
#: A code point that no font has (Unicode 23.7).
_NO_CHARACTER = "\uffff"

_TONES = "\U0001f3fb-\U0001f3ff"
_FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"
_JOINER, _AS_PICTURE = "\u200d", "\ufe0f"
#: Characters that are pictures by themselves: the planes of emoji, and those of Unicode's emoji-data.txt with
#: Emoji_Presentation below them.
_PICTURES = (
    "\U0001f000-\U0001faff\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693"
    "\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b"
    "\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
#: Other symbols are pictures before a variation selector.
_SYMBOLS = "\u00a9\u00ae\u203c-\u2bff\u3030\u303d\u3297\u3299"
_ONE = f"(?:[{_PICTURES}](?:{_AS_PICTURE}|[{_TONES}])?|[{_SYMBOLS}](?:{_AS_PICTURE}|[{_TONES}]))"
_EMOJI = re.compile(
    f"[{_FLAG_LETTERS}]{{1,2}}|[0-9#*]{_AS_PICTURE}?\u20e3|{_ONE}(?:{_JOINER}(?:{_ONE}|[{_SYMBOLS}]))*"
)
_MODIFIERS = re.compile(f"[{_TONES}{_AS_PICTURE}{_JOINER}\u20e3]")


def split_emoji(text: str) -> Iterator[tuple[str, bool]]:
    """Split a text into runs: (run, whether it is one emoji)."""
    end = 0
    for found in _EMOJI.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], False
        yield found[0], True
        end = found.end()
    if end < len(text):
        yield text[end:], False


def plain_emoji(emoji: str) -> str:
    """An emoji without skin tones, variation selectors and joiners."""
    return _MODIFIERS.sub("", emoji)


def emoji_name(emoji: str) -> str:
    """Replacement of an emoji in plain letters: ``:automobile:``, ``DE`` for a flag, ``1`` for a key."""
    if re.fullmatch(f"[{_FLAG_LETTERS}]+", emoji):
        return "".join(chr(ord(letter) - ord(_FLAG_LETTERS[0]) + ord("A")) for letter in emoji)
    plain = plain_emoji(emoji)
    # The key of a telephone is its digit.
    if plain.isascii() and plain:
        return plain
    # Emoji that are newer than this Python have a number only.
    names = [unicodedata.name(character, f"U+{ord(character):X}") for character in plain or emoji]
    return f":{'_'.join(names).lower().replace(' ', '_')}:"


@lru_cache(maxsize=1)
def _emoji_font() -> ImageFont.FreeTypeFont | None:
    """The first emoji font found; None without one."""
    # Sequences, such as flags, need the layout that knows how characters combine.
    layout = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    for name in _EMOJI_FONTS:
        for size in _FONT_SIZES:
            try:
                return ImageFont.truetype(name, size, layout_engine=layout)
            except OSError:
                continue
    return None


@lru_cache(maxsize=512)
def emoji_image(emoji: str, size: int) -> NDArray[np.uint8] | None:
    """(N, N, 4) uint8 RGBA picture of an emoji for text of ``size`` pixels; None if no font shows it."""
    font = _emoji_font()
    if font is None:
        return None
    drawn, missing = _drawn(emoji, font), _drawn(_NO_CHARACTER, font)
    if drawn is None or (missing is not None and drawn.tobytes() == missing.tobytes()):
        return None
    side = round(_SIDE * size)
    drawn.thumbnail((side, side), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (side, side))
    square.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    picture = np.array(square)
    picture.setflags(write=False)
    return picture


def _drawn(text: str, font: ImageFont.FreeTypeFont) -> Image.Image | None:
    """A text in the size of the font, without margins; None if nothing is visible."""
    left, top, right, bottom = font.getbbox(text)
    width, height = int(right - min(left, 0)) + 2, int(bottom - min(top, 0)) + 2
    canvas = Image.new("RGBA", (max(width, 1), max(height, 1)))
    # White, for fonts without colours.
    ImageDraw.Draw(canvas).text((-min(left, 0), -min(top, 0)), text, "white", font=font, embedded_color=True)
    box = canvas.getbbox()
    return None if box is None else canvas.crop(box)
