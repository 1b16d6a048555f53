"""The file of a live recording: with a journal beside it, so that a kill costs the last seconds only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

from cssv.container import Journal, Writer, read_journal
from cssv.container.journal import JournalContent
from cssv.errors import ContainerError, OutputError

#: End of a journal's name, behind that of the file that it belongs to.
JOURNAL_END = ".journal"
#: Chunks that are given up first where the disk has no room for the tables.
_CHUNKS_DROPPED = 2


def journal_of(path: Path) -> Path:
    """The path of the journal of a recording's file."""
    return path.with_name(path.name + JOURNAL_END)


@contextmanager
def recording_journal(path: Path, output: Path) -> Iterator[Journal]:
    """The journal of a recording that is being written; removed at the end of the block.

    Args:
        path: the file that is being written.
        output: the name that it gets when it is complete.

    Raises:
        OutputError: the journal cannot be written.
    """
    journal, process = journal_of(path), os.getpid()
    try:
        file = journal.open("xb", buffering=0)
    except OSError as error:
        raise OutputError(f"cannot write {str(journal)!r}", found=error.strerror) from error
    try:
        with file:
            # While it is locked, nobody takes the recording for one that was killed.
            with suppress(OSError):
                lock_descriptor(file.fileno(), blocking=False)
            yield Journal(file, output.name)
    finally:
        # A forked child leaves it to its parent.
        if os.getpid() == process:
            with suppress(OSError):
                journal.unlink()


def complete(path: Path) -> int:
    """Complete the file of a recording that ended early, from its journal; returns the number of frames.

    What is not in the journal is cut off. If this is interrupted, it can be done again.

    Raises:
        ContainerError: no frame is complete, or the journal is damaged.
        OutputError: the file cannot be written.
    """
    content = read_journal(journal_of(path))
    dropped = 0
    while True:
        try:
            return _complete(path, content)
        except OutputError:
            # On a full disk the last samples make room for the tables.
            dropped = 2 * dropped or _CHUNKS_DROPPED
            content.chunks = content.chunks[:-dropped]
            if not content.chunks:
                raise


def _complete(path: Path, content: JournalContent) -> int:
    try:
        with path.open("r+b") as file:
            writer = Writer.resume(file, content)
            if content.about is None:
                raise ContainerError("the recording holds no complete frame")
            writer.finish(content.heads, content.about)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {str(path)!r}", found=error.strerror) from error
    return writer.frames


def set_aside(path: Path, output: Path) -> Path:
    """Give the file of a recording that cannot be completed now a name that users see; returns it.

    Its journal goes with it, so that it can be completed later. Raises OSError.
    """
    aside = output.with_name(f"{output.stem}-unfinished-{path.stem.rpartition('-')[2]}{output.suffix}")
    journal_of(path).replace(journal_of(aside))
    return path.replace(aside)


def restore(path: Path, file: BinaryIO) -> None:
    """Write the file of a recording again from its open handle, if its folder was removed meanwhile.

    Raises:
        OutputError: the folder cannot be made again, or the file cannot be written.
    """
    with suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as copy:
            file.flush()
            file.seek(0)
            shutil.copyfileobj(file, copy)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}", found=error.strerror) from error
