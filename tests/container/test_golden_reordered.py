"""A golden file whose frames are reordered: readers of every later release must read it.

``tests/vectors/container_v2_reordered.cssv`` was written by this test, with x264; nothing in it was made by
anybody else. To write it anew after a deliberate change of the format, run with
``CSSV_REGENERATE_VECTORS=1``, and say in the commit why old files no longer read the same.
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

from cssv.container import Appender, IndexMeta, Reader, Writer, compact
from cssv.frames import Frame
from cssv.testing.container import problems_of
from cssv.video import FrameEncoder, VideoInfo

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
VECTOR, FACTS = VECTORS / "container_v2_reordered.cssv", VECTORS / "container_v2_reordered.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"

COUNT, BASE = 22, Fraction(1, 30000)
#: Uneven times from a late start. A gap that is too long for reordering begins the second group of pictures.
GAP = 70_000_000
TIMES = [4004 + 1001 * at + at % 3 + GAP * (at >= 12) for at in range(COUNT)]
INFO = VideoInfo(48, 32, "yuv420p", BASE, Fraction(30000, 1001))
ABOUT = IndexMeta(1_767_225_600, "Ada Lovelace", "reordered", {"layout": "yuv420p"})


def pictures(step):
    """Frames of 48 x 32, drawn: a ramp that moves, brighter with each frame."""
    ramp = np.add.outer(np.arange(48), np.arange(48)) % 64
    planes = [(ramp + np.roll(ramp, step * at) + 4 * at).astype(np.uint8) for at in range(COUNT)]
    return [Frame(each, "yuv420p", TIMES[at], BASE, at) for at, each in enumerate(planes)]


def packets_of(frames):
    with FrameEncoder(INFO, "h264", crf=20, threads=1) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        return packets, encoder.mp4_head()


def regenerate():
    """Two versions: the second has other frames from the second group on."""
    packets, head = packets_of(pictures(1))
    with VECTOR.open("w+b") as file, Writer(file) as writer:
        video = writer.add_video(width=48, height=32, time_base=BASE)
        scene = writer.add_scene()
        for at, packet in enumerate(packets):
            times = {"pts": packet.pts, "dts": packet.dts}
            writer.write_sample(video, packet.data, duration=1001, is_key=packet.is_key, **times)
            writer.write_sample(scene, json.dumps({"frame": at}).encode(), pts=packet.dts, duration=1001)
            writer.note_frame(at)
        writer.finish({video: head}, ABOUT)
    packets, head = packets_of(pictures(2)[12:])
    with Appender(VECTOR) as appender:
        for place, packet in enumerate(packets, 12):
            frame = TIMES.index(packet.pts)
            crc = 100 + frame
            appender.write_video(
                frame, packet.data, is_key=packet.is_key, stego_crc=crc, head=head, place=place
            )
        appender.stage(IndexMeta(1_767_225_660, "Ada Lovelace", "second", ABOUT.meta), frames_changed=10)
        appender.publish()
    FACTS.write_text(json.dumps(facts_of(VECTOR), indent=1) + "\n")


def facts_of(path):
    """What the package's reader sees; the second reader must see it too."""
    facts = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "playing": 2, "next_number": 3, "tags": [],
        "pts": TIMES, "versions": {},
    }  # fmt: skip
    for number in (1, 2):
        with Reader(path, version=number) as reader:
            table = reader.video.table
            assert table.order is not None
            facts["versions"][str(number)] = {
                "order": table.order.tolist(),
                "delay": table.delay,
                "keys": [reader.is_key(reader.video.number, at) for at in range(len(reader))],
                "sample_crc32": reader.frames.samples.tolist(),
                "scene_crc32": reader.frames.scenes.tolist(),
                "stego_crc32": reader.frames.stegos.tolist(),
                "brightness": [round(float(mean), 1) for mean in brightness(reader.source)],
            }
    return facts


def brightness(source):
    """Mean of luma of each frame as PyAV decodes it."""
    with source.open("rb") as file, av.open(file) as container:
        return [picture.to_ndarray()[:32].mean() for picture in container.decode(video=0)]


@pytest.fixture(scope="module")
def facts():
    if REGENERATE:
        regenerate()
    return json.loads(FACTS.read_text())


def test_vector_is_the_one_that_was_committed(facts):
    data = VECTOR.read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert len(data) < 20_000


@pytest.mark.parametrize("number", [1, 2])
def test_every_version_reads(facts, number, second_reader):
    said = facts["versions"][str(number)]
    assert sorted(said["order"]) == list(range(COUNT)) != said["order"]
    with Reader(VECTOR, version=number) as reader:
        assert problems_of(reader) == []
        assert reader.video.pts().tolist() == facts["pts"] == TIMES
        assert reader.video.table.order.tolist() == said["order"]
        assert reader.video.table.delay == said["delay"] > 0
        for at in range(COUNT):
            assert zlib.crc32(reader.sample(reader.video.number, at)) == said["sample_crc32"][at]
            assert json.loads(reader.scene_sample(at)) == {"frame": at}
    read = second_reader.read(VECTOR, number)
    samples = read.tracks[0].samples
    assert [sample.pts for sample in samples] == facts["pts"]
    assert [sample.place for sample in samples] == np.argsort(said["order"]).tolist()


@pytest.mark.parametrize("number", [1, 2])
def test_players_show_the_frames_in_their_order(facts, number):
    """Each frame is brighter than the one before, and as bright as it was when the file was written."""
    with Reader(VECTOR, version=number) as reader:
        found = brightness(reader.source)
    assert found == sorted(found)
    assert found == pytest.approx(facts["versions"][str(number)]["brightness"], abs=0.06)


def test_the_second_version_shares_the_first_group(facts):
    one, two = (facts["versions"][number]["sample_crc32"] for number in ("1", "2"))
    assert [at for at in range(COUNT) if one[at] != two[at]] == list(range(12, COUNT))
    assert [at for at, key in enumerate(facts["versions"]["2"]["keys"]) if key] == [0, 12]


def test_writer_still_writes_the_same_bytes():
    """From what the reader gives of version 1."""
    again = io.BytesIO()
    with Reader(VECTOR, version=1) as reader:
        number, table = reader.video.number, reader.video.table
        writer = Writer(again)
        video = writer.add_video(width=48, height=32, time_base=BASE)
        scene = writer.add_scene()
        for place in range(COUNT):
            frame = table.sample_at(place)
            times = {"pts": TIMES[frame], "dts": TIMES[place]}
            data, is_key = reader.sample(number, frame), reader.is_key(number, frame)
            writer.write_sample(video, data, duration=1001, is_key=is_key, **times)
            writer.write_sample(scene, reader.scene_sample(place), pts=TIMES[place], duration=1001)
            writer.note_frame(place)
        writer.finish({video: table.entries[0]}, reader.version.about)
    data = again.getvalue()
    # Four bytes have become "free" since.
    start = data.rindex(b"moov")
    assert data[:start] + b"free" + data[start + 4 :] == VECTOR.read_bytes()[: len(data)]


def test_compaction_keeps_the_newer_version(tmp_path, facts):
    copy = tmp_path / "copy.cssv"
    with copy.open("wb") as file:
        compact(VECTOR, file, [2])
    with Reader(copy) as reader:
        assert problems_of(reader) == []
        assert reader.frames.samples.tolist() == facts["versions"]["2"]["sample_crc32"]
        assert reader.video.table.order.tolist() == facts["versions"]["2"]["order"]
