"""Damaged files: torn ends, flipped bits, a flipped bit in the last index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cssv
from cssv.container import walk_boxes
from cssv.errors import CssvError
from hostile.lab import Lab, Trial, temperature, warm_scene


def torn_ends(lab: Lab) -> Iterator[Trial]:
    """Append only the first bytes of a commit, as a full disk or a loss of power does: no version is lost."""
    before, whole = lab.file.read_bytes(), lab.copy()
    cssv.commit(whole, warm_scene(7.5))
    more = whole.read_bytes()[len(before) :]
    while True:
        length = lab.dice.randrange(len(more))
        file = lab.copy()
        file.write_bytes(before + more[:length])
        yield Trial(f"{length} of {len(more)} bytes of a commit", _fault_of_torn(lab, file))


def _fault_of_torn(lab: Lab, file: Path) -> str | None:
    try:
        for number, value in lab.temperatures.items():
            if temperature(file, number) != value:
                return f"version {number} shows other values"
        cssv.commit(file, warm_scene(33))
        return None if cssv.verify(file).is_sound else "a commit upon it does not verify"
    except CssvError as error:
        return f"{type(error).__name__}: {error}"


def flipped_bits(lab: Lab) -> Iterator[Trial]:
    """Flip one bit anywhere: ``verify`` finds it, or nothing that is read has changed."""
    size = lab.file.stat().st_size
    while True:
        at, bit = lab.dice.randrange(size), lab.dice.randrange(8)
        file = flip(lab.copy(), at, bit)
        yield Trial(f"bit {bit} of byte {at}", _fault_of_flip(lab, file))


def flips_in_the_last_index(lab: Lab) -> Iterator[Trial]:
    """Flip one bit in the last index: no tag silently shows another version."""
    last = max(
        (box for box in walk_boxes(lab.file) if box.depth == 0 and box.kind == b"cssv"),
        key=lambda box: box.offset,
    )
    while True:
        at, bit = last.offset + lab.dice.randrange(last.size), lab.dice.randrange(8)
        file = flip(lab.copy(), at, bit)
        fault = "verify says OK" if _verifies(file) else None
        for name in ("approved", "newest"):
            try:
                if temperature(file, name) != lab.temperatures[3]:
                    fault = f"tag {name} shows another version"
            except CssvError:
                pass
        yield Trial(f"bit {bit} of byte {at - last.offset} of the last index", fault)


def _verifies(file: Path) -> bool:
    try:
        return cssv.verify(file).is_sound
    except CssvError:
        return False


def flip(file: Path, at: int, bit: int) -> Path:
    """Flip one bit of a file."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)
    return file


def _fault_of_flip(lab: Lab, file: Path) -> str | None:
    if not _verifies(file):
        return None
    try:
        for number, value in lab.temperatures.items():
            if temperature(file, number) != value:
                return f"verify says OK, version {number} shows other values"
    except CssvError as error:
        return f"verify says OK, reading says {type(error).__name__}: {error}"
    return None
