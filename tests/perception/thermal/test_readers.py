"""Thermal files: what comes out of good ones, and what is said of bad ones."""

from __future__ import annotations

import gzip
import struct
import sys
import tracemalloc
import zlib
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import MissingExtraError, ThermalError
from cssv.perception.thermal.cptv import CptvVideo
from cssv.perception.thermal.reader import ThermalReader
from cssv.scene.thermal import CENTIKELVIN, Unit


def read(path, **options):
    return list(ThermalReader(path, **options))


def refused(path, **options):
    """What is said of a file that cannot be used, whether it shows at once or while reading."""
    with pytest.raises(ThermalError) as caught:
        read(path, **options)
    return str(caught.value)


# ---- CPTV


def field(code: bytes, data: bytes) -> bytes:
    return bytes([len(data)]) + code + data


def section(kind: bytes, *fields: bytes) -> bytes:
    return kind + bytes([len(fields)]) + b"".join(fields)


def packed(values: list[int], bits: int) -> bytes:
    """Signed numbers bit by bit, the highest first."""
    text = "".join(f"{value & ((1 << bits) - 1):0{bits}b}" for value in values)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[k : k + 8], 2) for k in range(0, len(text), 8))


def cptv_frame(picture, before, bits=None, **flags) -> bytes:
    """A frame by the letter of the specification, without NumPy's help."""
    rows = [list(row) for row in picture.astype(int) - before.astype(int)]
    snake = [value for k, row in enumerate(rows) for value in (row[::-1] if k % 2 else row)]
    deltas = [int(b - a) for a, b in pairwise(snake)]
    most = max((abs(d) for d in deltas), default=0)
    bits = bits or most.bit_length() + 1
    data = struct.pack("<i", int(snake[0])) + packed(deltas, bits)
    fields = [field(b"w", bytes([bits])), field(b"f", struct.pack("<I", len(data)))]
    fields += [field(code.encode(), value) for code, value in flags.items()]
    return section(b"F", *fields) + data


def cptv_bytes(
    pictures, *, model=b"lepton3.5", version=2, width=None, height=None, extra=(), times=None, **fields
) -> bytes:
    """A file; ``times`` are the numbers of its pictures, by default 111 ms apart in version 2 only."""
    own_height, own_width = pictures[0].shape
    header = [
        field(b"T", bytes(8)),
        field(b"X", struct.pack("<I", width or own_width)),
        field(b"Y", struct.pack("<I", height or own_height)),
        field(b"C", b"\x01"),
        *extra,
    ]
    if model is not None:
        header.append(field(b"E", model))
    if times is None:
        times = [5000 + 111 * number if version == 2 else None for number in range(len(pictures))]
    body, before = b"", np.zeros_like(pictures[0])
    for time, picture in zip(times, pictures, strict=True):
        stamp = {} if time is None else {"t": struct.pack("<I", time)}
        body += cptv_frame(picture, before, **stamp, **fields)
        before = picture
    return gzip.compress(b"CPTV" + bytes([version]) + section(b"H", *header) + body)


def ramps(count=3, width=7, height=5):
    base = np.add.outer(np.arange(height), np.arange(width)) * 30
    return [(29000 + base + 100 * n).astype(np.uint16) for n in range(count)]


def test_a_cptv_file_of_a_radiometric_camera_tells_its_unit(tmp_path):
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps()))
    reader = ThermalReader(path)
    assert (reader.size, reader.is_timed, reader.is_still) == ((7, 5), True, False)
    assert (reader.unit, reader.notes) == (CENTIKELVIN, ())
    pictures = list(reader)
    assert [p.time_s for p in pictures] == [Fraction(111 * n, 1000) for n in range(3)]
    for picture, counts in zip(pictures, ramps(), strict=True):
        assert picture.celsius.dtype == np.float32
        np.testing.assert_allclose(picture.celsius, counts / 100 - 273.15, atol=1e-4)
    assert [p.time_s for p in ThermalReader(path, rate=Fraction(9))] == [Fraction(n, 9) for n in range(3)]
    assert list(reader)[2].celsius[0, 0] == pictures[2].celsius[0, 0]


@settings(max_examples=40)
@given(st.data(), st.integers(1, 6), st.integers(1, 5), st.integers(1, 3))
def test_any_counts_come_back(tmp_path_factory, data, width, height, count):
    counts = st.lists(st.integers(0, 65535), min_size=width * height, max_size=width * height)
    pictures = [
        np.array(data.draw(counts), np.uint16).reshape(height, width) for _ in range(count)
    ]  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "any.cptv"
    path.write_bytes(cptv_bytes(pictures))
    found = [counts for counts, _ in CptvVideo(path)]
    assert all((a == b).all() for a, b in zip(found, pictures, strict=True))


@pytest.mark.parametrize("bits", [8, 11, 16, 24])
def test_every_width_of_bits(tmp_path, bits):
    rng = np.random.default_rng(bits)
    pictures = [(3000 + rng.integers(0, 60, (6, 9))).astype(np.uint16) for _ in range(3)]
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(pictures, bits=bits))
    assert all((a == b).all() for (a, _), b in zip(CptvVideo(path), pictures, strict=True))


def test_a_picture_of_the_background_is_left_out(tmp_path):
    first, *others = ramps(3)
    body = cptv_frame(first, np.zeros_like(first), g=b"\x01", t=bytes(4))
    whole = gzip.decompress(cptv_bytes([first, *others]))
    lead = cptv_frame(first, np.zeros_like(first), t=struct.pack("<I", 5000))
    assert whole.count(lead) == 1
    path = tmp_path / "a.cptv"
    path.write_bytes(gzip.compress(whole.replace(lead, body)))
    found = read(path)
    assert [p.time_s for p in found] == [0, Fraction(111, 1000)]
    np.testing.assert_allclose(found[0].celsius, others[0] / 100 - 273.15, atol=1e-4)


@pytest.mark.parametrize(("version", "units"), [(1, 1_000_000), (2, 1000)])
def test_the_unit_of_time_follows_the_version(tmp_path, version, units):
    """SPECv1.md: microseconds since the header's time; SPECv2.md: ms since the camera was switched on."""
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps(), version=version, times=[7, 7 + 111, 7 + 5 * units]))
    reader = ThermalReader(path)
    assert reader.is_timed
    assert [p.time_s for p in reader] == [0, Fraction(111, units), 5]
    assert [p.time_s for p in read(path, rate=Fraction(9))] == [Fraction(n, 9) for n in range(3)]


@pytest.mark.parametrize(("version", "units"), [(1, 1_000_000), (2, 1000)])
def test_a_time_of_32_bits_starts_again_at_0(tmp_path, version, units):
    times = [2**32 - units, 0, 2**31 - 1, 2 * (2**31 - 1), 7]
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps(5), version=version, times=times))
    found = [picture.time_s for picture in read(path)]
    assert found == [
        Fraction(t, units) for t in (0, units, units + 2**31 - 1, units + 2**32 - 2, 2**32 + 7 + units)
    ]


@pytest.mark.parametrize(
    ("times", "words"),
    [([900, 800, 1000], "0.1 s too early"), ([900, None, 1000], "picture 1 without a time")],
)
def test_times_that_do_not_increase_are_refused_unless_a_rate_replaces_them(tmp_path, times, words):
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps(), times=times))
    found = refused(path)
    assert "do not increase" in found
    assert words in found
    assert "thermal.rate" in found
    assert [p.time_s for p in read(path, rate=Fraction(9))] == [Fraction(n, 9) for n in range(3)]


def test_a_picture_larger_than_the_file_can_hold_takes_no_memory(tmp_path):
    path, claims = tmp_path / "a.cptv", {"width": 2560, "height": 2048}
    path.write_bytes(cptv_bytes(ramps(), **claims))
    assert path.stat().st_size * 8 * 1032 < 2560 * 2048
    tracemalloc.start()
    try:
        words = refused(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "2560x2048" in words
    assert "in a file of this length" in words
    assert peak < 2560 * 2048 / 10
    path.write_bytes(cptv_bytes(ramps(), width=16384, height=16384))
    assert "1 to 2560" in refused(path)


@pytest.mark.parametrize("bits", [1, 11, 24])
def test_memory_of_a_picture_is_a_few_bytes_a_pixel(tmp_path, bits):
    """A table of bits in eight bytes each took 1,200 bytes a pixel."""
    path, side = tmp_path / "a.cptv", 1000
    size = 4 + -(-(side * side - 1) * bits // 8)
    frame = section(b"F", field(b"w", bytes([bits])), field(b"f", struct.pack("<I", size))) + bytes(size)
    sides = [field(code, struct.pack("<I", side)) for code in (b"X", b"Y")]
    header = section(b"H", *sides, field(b"C", b"\x01"))
    path.write_bytes(gzip.compress(b"CPTV\x02" + header + frame))
    tracemalloc.start()
    try:
        ((counts, _),) = CptvVideo(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not counts.any()
    assert peak < 40 * side * side


def test_version_1_without_times_goes_frame_by_frame(tmp_path):
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps(), version=1))
    assert not ThermalReader(path).is_timed
    assert [p.time_s for p in read(path)] == [None] * 3
    assert ThermalReader(path, rate=Fraction(9)).is_timed


def test_counts_of_an_unknown_camera_need_a_scale(tmp_path):
    path = tmp_path / "a.cptv"
    for model in (None, b"lepton3"):
        path.write_bytes(cptv_bytes(ramps(), model=model))
        words = refused(path)
        assert "has no scale for its counts" in words
        assert "lepton3.5" in words
        assert '"scale"' in words
        assert len(read(path, unit=Unit(0.05, -1400))) == 3


def test_a_cptv_file_that_breaks_off_is_never_a_short_one(tmp_path):
    whole, path = cptv_bytes(ramps(6)), tmp_path / "a.cptv"
    for size in range(2, len(whole), 5):
        path.write_bytes(whole[:size])
        assert "breaks off" in refused(path), size
    inner = gzip.decompress(whole)
    for size in range(5, len(inner)):
        path.write_bytes(gzip.compress(inner[:size], 1))
        try:
            count = len(read(path))
        except ThermalError:
            continue
        # Cut between two frames, nothing shows but the number of pictures.
        assert count < 6


def test_damage_in_a_cptv_file_has_a_name(tmp_path):
    inner, path = gzip.decompress(cptv_bytes(ramps())), tmp_path / "a.cptv"
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(inner)
        data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        path.write_bytes(gzip.compress(bytes(data), 1))
        # Any other error fails the test.
        with suppress(ThermalError):
            assert len(read(path, unit=CENTIKELVIN)) <= 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 100_000}, "1 to 2560"),
        ({"width": 8}, "damaged"),
        ({"bits": 30}, "1 to 24 bits"),
        ({"extra": (field(b"C", b"\x00"),)}, "compression"),
        ({"version": 7}, "1 or 2"),
    ],
)
def test_a_cptv_file_with_an_impossible_header(tmp_path, change, words):
    path = tmp_path / "a.cptv"
    path.write_bytes(cptv_bytes(ramps(), **change))
    assert words in refused(path)


def test_gzip_of_something_else(tmp_path):
    path = tmp_path / "a.cptv"
    path.write_bytes(gzip.compress(b"hello, world"))
    assert "not a CPTV file" in refused(path)


def test_a_real_recording_reads_as_their_own_package_reads_it(data):
    import cptv

    path = data / "thermal" / "cacophony_v2.cptv"
    words = refused(path)
    assert "camera not named" in words
    assert "which is not hundredths of a kelvin" in words
    ours = list(CptvVideo(path))
    with path.open("rb") as file:
        theirs = list(cptv.CPTVReader(file))
    assert len(ours) == len(theirs) == 100
    for (counts, time_s), frame in zip(ours, theirs, strict=True):
        assert (counts == frame.pix).all()
        assert time_s == Fraction((frame.time_on - theirs[0].time_on).microseconds, 10**6) + int(
            (frame.time_on - theirs[0].time_on).total_seconds()
        )


# ---- FLIR stills


def test_a_flir_still(data, tmp_path):
    path = data / "thermal" / "Flir_E40.jpg"
    reader = ThermalReader(path)
    assert (reader.size, reader.is_still, reader.is_timed, reader.unit) == ((160, 120), True, False, None)
    (picture,) = reader
    assert picture.time_s is None
    assert picture.celsius.min() == pytest.approx(17.88, abs=0.01)
    assert picture.celsius.max() == pytest.approx(24.70, abs=0.01)
    assert "not counts" in refused(path, unit=CENTIKELVIN)
    cut = tmp_path / "cut.jpg"
    for size in (1000, 5000, 20000):
        cut.write_bytes(path.read_bytes()[:size])
        assert "camera's original file" in refused(cut)


def test_damage_in_a_flir_still_has_a_name(data, tmp_path):
    whole, path = (data / "thermal" / "Flir_E40.jpg").read_bytes(), tmp_path / "a.jpg"
    rng = np.random.default_rng(2)
    for bound in [3000] * 20 + [len(whole)] * 10:
        spoilt = bytearray(whole)
        for at in rng.integers(2, bound, 6):
            spoilt[at] = rng.integers(256)
        path.write_bytes(bytes(spoilt))
        # Any other error, and any warning, fails the test.
        with suppress(ThermalError):
            assert np.isfinite(read(path)[0].celsius).mean() >= 0.5


def test_a_picture_without_temperatures(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((60, 80, 3), np.uint8))[1].tobytes())
    assert "no readable temperatures" in refused(path)


def test_another_packages_opener_of_pictures_is_no_excuse(tmp_path, package, monkeypatch):
    """What ultralytics puts in Pillow's place asks for a package that is not there."""

    def unpack(_):
        raise ModuleNotFoundError("No module named 'pi_heif'")

    monkeypatch.setattr(package("flyr"), "unpack", unpack)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    assert "no readable temperatures" in refused(path)


def test_a_flir_still_without_the_extra_names_the_command(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    monkeypatch.setitem(sys.modules, "flyr", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[thermal\]'"):
        ThermalReader(path)


# ---- videos and pictures of counts


def counts_at(number, width=40, height=30):
    return (28000 + 10 * number + np.add.outer(np.arange(height), np.arange(width))).astype(np.uint16)


def write_video(path, count=6, *, codec="ffv1", pix_fmt="gray16le", rate=9, size=(40, 30)):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(counts_at(number, *size), format="gray16le")
            frame = frame.reformat(format=pix_fmt)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mkv", "ffv1", "gray16le"), ("a.mov", "png", "gray16be"), ("a.nut", "rawvideo", "gray16le")],
)
def test_a_video_of_counts(tmp_path, name, codec, pix_fmt):
    path = write_video(tmp_path / name, codec=codec, pix_fmt=pix_fmt)
    pictures = read(path, unit=CENTIKELVIN)
    assert len(pictures) == 6
    for number, picture in enumerate(pictures):
        np.testing.assert_allclose(picture.celsius, counts_at(number) / 100 - 273.15, atol=1e-4)
        assert float(picture.time_s) == pytest.approx(number / 9, abs=0.001)
    exact = read(path, unit=CENTIKELVIN, rate=Fraction(5))
    assert [picture.time_s for picture in exact] == [Fraction(n, 5) for n in range(6)]
    assert "has no scale for its counts" in refused(path)


def test_widths_that_are_not_the_stride(tmp_path):
    path = write_video(tmp_path / "a.mkv", size=(37, 21))
    np.testing.assert_allclose(
        read(path, unit=Unit(0.1, 0))[3].celsius, counts_at(3, 37, 21) / np.float32(10), rtol=1e-6
    )


def test_videos_that_cannot_be_used(tmp_path, data):
    eight = write_video(tmp_path / "eight.mkv", pix_fmt="gray")
    words = refused(eight, unit=CENTIKELVIN)
    assert "found" in words
    assert "9 to 16 bits" in words
    assert "gray16le" in words
    whole = write_video(tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    assert "breaks off" in refused(tmp_path / "cut.mkv", unit=CENTIKELVIN)
    (tmp_path / "text.mkv").write_text("not a video at all")
    (tmp_path / "empty.mkv").write_bytes(b"")
    for name in ("text.mkv", "empty.mkv", "missing.mkv"):
        assert name in refused(tmp_path / name, unit=CENTIKELVIN)
    assert "yuv420p" in refused(data / "clips" / "vtest.avi", unit=CENTIKELVIN)


def write_png(path, pixels):
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def test_a_folder_of_pictures_in_the_order_of_its_names(tmp_path):
    for number in (1, 2, 10):
        write_png(tmp_path / f"t{number}.png", counts_at(number))
    reader = ThermalReader(tmp_path, unit=CENTIKELVIN)
    assert (reader.size, reader.is_still, reader.is_timed) == ((40, 30), False, False)
    pictures = list(reader)
    assert [round((p.celsius[0, 0] + 273.15) * 100) for p in pictures] == [28010, 28020, 28100]
    assert [p.time_s for p in pictures] == [None] * 3
    assert read(tmp_path, unit=CENTIKELVIN, rate=Fraction(2))[2].time_s == 1
    still = ThermalReader(tmp_path / "t10.png", unit=CENTIKELVIN)
    assert still.is_still
    assert len(list(still)) == 1


def test_a_png_larger_than_its_file_can_hold_takes_no_memory(tmp_path):
    """A header of 16384x16384 pixels asked for 512 MiB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16384, 16384, 16, 0, 0, 0, 0))
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    )
    tracemalloc.start()
    try:
        words = refused(path, unit=CENTIKELVIN)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "16384x16384 pixels cannot lie in" in words
    assert peak < 2**20
    # What shrinks best is still read.
    write_png(path, np.zeros((4000, 3000), np.uint16))
    assert len(read(path, unit=Unit(0.01, 0))) == 1


def test_folders_that_cannot_be_used(tmp_path):
    assert "no PNG" in refused(tmp_path, unit=CENTIKELVIN)
    write_png(tmp_path / "a.png", counts_at(0))
    write_png(tmp_path / "b.png", counts_at(0, 50, 30))
    words = refused(tmp_path, unit=CENTIKELVIN)
    assert "50x30" in words
    assert "40x30" in words
    for pixels in (np.zeros((30, 40), np.uint8), np.zeros((30, 40, 3), np.uint16)):
        write_png(tmp_path / "b.png", pixels)
        assert "16-bit grey" in refused(tmp_path, unit=CENTIKELVIN)
    write_png(tmp_path / "b.png", counts_at(1))
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:-30])
    assert "breaks off" in refused(tmp_path, unit=CENTIKELVIN)
    (tmp_path / "b.png").write_bytes(whole[:80] + b"?" + whole[81:])
    assert "damaged" in refused(tmp_path, unit=CENTIKELVIN)


def test_dead_pixels_and_wrong_units(tmp_path):
    counts = counts_at(0)
    counts[3, 4] = 0
    write_png(tmp_path / "a.png", counts)
    (picture,) = read(tmp_path, unit=CENTIKELVIN)
    assert np.argwhere(np.isnan(picture.celsius)).tolist() == [[3, 4]]
    words = refused(tmp_path, unit=Unit(0.001, -400))
    assert "-273.15" in words
    assert "scale and offset_c" in words
    # Whole numbers, as a scene may give them.
    write_png(tmp_path / "b.png", np.full((30, 40), 300, np.uint16))
    assert read(tmp_path / "b.png", unit=Unit(1, -273))[0].celsius[0, 0] == 27
    for unit in (Unit(1000, 0), Unit(1, -273.15)):
        words = refused(tmp_path / "a.png", unit=unit)
        assert "hold no temperatures" in words
        assert "at most 3000" in words
        assert "scale and offset_c" in words


def test_a_usual_unit_is_only_named_where_it_fits(tmp_path):
    path = tmp_path / "a.png"
    write_png(path, counts_at(0))
    assert '"scale": 0.01, "offset_c": -273.15}: median 7.' in refused(path)
    # As a Lepton 3 without radiometry writes them: by hundredths of a kelvin colder than any place on earth.
    write_png(path, np.full((30, 40), 2815, np.uint16))
    words = refused(path)
    assert "0.01" not in words
    assert "The median count is 2815, which is not hundredths of a kelvin" in words


QUARTER = {
    90: ((0, 1, -1, 0), 3),
    180: ((-1, 0, 0, -1), 2),
    270: ((0, -1, 1, 0), 1),
}


@pytest.mark.parametrize("degrees", QUARTER)
def test_a_thermal_video_is_turned_as_its_flag_says(tmp_path, degrees):
    (a, b, c, d), quarters = QUARTER[degrees]
    one, last = 1 << 16, 1 << 30
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=9)
        if not hasattr(type(stream), "set_display_matrix"):
            pytest.skip("this PyAV cannot write display matrices")
        stream.width, stream.height, stream.pix_fmt = 40, 30, "gray16be"
        stream.set_display_matrix((a * one, b * one, 0, c * one, d * one, 0, 0, 0, last))
        frame = av.VideoFrame.from_ndarray(counts_at(0), format="gray16le").reformat(format="gray16be")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    reader = ThermalReader(path, unit=CENTIKELVIN)
    (picture,) = reader
    upright = np.rot90(counts_at(0), quarters)
    assert reader.size == upright.shape[::-1]
    assert reader.notes == (f"rotated by {degrees} degrees clockwise",)
    np.testing.assert_allclose(picture.celsius, upright / 100 - 273.15, atol=1e-4)


def test_times_of_a_thermal_video_grow(tmp_path):
    whole, path = tmp_path / "whole.mkv", tmp_path / "doubled.mkv"
    write_video(whole, 6)
    with av.open(str(whole)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        packets = [packet for packet in before.demux(video=0) if packet.size]
        for packet, stamp in zip(packets, [0, 100, 200, 200, 400, 500], strict=True):
            packet.pts = packet.dts = stamp
            packet.stream = stream
            after.mux(packet)
    reader = ThermalReader(path, unit=CENTIKELVIN)
    assert [picture.time_s * 10 for picture in reader] == [0, 1, 2, 3, 4, 5]
    assert reader.notes == ("frames without a time stamp of their own were put between their neighbours: 1",)
