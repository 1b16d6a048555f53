"""Second reader of the robust carrier's data layer, written from cssv/carriers/robust/SPEC.md alone.

It uses numpy and the standard library, and nothing of the package: where this and the package's reader
disagree, one of them or the page is wrong. It does not calibrate the cosines, and decodes by min-sum. So it
reads what a mild codec leaves. "Section" means a section of that page.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
CLASSES = (64, 96, 128, 192, 256, 384, 640)


def public_key() -> bytes:
    """The key without a password (section 2)."""
    return hashlib.sha256(b"CSSV robust 1").digest()


def stream(key: bytes, label: bytes, size: int) -> bytes:
    """The first bytes of a stream (section 2)."""
    return hashlib.shake_256(key + label).digest(size)


def coefficients(luma: U8) -> F64:
    """Coefficients of the whole blocks, (rows, columns, 5) (section 1)."""
    rows, columns = luma.shape[0] // 16, luma.shape[1] // 16
    blocks = luma[: 16 * rows, : 16 * columns].reshape(rows, 16, columns, 16).astype(float)
    basis = np.array(
        [
            [math.sqrt((2 if k else 1) / 16) * math.cos(math.pi * (2 * n + 1) * k / 32) for n in range(16)]
            for k in range(3)
        ]
    )
    found = np.einsum("va,rabc,hc->rbvh", basis, blocks, basis)
    return np.stack([found[:, :, v, h] for v, h in FREQUENCIES], axis=-1)


def votes(frames: Sequence[tuple[int, U8]], step: int, key: bytes, n: int) -> dict[int, F64]:
    """Sum of the cosines of each bit of the codewords, by window (sections 3 to 5)."""
    found: dict[int, F64] = {}
    for slot, luma in frames:
        sums = found.setdefault(slot // 2, np.zeros(n))
        plane = coefficients(luma)
        for r in range(plane.shape[0]):
            label = b"dither" + b"data" + bytes([slot % 4, step]) + r.to_bytes(4, "big")
            dithers = stream(key, label, 5 * plane.shape[1])
            for b in range(plane.shape[1]):
                for c in range(5):
                    if (5 * r + 3 * b + 7 * c) % 16 == 0:
                        continue
                    t = ((2 * r + slot % 2) * 3242174889 + (5 * b + c) * 2447445413) % 2**32
                    phase = plane[r, b, c] / step - dithers[5 * b + c] / 256
                    sums[t * n >> 32] += math.cos(2 * math.pi * phase)
    return found


def rows_of(k: int) -> list[list[int]]:
    """The numbers of each group of the code with k information bits (section 7)."""
    m, size = 2 * k, k // 64
    for attempt in range(256):
        label = b"CSSV robust code" + k.to_bytes(4, "big") + attempt.to_bytes(4, "big")
        data = hashlib.shake_256(label).digest(4 * 2**14)
        words = iter([int.from_bytes(data[4 * i : 4 * i + 4], "big") % m for i in range(2**14)])
        rows = _rows(words, m, size)
        if len(rows) == 64:
            return rows
    raise ValueError(k)


def _rows(words: Iterator[int], m: int, size: int) -> list[list[int]]:
    count = [0] * 128
    seen: set[tuple[int, int, int]] = set()
    rows: list[list[int]] = []
    row: list[int] = []
    for x in words:
        near = any(x % 128 == y % 128 or (x - y) % m <= 3 or (y - x) % m <= 3 for y in row)
        pairs = [sorted((x, y), key=lambda z: z % 128) for y in row]
        triples = {(u % 128, w % 128, (u // 128 - w // 128) % size) for u, w in pairs}
        if count[x % 128] == 3 or near or triples & seen:
            continue
        count[x % 128] += 1
        seen |= triples
        row.append(x)
        if len(row) == (9 if len(rows) < 32 else 3):
            rows.append(row)
            row = []
            if len(rows) == 64:
                break
    return rows


def checks_of(k: int) -> list[list[int]]:
    """Bits of the codeword in each check (section 7)."""
    m, size = 2 * k, k // 64
    checks: list[list[int]] = [[k + i] + ([k + i - 1] if i else []) for i in range(m)]
    for g, row in enumerate(rows_of(k)):
        for x in row:
            for j in range(size):
                checks[(x + 128 * j) % m].append(g * size + j)
    return checks


def correct(soft: F64, k: int, rounds: int = 30) -> list[int] | None:
    """Information bits by min-sum decoding; None unless all checks hold."""
    checks = checks_of(k)
    messages = [[0.0] * len(check) for check in checks]
    for _ in range(rounds):
        totals = soft.tolist()
        for check, sent in zip(checks, messages, strict=True):
            for i, message in zip(check, sent, strict=True):
                totals[i] += message
        bits = [int(total < 0) for total in totals]
        if not any(sum(bits[i] for i in check) % 2 for check in checks):
            return bits[:k]
        for number, check in enumerate(checks):
            got = [totals[i] - message for i, message in zip(check, messages[number], strict=True)]
            odd = sum(value < 0 for value in got) % 2
            least, second = sorted(abs(value) for value in got)[:2]
            messages[number] = [
                0.8 * (second if abs(value) == least else least) * (1 - 2 * (odd ^ (value < 0)))
                for value in got
            ]
    return None


def payload_of(soft: F64, size: int, key: bytes) -> bytes | None:
    """The payload of a codeword (section 6)."""
    mask = stream(key, b"mask" + size.to_bytes(4, "big"), 3 * size)
    signs = np.array([1 - 2 * (mask[i // 8] >> (7 - i % 8) & 1) for i in range(24 * size)])
    bits = correct(soft * signs, 8 * size)
    if bits is None:
        return None
    whole = bytes(int("".join(map(str, bits[8 * i : 8 * i + 8])), 2) for i in range(size))
    body, crc = whole[:-4], int.from_bytes(whole[-4:], "big")
    payload = body.rstrip(b"\0")
    if zlib.crc32(body) != crc or payload[-1:] != b"\x80":
        return None
    return payload[:-1]


def read(
    frames: Sequence[tuple[int, U8]], step: int, key: bytes, classes: Sequence[int] = CLASSES
) -> Mapping[int, bytes]:
    """Payloads by window.

    Args:
        frames: slot and luma of each frame; the top left pixel is that of the whole frame.
        step: of the clip.
        key: 32 bytes.
        classes: to try.
    """
    found: dict[int, bytes] = {}
    for size in classes:
        for window, soft in votes(frames, step, key, 24 * size).items():
            payload = payload_of(soft, size, key)
            if payload is not None:
                found.setdefault(window, payload)
    return found
