"""Files with fewer versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cssv.container import Reader, Revision, compact
from cssv.errors import OptionError
from cssv.output import check_distinct, whole_file
from cssv.painter import Path_, Progress
from cssv.verification import check


@dataclass(frozen=True, slots=True)
class Compacted:
    """What :func:`gc` did.

    Attributes:
        path: the file written.
        versions: numbers of the versions in it.
        dropped: numbers of those left out.
        source_bytes, bytes: size of the old file and of the new one.
    """

    path: Path
    versions: tuple[int, ...]
    dropped: tuple[int, ...]
    source_bytes: int
    bytes: int


def gc(
    path: Path_,
    output: Path_,
    keep: Iterable[Revision],
    *,
    progress: Progress | None = None,
) -> Compacted:
    """Write a copy that holds only some versions, bit for bit, with their numbers, messages and tags.

    What nobody shows any more is left out. The version that plays goes on playing if it is kept, else the
    last one kept does. The copy is read back before it gets its name.

    Args:
        path: a ``.cssv``.
        output: the file to write; another one.
        keep: numbers or tags; None stands for the version that plays.
        progress: called after every frame.

    Raises:
        ContainerError: no such version, or a damaged file.
        OptionError: nothing to keep, or the output is the source.
        OutputError: the output cannot be written; what was there is as it was.
    """
    check_distinct(path, output)
    source, target = Path(path), Path(output)
    with Reader(source) as reader:
        kept = sorted({reader.index.find(revision).number for revision in keep})
        every = [version.number for version in reader.index.versions]
    if not kept:
        raise OptionError("no version is to be kept", bound="at least one")
    with whole_file(target) as temporary:
        with temporary.open("wb") as file:
            compact(source, file, kept)
        check(temporary, progress)
    dropped = tuple(number for number in every if number not in kept)
    return Compacted(target, tuple(kept), dropped, source.stat().st_size, target.stat().st_size)
