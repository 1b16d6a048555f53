"""Lossy codecs: one packet a frame, the same bytes each time, and files of ordinary size."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from itertools import chain

import av
import cv2
import numpy as np
import pytest

from cssv.container import extract_entry
from cssv.errors import OptionError
from cssv.frames import Frame, planes_shape
from cssv.video import (
    CODEC_NAMES,
    CODECS,
    LOSSY_CODECS,
    FrameEncoder,
    VideoInfo,
    check_crf,
    field_notes,
    gop_length,
    settings_of,
)

LOSSY = list(LOSSY_CODECS)
WIDTH, HEIGHT = 192, 128
TICK = Fraction(1, 12800)
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", TICK, Fraction(25))
#: Sample entries of the codecs in an MP4.
ENTRIES = {"h264": b"avc1", "hevc": b"hvc1", "vp9": b"vp09", "av1": b"av01"}


def moving_frames(count, stamps=None):
    """A smooth picture that moves, with noise that does not."""
    rng = np.random.default_rng(4)
    wide = cv2.GaussianBlur(rng.uniform(-900, 1100, (HEIGHT + count, WIDTH + count)), (0, 0), 4)
    noise = rng.normal(0, 1.5, (HEIGHT, WIDTH))
    frames = []
    for number in range(count):
        planes = np.full(planes_shape("yuv420p", WIDTH, HEIGHT), 128, np.uint8)
        luma = wide[number // 2 : number // 2 + HEIGHT, number : number + WIDTH] + noise
        planes[:HEIGHT] = np.clip(luma, 16, 235)
        pts = number * 512 if stamps is None else stamps[number]
        frames.append(Frame(planes, "yuv420p", pts, TICK, number))
    return frames


def encoded(frames, codec, crf=None, **options):
    crf = LOSSY_CODECS[codec].crf if crf is None else crf
    with FrameEncoder(INFO, codec, crf=crf, **options) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)]
        packets += encoder.flush()
        return packets, encoder.mp4_head()


def decoded(packets, head):
    """Luma by plain PyAV, one list for each packet: the decoder's set-up comes from the head alone."""
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        pictures = [context.decode(av.Packet(packet.data)) for packet in packets]
        return [
            [p.to_ndarray(format="yuv420p")[:HEIGHT] for p in each]
            for each in (*pictures, context.decode(None))
        ]


def pictures_of(packets, head):
    return list(chain.from_iterable(decoded(packets, head)))


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.fixture(scope="module")
def frames():
    return moving_frames(110)


@pytest.mark.parametrize("codec", LOSSY)
def test_each_frame_gives_one_packet(codec, frames):
    """Also where the codec has hidden frames: they share the packet of a frame that is shown.

    H.264 and HEVC have B-frames, whose packets come behind those of later frames.
    """
    packets, head = encoded(frames, codec)
    order = [packet.pts for packet in packets]
    assert sorted(order) == [frame.pts for frame in frames]
    assert (order != sorted(order)) == LOSSY_CODECS[codec].settings.reorders == (codec in ("h264", "hevc"))
    assert [packet.dts for packet in packets] == [frame.pts for frame in frames]
    pictures = decoded(packets, head)
    shown = list(chain.from_iterable(pictures))
    assert len(shown) == len(frames)
    assert min(psnr(a, b.planes[:HEIGHT]) for a, b in zip(shown, frames, strict=True)) > 32


@pytest.mark.parametrize("codec", LOSSY)
def test_decoding_starts_at_each_key_frame(codec, frames, monkeypatch):
    assert gop_length(LOSSY_CODECS[codec].settings, INFO.rate) == 250
    settings = replace(LOSSY_CODECS[codec].settings, gop=50)
    monkeypatch.setitem(LOSSY_CODECS, codec, replace(LOSSY_CODECS[codec], settings=settings))
    packets, head = encoded(frames, codec)
    keys = [number for number, packet in enumerate(packets) if packet.is_key]
    assert keys == [0, 50, 100]
    whole = pictures_of(packets, head)
    for start, stop in ((50, 110), (0, 100)):
        part = pictures_of(packets[start:stop], head)
        assert len(part) == stop - start
        for a, b in zip(part, whole[start:stop], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("codec", LOSSY)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_frames_give_the_same_bytes(codec, threads, frames):
    first = encoded(frames[:60], codec, threads=threads)
    assert encoded(frames[:60], codec, threads=threads) == first


@pytest.mark.parametrize("codec", ["hevc", "vp9", "av1"])
def test_the_number_of_threads_changes_no_byte(codec, frames):
    assert encoded(frames[:60], codec, threads=1) == encoded(frames[:60], codec, threads=4)


@pytest.mark.parametrize("codec", LOSSY)
def test_time_has_no_effect_on_the_bytes(codec, frames):
    stamps = np.cumsum([1 + 7919 * k % 4001 for k in range(40)]).tolist()
    # Another number of threads gives other bytes of x264.
    uneven, _ = encoded(moving_frames(40, stamps), codec, threads=1)
    even, _ = encoded(moving_frames(40), codec, threads=1)
    times = sorted((packet.pts, packet.duration) for packet in uneven)
    assert [pts for pts, _ in times] == [packet.dts for packet in uneven] == stamps
    assert [duration for _, duration in times[:-1]] == np.diff(stamps).tolist()
    assert [packet.data for packet in uneven] == [packet.data for packet in even]


@pytest.mark.parametrize("codec", LOSSY)
def test_the_sample_entry_is_that_of_mp4(codec, frames):
    packets, head = encoded(frames[:5], codec)
    entry = extract_entry(head, "video")
    assert entry[4:8] == ENTRIES[codec]
    if codec in ("h264", "hevc"):
        # Lengths, each followed by its unit, fill the whole sample.
        for packet in packets:
            at = 0
            while at < len(packet.data):
                at += 4 + int.from_bytes(packet.data[at : at + 4], "big")
            assert at == len(packet.data)
    if codec == "av1":
        assert not any(packet.data.startswith(b"\x12\0") for packet in packets)


def plain_bytes(frames, codec, crf):
    """Video bytes of the file that FFmpeg's own muxer writes with the same quality and key frames."""
    settings = LOSSY_CODECS[codec].settings
    options = {"crf": str(crf)} | {k: v for k, v in settings.options.items() if not k.endswith("-params")}
    if codec in ("h264", "hevc"):
        params = "open-gop=0" + (":log-level=none" if codec == "hevc" else "")
        options[f"{settings.encoders['yuv420p'][3:]}-params"] = params
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(settings.encoders["yuv420p"], rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_type = "FRAME"
        for frame in (*frames, None):
            picture = None if frame is None else av.VideoFrame.from_ndarray(frame.planes, format="yuv420p")
            container.mux(stream.encode(picture))
    file.seek(0)
    with av.open(file) as container:
        return sum(packet.size for packet in container.demux(video=0))


@pytest.mark.parametrize("codec", LOSSY)
def test_the_size_is_that_of_a_plain_encode(codec, frames):
    crf = LOSSY_CODECS[codec].crf - 8
    packets, _ = encoded(frames, codec, crf)
    plain = plain_bytes(frames, codec, crf)
    assert abs(sum(len(packet.data) for packet in packets) / plain - 1) < 0.01


@pytest.mark.parametrize("codec", LOSSY)
def test_a_higher_crf_gives_fewer_bytes(codec, frames):
    sizes = [sum(len(p.data) for p in encoded(frames[:30], codec, crf)[0]) for crf in (10, 30, 50)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[2]


@pytest.mark.parametrize("codec", LOSSY)
def test_the_bounds_of_the_quality_can_be_used(codec, frames):
    for crf in LOSSY_CODECS[codec].crf_range:
        packets, head = encoded(frames[:4], codec, crf)
        assert len(pictures_of(packets, head)) == 4


def test_crf_0_of_h264_is_lossless(frames):
    packets, head = encoded(frames[:20], "h264", 0)
    for found, frame in zip(pictures_of(packets, head), frames[:20], strict=True):
        np.testing.assert_array_equal(found, frame.planes[:HEIGHT])


def test_nothing_is_written_to_the_standard_error(frames, capfd):
    """x265 and SVT-AV1 write their settings there unless they are told not to."""
    for codec in LOSSY:
        encoded(frames[:10], codec)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("codec", "crf", "words"),
    [
        ("h264", 52, r"quality of h264 is out of range: found 'crf 52'; allowed: .*from 0 to 51"),
        ("av1", 0, "from 1 to 63"),
        ("vp9", -1, "from 0 to 63"),
        ("hevc", 20.5, "whole number"),
        ("h264", True, "whole number"),
        ("h264", "20", "whole number"),
        ("ffv1", 20, r"ffv1 is lossless and has no quality"),
        ("hevc", None, "hevc is not lossless here"),
        ("av2", 20, "unknown codec"),
    ],
)
def test_a_quality_that_a_codec_does_not_have_is_refused(codec, crf, words):
    with pytest.raises(OptionError, match=words):
        check_crf(codec, crf)
    with pytest.raises(OptionError, match=words):
        FrameEncoder(INFO, codec, crf=crf)


@pytest.mark.parametrize("codec", LOSSY)
def test_lossy_coding_of_rgb_is_refused(codec):
    info = VideoInfo(WIDTH, HEIGHT, "rgb24", TICK, Fraction(25))
    with pytest.raises(OptionError, match=r"does not code these planes: found .*rgb24"):
        FrameEncoder(info, codec, crf=30)


@pytest.mark.parametrize("codec", LOSSY)
@pytest.mark.parametrize("size", [(32, 32), (66, 64), (34, 66), (258, 32), (70, 98)])
def test_small_and_uneven_sizes(codec, size):
    width, height = size
    info = VideoInfo(width, height, "yuv420p", TICK, Fraction(25))
    if min(size) < LOSSY_CODECS[codec].settings.least_side:
        with pytest.raises(OptionError, match=f"found '{width}x{height}'; allowed: at least 64 pixels"):
            FrameEncoder(info, codec, crf=30)
        return
    planes = np.full(planes_shape("yuv420p", width, height), 90, np.uint8)
    with FrameEncoder(info, codec, crf=30) as encoder:
        packets = [p for n in range(60) for p in encoder.encode(Frame(planes, "yuv420p", n, TICK, n))]
        packets += encoder.flush()
    assert len(packets) == 60


def test_names_of_all_codecs():
    assert set(CODEC_NAMES) == set(CODECS) | set(LOSSY_CODECS)


@pytest.mark.parametrize("codec", LOSSY)
def test_a_first_packet_of_any_length_gives_a_sample_entry(codec):
    """FFmpeg looks at the first bytes of a long one only; AV1 must not be cut within a unit."""
    width, height = 512, 384
    info = VideoInfo(width, height, "yuv420p", TICK, Fraction(25))
    planes = np.random.default_rng(2).integers(0, 256, planes_shape("yuv420p", width, height), dtype=np.uint8)
    with FrameEncoder(info, codec, crf=LOSSY_CODECS[codec].crf_range[0]) as encoder:
        encoder.encode(Frame(planes, "yuv420p", 0, TICK))
        (packet,) = encoder.flush()
        assert len(packet.data) > 2**16
        entry = extract_entry(encoder.mp4_head(), "video")
    with FrameEncoder(info, codec, crf=LOSSY_CODECS[codec].crf_range[1]) as encoder:
        encoder.encode(Frame(np.full_like(planes, 9), "yuv420p", 0, TICK))
        (packet,) = encoder.flush()
        assert len(packet.data) < 2**16
        short = extract_entry(encoder.mp4_head(), "video")
    assert entry[4:8] == short[4:8] == ENTRIES[codec]
    if codec in ("hevc", "vp9", "av1"):
        assert entry == short


@pytest.mark.parametrize("codec", LOSSY)
def test_interlaced_frames_are_marked_or_a_note_says_otherwise(codec, frames):
    info = replace(INFO, fields="tff")
    crf = LOSSY_CODECS[codec].crf
    with FrameEncoder(info, codec, crf=crf) as encoder:
        packets = [packet for frame in frames[:8] for packet in encoder.encode(frame)] + encoder.flush()
        head = encoder.mp4_head()
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        pictures = [p for packet in packets for p in context.decode(av.Packet(packet.data))]
        pictures += context.decode(None)
    assert len(pictures) == 8
    is_marked = {picture.interlaced_frame for picture in pictures}
    assert is_marked == {codec == "h264"}
    notes = field_notes(info, codec, settings_of(codec, crf))
    assert bool(notes) == (codec != "h264")
