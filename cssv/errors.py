"""The one error tree.

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
    ├── CarrierError           kind "carrier"        also ValueError
    │   ├── NibblesLostError   kind "nibbles_lost"   the pixels no longer carry
    │   └── FramingError       kind "framing"        a payload's magic, version, length or CRC is wrong
    ├── ContainerError         kind "container"      also ValueError; the file's structure is wrong
    │   ├── ChecksumError      kind "checksum"       stored and computed checksums differ
    │   ├── LimitError         kind "limit"          a length beyond its bound, found before allocation
    │   └── RevisionError      kind "revision"       a file has no such version or tag
    ├── OutputError            kind "output"         also OSError; the result cannot be written
    │   └── LockedError        kind "locked"         another writer is at work; .pid
    └── MissingExtraError      kind "extra"          also ImportError; the message names the pip command

``kind`` is stable: programs may match on it. A message says what is wrong, the value found, the
bound it broke and the remedy, in that order.
"""

from __future__ import annotations

from typing import ClassVar


class CssvError(Exception):
    """Base of every error this package raises on purpose.

    ``what`` is a sentence without a final stop; ``found``, ``bound`` and ``remedy`` are optional
    and are joined into one line.
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


class InputError(CssvError, ValueError):
    """Something the caller gave cannot be used."""

    kind = "input"


class VideoError(InputError):
    """A file that is not a video, holds no frames or breaks off."""

    kind = "video"


class SceneError(InputError):
    """A scene that breaks the schema; ``faults`` holds one line per fault with its JSON path."""

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
    """An array whose shape, dtype or layout is not that of a frame."""

    kind = "frame"


class ModelError(InputError):
    """A file of weights that is missing, of another kind or shape, or gives what are no numbers."""

    kind = "model"


class OptionError(InputError):
    """An option outside its bounds."""

    kind = "option"


class CarrierError(CssvError, ValueError):
    """Pixels and payload do not fit together."""

    kind = "carrier"


class NibblesLostError(CarrierError):
    """The pixels do not carry, or no longer carry, a template."""

    kind = "nibbles_lost"


class FramingError(CarrierError):
    """A payload whose magic, version, length or checksum is wrong."""

    kind = "framing"


class ContainerError(CssvError, ValueError):
    """A file whose box structure is wrong."""

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
    """A result that cannot be written: read-only folder, full disk, a folder in the way."""

    kind = "output"


class LockedError(OutputError):
    """Another writer is at work on the file; ``pid`` is its process id, None where it is not known."""

    kind = "locked"

    def __init__(self, path: object, pid: int | None) -> None:
        self.pid = pid
        super().__init__(
            f"another writer is at work on {str(path)!r}",
            found="unknown process" if pid is None else f"process {pid}",
            bound="one writer at a time",
            remedy="Wait until it is done.",
        )


class MissingExtraError(CssvError, ImportError):
    """An optional package is needed; the message names the pip command that installs it."""

    kind = "extra"
