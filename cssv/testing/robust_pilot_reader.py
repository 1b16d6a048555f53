"""Second reader of the robust carrier's pilot, written from cssv/carriers/robust/SPEC.md alone.

It finds the place of a piece at the original scale, and which slots are even. It uses numpy and the standard
library, and nothing of the package. "Section" means a section of that page.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
FREQUENCIES = ((1, 2), (2, 1))
PERIOD = 128


@dataclass(frozen=True)
class Place:
    """Where a piece lies, modulo 2048 pixels.

    Attributes:
        left, top: of the piece in the whole frame, in pixels.
        first_is_even: whether the first group of frames is that of an even slot.
        score: of the place, in standard deviations of other places.
    """

    left: int
    top: int
    first_is_even: bool
    score: float


def signs(key: bytes) -> F64:
    """Signs of the pilot, (rows, columns, 2) (section "Pilot")."""
    stream = hashlib.shake_256(key + b"pilot").digest(PERIOD * PERIOD * 2 // 8)
    found = np.empty((PERIOD, PERIOD, 2))
    for r in range(PERIOD):
        for b in range(PERIOD):
            for k in (0, 1):
                n = 2 * PERIOD * r + 2 * b + k
                found[r, b, k] = 1 - 2 * (stream[n // 8] >> (7 - n % 8) & 1)
    return found


def coefficients(luma: F64) -> F64:
    """The two coefficients of the whole blocks, (rows, columns, 2)."""
    rows, columns = luma.shape[0] // 16, luma.shape[1] // 16
    blocks = luma[: 16 * rows, : 16 * columns].reshape(rows, 16, columns, 16)
    wave = [
        [math.sqrt(2 / 16) * math.cos(math.pi * (2 * n + 1) * k / 32) for n in range(16)] for k in range(3)
    ]
    basis = np.array(wave)
    products = np.einsum("va,rabc,hc->rbvh", basis, blocks, basis)
    return np.stack([products[:, :, v, h] for v, h in FREQUENCIES], axis=-1)


def amplitudes(slots: Sequence[tuple[int, U8]], key: bytes) -> list[float]:
    """Amplitude of the pilot in frames of known slots and place: in a frame alone, the scene is noise."""
    found = []
    for slot, luma in slots:
        plane = coefficients(luma.astype(float))
        rows, columns = np.arange(plane.shape[0]) % PERIOD, np.arange(plane.shape[1]) % PERIOD
        found.append(float((1 - 2 * (slot % 2)) * (plane * signs(key)[np.ix_(rows, columns)]).mean()))
    return found


def find_place(first: Sequence[U8], second: Sequence[U8], key: bytes) -> Place:
    """The place of a piece at the original scale.

    Args:
        first: frames of one slot.
        second: frames of the next one; the scene should hardly differ.
        key: 32 bytes.
    """
    # What stands still disappears, and the pilot doubles.
    change = np.mean([f.astype(float) for f in first], axis=0)
    change -= np.mean([f.astype(float) for f in second], axis=0)
    spectrum = np.conj(np.fft.fft2(signs(key), axes=(0, 1)))
    best = Place(0, 0, True, 0.0)
    for y in range(16):
        for x in range(16):
            plane = np.zeros((PERIOD, PERIOD, 2))
            found = coefficients(change[y:, x:])[:PERIOD, :PERIOD]
            plane[: found.shape[0], : found.shape[1]] = np.clip(found, -20, 20)
            # Entry (r, b): the pilot's sign plane begins r rows and b columns before the piece.
            fit = np.fft.ifft2(np.conj(np.fft.fft2(plane, axes=(0, 1)) * spectrum), axes=(0, 1)).real
            score = fit.sum(axis=2) / max(float(np.sqrt(np.square(plane).sum())), 1e-9)
            at = int(np.abs(score).argmax())
            row, column = divmod(at, PERIOD)
            if abs(score[row, column]) > best.score:
                left, top = (16 * column - x) % 2048, (16 * row - y) % 2048
                best = Place(left, top, bool(score[row, column] > 0), float(abs(score[row, column])))
    return best
