"""HTML for notebooks: pictures, facts and objects as a small block without scripts or style sheets.

Colours are those of the notebook, light or dark. All texts of files are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

import cv2
import numpy as np

from cssv.frames import U8
from cssv.interop.rows import ObjectRow
from cssv.view.units import SpeedUnit

#: Longest side of a picture, pixels; and most bytes of its JPEG.
SIDE_PX, PICTURE_BYTES = 320, 40_000
#: Qualities of JPEG in the order in which they are tried.
_QUALITIES = (85, 60, 30, 10)
#: Objects in a table, and characters of a text.
OBJECTS_MAX, TEXT_MAX = 12, 200
_LINE = "1px solid rgba(128, 128, 128, 0.5)"
_CELL = f"padding: 2px 8px; border: none; border-bottom: {_LINE}; color: inherit; background: none"


def card(title: str, parts: Sequence[Callable[[], str]]) -> str:
    """A block with a title. A part that fails becomes a sentence, so that the others are still shown."""
    body = "".join(map(_made, parts))
    style = f"display: inline-block; border: {_LINE}; padding: 8px; color: inherit; max-width: 100%"
    return f'<div style="{style}"><div style="font-weight: bold">{shown(title)}</div>{body}</div>'


def _made(part: Callable[[], str]) -> str:
    try:
        return part()
    # A notebook would show a traceback in place of the whole object.
    except Exception as error:
        return sentence(f"This cannot be shown: {str(error) or type(error).__name__}")


def sentence(text: str) -> str:
    """A line of text."""
    return f'<div style="margin: 4px 0">{shown(text)}</div>'


def shown(text: str) -> str:
    """A text escaped, not too long, and apart from the direction of the text around it."""
    short = text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"
    return f"<bdi>{escape(short)}</bdi>"


def facts_html(facts: Mapping[str, str]) -> str:
    """A table of names and values."""
    lines = (f"<tr>{_head(name)}{_cell(shown(value))}</tr>" for name, value in facts.items())
    return _table(lines)


def pictures_html(pictures: Mapping[str, U8]) -> str:
    """Pictures (H, W, 3) uint8 RGB side by side, by their names."""
    figures = (
        f'<figure style="display: inline-block; margin: 4px 8px 4px 0">'
        f'<img alt="{escape(name)}" src="{_data_url(picture)}" style="max-width: 100%">'
        f"<figcaption>{shown(name)}</figcaption></figure>"
        for name, picture in pictures.items()
    )
    return f"<div>{''.join(figures)}</div>"


def objects_html(rows: Sequence[ObjectRow], unit: SpeedUnit) -> str:
    """A table of the objects of a frame, without columns of which nothing is known."""
    if not rows:
        return sentence("No objects.")
    columns: dict[str, list[str]] = {
        "track": [str(row.track) for row in rows],
        "label": [row.label or "" for row in rows],
        "speed": [_speed(row, unit) for row in rows],
        "temperature": [_value(row.temperature_c, row.temperature_sigma_c, 1, "°C") for row in rows],
        "density": [_value(row.density_kg_m3, row.density_sigma_kg_m3, 0, "kg/m³") for row in rows],
        "from": [row.source for row in rows],
    }
    known = {name: cells for name, cells in columns.items() if any(cells)}
    heads = f"<tr>{''.join(map(_head, known))}</tr>"
    lines = [
        f"<tr>{''.join(_cell(shown(cell)) for cell in cells)}</tr>"
        for cells in zip(*known.values(), strict=True)
    ]
    table = _table((heads, *lines[:OBJECTS_MAX]))
    more = len(rows) - OBJECTS_MAX
    return table if more <= 0 else table + sentence(f"and {more} more")


def _speed(row: ObjectRow, unit: SpeedUnit) -> str:
    return _value(*unit.speed_of(row), unit.decimals, unit.name)


def _value(value: float | None, sigma: float | None, decimals: int, unit: str) -> str:
    if value is None:
        return ""
    spread = "" if sigma is None else f" ± {sigma:.{decimals}f}"
    return f"{value:.{decimals}f}{spread} {unit}"


def _table(lines: Iterable[str]) -> str:
    style = "border-collapse: collapse; margin: 4px 0; color: inherit; background: none"
    return f'<table style="{style}"><tbody>{"".join(lines)}</tbody></table>'


def _head(name: str) -> str:
    return f'<th style="{_CELL}; text-align: left">{shown(name)}</th>'


def _cell(content: str) -> str:
    return f'<td style="{_CELL}; text-align: left">{content}</td>'


def _data_url(picture: U8) -> str:
    """The picture, reduced, as the URL of a JPEG that holds its bytes."""
    height, width = picture.shape[:2]
    share = min(SIDE_PX / max(height, width), 1.0)
    size = (max(round(width * share), 1), max(round(height * share), 1))
    small = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    for quality in _QUALITIES:
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= PICTURE_BYTES:
            break
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
