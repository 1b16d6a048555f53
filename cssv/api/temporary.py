"""A temporary folder for a front end, such as the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cssv.files.leftovers import remove_leftovers
from cssv.files.temporaries import make_folder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty private folder in the system's folder for temporary files, deleted at the end.

    If the process is killed, the next call deletes it, so that copies of clips do not fill the disk.
    Raises OSError.
    """
    place = Path(tempfile.gettempdir())
    remove_leftovers(place)
    made = make_folder(place)
    try:
        yield made.path
    finally:
        made.remove()
