"""Encoding and decoding give the same planes, for every codec, layout, size and spacing of time."""

from __future__ import annotations

import io
import itertools
import struct
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.nibble.merge import merge
from cssv.container import extract_entry, parameter_sets
from cssv.errors import FrameError, OptionError, OutputError, VideoError
from cssv.frames import Frame, planes_shape
from cssv.video import (
    CODECS,
    EFFORTS,
    Colour,
    FrameEncoder,
    Span,
    VideoInfo,
    VideoReader,
    gop_length,
    settings_of,
)

PAIRS = list(itertools.product(CODECS, ["yuv420p", "rgb24"]))
MS = Fraction(1, 1000)
SMALL = VideoInfo(64, 48, "yuv420p", MS, Fraction(25))


def frames_of(layout, width, height, stamps, seed=0, time_base=MS):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, planes_shape(layout, width, height), dtype=np.uint8)
    return [
        Frame(np.roll(base, number, 0) ^ np.uint8(number % 5), layout, pts, time_base, number)
        for number, pts in enumerate(stamps)
    ]


def encoded(frames, codec, *, rate=Fraction(25), tags=None, **options):
    first = frames[0]
    info = VideoInfo(first.width, first.height, first.layout, first.time_base, rate, **(tags or {}))
    with FrameEncoder(info, codec, **options) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)]
        packets += encoder.flush()
        return packets, encoder.mp4_head()


def decoded(packets, head, layout):
    """Planes by plain PyAV: the codec's set-up from the head alone, the packets one by one."""
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        pictures = [picture for packet in packets for picture in context.decode(av.Packet(packet.data))]
        pictures += context.decode(None)
        return [picture.reformat(format=layout).to_ndarray() for picture in pictures]


def assert_same(frames, planes):
    assert len(frames) == len(planes)
    for frame, found in zip(frames, planes, strict=True):
        np.testing.assert_array_equal(frame.planes, found)


@pytest.mark.parametrize(("codec", "layout"), PAIRS)
@pytest.mark.parametrize("size", [(32, 32), (70, 54), (176, 144)])
def test_planes_come_back_bit_for_bit(codec, layout, size):
    frames = frames_of(layout, *size, range(0, 2200, 40))
    packets, head = encoded(frames, codec)
    assert_same(frames, decoded(packets, head, layout))


@pytest.mark.parametrize(("codec", "layout"), PAIRS)
def test_time_comes_back_as_it_went_in(codec, layout):
    stamps = [-90, -3, 0, 1, 1000, 1001, 5_000_000_000, 5_000_000_007]
    packets, _ = encoded(frames_of(layout, 64, 48, stamps, time_base=Fraction(1001, 30000)), codec)
    assert [packet.pts for packet in packets] == stamps
    assert [packet.dts for packet in packets] == stamps
    assert [packet.duration for packet in packets[:-1]] == np.diff(stamps).tolist()
    assert packets[-1].duration == 1
    assert {packet.time_base for packet in packets} == {Fraction(1001, 30000)}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@settings(max_examples=6)
@given(
    steps=st.lists(st.integers(1, 10_000), min_size=1, max_size=30),
    start=st.integers(-(10**6), 10**9),
    threads=st.integers(1, 3),
)
def test_any_spacing_and_thread_count(codec, layout, steps, start, threads):
    stamps = list(itertools.accumulate(steps, initial=start))
    frames = frames_of(layout, 48, 34, stamps, seed=len(steps))
    packets, head = encoded(frames, codec, threads=threads)
    assert [packet.pts for packet in packets] == stamps
    assert_same(frames, decoded(packets, head, layout))


@pytest.mark.parametrize(("codec", "layout"), PAIRS)
def test_noise_and_flat_planes_survive(codec, layout):
    shape = planes_shape(layout, 64, 48)
    rng = np.random.default_rng(3)
    arrays = [
        np.zeros(shape, np.uint8),
        np.full(shape, 255, np.uint8),
        rng.integers(0, 256, shape, dtype=np.uint8),
    ]
    frames = [Frame(array, layout, index, MS, index) for index, array in enumerate(arrays * 3)]
    packets, head = encoded(frames, codec)
    assert_same(frames, decoded(packets, head, layout))


@pytest.mark.parametrize("codec", CODECS)
def test_real_frames_survive(data, codec):
    with VideoReader(data / "clips/carphone_pristine.mp4", span=Span(stop=Fraction(1))) as reader:
        frames = list(reader)
        encoder = FrameEncoder(reader.info, codec)
    with encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        head = encoder.mp4_head()
    assert [packet.pts for packet in packets] == [frame.pts for frame in frames]
    assert_same(frames, decoded(packets, head, "yuv420p"))
    with av.open(io.BytesIO(head)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(128, 117)


# FFmpeg sets x264 up anew with every frame when a term of the pixel aspect is above 4096; scalers make such.
ASPECTS = [Fraction(1), Fraction(9600, 7259), Fraction(4096, 4097)]


def shimmering(covers, layout):
    """Stego frames: low nibbles of which a few change by little from frame to frame."""
    rng = np.random.default_rng(5)
    nibbles = rng.integers(0, 16, covers[0].shape, dtype=np.uint8)
    frames = []
    for number, cover in enumerate(covers):
        few = rng.random(cover.shape) < 0.01
        nibbles = np.where(few, nibbles ^ 1, nibbles)
        frames.append(Frame(merge(cover, nibbles << 4), layout, number, MS, number))
    return frames


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("aspect", ASPECTS, ids=str)
def test_small_changes_survive_any_pixel_aspect(codec, layout, aspect):
    frames = shimmering([np.full(planes_shape(layout, 70, 54), 120, np.uint8)] * 8, layout)
    packets, head = encoded(frames, codec, tags={"pixel_aspect": aspect})
    assert_same(frames, decoded(packets, head, layout))


@pytest.fixture(scope="module")
def bikes(data):
    """(H, W, 3) uint8 RGB, 12 of them."""
    with VideoReader(data / "clips/bikes.mp4", planes="rgb") as reader:
        return [frame.planes for frame in itertools.islice(reader, 12)]


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("size", [(854, 480), (322, 242), (338, 258), (1278, 718)], ids=str)
def test_scaled_frames_survive(bikes, layout, size):
    covers = [cv2.resize(picture, size) for picture in bikes]
    if layout == "yuv420p":
        covers = [cv2.cvtColor(cover, cv2.COLOR_RGB2YUV_I420) for cover in covers]
    frames = shimmering(covers, layout)
    packets, head = encoded(frames, "h264", tags={"pixel_aspect": Fraction(9600, 7259)})
    assert_same(frames, decoded(packets, head, layout))


@pytest.mark.parametrize(("codec", "layout"), PAIRS)
def test_decoding_can_start_at_every_key_frame(codec, layout):
    frames = frames_of(layout, 64, 48, range(30))
    packets, head = encoded(frames, codec, rate=Fraction(5))
    keys = [index for index, packet in enumerate(packets) if packet.is_key]
    assert keys == list(range(0, 30, gop_length(CODECS[codec], Fraction(5))))
    for key in keys[1:3]:
        assert_same(frames[key:], decoded(packets[key:], head, layout))


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [(Fraction(1), 12), (Fraction(7), 14), (Fraction(30000, 1001), 50), (Fraction(240), 50)],
)
def test_groups_of_pictures_last_about_two_seconds(rate, wanted):
    assert gop_length(CODECS["h264"], rate) == wanted
    assert gop_length(CODECS["ffv1"], rate) == 1


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_every_effort_is_lossless_with_a_key_frame_every_50(effort, layout):
    coding = settings_of("h264", effort=effort)
    assert [gop_length(coding, rate) for rate in (Fraction(1), Fraction(240))] == [50, 50]
    covers = [np.full(planes_shape(layout, 70, 54), 120, np.uint8)] * 110
    frames = shimmering(covers, layout)
    packets, head = encoded(frames, "h264", effort=effort)
    again, _ = encoded(frames, "h264", effort=effort, threads=1)
    assert [packet.data for packet in packets] == [packet.data for packet in again]
    assert [n for n, packet in enumerate(packets) if packet.is_key] == [0, 50, 100]
    assert_same(frames, decoded(packets, head, layout))


def test_files_without_an_effort_are_coded_as_ever():
    """Commits to older files continue streams that were coded so."""
    assert settings_of("h264") is CODECS["h264"]
    assert gop_length(settings_of("h264"), Fraction(7)) == 14


@pytest.mark.parametrize(
    ("codec", "crf", "effort", "message"),
    [
        ("h264", None, "smal", "unknown effort: found 'smal'"),
        ("h264", 20, "small", "found 'h264 at crf 20'"),
        ("ffv1", None, "fast", "found 'ffv1'"),
        ("vp9", None, "small", "found 'vp9'"),
    ],
)
def test_an_effort_that_a_coding_does_not_have_is_refused(codec, crf, effort, message):
    with pytest.raises(OptionError, match=message):
        FrameEncoder(SMALL, codec, crf=crf, effort=effort)


def units(data: bytes) -> list[int]:
    kinds, at = [], 0
    while at < len(data):
        length = struct.unpack_from(">I", data, at)[0]
        kinds.append(data[at + 4] & 31)
        at += 4 + length
    assert at == len(data)
    return kinds


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_h264_packets_are_in_mp4_form(layout):
    packets, head = encoded(frames_of(layout, 64, 48, range(30)), "h264", rate=Fraction(5))
    kinds = [units(packet.data) for packet in packets]
    assert {7, 8}.isdisjoint(itertools.chain(*kinds))
    for packet, found in zip(packets, kinds, strict=True):
        assert (5 in found) == packet.is_key
        assert (1 in found) == (not packet.is_key)
    assert b"avcC\x01" in head


@pytest.mark.parametrize(("codec", "entry"), [("h264", b"avc1"), ("ffv1", b"FFV1"), ("vp9", b"vp09")])
def test_the_head_is_an_mp4_with_that_sample_entry(codec, entry):
    frames = frames_of("yuv420p", 64, 48, range(3))
    _, head = encoded(frames, codec)
    assert head[4:8] == b"ftyp"
    assert head.count(b"stsd") == 1
    assert head[head.index(b"stsd") + 16 :][:4] == entry
    with av.open(io.BytesIO(head)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (64, 48)
        assert_same(frames[:1], [picture.to_ndarray() for picture in container.decode(video=0)])


@pytest.mark.parametrize(("codec", "layout"), PAIRS)
def test_colour_tags_reach_the_player(codec, layout):
    colour = Colour(range=2, space=1, primaries=9, transfer=13)
    _, head = encoded(frames_of(layout, 64, 48, range(2)), codec, tags={"colour": colour})
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        picture = next(container.decode(video=0))
        found = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
    if layout == "rgb24":
        assert picture.format.is_rgb
        assert found[:2] == (2, 0)
    else:
        assert found == (2, 1, 9, 13)


def test_bytes_do_not_depend_on_time():
    one, _ = encoded(frames_of("yuv420p", 64, 48, range(20)), "h264", threads=1)
    two, _ = encoded(frames_of("yuv420p", 64, 48, range(5, 2005, 100)), "h264", threads=1)
    assert [packet.data for packet in one] == [packet.data for packet in two]


def test_a_frame_may_be_changed_after_it_was_encoded():
    frames = frames_of("yuv420p", 64, 48, range(12))
    kept = [frame.planes.copy() for frame in frames]
    with FrameEncoder(SMALL, "ffv1", threads=4) as encoder:
        packets = []
        for frame in frames:
            packets += encoder.encode(frame)
            frame.planes[:] = 0
        packets += encoder.flush()
        found = decoded(packets, encoder.mp4_head(), "yuv420p")
    for wanted, planes in zip(kept, found, strict=True):
        np.testing.assert_array_equal(wanted, planes)


def test_planes_that_are_views_are_taken():
    wide = np.random.default_rng(0).integers(0, 256, (48, 128, 3), dtype=np.uint8)
    frame = Frame(wide[:, ::2][..., ::-1], "rgb24", 0, MS)
    packets, head = encoded([frame], "h264")
    assert_same([frame], decoded(packets, head, "rgb24"))


@pytest.fixture
def encoder():
    with FrameEncoder(SMALL) as made:
        yield made


@pytest.mark.parametrize(
    "frame",
    [
        frames_of("yuv420p", 66, 48, [0])[0],
        frames_of("rgb24", 64, 48, [0])[0],
        frames_of("yuv420p", 64, 48, [0], time_base=Fraction(1, 25))[0],
    ],
)
def test_a_frame_unlike_the_clip_is_refused(encoder, frame):
    with pytest.raises(FrameError, match="allowed: 64x48 yuv420p in 1/1000 s"):
        encoder.encode(frame)


@pytest.mark.parametrize("second", [5, 4])
def test_pts_must_grow(encoder, second):
    first, again = frames_of("yuv420p", 64, 48, [5, second])
    encoder.encode(first)
    with pytest.raises(FrameError, match=r"pts must grow: found .; allowed: above 5"):
        encoder.encode(again)


def test_the_head_needs_a_packet(encoder):
    with pytest.raises(VideoError, match="nothing is encoded yet"):
        encoder.mp4_head()


def test_an_empty_encoder_flushes_nothing(encoder):
    assert encoder.flush() == []
    assert encoder.flush() == []


def test_nothing_is_encoded_after_the_flush(encoder):
    frame = frames_of("yuv420p", 64, 48, [0])[0]
    encoder.encode(frame)
    assert len(encoder.flush()) == 1
    assert encoder.flush() == []
    with pytest.raises(OutputError, match="already flushed"):
        encoder.encode(frame)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rate": Fraction(0)}, OptionError),
        ({"time_base": Fraction(0)}, OptionError),
        ({"width": 63}, FrameError),
        ({"height": 16}, FrameError),
    ],
)
def test_sizes_and_times_out_of_bounds(options, error):
    with pytest.raises(error):
        replace(SMALL, **options)


@pytest.mark.parametrize("options", [{"codec": "h265"}, {"threads": 0}, {"threads": 1000}])
def test_options_out_of_bounds(options):
    with pytest.raises(OptionError):
        FrameEncoder(SMALL, **options)


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_a_variant_has_parameter_sets_of_its_own(layout):
    """A decoder of one variant decodes another whose key sample brings its parameter sets, then the first."""
    frames = frames_of(layout, 48, 32, range(0, 160, 40))
    (first, head), (second, other) = encoded(frames, "h264"), encoded(frames, "h264", variant=3)
    sets = parameter_sets(extract_entry(other, "video"))
    assert units(sets) == [7, 8]
    assert sets != parameter_sets(extract_entry(head, "video"))
    second = [replace(second[0], data=sets + second[0].data), *second[1:]]
    assert_same(frames * 3, decoded([*first, *second, *first], head, layout))


@pytest.mark.parametrize("variant", [-1, 32])
def test_variants_have_bounds(variant):
    with pytest.raises(OptionError, match="variant"):
        encoded(frames_of("yuv420p", 48, 32, [0]), "h264", variant=variant)
