"""Fuzzer: damages sound files at random, also with correct checksums, and runs every command on them.

    python fuzzer.py COUNT SEED FOLDER FILE...

For every finding it prints a line of JSON and leaves the file in FOLDER; the last line has the counts.
Memory, and time per file, are limited: beyond these the process ends, and the last file is in FOLDER.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import struct
import sys
import traceback
import zlib
from pathlib import Path

import cssv
from cssv.container import Reader
from cssv.container.archive import Archive
from cssv.errors import CssvError

MOST_BYTES, HANG_S = 4 << 30, 120
WORDS = [0, 1, 2, 7, 8, 16, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 24]
SCENE = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 5, "density_kg_m3": 77}]}
GHOST = {"trajectory": [{"time_s": 0, "box_px": [5, 5, 30, 30]}, {"time_s": 2, "box_px": [9, 9, 30, 30]}]}


def tops(data) -> list[tuple[bytes, int, int]]:
    """Type, offset, size of the top-level boxes."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        if size < 8 or at + size > len(data):
            break
        found.append((kind, at, size))
        at += size
    return found


class Base:
    """A sound file and the places of its checksums."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.tops = tops(self.data)
        with Reader(path) as reader:
            self.versions = reader.index.versions
        self.scenes = []
        for version in self.versions:
            with Reader(path, version=version.number) as reader:
                table = reader.scene.table
                for frame, (offset, size) in enumerate(
                    zip(table.offsets.tolist(), table.sizes.tolist(), strict=True)
                ):
                    row = version.table_offset + 12 * version.audio_tracks + 4 * (version.frames + frame)
                    self.scenes.append((offset, size, row))

    def sealed(self, data: bytearray) -> bytearray:
        """Correct every checksum of a file whose parts are still in their places."""
        for offset, size, row in self.scenes:
            struct.pack_into(">I", data, row, zlib.crc32(data[offset : offset + size]))
        swaps = []
        for version in self.versions:
            moov = data[version.moov_offset + 8 : version.moov_offset + version.moov_size]
            table = data[version.table_offset : version.table_offset + version.table_size]
            swaps += [(version.moov_crc, zlib.crc32(moov)), (version.table_crc, zlib.crc32(table))]
        for kind, offset, size in self.tops:
            if kind == b"cssv":
                box = bytes(data[offset : offset + size - 4])
                for old, new in swaps:
                    box = box.replace(struct.pack(">I", old), struct.pack(">I", new))
                data[offset : offset + size] = box + struct.pack(">I", zlib.crc32(box))
        return data


def mutated(base: Base, others: list[Base], random_: random.Random) -> bytes:
    """A damaged copy of a file."""
    ways = [sealed_lies, sealed_lies, sealed_lies, bare_lies, moved_pieces, moved_boxes]
    return random_.choice(ways)(base, random_.choice(others), random_)


def sealed_lies(base: Base, other: Base, random_: random.Random) -> bytes:
    data = bytearray(base.data)
    places = [(offset, size) for what, offset, size in base.tops if what in (b"moov", b"free", b"cssv")]
    places += [random_.choice(base.scenes)[:2] for _ in places]
    for _ in range(random_.choice([1, 1, 1, 2, 5])):
        offset, size = random_.choice(places)
        lie(data, offset + random_.randrange(8 if size > 8 else 0, size), random_)
    return bytes(base.sealed(data))[: len(base.data)]


def bare_lies(base: Base, other: Base, random_: random.Random) -> bytes:
    data = bytearray(base.data)
    if random_.random() < 0.3:
        # The size of a box.
        offset = random_.choice(base.tops)[1]
        struct.pack_into(">I", data, offset, random_.choice([*WORDS, random_.randrange(1 << 32)]))
    else:
        for _ in range(random_.randint(1, 8)):
            lie(data, random_.randrange(len(data)), random_)
    return bytes(data[: len(base.data)])


def moved_pieces(base: Base, other: Base, random_: random.Random) -> bytes:
    """Overwrite or insert a piece of a file, or remove a piece or the end."""
    data = bytearray(base.data)
    start, length = random_.randrange(len(other.data)), random_.choice([1, 8, 100, 5000, 50000])
    piece = other.data[start : start + length]
    ends = [offset + random_.randint(0, 40) for _, offset, _ in base.tops]
    at = random_.choice([random_.randrange(len(data)), random_.choice(ends)])
    stop = random_.choice([at, at + length, len(data)])
    data[at:stop] = random_.choice([piece, b""])
    return bytes(data)


def moved_boxes(base: Base, other: Base, random_: random.Random) -> bytes:
    """Swap two boxes, or duplicate one."""
    order = list(base.tops)
    first, second = random_.randrange(len(order)), random_.randrange(len(order))
    if random_.random() < 0.5:
        order[first], order[second] = order[second], order[first]
    else:
        order.insert(second, order[first])
    return b"".join(base.data[offset : offset + size] for _, offset, size in order)


def lie(data: bytearray, at: int, random_: random.Random) -> None:
    kind = random_.randrange(4)
    if kind == 0:
        data[at] ^= random_.randint(1, 255)
    elif kind == 1:
        data[at : at + 4] = struct.pack(">I", random_.choice(WORDS))
    elif kind == 2:
        data[at] = random_.choice(b'\x00\xff0123456789-{}[]",:eE.\\')
    else:
        value = int.from_bytes(data[at : at + 4], "big") + random_.choice([-1, 1, 2, -4, 1000])
        data[at : at + 4] = struct.pack(">I", value % (1 << 32))


def look(path: Path, folder: Path) -> None:
    """Run everything that only reads; each may raise a CssvError."""

    for number in (None, 1, 2, 3, 4, "hot"):
        attempt(lambda number=number: see(path, number))
    attempt(lambda: cssv.diff(path, 1, 2).to_json())
    attempt(lambda: cssv.decode(path, objects=folder / "o.csv", scene=folder / "s.json"))


def see(path: Path, version) -> None:
    with cssv.open(path, version) as clip:
        for moment in clip:
            attempt(lambda moment=moment: (moment.heat, moment.objects, moment.objects_in_pixels))


def attempt(work):
    try:
        return work()
    except CssvError as error:
        return error


def rows(path: Path) -> tuple[list[int], int]:
    """Numbers of the versions, and the bytes after them."""
    with Archive(path) as archive:
        return [version.number for version in archive.index.versions], archive.torn_bytes


def write(path: Path, folder: Path, random_: random.Random) -> str | None:
    """Run everything that writes; existing versions must stay. Returns the fault as text."""
    objects = SCENE if random_.random() < 0.5 else SCENE | {"objects": [*SCENE["objects"], GHOST]}
    acts = {
        "commit": lambda: cssv.commit(path, objects, parent=random_.choice([None, None, 1, 2])),
        "checkout": lambda: cssv.checkout(path, random_.choice([1, 2, 3, 4, "hot"])),
        "tag": lambda: cssv.tag(path, "fuzz", random_.choice([None, 1, "hot"])),
        "gc": lambda: cssv.gc(path, folder / "gc.cssv", [None, 1]),
        "repair": lambda: cssv.verify(path, repair=True),
    }
    for name in random_.sample(sorted(acts), 3):
        before = path.read_bytes()
        # The current version may be damaged while another one is sound.
        history = attempt(lambda: rows(path))
        torn = history[1] if isinstance(history, tuple) else 0
        done = attempt(acts[name])
        after = path.read_bytes()
        kept = before[: len(before) - torn]
        if isinstance(done, CssvError) or name in ("gc", "repair"):
            if after not in (before, kept):
                return f"{name} has changed the file: {done!r}"
            continue
        changed = (
            [at for at, (a, b) in enumerate(zip(kept, after, strict=False)) if a != b]
            if kept != after[: len(kept)]
            else []
        )
        if len(after) < len(kept) or len(changed) > 4 or (changed and changed[-1] - changed[0] > 3):
            return f"{name} has changed {len(changed)} old bytes"
        new = attempt(lambda: rows(path))
        if not isinstance(new, tuple) or not isinstance(history, tuple):
            return f"{name} has left what cannot be read: {new!r}, {history!r}"
        if new[0][: len(history[0])] != history[0]:
            return f"{name} has lost versions"
    return None


def main() -> None:
    count, seed, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    bases = [Base(Path(name)) for name in sys.argv[4:]]
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    path, opened = folder / "fuzz.cssv", 0
    for number in range(count):
        random_ = random.Random(f"{seed} {number}")
        data = mutated(random_.choice(bases), bases, random_)
        path.write_bytes(data)
        (folder / "now.cssv").write_bytes(data)
        # The default action of the signal ends the process if a codec hangs.
        signal.alarm(HANG_S)
        what = None
        try:
            opened += not isinstance(attempt(lambda: cssv.log(path)), Exception)
            look(path, folder)
            if path.read_bytes() != data:
                what = "reading has changed the file"
            what = what or write(path, folder, random_)
        except Exception:
            what = traceback.format_exc()
        signal.alarm(0)
        if what is not None:
            (folder / f"found{number}.cssv").write_bytes(data)
            print(json.dumps({"seed": f"{seed} {number}", "what": what}), flush=True)
    print(json.dumps({"count": count, "opened": opened}), flush=True)


if __name__ == "__main__":
    main()
