"""Files put together from SPEC.md, box by box, so that one rule at a time can be broken.

Checksums are right unless a test says otherwise; nothing here comes from the package's writer.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace

UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")


def pack(*values):
    """(width, value) pairs and bytes, end to end."""
    return b"".join(
        v if isinstance(v, bytes) else v[1].to_bytes(v[0], "big", signed=v[1] < 0) for v in values
    )


def u16(value):
    return (2, value)


def u32(value):
    return (4, value)


def u64(value):
    return (8, value)


def tall(kind, *values):
    """A box of any length, with a 64-bit header."""
    body = pack(*values)
    return pack(u32(1), kind, u64(16 + len(body)), body)


def box(kind, *values):
    body = pack(*values)
    return pack(u32(8 + len(body)), kind, body)


FTYP = box(b"ftyp", b"isom", u32(0x200), b"isomiso2mp41cssv")


@dataclass
class Rough:
    """Bytes in the place of a box."""

    data: bytes
    kind: bytes = b""

    def dump(self):
        return self.data


class Node:
    """A box that tests may change: its payload is bytes, or nodes."""

    def __init__(self, kind, *payload):
        self.kind, self.tall = kind, False
        self.body = list(payload) if payload and isinstance(payload[0], Node) else pack(*payload)

    def dump(self):
        body = self.body if isinstance(self.body, bytes) else b"".join(node.dump() for node in self.body)
        return (tall if self.tall else box)(self.kind, body)

    def __getitem__(self, path):
        """``moov["trak1/mdia"]``: digits count boxes of the type, from 0."""
        node = self
        for step in path.split("/"):
            kind = step[:4].encode()
            node = [child for child in node.body if child.kind == kind][int(step[4:] or 0)]
        return node

    def put(self, at, *values):
        """Overwrite bytes of the payload."""
        new = pack(*values)
        self.body = self.body[:at] + new + self.body[at + len(new) :]

    def drop(self, kind):
        self.body = [child for child in self.body if child.kind != kind]


def full(kind, *values, version=0, flags=0):
    return Node(kind, u32(version << 24 | flags), *values)


def table(kind, *rows):
    flat = [u32(value) for row in rows for value in row]
    return full(kind, u32(len(rows)), *flat)


METT = box(b"mett", bytes(6), u16(1), b"\0", b"application/json\0")
AVC1 = box(b"avc1", bytes(6), u16(1), bytes(70))
MP4A = box(b"mp4a", bytes(6), u16(1), bytes(20))


def trak(number, handler, entry, timescale, edits, durations, samples, keys=None, size=(0, 0)):
    """``samples``: (offset, bytes) of each, one a chunk; ``edits``: (duration, media time) rows."""
    head = {b"vide": b"vmhd", b"soun": b"smhd"}.get(handler, b"nmhd")
    rate = u32(0x10000)
    elst = [v for e, m in edits for v in (u64(e), (8, m), rate)]
    stbl = [
        full(b"stsd", u32(1), entry),
        table(b"stts", *[(1, duration) for duration in durations]),
        table(b"stsc", (1, 1, 1)),
        full(b"stsz", u32(0), u32(len(samples)), *[u32(len(data)) for _, data in samples]),
        full(b"co64", u32(len(samples)), *[u64(at) for at, _ in samples]),
    ]
    if keys is not None:
        stbl.append(table(b"stss", *[(key,) for key in keys]))
    corner = [u32(side << 16) for side in size]
    tkhd = (u64(0), u64(0), u32(number), u32(0), u64(0), bytes(52), *corner)
    return Node(
        b"trak",
        full(b"tkhd", *tkhd, version=1, flags=3),
        *([Node(b"edts", full(b"elst", u32(len(edits)), *elst, version=1))] if edits else []),
        *([Node(b"tref", Node(b"cdsc", u32(1)))] if handler == b"meta" else []),
        Node(
            b"mdia",
            full(b"mdhd", u64(0), u64(0), u32(timescale), u64(0), u16(0x55C4), u16(0), version=1),
            full(b"hdlr", u32(0), handler, bytes(12), b"CSSV\0"),
            Node(b"minf", full(head, bytes(8)), Node(b"stbl", *stbl)),
        ),
    )


SAMPLES = [
    *(b"video one", b"video two!", b"video 3"),
    *(b'{"all":1}', b"{}", b'{"n":2}'),
    *(b"hiss", b"crackle"),
]


@dataclass
class Row:
    number: int = 1
    parent: int = 0
    created: int = 1_700_000_000
    moov: tuple[int, int, int] = (0, 0, 0)
    table: tuple[int, int] = (0, 0)
    frames: int = 3
    audio: int = 1
    lengths: tuple[int, int, int] | None = None
    root: int = 1
    changed: int = 3
    added: int = 0
    texts: tuple[bytes, bytes, bytes] = (b"Ada", b"first", b'{"layout":"rgb24"}')

    def dump(self, form):
        lengths = self.lengths or tuple(map(len, self.texts))
        return pack(
            *(u32(self.number), u32(self.parent), u64(self.created)),
            *(u64(self.moov[0]), u64(self.moov[1]), u32(self.moov[2])),
            *(u64(self.table[0]), u32(self.table[1]), u32(self.frames), u32(self.audio)),
            *map(u32, lengths),
            *((u32(self.root), u32(self.changed), u64(self.added)) if form > 1 else ()),
            *self.texts,
        )


@dataclass
class Index:
    """An index box that tests may change; None stands for what is right."""

    rows: list[Row]
    playing: int = 1
    following: int | None = None
    live: int = 0
    tags: list[tuple[int, bytes]] = field(default_factory=list)
    table: bytes | None = b""
    form: int = 2
    flags: int = 0
    offset: int | None = None
    ftyp_crc: int = zlib.crc32(FTYP)
    count: int | None = None
    tag_count: int | None = None
    name_length: int | None = None
    kind: bytes | None = None
    uuid: bytes = UUID
    magic: bytes = b"CSIX"
    trailing: bytes = b""
    shift: int = 0
    crc: int = 0
    tall: bool = False

    def dump(self, start):
        """The box at this offset; the last row's table is put where it belongs."""
        header = pack(
            *(self.uuid, self.magic, u16(self.form), u16(self.flags)),
            *(u64(start if self.offset is None else self.offset), u32(self.ftyp_crc)),
            u32(len(self.rows) if self.count is None else self.count),
        )
        if self.form > 1:
            count = len(self.tags) if self.tag_count is None else self.tag_count
            following = self.rows[-1].number + 1 if self.following is None else self.following
            header += pack(u32(self.playing), u32(following), u64(self.live), u32(count))
        tags = b"".join(
            pack(u32(number), u16(len(name) if self.name_length is None else self.name_length), name)
            for number, name in self.tags
        )
        rows = [row.dump(self.form) for row in self.rows]
        if self.table:
            at = start + 8 + len(header) + sum(map(len, rows)) + len(tags) + self.shift
            self.rows[-1].table = (at, zlib.crc32(self.table))
            rows[-1] = self.rows[-1].dump(self.form)
        body = header + b"".join(rows) + tags + (self.table or b"") + self.trailing
        kind = self.kind or (b"cssv" if self.form > 1 else b"uuid")
        head = pack(u32(12 + len(body)), kind)
        if self.tall:
            head = pack(u32(1), kind, u64(20 + len(body)))
        return pack(head, body, u32(zlib.crc32(head + body) ^ self.crc))


class Made:
    """A file of one version; tests change ``moov``, ``table`` or ``index`` before it is put together."""

    def __init__(self):
        self.ftyp, self.samples, self.before_moov, self.before_index, self.tail = FTYP, SAMPLES, b"", b"", b""
        self.moov_change = self.index_change = self.crc_change = lambda _: None
        self.sound, self.more = None, lambda _: []
        self.live_tall, self.moov_crc, self.live_kind, self.grown = False, 0, b"moov", 0

    def bytes(self):
        data = self.ftyp + tall(b"mdat", *self.samples) + self.before_moov
        start, payload = len(data), self.tree().dump()[8:]
        whole = (tall if self.live_tall else box)(self.live_kind, payload)
        data += whole + self.before_index
        crcs = list(map(zlib.crc32, self.samples))
        sound = [3, 2, zlib.crc32(b"".join(self.sound or self.samples[6:8]))]
        words = [*sound, *crcs[:6], 7, 8, 9]
        self.crc_change(words)
        size = len(whole) + self.grown
        row = Row(moov=(start, size, zlib.crc32(payload) ^ self.moov_crc))
        index = Index([row], live=start, table=pack(*map(u32, words)))
        index.ftyp_crc = zlib.crc32(self.ftyp)
        self.index_change(index)
        self.live, self.table, self.row = start, index.table, index.rows[0]
        return data + index.dump(len(data)) + self.tail

    def tree(self):
        at, places = len(self.ftyp) + 16, []
        for sample in self.samples:
            places.append((at, sample))
            at += len(sample)
        moov = Node(b"moov", *self.nodes(places))
        self.moov_change(moov)
        return moov

    def nodes(self, places):
        video, scene, sound = places[:3], places[3:6], places[6:8]
        return [
            full(b"mvhd", u64(0), u64(0), u32(1_200_000), u64(0), bytes(80), version=1),
            trak(1, b"vide", AVC1, 25, [(96000, -1), (192000, 0)], (1, 2, 1), video, [1, 3], (64, 48)),
            trak(2, b"meta", METT, 25, [(96000, -1), (192000, 0)], (1, 2, 1), scene),
            trak(3, b"soun", MP4A, 48000, [(51200, 1024)], (1024, 1024), sound),
            *self.more(places),
        ]


VIDEO, SCENE, SOUND = (f"trak{at}" for at in range(3))
STBL = "/mdia/minf/stbl/"


def made(**changes):
    file = Made()
    for name, value in changes.items():
        assert hasattr(file, name)
        setattr(file, name, value)
    return file.bytes()


def moov(change):
    return {"moov_change": change}


def index(**changes):
    def change(found):
        for name, value in changes.items():
            assert hasattr(found, name)
            setattr(found, name, value)

    return {"index_change": change}


def row(**changes):
    def change(found):
        found.rows[0] = replace(found.rows[0], **changes)

    return {"index_change": change}


def put(path, at, *values):
    return moov(lambda tree: tree[path].put(at, *values))


def twice(path):
    """Give the box a twin."""

    def change(tree):
        parent, _, last = path.rpartition("/")
        holder = tree[parent] if parent else tree
        holder.body.append(holder[last])

    return moov(change)


def without(path):
    def change(tree):
        parent, _, last = path.rpartition("/")
        (tree[parent] if parent else tree).drop(last[:4].encode())

    return moov(change)


def adding(path, *nodes):
    return moov(lambda tree: (tree[path] if path else tree).body.extend(nodes))


def swap(path, node):
    """Another box in the place of this one."""

    def change(tree):
        found = tree[path]
        found.kind, found.body = node.kind, node.body

    return moov(change)


def co64(tree, path=VIDEO):
    return [int.from_bytes(tree[path + STBL + "co64"].body[at : at + 8], "big") for at in (8, 16, 24)]


def as_stco(tree):
    offsets = co64(tree)
    stbl = tree[VIDEO + "/mdia/minf/stbl"]
    stbl.drop(b"co64")
    stbl.body.append(table(b"stco", *[(at,) for at in offsets]))


def with_both_offsets(tree):
    offsets = co64(tree)
    tree[VIDEO + "/mdia/minf/stbl"].body.append(table(b"stco", *[(at,) for at in offsets]))


def edits(path, *rows, version=1, count=None, trailing=b""):
    widths = {0: 4, 1: 8}.get(version, 8)
    values = [v for e, m, rate in rows for v in ((widths, e), (widths, m), u32(rate))]
    number = u32(len(rows) if count is None else count)
    return moov(
        lambda tree: tree[path].__setattr__(
            "body", [full(b"elst", number, *values, trailing, version=version)]
        )
    )


def stsd(path, *entries, count=None, version=0, trailing=b""):
    number = u32(len(entries) if count is None else count)
    return swap(path + STBL + "stsd", full(b"stsd", number, *entries, trailing, version=version))


def both(*changes):
    """Several changes of the moov."""

    def change(tree):
        for one in changes:
            one["moov_change"](tree)

    return moov(change)


def times(timescale, *durations):
    """Video and scene with another timescale and other durations, from 0."""
    rows = table(b"stts", *[(1, duration) for duration in durations])
    return both(
        *(
            one
            for path in (VIDEO, SCENE)
            for one in (
                put(path + "/mdia/mdhd", 20, u32(timescale)),
                swap(path + STBL + "stts", rows),
                without(path + "/edts"),
            )
        )
    )


def more_tracks(count, kind=b"text"):
    def change(tree):
        tree.body.extend(trak(10 + at, kind, MP4A, 1, [], (1,), [(48, b"v")]) for at in range(count))

    return moov(change)


def silent(tree):
    stbl = tree[SOUND + "/mdia/minf/stbl"]
    for kind in (b"stts", b"stsc", b"co64"):
        stbl[kind.decode()].body = table(kind).body
    stbl["stsz"].body = full(b"stsz", u32(0), u32(0)).body


def old_times(tree):
    """Every box with times in its version 0."""
    tree["mvhd"].body = pack(bytes(12), u32(1_200_000), u32(0), bytes(80))
    for path in (VIDEO, SCENE, SOUND):
        tkhd, mdhd = tree[path + "/tkhd"], tree[path + "/mdia/mdhd"]
        tkhd.body = b"\0\0\0\3" + bytes(8) + tkhd.body[20:28] + bytes(4) + tkhd.body[36:]
        mdhd.body = bytes(12) + mdhd.body[20:24] + bytes(8)
    tree[VIDEO + "/edts/elst"].body = pack(
        u32(0), u32(2), u32(96000), (4, -1), u32(0x10000), u32(192000), u32(0), u32(0x10000)
    )
