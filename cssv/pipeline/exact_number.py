"""Number arguments as exact numbers."""

from __future__ import annotations

from fractions import Fraction

from cssv.errors import OptionError


def to_fraction(value: Fraction | float | str | None) -> Fraction | None:
    """Convert a number argument to an exact one: 7, "29.97", "30000/1001". Raises OptionError."""
    if value is None:
        return None
    try:
        # A float means the decimal number it prints as, not the binary one beside it.
        return Fraction(str(value) if isinstance(value, float) else value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise OptionError("not a number", found=str(value), bound="like 7, 29.97 or 30000/1001") from error
