"""Second reader of the constructive carrier's pixels, written from cssv/carriers/constructive/SPEC.md alone.

It uses numpy and the standard library, and nothing of the package: where this and the package's reader
disagree, one of them or the page is wrong. It takes the first tile of each kind and does not vote. "Section"
means a section of that page.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
TILE, PERIOD, KINDS = 20, 140, 49
EXPONENT = {"yuv420p": 9, "rgb24": 10}
PLACES = {"yuv420p": 600, "rgb24": 1200}
HEAD = "1100010100000001"


@dataclass(frozen=True)
class Read:
    """One packet: where it was found, and its fields. ``at`` is x, y of a tile of kind 0."""

    at: tuple[int, int]
    frame: int
    k: int
    digest: int
    last: int
    long: bool
    needed: int
    index: int
    data: bytes


def public_key() -> bytes:
    """The key without a password (section 2)."""
    return hashlib.sha256(b"CSSV constructive 1").digest()


def stream(key: bytes, label: bytes, size: int) -> bytes:
    """The first bytes of a stream (section 2)."""
    out, i = b"", 0
    while len(out) < size:
        out += hmac.new(key, label + i.to_bytes(8, "big"), hashlib.sha256).digest()
        i += 1
    return out[:size]


def carrying_places(key: bytes, layout: str) -> list[int]:
    """Place of each number (section 2)."""
    count = PLACES[layout]
    data = stream(key, b"places", 8 * count)
    return sorted(range(count), key=lambda p: (data[8 * p : 8 * p + 8], p))[: 2 ** EXPONENT[layout]]


def tile_bits(k: int, exponent: int) -> int:
    """Section 3: b."""
    return int(k * 2 ** max(exponent - k, 0))


def slot_frames(k: int, exponent: int) -> int:
    """Section 4: frames of a slot."""
    return int(2 ** max(k - exponent, 0))


def mask(key: bytes, k: int, bits: int) -> str:
    """The mask of a packet as text of 0 and 1 (section 2)."""
    data = stream(key, b"mask" + bytes([k]), (bits + 7) // 8)
    return "".join(f"{byte:08b}" for byte in data)[:bits]


class Clip:
    """Frames in one layout, and the key."""

    def __init__(self, frames: Sequence[U8], layout: str, key: bytes) -> None:
        self.layout, self.key = layout, key
        self.exponent = EXPONENT[layout]
        self.frames = [np.asarray(frame) for frame in frames]
        rows, self.width = self.frames[0].shape[:2]
        self.height = rows * 2 // 3 if layout == "yuv420p" else rows
        self.order = carrying_places(key, layout)
        self._odd: dict[tuple[int, int, int], U8] = {}

    def odd(self, frame: int, x: int, y: int) -> U8:
        """Lowest bits of a tile at (x, y) of the picture, in the order of numbers (sections 1 and 2)."""
        if (frame, x, y) not in self._odd:
            planes = self.frames[frame]
            if self.layout == "rgb24":
                tile = planes[y : y + TILE, x : x + TILE].reshape(-1)
            else:
                size = self.width * self.height
                flat, half = planes.reshape(-1), (self.height // 2, self.width // 2)
                parts = [flat[:size].reshape(self.height, self.width)[y : y + TILE, x : x + TILE]]
                for start in (size, size + size // 4):
                    plane = flat[start : start + size // 4].reshape(half)
                    parts.append(plane[y // 2 : y // 2 + 10, x // 2 : x // 2 + 10])
                tile = np.concatenate([part.reshape(-1) for part in parts])
            self._odd[frame, x, y] = np.asarray(tile[self.order] & 1, np.uint8)
        return self._odd[frame, x, y]

    def bits(self, frame: int, k: int, x: int, y: int) -> str:
        """Bits of the tile at (x, y) in the slot that begins at a frame (section 3)."""
        e = self.exponent
        if k > e:
            syndrome = 0
            for j in range(slot_frames(k, e)):
                for q in np.flatnonzero(self.odd(frame + j, x, y)):
                    syndrome ^= j << e | int(q)
            return f"{syndrome:0{k}b}"
        syndromes = [0] * 2 ** (e - k)
        for q in np.flatnonzero(self.odd(frame, x, y)):
            syndromes[int(q) >> k] ^= int(q) & (2**k - 1)
        return "".join(f"{syndrome:0{k}b}" for syndrome in syndromes)

    def kind_at(self, kind: int, at: tuple[int, int]) -> tuple[int, int]:
        """Place of the first tile of a kind, where one of kind 0 is at ``at`` (section 1)."""
        return (at[0] + TILE * (kind % 7)) % PERIOD, (at[1] + TILE * (kind // 7)) % PERIOD

    def begins(self, frame: int, k: int, at: tuple[int, int], masked: str) -> bool:
        """Whether a packet's magic is there (section 7)."""
        found = ""
        for kind in range(KINDS):
            x, y = self.kind_at(kind, at)
            if x + TILE > self.width or y + TILE > self.height:
                return False
            found += self.bits(frame, k, x, y)
            if len(found) >= len(HEAD):
                break
        return all(int(a) ^ int(b) == int(c) for a, b, c in zip(found, masked, HEAD, strict=False))

    def packet(self, frame: int, k: int, at: tuple[int, int]) -> Read | None:
        """The packet in a slot, or None (sections 4 and 5)."""
        places = [self.kind_at(kind, at) for kind in range(KINDS - 1)]
        if any(x + TILE > self.width or y + TILE > self.height for x, y in places):
            return None
        stored = "".join(self.bits(frame, k, x, y) for x, y in places)
        plain = "".join(
            str(int(a) ^ int(b)) for a, b in zip(stored, mask(self.key, k, len(stored)), strict=True)
        )
        block = bytes(int(plain[i : i + 8], 2) for i in range(0, len(plain) - 7, 8))
        if block[:2] != b"\xc5\x01":
            return None
        digest, high = int.from_bytes(block[2:4], "big"), block[4] // 16
        long, end = high == 7, 7 if high == 7 else 5
        needed, index = (block[5], block[6]) if long else (high + 1, block[4] % 16)
        width = 1 if len(block) <= 255 else 2
        last = int.from_bytes(block[end : end + width], "big")
        end += width
        size = len(block) - end - 3
        used = last if index == needed - 1 else size
        if high > 7 or not 1 <= needed <= 255 or index > 254 or used > size:
            return None
        data = block[end + 3 : end + 3 + used]
        if zlib.crc32(block[:end] + data) % 2**24 != int.from_bytes(block[end : end + 3], "big"):
            return None
        return Read(at, frame, k, digest, last, long, needed, index, data + bytes(size - used))

    def place(self, packet: Read) -> tuple[int, int] | None:
        """Place of the picture in the whole frame, as the first slot of a window states it (section 4)."""
        if packet.index:
            return None
        x, y = self.kind_at(KINDS - 1, packet.at)
        stored = self.bits(packet.frame, packet.k, x, y)
        masked = mask(self.key, packet.k, KINDS * len(stored))[-len(stored) :]
        plain = [int(a) ^ int(b) for a, b in zip(stored, masked, strict=True)][:12]
        column, row = (sum(bit << i for i, bit in enumerate(plain[axis::2])) for axis in (0, 1))
        counts = [1 << len(plain[axis::2]) for axis in (0, 1)]
        return (
            (PERIOD * column + 120 - x) % (PERIOD * counts[0]),
            (PERIOD * row + 120 - y) % (PERIOD * counts[1]),
        )

    def packets(self, ks: Iterable[int], at: tuple[int, int] | None) -> Iterator[Read]:
        """All packets; the position of a tile of kind 0 is searched unless it is given (section 7)."""
        step = 2 if self.layout == "yuv420p" else 1
        for k in ks:
            masked = mask(self.key, k, 16)
            for frame in range(len(self.frames) - slot_frames(k, self.exponent) + 1):
                every = ((x, y) for y in range(0, PERIOD, step) for x in range(0, PERIOD, step))
                for place in every if at is None else [at]:
                    found = self.packet(frame, k, place) if self.begins(frame, k, place, masked) else None
                    if found is not None:
                        yield found
                        at = place
                        break


def window_of(read: Read) -> tuple[int, int, bool, int, int]:
    """What the packets of one window have in common (section 7)."""
    return read.digest, read.last, read.long, read.needed, read.k


def payload_of(packets: Sequence[Read]) -> bytes | None:
    """The payload of a window (section 6); None if its packets do not fit together."""
    needed, known = packets[0].needed, {packet.index: packet.data for packet in packets}
    if len(known) < needed:
        return None
    known = {index: known[index] for index in sorted(known)[:needed]}
    data = b"".join(known[i] if i in known else interpolate(known, i) for i in range(needed))
    data = data[: len(data) - len(packets[0].data) + packets[0].last]
    return data if zlib.crc32(data) % 65536 == packets[0].digest else None


def product(a: int, b: int) -> int:
    """Product in GF(256) (section 6)."""
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 128 else 0)
        b >>= 1
    return out


def inverse(a: int) -> int:
    """The number whose product with a is 1."""
    return next(b for b in range(1, 256) if product(a, b) == 1)


def interpolate(symbols: dict[int, bytes], at: int) -> bytes:
    """The symbol at an index, from others (section 6)."""
    out = bytearray(len(next(iter(symbols.values()))))
    for i, symbol in symbols.items():
        weight = 1
        for j in symbols:
            if j != i:
                weight = product(weight, product(at ^ j, inverse(i ^ j)))
        for n, byte in enumerate(symbol):
            out[n] ^= product(weight, byte)
    return bytes(out)


def read(
    frames: Sequence[U8],
    layout: str,
    key: bytes,
    ks: Iterable[int] | None = None,
    at: tuple[int, int] | None = None,
) -> list[tuple[int, bytes]]:
    """First frame and payload of each window in a run of frames.

    Args:
        frames: planes as stored.
        layout: ``"yuv420p"`` or ``"rgb24"``.
        key: 32 bytes.
        ks: values of k to try; None tries all.
        at: x, y of a tile of kind 0, each below 140; None searches.
    """
    clip = Clip(frames, layout, key)
    found = clip.packets(range(4, clip.exponent + 6) if ks is None else ks, at)
    return windows_in(list(found), clip.exponent)


def read_places(
    frames: Sequence[U8], layout: str, key: bytes, ks: Iterable[int], at: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """Place of the picture in the whole frame, as each window in it states; see :func:`read`."""
    clip = Clip(frames, layout, key)
    places = (clip.place(packet) for packet in clip.packets(ks, at))
    return [place for place in places if place is not None]


def windows_in(found: Sequence[Read], exponent: int) -> list[tuple[int, bytes]]:
    """First frame and payload of each window (section 7)."""
    groups: list[list[Read]] = []
    for packet in sorted(found, key=lambda packet: packet.frame):
        last = groups[-1][-1] if groups else None
        if last is not None and window_of(last) == window_of(packet) and last.index < packet.index:
            groups[-1].append(packet)
        else:
            groups.append([packet])
    windows = []
    for packets in groups:
        # The first packets that are enough give the payload; others are for repair.
        first = packets[0]
        payload = payload_of(packets[: first.needed])
        if payload is not None:
            windows.append((first.frame - first.index * slot_frames(first.k, exponent), payload))
    return windows
