"""A golden file of several versions: readers of every later release must read each of them.

``tests/vectors/container_v2.cssv`` was written by this test; nothing in it was made by anybody else.
To write it anew after a deliberate change of the format, run with ``CSSV_REGENERATE_VECTORS=1``, and
say in the commit why old files no longer read the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cssv.container import Appender, IndexMeta, Reader, compact, walk_boxes
from cssv.testing.container import duration_of, problems_of

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
VECTOR, FACTS = VECTORS / "container_v2.cssv", VECTORS / "container_v2.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"

TIMES = [1001 * at for at in range(2, 10)]
BASE = Fraction(1, 30000)
LAYOUT = {"layout": "yuv420p"}


def pictures(step):
    """Eight pictures of 32 x 32, drawn."""
    ramp = np.add.outer(np.arange(48, dtype=np.uint8), np.arange(32, dtype=np.uint8))
    return [ramp + np.uint8(at * step) for at in range(8)]


def write_frames(appender, encoded, frames):
    for at in frames:
        _, _, is_key, data = encoded.packets[at]
        stego = zlib.crc32(encoded.planes[at].tobytes())
        appender.write_video(at, data, is_key=is_key, stego_crc=stego, head=encoded.head)
        appender.write_scene(at, json.dumps({"frame": at, "changed": True}).encode())


def land(appender, number, message, facts=LAYOUT, **stage):
    appender.stage(IndexMeta(1_767_225_600 + 60 * number, "Ada Lovelace", message, facts), **stage)
    appender.publish()


def regenerate(encode_planes, playable, sound_class):
    """1 - 2 - 4 - 6 and 1 - 3, 4 - 5; 5 from a cover; two tags; 4 plays by a checkout."""
    x264 = {"qp": "0", "preset": "ultrafast", "bf": "0", "x264-params": "open-gop=0:threads=1"}
    cabac = x264 | {"x264-params": "open-gop=0:threads=1:cabac=1:ref=2"}
    plain = encode_planes(pictures(5), TIMES, BASE, gop=4, options=x264)
    other = encode_planes(pictures(9), TIMES, BASE, gop=4, options=cabac)
    third = encode_planes(pictures(3), TIMES, BASE, gop=4, options=x264)
    sound = sound_class(Fraction(1, 48000), [(1024 * at - 1024, 1024, b"packet %d" % at) for at in range(14)])
    clip = playable(plain, [sound])
    clip.about = IndexMeta(1_767_225_600, "Ada Lovelace", "golden: \u00e9\u00df\u4e16", LAYOUT)
    clip.write(VECTOR)
    with Appender(VECTOR) as appender:
        write_frames(appender, other, range(4, 8))
        land(appender, 2, "other settings from frame 4", frames_changed=4)
    with Appender(VECTOR, parent=1) as appender:
        appender.write_scene(0, b'{"frame": 0, "scene": "other words"}')
        land(appender, 3, "a branch: words only", frames_changed=0)
    with Appender(VECTOR, parent=2) as appender:
        appender.tag("released", 2)
        appender.tag("\u00fcbung", 3)
    with Appender(VECTOR, parent=2) as appender:
        write_frames(appender, third, range(4))
        land(appender, 4, "frames 0 to 3", frames_changed=4)
    with Appender(VECTOR, parent=4) as appender:
        write_frames(appender, other, range(8))
        land(appender, 5, "from a cover", LAYOUT | {"cover": [5]}, frames_changed=8, root=0)
    with Appender(VECTOR, parent=4) as appender:
        with Reader(VECTOR, version=1) as first:
            for at in range(4, 8):
                appender.share_video(at, first)
        land(appender, 6, "frames 4 to 7 as at first", frames_changed=4)
        appender.checkout(4)
        appender.tag("released", 4)
    FACTS.write_text(json.dumps(found_facts(), indent=1) + "\n")


def found_facts():
    with Reader(VECTOR) as reader:
        index = reader.index
    versions = {}
    for row in index.versions:
        with Reader(VECTOR, version=row.number) as reader:
            versions[row.number] = {
                "parent": row.parent,
                "root": row.root,
                "created_s": row.about.created_s,
                "message": row.about.message,
                "facts": row.about.meta,
                "frames_changed": row.frames_changed,
                "bytes_added": row.bytes_added,
                "entries": [reader.video.table.entry_of(at) for at in range(8)],
                "keys": [reader.is_key(reader.video.number, at) for at in range(8)],
                "sample_crc32": reader.frames.samples.tolist(),
                "scene_crc32": reader.frames.scenes.tolist(),
                "stego_crc32": reader.frames.stegos.tolist(),
            }
            pts, audio = reader.video.pts().tolist(), reader.frames.audio
    return {
        "provenance": "written by tests/container/test_golden_versions.py: drawn ramps, made-up sound",
        "sha256": hashlib.sha256(VECTOR.read_bytes()).hexdigest(),
        "playing": index.playing,
        "next_number": index.next_number,
        "tags": [list(tag) for tag in index.tags],
        "pts": pts,
        "audio": [list(row) for row in audio],
        "versions": versions,
    }


@pytest.fixture(scope="module")
def facts(encode_planes, playable, sound_class):
    if REGENERATE:
        regenerate(encode_planes, playable, sound_class)
    return json.loads(FACTS.read_text())


def test_vector_is_the_one_that_was_committed(facts):
    data = VECTOR.read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert len(data) < 60_000


def test_every_version_reads(facts):
    assert json.loads(json.dumps(found_facts())) == facts
    with Reader(VECTOR) as reader:
        assert problems_of(reader) == []
        assert reader.torn_bytes == 0
        assert reader.version.number == facts["playing"] == 4
    for number in facts["versions"]:
        with Reader(VECTOR, version=int(number)) as reader:
            (audio,) = [track for track in reader.tracks if track.kind == "audio"]
            assert audio.start == -1024
            assert [reader.sample(audio.number, at) for at in range(14)] == [
                b"packet %d" % at for at in range(14)
            ]


def test_it_holds_what_it_is_for(facts):
    """Or a later writer could make it easy for later readers."""
    rows = facts["versions"]
    assert [rows[number]["parent"] for number in "123456"] == [0, 1, 1, 2, 4, 4]
    assert [rows[number]["root"] for number in "123456"] == [1, 1, 1, 1, 5, 1]
    assert (facts["playing"], facts["next_number"]) == (4, 7)
    # Of six rows three have no facts of their own.
    assert [number for number in "123456" if rows[number]["facts"] != LAYOUT] == ["5"]
    assert VECTOR.read_bytes().rsplit(b"CSIX", 1)[1].count(b'"layout"') == 3
    assert facts["tags"] == [["released", 4], ["\u00fcbung", 3]]
    assert rows["2"]["entries"] == [0] * 4 + [1] * 4
    assert rows["6"]["entries"] == [0] * 8
    assert rows["6"]["sample_crc32"][4:] == rows["1"]["sample_crc32"][4:]
    tops = [box.kind for box in walk_boxes(VECTOR) if box.depth == 0]
    assert (tops.count(b"moov"), tops.count(b"free"), tops.count(b"cssv")) == (1, 6, 10)


def test_every_version_decodes_to_the_planes_whose_checksums_it_holds(facts):
    for number, row in facts["versions"].items():
        with Reader(VECTOR, version=int(number)) as reader:
            source = reader.source
        with source.open("rb") as file, av.open(file) as container:
            frames = [frame.to_ndarray() for frame in container.decode(container.streams.video[0])]
        assert [zlib.crc32(planes.tobytes()) for planes in frames] == row["stego_crc32"], number


def test_players_take_the_version_that_plays(facts):
    with av.open(str(VECTOR)) as container:
        stream = container.streams.video[0]
        frames = [(frame.pts, frame.to_ndarray()) for frame in container.decode(stream)]
    assert [pts for pts, _ in frames] == facts["pts"]
    crcs = [zlib.crc32(planes.tobytes()) for _, planes in frames]
    assert crcs == facts["versions"]["4"]["stego_crc32"]


@pytest.mark.parametrize("keep", [None, (1, 2, 4, 6), (2, 3)])
def test_ffmpeg_decodes_it_without_a_word(facts, tool, tmp_path, keep):
    """Whatever of it plays, and through which of two entries. (Of the made-up sound it would warn.)"""
    path = VECTOR
    if keep is not None:
        path = tmp_path / "copy.cssv"
        with path.open("wb") as file:
            compact(VECTOR, file, keep)
    command = [tool("ffmpeg"), "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    with Reader(path) as reader:
        source = reader.source
    with source.open("rb") as file, av.open(file) as container:
        planes = [frame.to_ndarray() for frame in container.decode(container.streams.video[0])]
    hashes = [line.split(",")[-1].strip() for line in run.stdout.splitlines() if not line.startswith("#")]
    assert hashes == [hashlib.md5(each.tobytes()).hexdigest() for each in planes]


def test_second_reader_reads_every_version(facts, second_reader):
    for number, row in facts["versions"].items():
        read = second_reader.read(VECTOR, int(number))
        assert [sample.pts for sample in read.tracks[0].samples] == facts["pts"]
        assert (read.sample_crcs, read.scene_crcs) == (row["sample_crc32"], row["scene_crc32"])
        assert read.stego_crcs == row["stego_crc32"]


def test_it_can_be_compacted_and_carried_on(facts, tmp_path):
    copy = tmp_path / "copy.cssv"
    with copy.open("wb") as file:
        compact(VECTOR, file, [2, 3, 6])
    with Appender(copy) as appender:
        appender.stage(IndexMeta(), frames_changed=0)
        appender.publish()
    for number in (2, 3, 6):
        with Reader(copy, version=number) as reader:
            assert problems_of(reader) == []
            assert reader.frames.stegos.tolist() == facts["versions"][str(number)]["stego_crc32"]


def test_writers_still_write_the_first_version_of_it(facts, clip_class, sound_class):
    """From what the reader gives, byte for byte the same beginning, but for the four renamed."""
    with Reader(VECTOR, version=1) as reader:
        frames = [
            (
                reader.pts(1, at),
                duration_of(reader, 1, at),
                reader.is_key(1, at),
                reader.sample(1, at),
                reader.scene_sample(at),
            )
            for at in range(8)
        ]
        audio = next(track for track in reader.tracks if track.kind == "audio")
        packets = [
            (pts, 1024, reader.sample(audio.number, at)) for at, pts in enumerate(audio.pts().tolist())
        ]
        sound = sound_class(audio.time_base, packets)
        clip = clip_class(
            frames, reader.video.time_base, 32, 32, [sound], stegos=reader.frames.stegos.tolist()
        )
        clip.head, clip.about = reader.video.table.entries[0], reader.version.about
        moov = reader.version.moov_offset + 4
    again = io.BytesIO()
    clip.write(again)
    old = bytearray(VECTOR.read_bytes()[: len(again.getvalue())])
    assert old[moov : moov + 4] == b"free"
    old[moov : moov + 4] = b"moov"
    assert again.getvalue() == old
