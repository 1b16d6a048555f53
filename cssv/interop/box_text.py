"""Text of box files: encoding, lines, and the fields of a line in any usual form."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Fields that every line without a heading has: frame, id and a box.
FEWEST_FIELDS = 6
#: Separators in the order in which they are tried; None is white space.
_SEPARATORS = (",", ";", "\t", "|", None)
#: Encodings by their mark at the start of a file. That of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_PLAIN_LINE = re.compile(r"[^\r\n]+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


def decode(content: bytes) -> str | None:
    """The text of a file by its byte order mark, or by the zero bytes of UTF-16; otherwise as UTF-8.

    None if the bytes are not text.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None) or _unmarked(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    # Almost any bytes are valid UTF-16, but numbers have digits.
    is_binary = "\0" in text or (encoding.startswith("utf-16") and not re.search("[0-9]", text))
    return None if is_binary else text


def _unmarked(content: bytes) -> str:
    """Encoding of a file without a mark."""
    # In UTF-16 every other byte of a digit, comma or line end is zero.
    start = content[:256]
    low, high = start[0::2].count(0), start[1::2].count(0)
    if high and not low:
        return "utf-16-le"
    return "utf-16-be" if low and not high else "utf-8"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file that is not blank.

    Attributes:
        number: of the line, from 1.
        start: position of its first character in the text.
        text: without its end and without a comment.
    """

    number: int
    start: int
    text: str


def lines_of(text: str, start: int = 0) -> Iterator[Line]:
    """Lines of a text from a position on, without blank ones; numbers count from that position."""
    for number, found in enumerate(_LINE.finditer(text, start), start=1):
        line = found[1].partition("#")[0].strip()
        if line:
            yield Line(number, found.start(), line)


def plain_lines(text: str, start: int = 0) -> Iterator[str]:
    """The same lines as they are, comments included: three times as fast."""
    return (found[0] for found in _PLAIN_LINE.finditer(text, start))


@dataclass(frozen=True, slots=True)
class LineForm:
    """How the fields of a line are separated and its numbers written.

    Attributes:
        separator: between fields; None is white space.
        has_decimal_comma: numbers are written as 11,5.
    """

    separator: str | None
    has_decimal_comma: bool = False

    def split(self, line: str) -> list[str]:
        """The fields of a line, without quotes."""
        quote = '"' if '"' in line else "'"
        if quote not in line:
            return [field.strip() for field in line.split(self.separator)]
        separator = " " if self.separator is None else self.separator
        reader = csv.reader([line], delimiter=separator, quotechar=quote, skipinitialspace=True)
        try:
            return [field.strip() for field in next(reader)]
        except csv.Error:
            # A field beyond the bound of the csv module: the line is no row of numbers.
            return [line]

    def point(self, field: str) -> str:
        """A field with a decimal point where this form has a decimal comma."""
        is_comma = self.has_decimal_comma and _DECIMAL_COMMA.fullmatch(field)
        return field.replace(",", ".") if is_comma else field

    def fits(self, fields: Sequence[str], places: Sequence[int]) -> bool:
        """True if there is a number at each of ``places``."""
        return len(fields) > max(places) and all(is_number(self.point(fields[place])) for place in places)


def form_of(line: str, places: Sequence[int] = range(FEWEST_FIELDS)) -> LineForm:
    """Find the form of a line: the first one in which the fields at ``places`` are numbers."""
    # A line of decimal commas separated by commas is not found here: see `is_ambiguous`.
    for has_comma in (False, True):
        for separator in _SEPARATORS:
            form = LineForm(separator, has_comma)
            if form.fits(form.split(line), places):
                return form
    return heading_form(line)


def heading_form(line: str) -> LineForm:
    """Find the form of a line of words, or of a line with a fault, by its most frequent separator."""
    return LineForm(max(",;\t|", key=line.count) if re.search("[,;\t|]", line) else None)


def is_number(field: str) -> bool:
    """True for a number as other programs write it."""
    try:
        float(field)
    except ValueError:
        return False
    # float() accepts 1_000 as Python source does; no other program reads it as a number.
    return "_" not in field


def is_ambiguous(text: str, usual_columns: int, most_columns: int) -> bool:
    """True if commas may be both decimal commas and separators: ``1,1,11,5,30,20,40,0,9``.

    Such a file has no decimal point, and rows of different lengths or of more columns than any MOT file.
    """
    if any(mark in text for mark in ".;\t'\"") or "," not in text:
        return False
    rows = (line.partition("#")[0] for line in plain_lines(text))
    widths = {row.count(",") + 1 for row in rows if row.lstrip()[:1] in "+-0123456789"}
    most = max(widths, default=0)
    return most > usual_columns and (len(widths) > 1 or most > most_columns)
