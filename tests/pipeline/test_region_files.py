"""Files whose content decodes exactly while the rest of the picture is lossy."""

from __future__ import annotations

import io
import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
import cssv.pipeline.stego_coding
from cssv.carriers import CARRIERS
from cssv.container import Reader
from cssv.errors import OptionError
from cssv.frames import planes_crc
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.stego_coding import GroupCoding
from cssv.testing import clips as synthetic
from cssv.video import REGION_H264, VideoInfo
from tests.carriers.cell_carrier import CellCarrier
from tests.video.test_region_encoder import group

SCENE = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20}]}
MS = Fraction(1, 1000)
#: Seconds of a group of pictures in these tests: two windows.
GROUP_S = Fraction(2, 5)


@pytest.fixture(scope="module", autouse=True)
def registered():
    CARRIERS.register("cells", CellCarrier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cssv.pipeline.stego_coding, "GROUP_S", GROUP_S)
        yield
    CARRIERS.unregister("cells")


@pytest.fixture(scope="module")
def coded(clips, tmp_path_factory, registered):
    """A file of three groups with sound; read only."""
    path = tmp_path_factory.mktemp("regions") / "cells.cssv"
    cssv.encode(
        clips / "sound.mp4", path, boxes=clips / "boxes.txt", scene=SCENE, carrier="cells", created_s=1
    )
    return path


def pictures(path):
    with av.open(str(path)) as source:
        return [picture.to_ndarray() for picture in source.decode(video=0)]


def check_content(path, planes):
    """Every frame holds its number, and each of its objects the temperature of the scene."""
    carrier = CellCarrier()
    with cssv.open(path) as clip:
        for number, (moment, picture) in enumerate(zip(clip, planes, strict=True)):
            assert np.array_equal(moment.frame.planes, picture)
            found = carrier.extract(moment.frame)
            assert found.found_number == number
            assert found.is_intact
            assert len(found.objects) > 0
            assert {warmth for _, _, warmth in found.objects} == {20}


def test_every_frame_is_exact(coded):
    check_content(coded, pictures(coded))
    found = cssv.verify(coded)
    assert found.faults == ()
    assert found.frames == synthetic.COUNT


def test_it_is_lossy_h264_of_ordinary_profile(coded):
    facts = cssv.info(coded).facts
    assert (facts["codec"], facts["crf"], facts["carrier"]) == ("h264", REGION_H264.crf, "cells")
    with av.open(str(coded)) as source:
        stream = source.streams.video[0]
        assert stream.codec_context.profile == "High"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert any(packet.pts != packet.dts for packet in source.demux(stream) if packet.size)


def test_groups_begin_with_windows(coded):
    """At each multiple of their seconds, with a key frame; the checksums are of the decoded planes."""
    with Reader(coded) as reader:
        table, times = reader.video.table, reader.video.pts() / synthetic.RATE
        keys = [int(number) - 1 for number in table.syncs]
        assert keys == [0, 10, 20]
        assert table.order is not None
        crcs = [planes_crc(np.ascontiguousarray(planes)) for planes in pictures(coded)]
        assert reader.frames.stegos.tolist() == crcs
        assert len(times) == synthetic.COUNT


def test_any_remux_is_exact(coded, tmp_path):
    """By FFmpeg, also of a part from a key frame on."""
    for name, options in {"a.mkv": [], "b.mp4": [], "c.mp4": ["-ss", "0.4"]}.items():
        target = tmp_path / name
        tool = shutil.which("ffmpeg")
        if tool is None:
            pytest.skip("needs ffmpeg")
        command = [tool, "-v", "error", *options, "-i", str(coded), "-c", "copy", "-map", "0:v", str(target)]
        subprocess.run(command, check=True)
        found = [CellCarrier().extract(frame) for frame in frames_of(target)]
        assert all(each is not None and each.is_intact for each in found)
        numbers = [each.found_number for each in found]
        assert numbers == list(range(numbers[0], synthetic.COUNT))


def frames_of(path):
    with cssv.video.VideoReader(path) as reader:
        yield from reader


def test_a_remux_by_pyav_is_exact(coded):
    target = io.BytesIO()
    with av.open(str(coded)) as source, av.open(target, "w", format="mp4") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    target.seek(0)
    with av.open(target) as source:
        copied = [picture.to_ndarray() for picture in source.decode(video=0)]
    for one, other in zip(copied, pictures(coded), strict=True):
        assert np.array_equal(one, other)


def test_verify_finds_any_change(coded, tmp_path):
    """A bit of each frame's sample flipped, in the order of decoding."""
    data = coded.read_bytes()
    with Reader(coded) as reader:
        table = reader.video.table
        places = [(int(table.offsets[at]), int(table.sizes[at])) for at in range(len(table.sizes))]
    for at in (0, 5, 13, 23):
        offset, size = places[at]
        changed = bytearray(data)
        changed[offset + size // 2] ^= 4
        path = tmp_path / f"{at}.cssv"
        path.write_bytes(changed)
        assert cssv.verify(path).faults != ()


def test_verify_compares_pixels(coded, tmp_path, monkeypatch):
    """Decoding to other pixels than were written is a fault although no byte of the file has changed."""
    path = shutil.copy(coded, tmp_path / "other.cssv")
    read = cssv.video.FrameCursor.read

    def brighter(cursor, number):
        frame = read(cursor, number)
        if number == 7:
            planes = frame.planes.copy()
            planes[-1, -1] ^= 1
            return cssv.frames.Frame(planes, frame.layout, frame.pts, frame.time_base, number)
        return frame

    monkeypatch.setattr(cssv.video.FrameCursor, "read", brighter)
    (fault,) = cssv.verify(path).faults
    assert "frame 7" in str(fault)


def write(file, threads=None, frames=20):
    info = VideoInfo(96, 64, "yuv420p", MS, Fraction(25))
    with StegoWriter(file, info, crf=26, regions=True, threads=threads) as writer:
        for each in group(count=frames, size=(96, 64)):
            writer.add(EmbeddedFrame(each.frame, b"{}", each.exact, begins_window=each.frame.number % 5 == 0))
        writer.finish({"layout": "yuv420p", "carrier": "cells", "crf": 26}, created_s=1)
    return file.getvalue()


def test_the_number_of_threads_changes_no_byte():
    assert write(io.BytesIO(), 1) == write(io.BytesIO(), 3)


def test_groups_do_not_depend_on_those_before():
    """The second group of a clip is that of a clip without the first."""
    info = VideoInfo(96, 64, "yuv420p", MS, Fraction(25))
    frames = group(count=20, size=(96, 64))
    embedded = [EmbeddedFrame(e.frame, b"", e.exact, begins_window=e.frame.number % 5 == 0) for e in frames]
    both, alone = (groups_of(GroupCoding(info, 26), part) for part in (embedded, embedded[10:]))
    assert [len(each) for each in both] == [10, 10]
    one, other = (GroupCoding(info, 26).code(each[-1]) for each in (both, alone))
    assert one == other


def groups_of(coding, frames):
    found = [coding.add(each) for each in frames]
    return [each for each in (*found, coding.finish()) if each]


def test_a_group_has_a_bound_of_bytes(monkeypatch):
    """From half of it on, it ends before the next window; at all of it, within one."""
    info = VideoInfo(96, 64, "yuv420p", MS, Fraction(25))
    frames = group(count=20, size=(96, 64))
    size = frames[0].frame.planes.nbytes
    for begins, bound, wanted in ((5, 10, [5, 5, 5, 5]), (20, 8, [8, 8, 4])):
        monkeypatch.setattr(cssv.pipeline.stego_coding, "GROUP_BYTES", bound * size)
        embedded = [
            EmbeddedFrame(e.frame, b"", e.exact, begins_window=e.frame.number % begins == 0) for e in frames
        ]
        assert [len(each) for each in groups_of(GroupCoding(info, 26), embedded)] == wanted


def test_a_long_pause_begins_a_group(tmp_path):
    """Where MP4 cannot hold the times of reordered frames."""
    info = VideoInfo(96, 64, "yuv420p", MS, Fraction(25))
    frames = group(count=6, size=(96, 64))
    pause = 1 << 27
    path = tmp_path / "pause.cssv"
    with path.open("w+b") as file, StegoWriter(file, info, crf=26, regions=True) as writer:
        for each in frames:
            number = each.frame.number
            moved = cssv.frames.Frame(each.frame.planes, "yuv420p", 40 * number + pause * (number > 2), MS)
            writer.add(EmbeddedFrame(moved, b"{}", each.exact, begins_window=number == 0))
        writer.finish({"layout": "yuv420p", "carrier": "cells", "crf": 26}, created_s=1)
    with Reader(path) as reader:
        assert reader.video.table.syncs.tolist() == [1, 4]
    for each, planes in zip(frames, pictures(path), strict=True):
        assert not each.exact.faults(planes).any()


def test_a_live_recording_is_exact(tmp_path):
    path = tmp_path / "live.cssv"
    size = (synthetic.WIDTH, synthetic.HEIGHT)
    with cssv.Encoder(
        path, size=size, rate=25, carrier="cells", scene=SCENE, detector=synthetic.Truth(), lag_s=0.2
    ) as encoder:
        for picture in synthetic.pictures():
            encoder.write(picture)
    assert cssv.verify(path).faults == ()
    check_content(path, pictures(path))


def test_other_coding_is_refused():
    for codec, crf in (("ffv1", None), ("hevc", 20), ("h264", 0)):
        with pytest.raises(OptionError):
            EncoderConfig.from_arguments(codec, "cells", crf=crf, effort=None, password=None)
    made = EncoderConfig.from_arguments("h264", "cells", crf=None, effort=None, password=None)
    assert made.crf == REGION_H264.crf
    assert made.has_regions
