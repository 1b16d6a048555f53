"""The error tree: every error that the package raises on purpose.

::

    CssvError                  kind "cssv"
    ├── InputError             kind "input"          also ValueError
    │   ├── VideoError         kind "video"          not a video, no frames, truncated
    │   ├── SceneError         kind "scene"          .faults holds one line per fault
    │   ├── BoxesError         kind "boxes"          a detection file that cannot be used
    │   ├── ThermalError       kind "thermal"        a thermal file that cannot be used
    │   ├── FrameError         kind "frame"          an array of the wrong shape or dtype
    │   ├── ModelError         kind "model"          a file of weights that cannot be used
    │   └── OptionError        kind "option"         an option outside its bounds
    │       └── OptionTypeError                      also TypeError; an option of the wrong type
    ├── CarrierError           kind "carrier"        also ValueError
    │   ├── NibblesLostError   kind "nibbles_lost"   the pixels no longer carry
    │   └── FramingError       kind "framing"        a payload's magic, version, length or CRC is wrong
    ├── ContainerError         kind "container"      also ValueError; the file's structure is wrong
    │   ├── ChecksumError      kind "checksum"       stored and computed checksums differ
    │   ├── LimitError         kind "limit"          a length beyond its bound, found before allocation
    │   └── RevisionError      kind "revision"       a file has no such version or tag
    ├── OutputError            kind "output"         also OSError; the result cannot be written
    │   ├── ExistsError        kind "exists"         also FileExistsError; the output exists already
    │   └── LockedError        kind "locked"         another writer holds the file; .pid
    ├── ClosedError            kind "closed"         a use after it was closed, or after a fork
    │   ├── ClosedInputError                         also VideoError: a reader
    │   └── ClosedOutputError                        also OutputError: a writer
    ├── PasswordError          kind "password"       a password is missing or wrong
    └── MissingExtraError      kind "extra"          also ImportError; the message names the pip command

``kind`` is stable: programs may match on it. A message states what is wrong, the value found, the
allowed values and the remedy, in that order; each part is also an attribute of the error.

Remedies are worded in Python terms, because the library does not know the command line. An argument
is written as ```weights=```, a function as ```cssv.verify()```: the name between two backticks, so
that another front end can replace it by its own term (``--weights``, ``cssv verify``) with a simple
text search.

Every error can be copied and pickled, so that worker processes can return it. A subclass needs no
code for that, whatever arguments its constructor takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

#: How many characters of a wrong value an error message quotes.
LONGEST_QUOTE = 60

E = TypeVar("E", bound="CssvError")


class CssvError(Exception):
    """Base of every error that this package raises on purpose.

    The message joins the four parts into one text.

    Attributes:
        what: the fault, a sentence without a final stop.
        found: the value found; None where there is none to show.
        bound: the allowed values in words; None where the fault needs none.
        remedy: what the caller can do, one or more whole sentences in Python terms (see the module);
            None where nothing helps.
    """

    kind: ClassVar[str] = "cssv"

    def __init__(
        self,
        what: str,
        *,
        found: object = None,
        bound: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.found = found
        self.bound = bound
        self.remedy = remedy
        text = what
        if found is not None:
            text += f": found {found!r}" if isinstance(found, str) else f": found {found}"
        if bound is not None:
            text += f"; allowed: {bound}"
        if remedy is not None:
            text += f"{'' if text.endswith('.') else '.'} {remedy}"
        super().__init__(text)

    def __reduce__(self) -> tuple[Callable[..., CssvError], tuple[object, ...]]:
        # The default calls the class with ``args``, which is the finished text: the wrong argument for
        # a constructor such as that of LockedError.
        return _restore, (type(self), self.args, self.__dict__.copy())


def _restore(kind: type[E], args: tuple[object, ...], fields: dict[str, Any]) -> E:
    """Make an error with these fields without calling its constructor."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


def did_you_mean(given: object, known: Iterable[str]) -> str | None:
    """A remedy that names the most similar known name; None if none is similar. Case does not count."""
    # Loaded only for an error.
    from difflib import get_close_matches

    names = {name.casefold(): name for name in known}
    near = get_close_matches(str(given).strip().casefold(), names, 1)
    return f"Did you mean {names[near[0]]!r}?" if near else None


class InputError(CssvError, ValueError):
    """An input that cannot be used."""

    kind = "input"


class VideoError(InputError):
    """A file that is not a video, holds no frames or is truncated."""

    kind = "video"


class SceneError(InputError):
    """A scene that breaks its schema.

    Attributes:
        faults: one line per fault, with its JSON path.
    """

    kind = "scene"

    def __init__(self, what: str, *, faults: tuple[str, ...] = (), remedy: str | None = None) -> None:
        self.faults = faults
        super().__init__("\n  ".join((what, *faults)), remedy=remedy)


class BoxesError(InputError):
    """A detection file with rows that cannot be used."""

    kind = "boxes"


class ThermalError(InputError):
    """A thermal file that cannot be used, or that does not belong to the clip."""

    kind = "thermal"


class FrameError(InputError):
    """An array without the shape, dtype or layout of a frame."""

    kind = "frame"


class ModelError(InputError):
    """A file of weights that is missing, has the wrong kind or shape, or yields non-finite values."""

    kind = "model"


class OptionError(InputError):
    """An option outside its bounds."""

    kind = "option"


class OptionTypeError(OptionError, TypeError):
    """An option of the wrong type."""


class CarrierError(CssvError, ValueError):
    """Pixels and payload do not fit together."""

    kind = "carrier"


class NibblesLostError(CarrierError):
    """The pixels do not carry, or no longer carry, a template."""

    kind = "nibbles_lost"


class FramingError(CarrierError):
    """A payload with a wrong magic, version, length or checksum."""

    kind = "framing"


class ContainerError(CssvError, ValueError):
    """A file with a wrong box structure."""

    kind = "container"


class ChecksumError(ContainerError):
    """A stored checksum differs from the computed one."""

    kind = "checksum"


class LimitError(ContainerError):
    """A length or count beyond its bound, found before anything was allocated for it."""

    kind = "limit"


class RevisionError(ContainerError):
    """A version or tag that a file does not have."""

    kind = "revision"


class OutputError(CssvError, OSError):
    """A result that cannot be written: a read-only folder, a full disk, a folder of the same name."""

    kind = "output"


class ExistsError(OutputError, FileExistsError):
    """An output that exists already and may not be replaced."""

    kind = "exists"


class LockedError(OutputError):
    """A file that another writer holds.

    Attributes:
        pid: process id of that writer; None where it is not known.
    """

    kind = "locked"

    def __init__(self, path: object, pid: int | None) -> None:
        self.pid = pid
        super().__init__(
            f"another writer holds {str(path)!r}",
            found="unknown process" if pid is None else f"process {pid}",
            bound="one writer at a time",
            remedy="Wait until it is done.",
        )


class ClosedError(CssvError):
    """A use of a reader or writer that is closed, or that belongs to the parent of this process."""

    kind = "closed"


class ClosedInputError(ClosedError, VideoError):
    """A use of a closed reader, or of a reader that belongs to the parent of this process."""


class ClosedOutputError(ClosedError, OutputError):
    """A use of a closed writer, or of a writer that belongs to the parent of this process."""


class PasswordError(CssvError):
    """Content that cannot be opened: the password is missing or wrong, or the content is damaged."""

    kind = "password"


class MissingExtraError(CssvError, ImportError):
    """An optional package is needed; the message names the pip command that installs it."""

    kind = "extra"


def check_choice(what: str, value: object, allowed: Iterable[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    names = tuple(allowed)
    if not isinstance(value, str):
        raise OptionTypeError(
            f"{what} is not a name", found=repr(value)[:LONGEST_QUOTE], bound=", ".join(names)
        )
    if value not in names:
        raise OptionError(
            f"unknown {what}", found=value, bound=", ".join(names), remedy=did_you_mean(value, names)
        )
