"""Groups of pictures whose content in some macroblocks decodes exactly, while the rest is lossy."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cssv.video.region_encoder
from cssv.errors import OptionError, VideoError
from cssv.frames import Frame, blocks_shape, planes_crc
from cssv.video import CodedGroup, Colour, FrameEncoder, RegionEncoder, RegionFrame, VideoInfo
from cssv.video.regions import _rectangles
from tests.carriers.cell_carrier import CellContent, cells_of, write_bits

WIDTH, HEIGHT, COUNT, CRF = 152, 104, 10, 30
MS = Fraction(1, 1000)
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", MS, Fraction(25))


def group(step=6.0, count=COUNT, first=0, size=(WIDTH, HEIGHT), seed=1):
    """Frames of a texture that moves, with random bits in some macroblocks."""
    width, height = size
    random = np.random.default_rng(seed)
    texture = random.integers(0, 256, (height * 3 // 2, width + 64), dtype=np.uint8)
    texture = cv2.GaussianBlur(texture, (5, 5), 0)
    rows, columns = blocks_shape(width, height)
    frames = []
    for number in range(first, first + count):
        planes = texture[:, number % 64 : number % 64 + width].copy()
        blocks = np.zeros((rows, columns), bool)
        blocks[1:3, 1 + number // 4 : 4 + number // 4] = True
        bits = random.integers(0, 2, (rows * 4, columns * 4)).astype(bool)
        write_bits(planes, bits, cells_of(blocks), step)
        frame = Frame(planes, "yuv420p", 40 * number, MS, number)
        frames.append(RegionFrame(frame, CellContent(bits, blocks, step)))
    return frames


def decoded(coded):
    """The planes of a group, by PyAV and its sample entry alone."""
    with av.open(io.BytesIO(coded.head)) as head:
        context = av.CodecContext.create("h264", "r")
        context.extradata = head.streams.video[0].codec_context.extradata
    pictures = []
    for packet in coded.packets:
        given_packet = av.Packet(packet.data)
        given_packet.pts, given_packet.dts = packet.pts, packet.dts
        pictures += context.decode(given_packet)
    pictures += context.decode(None)
    return [(picture.pts, picture.to_ndarray()) for picture in pictures]


@pytest.fixture(scope="module")
def coded():
    return RegionEncoder(INFO, CRF).encode(group())


def test_the_content_decodes_exactly(coded):
    for each, (pts, planes) in zip(group(), decoded(coded), strict=True):
        assert pts == each.frame.pts
        assert not each.exact.faults(planes).any()


def test_without_finer_regions_it_does_not():
    with FrameEncoder(INFO, crf=CRF, regions=True) as encoder:
        packets = [packet for each in group() for packet in encoder.encode(each.frame)]
        plain = CodedGroup((*packets, *encoder.flush()), (), encoder.mp4_head(), 1)
    pairs = zip(group(), decoded(plain), strict=True)
    assert any(each.exact.faults(planes).any() for each, (_, planes) in pairs)


def test_the_checksums_are_of_the_decoded_planes(coded):
    assert list(coded.crcs) == [planes_crc(planes) for _, planes in decoded(coded)]


def test_the_first_packet_is_the_only_key(coded):
    """Also at a cut."""
    cut = group(count=5) + group(count=5, first=5, seed=2)
    for packets in (coded.packets, RegionEncoder(INFO, CRF).encode(cut).packets):
        assert [packet.is_key for packet in packets] == [True] + [False] * (COUNT - 1)
        assert [packet.dts for packet in packets] == [each.frame.pts for each in group()]
        assert any(packet.pts != packet.dts for packet in packets)


def test_equal_groups_give_equal_bytes(coded):
    assert RegionEncoder(INFO, CRF).encode(group()) == coded


def test_times_are_not_part_of_the_bytes(coded):
    later = [replace(each, frame=replace(each.frame, pts=7 * each.frame.pts + 9)) for each in group()]
    again = RegionEncoder(INFO, CRF).encode(later)
    assert [packet.data for packet in again.packets] == [packet.data for packet in coded.packets]


def test_the_profile_is_high(coded):
    # The profile is the second byte of the decoder's setup (ISO/IEC 14496-15, 5.3.3.1).
    setup = coded.head[coded.head.index(b"avcC") + 4 :]
    assert setup[1] == 100


def test_macroblocks_that_are_missed_are_coded_finer(monkeypatch):
    """A small distance of the levels takes more rounds and more bytes."""
    monkeypatch.setattr(CellContent, "first", 0)
    wide, narrow = (RegionEncoder(INFO, CRF).encode(group(step=step)) for step in (12.0, 3.0))
    assert min(wide.rounds, narrow.rounds) > 1
    assert sum(len(p.data) for p in wide.packets) < sum(len(p.data) for p in narrow.packets)


@pytest.mark.parametrize("rounds", [0, 1])
def test_the_last_round_is_as_fine_as_possible(monkeypatch, rounds):
    monkeypatch.setattr(CellContent, "first", 0)
    monkeypatch.setattr(cssv.video.region_encoder, "ROUNDS", max(rounds, 1))
    done = RegionEncoder(INFO, CRF).encode(group(step=4.0, count=4))
    assert done.rounds == 2


class Impossible:
    """Content that no decoder returns."""

    blocks = np.ones(blocks_shape(WIDTH, HEIGHT), bool)
    finer = blocks.astype(np.int16)

    def faults(self, _planes):
        return self.blocks * np.uint8(2)


def test_content_that_stays_wrong_is_refused():
    frames = [RegionFrame(each.frame, Impossible()) for each in group(count=2)]
    with pytest.raises(VideoError, match=r"does not decode exactly.*lossless=True"):
        RegionEncoder(INFO, CRF).encode(frames)


def test_frames_without_content_are_plain():
    plain = [RegionFrame(each.frame) for each in group()]
    done = RegionEncoder(INFO, CRF).encode(plain)
    assert done.rounds == 1
    with FrameEncoder(INFO, crf=CRF, regions=True) as encoder:
        packets = [packet for each in plain for packet in encoder.encode(each.frame)] + encoder.flush()
    assert [packet.data for packet in packets] == [packet.data for packet in done.packets]


def test_a_group_may_have_one_frame():
    (each,) = frames = group(count=1)
    done = RegionEncoder(INFO, CRF).encode(frames)
    ((_, planes),) = decoded(done)
    assert not each.exact.faults(planes).any()


@pytest.mark.parametrize(
    "change",
    [
        {"fields": "tff"},
        {"colour": Colour(range=2, space=1, primaries=1, transfer=1)},
        {"pixel_aspect": Fraction(5000, 4999)},
        {"time_base": Fraction(1, 1 << 29)},
    ],
)
def test_any_form_of_frames_is_exact(change):
    info = replace(INFO, **change)
    frames = [replace(each, frame=replace(each.frame, time_base=info.time_base)) for each in group(count=6)]
    done = RegionEncoder(info, CRF).encode(frames)
    for each, (_, planes) in zip(frames, decoded(done), strict=True):
        assert not each.exact.faults(planes).any()


def test_blocks_of_another_size_are_refused():
    (each,) = group(count=1, size=(64, 64))
    other = RegionFrame(group(count=1)[0].frame, each.exact)
    with pytest.raises(VideoError, match="do not fit"):
        RegionEncoder(INFO, CRF).encode([other])


@pytest.mark.parametrize(("codec", "crf"), [("hevc", 20), ("h264", None), ("h264", 0)])
def test_other_coding_has_no_regions(codec, crf):
    with pytest.raises(OptionError):
        FrameEncoder(INFO, codec, crf=crf, regions=True)


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_rectangles_cover_each_macroblock_once(rows, columns, data):
    values = data.draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    blocks = np.array(values).reshape(rows, columns)
    covered = np.zeros(blocks.shape, int)
    for x, y, width, height in _rectangles(blocks):
        covered[y // 16 : (y + height) // 16, x // 16 : (x + width) // 16] += 1
    assert np.array_equal(covered, blocks)
