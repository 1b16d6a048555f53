"""Tables as values and as bytes: inverse pairs, exact time, sample entries."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cssv.container.entries import extract_entry, is_scene_entry, scene_entry
from cssv.container.limits import TIMESCALE_LIMIT
from cssv.container.moov import MediaTrack, Movie, movie_timescale, read_moov, write_moov
from cssv.container.mp4_boxes import Box, read_boxes, write_box
from cssv.container.tables import SampleTable, read_stbl, write_stbl
from cssv.errors import ContainerError, LimitError

ENTRY = write_box(b"avc1", bytes(78))


def table(durations, *, entries=(ENTRY,), chunks=None, syncs=None, offset=100):
    """A table of one-byte samples, one run each, with these chunk sizes."""
    count = len(durations)
    chunks = chunks or ([count] if count else [])
    return SampleTable(
        entries=entries,
        sizes=np.ones(count, np.uint32),
        run_counts=np.ones(count, np.uint32),
        run_deltas=np.array(durations, np.uint32),
        chunk_offsets=offset + 1000 * np.arange(len(chunks), dtype=np.int64),
        chunk_counts=np.array(chunks, np.uint32),
        chunk_entries=np.array([1 + at % len(entries) for at in range(len(chunks))], np.uint32),
        syncs=None if syncs is None else np.array(syncs, np.uint32),
    )


def same(a: SampleTable, b: SampleTable) -> bool:
    arrays = (
        "sizes",
        "run_counts",
        "run_deltas",
        "chunk_offsets",
        "chunk_counts",
        "chunk_entries",
        "offsets",
    )
    equal = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)
    syncs = (a.syncs is None) == (b.syncs is None) and (a.syncs is None or np.array_equal(a.syncs, b.syncs))
    return equal and syncs and a.entries == b.entries


@st.composite
def tables(draw):
    durations = draw(st.lists(st.integers(1, 2**31 - 1), max_size=20))
    left, chunks = len(durations), []
    while left:
        chunks.append(draw(st.integers(1, left)))
        left -= chunks[-1]
    entries = tuple(write_box(b"avc1", bytes(78), bytes([at])) for at in range(draw(st.integers(1, 3))))
    syncs = draw(st.one_of(st.none(), st.sets(st.integers(1, max(len(durations), 1)))))
    syncs = None if syncs is None or not durations else sorted(syncs)
    return table(durations, entries=entries, chunks=chunks, syncs=syncs, offset=draw(st.integers(0, 2**50)))


@given(one=tables())
def test_stbl_is_its_own_inverse(one):
    assert same(read_stbl(memoryview(write_stbl(one))[8:], 1000), one)


@given(one=tables())
def test_times_sum_durations(one):
    durations = [one.time(at + 1) - one.time(at) for at in range(len(one))]
    assert durations == one.run_deltas.tolist()
    assert one.times().tolist() == [one.time(at) for at in range(len(one))]
    assert one.total == sum(durations)


@given(one=tables())
def test_samples_of_a_chunk_lie_end_to_end_and_share_its_entry(one):
    sample = 0
    for chunk, count in enumerate(one.chunk_counts.tolist()):
        for at in range(count):
            assert one.offsets[sample] == one.chunk_offsets[chunk] + at
            assert one.entry_of(sample) == one.chunk_entries[chunk] - 1
            sample += 1


@pytest.mark.parametrize("name", ["run_counts", "chunk_counts"])
def test_empty_runs_and_chunks_are_refused(name):
    """Tables could otherwise be longer than the samples they describe."""
    sound = table([5, 6], chunks=[1, 1])
    names = ("run_counts", "run_deltas", "chunk_offsets", "chunk_counts", "chunk_entries")
    values = {key: getattr(sound, key) for key in names}
    values[name] = np.array([0, 2], np.uint32)
    with pytest.raises(ContainerError, match="empty run"):
        SampleTable(entries=(ENTRY,), sizes=sound.sizes, syncs=None, **values)


def scene_of(track: MediaTrack) -> MediaTrack:
    return replace(
        track, number=2, kind="scene", width=0, height=0, table=replace_entry(track.table, scene_entry())
    )


def replace_entry(old: SampleTable, entry: bytes) -> SampleTable:
    return SampleTable(
        (entry,),
        old.sizes,
        old.run_counts,
        old.run_deltas,
        old.chunk_offsets,
        old.chunk_counts,
        np.ones(len(old.chunk_counts), np.uint32),
        None,
    )


SCALES = st.one_of(
    st.sampled_from([7, 25, 30000, 90000, 44100, 48000, TIMESCALE_LIMIT, 2**31 - 19, 1_000_000_007]),
    st.integers(1, TIMESCALE_LIMIT),
)


@given(
    scale=SCALES,
    start=st.integers(0, 2**40),
    audio_scale=SCALES,
    audio_start=st.integers(-(2**40), 2**40),
    created=st.integers(0, 2**37),
)
@settings(max_examples=300)
def test_moov_keeps_every_start_exactly(scale, start, audio_scale, audio_start, created):
    latest = 2**31 * min(scale, audio_scale)
    assume(start <= latest and abs(audio_start) <= latest)
    video = MediaTrack(1, "video", scale, start, table([1, 1]), 64, 48)
    audio = MediaTrack(3, "audio", audio_scale, audio_start, table([1]))
    movie = Movie((video, scene_of(video), audio), created)
    again = read_moov(memoryview(write_moov(movie))[8:])
    assert again.created_s == created
    for old, new in zip(movie.tracks, again.tracks, strict=True):
        assert (old.number, old.kind, old.timescale, old.width, old.height) == (
            new.number,
            new.kind,
            new.timescale,
            new.width,
            new.height,
        )
        assert same(old.table, new.table)
        if old.kind != "audio" or audio_scale < movie_timescale(movie.tracks):
            assert old.start == new.start
        else:
            assert abs(old.start - new.start) <= 1


@pytest.mark.parametrize("start", [2**31 * 7, -(2**31) * 7])
def test_the_latest_start_fits_the_finest_movie_timescale(start):
    video = MediaTrack(1, "video", TIMESCALE_LIMIT, 0, table([1]), 64, 48)
    audio = MediaTrack(3, "audio", 7, start, table([1]))
    again = read_moov(memoryview(write_moov(Movie((video, scene_of(video), audio))))[8:])
    assert again.tracks[2].start == start
    with pytest.raises(LimitError, match="start time"):
        replace(audio, start=start + (1 if start > 0 else -1))


def test_movie_timescale_is_the_least_that_is_exact():
    video = MediaTrack(1, "video", 30000, 0, table([1]), 64, 48)
    audio = MediaTrack(3, "audio", 44100, 0, table([1]))
    assert movie_timescale((video, audio)) == 4_410_000
    far = replace(audio, timescale=TIMESCALE_LIMIT)
    assert movie_timescale((video, far)) == TIMESCALE_LIMIT // 30000 * 30000


def test_other_tracks_and_boxes_are_passed_over():
    video = MediaTrack(1, "video", 25, 0, table([1, 1]), 64, 48)
    moov = write_moov(Movie((video, scene_of(video))))
    text = write_moov(Movie((replace(video, number=7), scene_of(video))))
    trak = write_box(b"trak", bytes(read_boxes(memoryview(text)[8:], "moov")[1][1])).replace(b"vide", b"text")
    more = write_box(b"moov", moov[8:], trak, write_box(b"udta", b"anything"), write_box(b"\xa9abc"))
    assert [track.number for track in read_moov(memoryview(more)[8:]).tracks] == [1, 2]


def test_narrow_boxes_of_other_writers_are_read():
    """32-bit chunk offsets, constant sample size, version 0 headers."""
    stbl = write_box(
        b"stbl",
        write_box(b"stsd", bytes(4), struct.pack(">I", 1), ENTRY),
        write_box(b"stts", bytes(4), struct.pack(">3I", 1, 4, 10)),
        write_box(b"stsc", bytes(4), struct.pack(">4I", 1, 1, 2, 1)),
        write_box(b"stsz", bytes(4), struct.pack(">2I", 5, 4)),
        write_box(b"stco", bytes(4), struct.pack(">3I", 2, 100, 300)),
    )
    found = read_stbl(memoryview(stbl)[8:], 4)
    assert found.offsets.tolist() == [100, 105, 300, 305]
    assert found.sizes.tolist() == [5] * 4
    assert found.times().tolist() == [0, 10, 20, 30]
    with pytest.raises(LimitError, match="too many samples"):
        read_stbl(memoryview(stbl)[8:], 3)


@pytest.mark.parametrize(
    ("tracks", "match"),
    [
        (lambda v: (v,), "one scene track"),
        (lambda v: (scene_of(v),), "one video track"),
        (lambda v: (v, replace(v, number=5), scene_of(v)), "one video track"),
        (lambda v: (v, scene_of(v), replace(v, kind="audio", width=0, height=0)), "same id"),
        (lambda _: (), "number of tracks"),
    ],
)
def test_movies_are_checked(tracks, match):
    video = MediaTrack(1, "video", 25, 0, table([1]), 64, 48)
    with pytest.raises(ContainerError, match=match):
        Movie(tracks(video))


# Entries.


def test_entry_is_lifted_with_its_inner_boxes_but_bit_rate(encode_planes, squares):
    encoded = encode_planes(squares(4), [0, 1, 2, 3], Fraction(1, 25))
    entry = extract_entry(encoded.head, "video")
    assert entry in encoded.head or b"btrt" in encoded.head
    assert entry[4:8] == b"avc1"
    assert entry[32:36] == struct.pack(">HH", 96, 64)
    inner = [kind for kind, _ in read_boxes(memoryview(entry)[86:], "entry")]
    assert inner[0] == b"avcC"
    assert b"btrt" not in inner
    assert extract_entry(entry, "video") == entry


def test_entry_keeps_colour_and_pixel_shape():
    inner = write_box(b"avcC", b"x"), write_box(b"colr", b"nclx" + bytes(7)), write_box(b"pasp", bytes(8))
    entry = write_box(b"avc1", bytes(6), b"\0\1", bytes(70), *inner, write_box(b"btrt", bytes(12)))
    assert extract_entry(entry, "video") == write_box(b"avc1", bytes(6), b"\0\1", bytes(70), *inner)


def test_quicktime_sound_entry_stays_as_it_is():
    entry = write_box(b"sowt", bytes(6), b"\0\1", b"\0\1", bytes(34))
    assert extract_entry(entry, "audio") == entry


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "video"),
        (b"\0\0\0\1", "video"),
        (write_box(b"moov"), "video"),
        (write_box(b"ftyp"), "audio"),
        (write_box(b"avc1", bytes(20)), "video"),
        (write_box(b"avc1", bytes(78), b"\0\0\0\1"), "video"),
        (write_box(b"mett", bytes(100)), "scene"),
    ],
)
def test_bad_heads_are_refused(head, kind):
    with pytest.raises(ContainerError):
        extract_entry(head, kind)


def test_head_without_sound_has_no_audio_entry(encode_planes, squares):
    encoded = encode_planes(squares(2), [0, 1], Fraction(1, 25))
    with pytest.raises(ContainerError, match="no audio track"):
        extract_entry(encoded.head, "audio")


def test_every_truncated_head_is_refused(encode_planes, squares):
    head = encode_planes(squares(2), [0, 1], Fraction(1, 25)).head
    for length in range(0, len(head), 7):
        with pytest.raises(ContainerError):
            extract_entry(head[:length], "video")


def test_scene_entry_is_as_14496_12_says():
    entry = scene_entry()
    assert entry == b"\0\0\0\x22mett" + bytes(6) + b"\0\1" + b"\0" + b"application/json\0"
    assert is_scene_entry(entry)
    assert not is_scene_entry(entry.replace(b"json", b"xmlx"))


def test_box_payload_lies_behind_its_header():
    assert Box(b"mdat", 32, 16, 100).payload == (48, 132)
    assert read_boxes(memoryview(write_box(b"free", b"abc")), "here") == [(b"free", b"abc")]
    long = b"\0\0\0\1mdat" + (19).to_bytes(8, "big") + b"abc"
    assert read_boxes(memoryview(long), "here") == [(b"mdat", b"abc")]
    assert io.BytesIO(long).read(4) == b"\0\0\0\1"


@pytest.mark.parametrize("language", ["und", "deu", "aaa", "zzz"])
def test_an_audio_track_keeps_its_language(language):
    video = MediaTrack(1, "video", 25, 0, table([1]), 64, 48)
    audio = MediaTrack(3, "audio", 48000, 0, table([1]), language=language)
    back = read_moov(memoryview(write_moov(Movie((video, scene_of(video), audio))))[8:])
    assert [track.language for track in back.tracks] == ["und", "und", language]


@pytest.mark.parametrize("language", ["", "de", "germ", "DEU", "d u", "d`u"])
def test_a_language_is_three_letters(language):
    with pytest.raises(ContainerError, match="a language is three letters"):
        MediaTrack(3, "audio", 48000, 0, table([1]), language=language)


@pytest.mark.parametrize("packed", [0, 5, 0x7FFF, 0xFFFF])
def test_a_language_of_another_kind_is_unknown(packed):
    """QuickTime numbers its languages, and some programs leave 0."""
    video = MediaTrack(1, "video", 25, 0, table([1]), 64, 48)
    audio = MediaTrack(3, "audio", 48000, 0, table([1]), language="deu")
    data = write_moov(Movie((video, scene_of(video), audio)))
    assert data.count(b"\x10\xb5\0\0") == 1
    back = read_moov(memoryview(data.replace(b"\x10\xb5\0\0", packed.to_bytes(2, "big") + b"\0\0"))[8:])
    assert back.tracks[2].language == "und"
