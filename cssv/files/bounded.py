"""Reading of whole files within a bound, in memory that follows their size and not the bound."""

from __future__ import annotations

import os
from typing import BinaryIO

#: Bytes of one piece of a source without a known size, such as a pipe.
PIECE_BYTES = 1 << 20


def read_at_most(file: BinaryIO, most: int) -> bytes | None:
    """Read an open file to its end; None if it holds more than ``most`` bytes.

    ``file.read(most + 1)`` would allocate the bound at once, however small the file is.
    """
    # A pipe has size 0, and a file can grow while it is read: the size is only the first piece.
    size = os.fstat(file.fileno()).st_size
    if size > most:
        return None
    pieces, left = [], most + 1
    while left and (piece := file.read(min(left, max(size + 1, PIECE_BYTES)))):
        pieces.append(piece)
        left -= len(piece)
        size = 0
    return b"".join(pieces) if left else None
