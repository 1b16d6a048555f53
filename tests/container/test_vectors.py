"""A golden file of index format 1: readers of every later release must read it.

``tests/vectors/container_v1.cssv`` was written by this test when the index had format 1, which nothing
writes any more; nothing in it was made by anybody else. It stays as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest

from cssv.container import IndexMeta, Reader
from cssv.testing.container import duration_of, problems_of

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
VECTOR, FACTS = VECTORS / "container_v1.cssv", VECTORS / "container_v1.json"


ABOUT = IndexMeta(
    1_767_225_600, "Ada Lovelace", "golden: \u00e9\u00df\u4e16", {"layout": "yuv420p", "codec": "h264"}
)


@pytest.fixture(scope="module")
def facts():
    return json.loads(FACTS.read_text())


def test_vector_is_the_one_that_was_committed(facts):
    data = VECTOR.read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert len(data) < 20_000


def test_vector_reads(facts):
    with Reader(VECTOR) as reader:
        assert problems_of(reader) == []
        assert reader.version.about == ABOUT
        assert (reader.video.width, reader.video.height, reader.video.timescale) == (32, 32, 30000)
        assert reader.video.pts().tolist() == reader.scene.pts().tolist() == facts["pts"]
        assert [reader.is_key(1, at) for at in range(8)] == [True, False, False, False] * 2
        assert [json.loads(reader.scene_sample(at)) for at in range(8)] == [{"frame": at} for at in range(8)]
        (audio,) = [track for track in reader.tracks if track.kind == "audio"]
        assert audio.start == -1024
        assert reader.sample(audio.number, 13) == b"packet 13"
        assert reader.frames.samples.tolist() == facts["sample_crc32"]
        assert reader.frames.stegos.tolist() == facts["stego_crc32"]


def test_second_reader_reads_the_vector(facts, second_reader):
    read = second_reader.read(VECTOR)
    assert [sample.pts for sample in read.tracks[0].samples] == facts["pts"]
    assert (read.sample_crcs, read.scene_crcs) == (facts["sample_crc32"], facts["scene_crc32"])
    assert read.stego_crcs == facts["stego_crc32"]


def test_vector_decodes_to_the_planes_whose_checksums_it_holds(facts):
    with av.open(str(VECTOR)) as source:
        stream = source.streams.video[0]
        planes = [frame.to_ndarray() for frame in source.decode(stream)]
    assert [zlib.crc32(plane.tobytes()) for plane in planes] == facts["stego_crc32"]


def test_writer_still_writes_all_but_the_index(facts, clip_class, sound_class):
    """From what the reader gives, byte for byte the same samples and tables."""
    with Reader(VECTOR) as reader:
        frames = [
            (
                reader.pts(1, at),
                duration_of(reader, 1, at),
                reader.is_key(1, at),
                reader.sample(1, at),
                reader.scene_sample(at),
            )
            for at in range(len(reader))
        ]
        packets = [(1024 * at - 1024, 1024, b"packet %d" % at) for at in range(14)]
        clip = clip_class(
            frames,
            reader.video.time_base,
            32,
            32,
            [sound_class(Fraction(1, 48000), packets)],
            stegos=reader.frames.stegos.tolist(),
        )
        clip.head, clip.about = reader.video.table.entries[0], reader.version.about
        end = reader.version.moov_offset + reader.version.moov_size
    again = io.BytesIO()
    clip.write(again)
    assert again.getvalue()[:end] == VECTOR.read_bytes()[:end]


def test_what_format_1_does_not_say(facts):
    with Reader(VECTOR) as reader:
        version, index = reader.version, reader.index
    assert (index.playing, index.live_offset, index.tags) == (1, version.moov_offset, ())
    assert (version.root, version.frames_changed, version.bytes_added) == (1, 8, VECTOR.stat().st_size)
