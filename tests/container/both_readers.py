"""What the package's reader and the second reader see, and refuse, of one file."""

from __future__ import annotations

from functools import partial

from cssv.container import Reader
from cssv.errors import ContainerError
from cssv.testing.container import duration_of, problems_of


def seen_by_second(module, path, number, whole):
    read = module.read(path, number, whole=whole)
    tracks = [
        (t.number, t.kind, t.timescale, t.size, t.entries, [sample_of(sample) for sample in t.samples])
        for t in read.tracks
    ]
    table = (read.audio_rows, read.sample_crcs, read.scene_crcs, read.stego_crcs)
    rows = []
    for v in read.versions:
        about = (v.created, v.author, v.message, v.facts)
        rows.append(
            (v.number, v.parent, about, v.moov, v.table, v.frames, v.audio, v.root, v.changed, v.added)
        )
    following = read.index.following
    head = (
        read.index.playing,
        read.index.live,
        tuple(read.index.tags.items()),
        read.index.ftyp_crc,
        following,
    )
    return read.shown.number, tracks, table, rows, head, read.behind


def sample_of(sample):
    return sample.data, sample.pts, sample.duration, sample.key, sample.entry, sample.place, sample.at


def seen_by_package(path, number):
    with Reader(path, version=number) as reader:
        tracks = []
        for t in reader.tracks:
            what = (reader.sample, reader.pts, partial(duration_of, reader), reader.is_key)
            samples = [
                (
                    *(look(t.number, at) for look in what),
                    t.table.entry_of(at),
                    t.table.place(at),
                    int(t.table.offsets[at]),
                )
                for at in range(len(t.table))
            ]
            size = (t.width, t.height)
            tracks.append((t.number, t.kind, t.timescale, size, list(t.table.entries), samples))
        frames, index, rows = reader.frames, reader.index, []
        lists = (frames.samples.tolist(), frames.scenes.tolist(), frames.stegos.tolist())
        for v in index.versions:
            about = (v.about.created_s, v.about.author, v.about.message, dict(v.about.meta))
            places = (v.moov_offset, v.moov_size, v.moov_crc), (v.table_offset, v.table_crc)
            changes = (v.root, v.frames_changed, v.bytes_added)
            rows.append((v.number, v.parent, about, *places, v.frames, v.audio_tracks, *changes))
        head = (index.playing, index.live_offset, index.tags, index.ftyp_crc, index.next_number)
        return reader.version.number, tracks, (list(frames.audio), *lists), rows, head, reader.torn_bytes


def assert_same(module, path, *, whole=True):
    """Every version, by number and by every tag; returns what plays."""
    plays = seen_by_second(module, path, None, whole)
    numbers = [row[0] for row in plays[3]]
    for revision in [None, *numbers, *(name for name, _ in plays[4][2])]:
        assert seen_by_second(module, path, revision, whole) == seen_by_package(path, revision)
    return plays


def samples_of(plays):
    return [[sample[0] for sample in track[5]] for track in plays[1][:2]]


def check_accepted(path, second_reader):
    with Reader(path) as reader:
        assert [problem for problem in problems_of(reader) if problem.kind != "tail"] == []
    return assert_same(second_reader, path)


def second_refuses(module, path, number=None, *, whole=True):
    try:
        module.read(path, number, whole=whole)
    except ValueError:
        return True
    return False


def package_refuses(path, number=None, *, whole=True):
    try:
        with Reader(path, version=number) as reader:
            return whole and any(problem.kind != "tail" for problem in problems_of(reader))
    except ContainerError:
        return True
