"""Fonts, colours and texts of plots. It needs matplotlib, the extra ``plot``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.errors import MissingExtraError
from cssv.frames import U8
from cssv.view.emoji import emoji_name, split_emoji

#: Types of matplotlib, which is imported only when a plot is drawn.
Axes: TypeAlias = Any
Figure: TypeAlias = Any
#: Left, top, right and bottom of a part of the clip's picture, pixels.
Area = tuple[float, float, float, float]

#: Colours of Okabe and Ito, which people with any kind of colour vision can tell apart, without yellow,
#: which is illegible on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
#: Line styles, for more lines than colours.
LINES: tuple[Any, ...] = ("-", "--", ":", "-.")
#: What is unknown or not of a named kind.
GREY = "#8C8C8C"
SPEED_MAP, PRESENCE_MAP = "viridis", "viridis"
#: Share of speeds that the scale of colours spans; a few outliers would leave one colour for all others.
_SCALED = 0.99
#: Characters of the longest text in a legend.
_LONGEST = 24
#: How far the picture is faded to white, and its longest side in a plot, pixels.
_FADED, _LONGEST_PX = 0.35, 1600
#: Settings of a figure that stands in a two-column paper.
SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.axisbelow": True,
    "figure.dpi": 200,
    "savefig.dpi": 200,
    # Journals want fonts that can be edited, embedded in the PDF.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    # Without it, each SVG has other ids.
    "svg.hashsalt": "cssv",
}


def require_matplotlib() -> None:
    """Raise a MissingExtraError unless matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401 - only to see if it is installed
    except ImportError as error:
        raise MissingExtraError(
            "a plot needs matplotlib", remedy="Install it with: pip install '.[plot]'"
        ) from error


@lru_cache(maxsize=1)
def _known_characters() -> frozenset[int]:
    """Characters of the font that matplotlib contains."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def speed_colours() -> Any:  # noqa: ANN401 - of matplotlib
    """The map of colours for speeds; unknown ones are grey."""
    import matplotlib

    return matplotlib.colormaps[SPEED_MAP].with_extremes(bad=GREY)


def legible(text: str) -> str:
    """A text from outside as a plot can show it: in characters of the font, on one line and not too long.

    Emoji become their names. Give ``parse_math=False`` too: a dollar sign is no formula.
    """
    words = []
    for part, is_emoji in split_emoji(text):
        # The font has outlines for a few emoji; names are legible for all.
        shown = emoji_name(part) if is_emoji else "".join(map(_character, part))
        words.append(shown)
    joined = " ".join("".join(words).split())
    return joined if len(joined) <= _LONGEST else f"{joined[: _LONGEST - 1]}…"


def _character(character: str) -> str:
    if character.isspace():
        return " "
    return character if ord(character) in _known_characters() and character.isprintable() else "□"


def add_legend(axes: Axes, handles: Sequence[Any], names: Sequence[str], **options: Any) -> None:
    """Add a legend of names from outside."""
    # matplotlib leaves names out that begin with an underscore.
    shown = [f" {name}" if name.startswith("_") else name for name in names]
    legend = axes.legend(handles, shown, frameon=False, **options)
    for text in legend.get_texts():
        text.set_parse_math(False)


def add_bar(axes: Axes, drawn: Any, label: str, *, is_cut: bool = False) -> None:  # noqa: ANN401 - of matplotlib
    """Add a colour bar with its unit; ``is_cut`` if values lie above its end."""
    # Axes within the axes are as high as these, whatever their shape.
    place = axes.inset_axes((1.02, 0, 0.03, 1))
    bar = axes.figure.colorbar(drawn, cax=place, label=label, extend="max" if is_cut else "neither")
    bar.outline.set_linewidth(0.5)
    # With alpha, the parts of the bar would overlap as lines.
    bar.solids.set(alpha=1, edgecolor="face")


def scale_of(values: F64) -> tuple[float, bool]:
    """Upper end of a scale of colours that begins at 0, and whether values lie above it."""
    known = values[np.isfinite(values)]
    if not known.size or not known.max() > 0:
        return 1.0, False
    end = float(np.quantile(known, _SCALED))
    # Only far outliers are worth a cut.
    return (end, True) if 0 < end < 0.8 * known.max() else (float(known.max()), False)


def draw_picture(axes: Axes, picture: U8 | None, area_px: Area) -> None:
    """Draw a picture in faded grey, so that colours stand out, and set the axes to ``area_px``."""
    left, top, right, bottom = area_px
    if picture is not None:
        grey = _shrunk(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
        faded = np.round(255 * _FADED + grey * (1 - _FADED)).astype(np.uint8)
        axes.imshow(
            faded,
            cmap="gray",
            vmin=0,
            vmax=255,
            extent=(left, right, bottom, top),
            interpolation="antialiased",
            zorder=0,
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xlabel("x (px)")
    axes.set_ylabel("y (px)")


def _shrunk(grey: U8) -> U8:
    scale = _LONGEST_PX / max(grey.shape)
    if scale >= 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def area_of(picture: U8) -> Area:
    """The area of a whole picture."""
    return (0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))
