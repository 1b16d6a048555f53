"""Checks of the texts that users give a version, before any work is done."""

from __future__ import annotations

import os
import time

from cssv.container.index import IndexMeta
from cssv.container.limits import AUTHOR_LIMIT, CREATED_LIMIT_S, MESSAGE_LIMIT, TAG_LIMIT
from cssv.errors import OptionError, OptionTypeError

#: Environment variable with the time of creation of new files, seconds since 1970 UTC.
DATE_VARIABLE = "SOURCE_DATE_EPOCH"


def check_texts(about: IndexMeta) -> None:
    """Raise OptionError unless author, message and time are within the format's bounds."""
    for what, text, limit in (
        ("author", about.author, AUTHOR_LIMIT),
        ("message", about.message, MESSAGE_LIMIT),
    ):
        if not isinstance(text, str):
            raise OptionError(f"{what} is not a text", found=type(text).__name__)
        # Lone surrogates have no bytes in UTF-8; the writer of the index refuses them later.
        size = len(text.encode(errors="surrogatepass"))
        if size > limit:
            raise OptionError(f"{what} is too long", found=f"{size} bytes", bound=f"{limit}")
    check_created(about.created_s)


def created_or_now(created_s: int | None) -> int:
    """A time of creation that was checked. Raises OptionError.

    None is that of the environment variable :data:`DATE_VARIABLE`, by which programs make the same files
    again (reproducible-builds.org), and now without it.
    """
    if created_s is not None:
        check_created(created_s)
        return created_s
    given = os.environ.get(DATE_VARIABLE)
    if not given:
        return int(time.time())
    if not (given.isascii() and given.isdecimal()) or int(given) > CREATED_LIMIT_S:
        raise OptionError(
            f"{DATE_VARIABLE} is not a time of creation",
            found=given,
            bound=f"0 to {CREATED_LIMIT_S}, seconds since 1970",
            remedy="Correct or unset the environment variable.",
        )
    return int(given)


def check_created(created_s: int) -> None:
    """Raise OptionError unless a time of creation is a whole number within the format's bounds."""
    bound = f"0 to {CREATED_LIMIT_S}, seconds since 1970"
    if not isinstance(created_s, int):
        raise OptionTypeError("time of creation is not a whole number", found=repr(created_s), bound=bound)
    if not 0 <= created_s <= CREATED_LIMIT_S:
        raise OptionError("time of creation is out of range", found=created_s, bound=bound)


def check_tag(name: str) -> str:
    """Return the name of a tag; OptionError for one that could be mistaken for something else."""
    if not isinstance(name, str):
        raise OptionError("the name of a tag is a text", found=type(name).__name__)
    fault = None
    if not name or len(name.encode(errors="surrogatepass")) > TAG_LIMIT:
        fault = f"{len(name.encode(errors='surrogatepass'))} bytes"
    # Programs take digits for the number of a version.
    elif name.isdigit():
        fault = "only digits, like the number of a version"
    elif any(letter.isspace() or not letter.isprintable() for letter in name):
        fault = ascii(name)
    if fault is not None:
        raise OptionError(
            "this cannot be the name of a tag",
            found=fault,
            bound=f"1 to {TAG_LIMIT} bytes, no white space or control characters, not only digits",
        )
    return name
