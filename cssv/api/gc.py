"""Copy a file with fewer versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssv.api.verify import check
from cssv.container import Reader, Revision, compact
from cssv.errors import OptionError, OptionTypeError
from cssv.files.locked_file import locked_file
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call


@dataclass(frozen=True, slots=True)
class Compacted:
    """Result of :func:`gc`.

    Attributes:
        path: the file written.
        versions: numbers of the versions in it.
        dropped: numbers of those left out.
        source_bytes, bytes: sizes of the old file and of the new one.
        notes: what the copy does not have because of damage, such as the tags.
    """

    path: Path
    versions: tuple[int, ...]
    dropped: tuple[int, ...]
    source_bytes: int
    bytes: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "versions": list(self.versions),
            "dropped": list(self.dropped),
            "source_bytes": self.source_bytes,
            "bytes": self.bytes,
            "notes": list(self.notes),
        }


@checked_call
def gc(
    path: Path_,
    output: Path_,
    keep: Revision | Iterable[Revision] = (),
    *,
    keep_playing: bool = False,
    keep_tagged: bool = False,
    keep_last: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Compacted:
    """Write a copy with only some of the versions, bit for bit, with their numbers, messages and tags.

    Samples of no remaining version are left out. If the version that plays is not kept, the last one kept
    plays. The copy is verified before it gets its name.

    Args:
        path: a ``.cssv``.
        output: the file to write; another one.
        keep: numbers or tags of versions, one or several; None stands for the version that plays.
        keep_playing: keep the version that plays.
        keep_tagged: keep every version that has a tag.
        keep_last: number of the newest versions to keep.
        overwrite: replace an existing file, with all versions in it.
        progress: called after every frame.

    Raises:
        ContainerError: no such version, or a damaged file. Without a version named by its tag, and without
            ``keep_tagged``, damage of the tags alone is no error: the copy has none, and a note says so.
        OptionError: nothing to keep, or the output is the source.
        OutputError: the output exists or cannot be written; an existing file is unchanged.
    """
    if not isinstance(keep, Iterable | int | None):
        raise OptionTypeError("`keep=` names no version", found=repr(keep), bound="numbers or tags")
    check_distinct(path, output)
    # A text is one tag, not a sequence of letters.
    keep = (keep,) if keep is None or isinstance(keep, str | int) else tuple(keep)
    source, target = Path(path), Path(output)
    with Reader(source) as reader:
        index = reader.index
    every = [version.number for version in index.versions]
    kept = {index.find(revision).number for revision in keep}
    if keep_tagged:
        index.check_tags()
    kept |= {index.playing} if keep_playing else set()
    kept |= {number for _, number in index.tags} if keep_tagged else set()
    kept |= set(every[::-1][: max(keep_last, 0)])
    if not kept:
        raise OptionError("no version is to be kept", bound="at least one", remedy="Give `keep=` a version.")
    with locked_file(target, overwrite=overwrite) as temporary:
        with temporary.open("wb") as file:
            compact(source, file, sorted(kept))
        check(temporary, progress)
    dropped = tuple(number for number in every if number not in kept)
    sizes = source.stat().st_size, target.stat().st_size
    notes = tuple(f"{note}; the copy has no tags" for note in index.notes)
    return Compacted(target, tuple(sorted(kept)), dropped, *sizes, notes)
