"""A file that one writer at a time makes: checked, locked and then written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cssv.files.atomic import check_output, whole_file
from cssv.files.lock import replacing


@contextmanager
def locked_file(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    is_unique: bool = False,
    is_recoverable: bool = False,
) -> Iterator[Path]:
    """As :func:`~cssv.files.atomic.whole_file`, and no other writer makes or changes the file meanwhile.

    Raises:
        LockedError: another writer makes the file or writes to it.
        ExistsError, OutputError: as :func:`~cssv.files.atomic.whole_file`.
    """
    # Before the lock: a file that may not be replaced need not be locked.
    check_output(path, overwrite=overwrite)
    with (
        replacing(path),
        whole_file(
            path, overwrite=overwrite, is_unique=is_unique, is_recoverable=is_recoverable
        ) as temporary,
    ):
        yield temporary
