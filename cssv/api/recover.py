"""Recover: finish the file of a live recording whose process was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import lock_descriptor

from cssv.api.verify import Verification, check
from cssv.container import read_journal
from cssv.errors import ContainerError, InputError, LockedError
from cssv.files.atomic import check_output, publish
from cssv.files.lock import replacing
from cssv.files.paths import Path_, check_paths
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.recording import JOURNAL_END, complete, journal_of


@dataclass(frozen=True, slots=True)
class Recovered:
    """Result of :func:`recover`.

    Attributes:
        path: the file, which is complete now.
        frames: number of frames in it.
        bytes: size of the file.
        others: number of other recordings of the same name that can be recovered too.
        verification: of the file, done before it got its name.
    """

    path: Path
    frames: int
    bytes: int
    others: int
    verification: Verification

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "bytes": self.bytes,
            "others": self.others,
            "verification": self.verification.to_json(),
        }


@checked_call
def recover(
    path: Path_,
    output: Path_ | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Recovered:
    """Finish the file of a live recording that was killed, or that met a full disk (:class:`cssv.Encoder`).

    A recording has a temporary name in the folder of its output until it is finished. What was in memory is
    lost: the lag of the stream and about a second.

    Args:
        path: the name that the recording was given, or its temporary file. Of several recordings of one name,
            the newest is taken.
        output: the file to write; by default the name that the recording was given.
        overwrite: replace an existing file.
        progress: called after every frame.

    Raises:
        InputError: no unfinished recording has this name.
        LockedError: the recording still runs.
        ContainerError: the recording holds no complete frame.
        ChecksumError: the file does not read back; it stays unfinished.
        OutputError: the output exists or cannot be written.
    """
    check_paths(path=path, output=output)
    # The real path: that of a folder can end in dots, and the root has no name.
    given = Path(os.path.realpath(path))
    with ExitStack() as stack:
        data, name, others = _find(given, stack)
        target = data.with_name(name) if output is None else Path(output)
        check_output(target, overwrite=overwrite)
        frames = complete(data)
        verification = check(data, progress)
        with replacing(target):
            publish(data, Path(os.path.realpath(target)), target, overwrite=overwrite)
        for used in (data, journal_of(data)):
            with suppress(OSError):
                used.unlink()
    return Recovered(target, frames, target.stat().st_size, others, verification)


def _find(given: Path, stack: ExitStack) -> tuple[Path, str, int]:
    """The newest unfinished recording that is meant, locked; its name, and the number of others."""
    found = list(_candidates(given))
    running = 0
    while found:
        journal, name = found.pop()
        if stack.enter_context(_locked(journal)):
            return journal.with_name(journal.name.removesuffix(JOURNAL_END)), name, len(found)
        running += 1
    if running:
        raise LockedError(given, None)
    raise InputError(
        "there is no unfinished recording of this name",
        found=str(given),
        bound="the name given to `cssv.Encoder`, or its temporary file",
        remedy="Look for files whose names end in .journal.",
    )


def _candidates(given: Path) -> Iterator[tuple[Path, str]]:
    """Journals of recordings that are meant, with the names of their outputs; the newest last."""
    if not given.name:
        return
    own = journal_of(given)
    with suppress(OSError):
        every = sorted(
            (entry for entry in given.parent.iterdir() if entry.name.endswith(JOURNAL_END)),
            key=lambda entry: entry.stat().st_mtime_ns,
        )
        for journal in [own] if own in every else every:
            # Other programs have journals too.
            with suppress(ContainerError, OSError):
                name = read_journal(journal).output
                if journal == own or name == given.name:
                    yield journal, name


@contextmanager
def _locked(journal: Path) -> Iterator[bool]:
    """Lock a journal; False while its recording runs."""
    with journal.open("rb+") as file:
        try:
            is_locked = lock_descriptor(file.fileno(), blocking=False)
        except OSError:
            # A file system without locks: the caller knows that the recording has ended.
            is_locked = True
        yield is_locked
