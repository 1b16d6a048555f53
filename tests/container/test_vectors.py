"""A golden file: readers of every later release must read it, and the writer still writes it.

``tests/vectors/container_v1.cssv`` was written by this test; nothing in it was made by anybody else.
To write it anew after a deliberate change of the format, run with ``CSSV_REGENERATE_VECTORS=1``, and
say in the commit why old files no longer read the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cssv.container import IndexMeta, Reader

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
VECTOR, FACTS = VECTORS / "container_v1.cssv", VECTORS / "container_v1.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"


def regenerate(encode_planes, playable, sound_class):
    """Eight frames of 32 x 32, starting late, and made-up sound with encoder delay."""
    ramp = np.add.outer(np.arange(48, dtype=np.uint8), np.arange(32, dtype=np.uint8))
    times = [1001 * at for at in range(3, 11)]
    encoded = encode_planes([ramp + np.uint8(at * 5) for at in range(8)], times, Fraction(1, 30000), gop=4)
    clip = playable(encoded, [made_up_sound(sound_class)])
    clip.about = ABOUT
    clip.write(VECTOR)
    data = VECTOR.read_bytes()
    with Reader(VECTOR) as reader:
        facts = {
            "provenance": "written by tests/container/test_vectors.py: a drawn ramp, sound of made-up bytes",
            "sha256": hashlib.sha256(data).hexdigest(),
            "pts": reader.video.pts().tolist(),
            "sample_crc32": reader.frames.samples.tolist(),
            "scene_crc32": reader.frames.scenes.tolist(),
            "stego_crc32": reader.frames.stegos.tolist(),
        }
    FACTS.write_text(json.dumps(facts, indent=1) + "\n")


ABOUT = IndexMeta(
    1_767_225_600, "Ada Lovelace", "golden: \u00e9\u00df\u4e16", {"layout": "yuv420p", "codec": "h264"}
)


def made_up_sound(sound_class):
    return sound_class(Fraction(1, 48000), [(1024 * at - 1024, 1024, b"packet %d" % at) for at in range(14)])


@pytest.fixture(scope="module")
def facts(encode_planes, playable, sound_class):
    if REGENERATE:
        VECTORS.mkdir(exist_ok=True)
        regenerate(encode_planes, playable, sound_class)
    return json.loads(FACTS.read_text())


def test_vector_is_the_one_that_was_committed(facts):
    data = VECTOR.read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert len(data) < 20_000


def test_vector_reads(facts):
    with Reader(VECTOR) as reader:
        assert list(reader.verify()) == []
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


def test_writer_still_writes_the_vector(facts, clip_class, sound_class):
    """From what the reader gives, byte for byte the same file."""
    with Reader(VECTOR) as reader:
        frames = [
            (
                reader.pts(1, at),
                reader.duration(1, at),
                reader.is_key(1, at),
                reader.sample(1, at),
                reader.scene_sample(at),
            )
            for at in range(len(reader))
        ]
        sound = made_up_sound(sound_class)
        clip = clip_class(
            frames, reader.video.time_base, 32, 32, [sound], stegos=reader.frames.stegos.tolist()
        )
        clip.head, clip.about = reader.video.table.entries[0], reader.version.about
    again = io.BytesIO()
    clip.write(again)
    assert again.getvalue() == VECTOR.read_bytes()
