"""Files of lossy codecs: every command, for every codec."""

from __future__ import annotations

import random
import subprocess
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.container import Reader
from cssv.errors import ChecksumError, ContainerError, FrameError, OptionError
from cssv.frames import Frame
from cssv.pipeline.config import config_from_facts
from cssv.pipeline.frame_check import FrameCheck
from cssv.testing import clips as synthetic
from cssv.video import LOSSY_CODECS, AudioCopy
from tests.carriers.brightness_carrier import BrightnessCarrier

LOSSY = list(LOSSY_CODECS)
SCENE = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20}]}
WARMER = {"cssv_scene": 1, "objects": [{"match": {"track": 1}, "temperature_c": 30}]}


@pytest.fixture(scope="module", autouse=True)
def registered():
    CARRIERS.register("brightness", BrightnessCarrier)
    yield
    CARRIERS.unregister("brightness")


def encoded(clips, path, codec, name="sound.mp4", **options):
    return cssv.encode(
        clips / name, path, boxes=clips / "boxes.txt", carrier="brightness", codec=codec, created_s=1,
        scene=SCENE, **options,
    )  # fmt: skip


@pytest.fixture(scope="module", params=LOSSY)
def lossy(request, clips, tmp_path_factory):
    """Codec and file; read only."""
    path = tmp_path_factory.mktemp(request.param) / "lossy.cssv"
    encoded(clips, path, request.param)
    return request.param, path


def test_the_content_and_the_facts_come_back(lossy):
    codec, path = lossy
    facts = cssv.info(path).facts
    assert (facts["codec"], facts["crf"]) == (codec, LOSSY_CODECS[codec].crf)
    assert cssv.info(path).video.codec == codec
    with cssv.open(path) as clip:
        moments = list(clip)
    assert len(moments) == synthetic.COUNT
    assert all(m._extracted.count == len(m.objects) for m in moments)
    assert cssv.verify(path).faults == ()


def test_the_audio_passes_through(lossy, clips):
    _, path = lossy
    source, copied = AudioCopy(clips / "sound.mp4"), AudioCopy(path)
    assert [p.data for _, p in source] == [p.data for _, p in copied] != []


@pytest.mark.parametrize("codec", LOSSY)
def test_uneven_times_come_back_exactly(codec, clips, tmp_path):
    tick = Fraction(1, 12800)
    stamps = np.cumsum([0, *(301 + 7919 * k % 701 for k in range(synthetic.COUNT - 1))]).tolist()
    synthetic.write_clip(tmp_path / "uneven.mp4", codec="mpeg4", time_base=tick, pts=stamps)
    path = tmp_path / "lossy.cssv"
    cssv.encode(tmp_path / "uneven.mp4", path, boxes=clips / "boxes.txt", carrier="brightness", codec=codec)
    with cssv.open(path) as clip:
        assert [m.frame.time for m in clip] == [pts * tick for pts in stamps]


@pytest.mark.parametrize("codec", LOSSY)
def test_other_programs_decode_every_frame(codec, clips, tmp_path, tool, ffprobe):
    """Without a warning; the times are those of the clip."""
    path = tmp_path / "lossy.cssv"
    encoded(clips, path, codec)
    command = [tool("ffmpeg"), "-v", "warning", "-nostdin", "-xerror", "-i", str(path), "-map", "0:v"]
    done = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True)
    planes = done.stdout
    # FFmpeg has no decoder of scene tracks, as of no .cssv.
    warnings = [line for line in done.stderr.decode().splitlines() if "codec with id 0" not in line]
    assert warnings == []
    assert len(planes) == synthetic.COUNT * synthetic.WIDTH * synthetic.HEIGHT * 3 // 2
    packets = ffprobe(path, "-select_streams", "v:0", "-show_packets")["packets"]
    assert len(packets) == synthetic.COUNT
    with Reader(path) as reader:
        times = [int(pts) * reader.video.time_base for pts in reader.video.pts()]
    # Packets are in the order of decoding.
    shown = sorted(Fraction(packet["pts_time"]) for packet in packets)
    assert shown == pytest.approx(times, abs=1e-6)


def test_a_flipped_bit_anywhere_in_the_video_is_found(lossy, tmp_path):
    """The index has a checksum of the coded bytes of each frame; no decoder is asked."""
    _, path = lossy
    data = path.read_bytes()
    with Reader(path) as reader:
        table = reader.video.table
        extents = list(zip(table.offsets.tolist(), table.sizes.tolist(), strict=True))
    rng = random.Random(5)
    changed = tmp_path / "changed.cssv"
    for number in (0, 1, len(extents) // 2, len(extents) - 1):
        offset, size = extents[number]
        for place in (offset, offset + rng.randrange(size), offset + size - 1):
            bytes_ = bytearray(data)
            bytes_[place] ^= 1 << rng.randrange(8)
            changed.write_bytes(bytes_)
            faults = cssv.verify(changed).faults
            # A decoder with several threads may report the damage early, at a frame before it.
            assert (faults[0].kind, faults[0].frame) == ("sample", number)


def test_a_commit_codes_in_the_same_way(lossy, tmp_path):
    codec, path = lossy
    copy = tmp_path / "copy.cssv"
    copy.write_bytes(path.read_bytes())
    done = cssv.commit(copy, WARMER, created_s=2, message="warmer")
    assert done.version == 2
    assert cssv.verify(copy).faults == ()
    assert [version.number for version in cssv.log(copy).versions] == [1, 2]
    changes = cssv.diff(copy, 1, 2).objects
    assert {change.change.attribute for change in changes} == {"temperature_c"}
    facts = cssv.info(copy).facts
    assert (facts["codec"], facts["crf"]) == (codec, LOSSY_CODECS[codec].crf)


@pytest.mark.parametrize("codec", LOSSY)
def test_a_live_stream(codec, tmp_path):
    path = tmp_path / "live.cssv"
    with cssv.Encoder(
        path, size=(192, 160), rate=25, layout="yuv420p", carrier="brightness", codec=codec, crf=24
    ) as encoder:
        for picture in synthetic.pictures():
            encoder.write(picture)
    assert cssv.info(path).facts["crf"] == 24
    assert cssv.verify(path).faults == ()
    assert cssv.verify(path).frames == synthetic.COUNT


def test_a_lossless_file_of_such_a_carrier_has_no_quality(clips, tmp_path):
    path = tmp_path / "lossless.cssv"
    encoded(clips, path, "ffv1")
    assert "crf" not in cssv.info(path).facts
    assert cssv.verify(path).is_sound


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"fidelity": "full", "crf": 20},
            r"nibble carrier needs a lossless codec: found 'h264 at crf 20'",
        ),
        ({"lossless": True, "crf": 20}, "lossless coding has no quality: found 'crf 20'"),
        ({"carrier": "nibble", "codec": "av1"}, r"nibble carrier needs a lossless codec: found 'av1'"),
        ({"carrier": "brightness", "codec": "ffv1", "crf": 3}, "ffv1 is lossless and has no quality"),
        ({"carrier": "brightness", "crf": 60}, "from 0 to 51"),
        ({"carrier": "brightness", "codec": "h264-lossy"}, "unknown codec"),
        ({"carrier": "brightness", "codec": ["h264"]}, "codec is not a name"),
        (
            {"carrier": "brightness", "planes": "rgb"},
            "take these planes: found 'rgb'; allowed: yuv420p",
        ),
    ],
)
def test_options_that_do_not_fit_together(clips, tmp_path, options, words):
    with pytest.raises(OptionError, match=words):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", boxes=clips / "boxes.txt", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("crf", ["20", 20.5, True, 52, -1, [], None])
def test_facts_with_another_quality_are_an_error(lossy, crf):
    """Facts of a file may be anything."""
    codec, path = lossy
    facts = dict(cssv.info(path).facts)
    assert config_from_facts(facts).config.crf == LOSSY_CODECS[codec].crf
    if crf is None and codec in ("h264", "vp9"):
        pytest.skip("such a file is lossless")
    with pytest.raises(ContainerError, match="does not record how it was encoded"):
        config_from_facts(facts | {"crf": crf if crf != 52 else 64})


@pytest.mark.parametrize("pix_fmt", ["bgr0", "yuv420p"])
def test_an_rgb_clip_is_converted_for_a_carrier_of_luma(clips, tmp_path, pix_fmt):
    synthetic.write_clip(tmp_path / "clip.mkv", pix_fmt=pix_fmt)
    path = tmp_path / "lossy.cssv"
    done = cssv.encode(
        tmp_path / "clip.mkv", path, boxes=clips / "boxes.txt", carrier="brightness", scene=SCENE
    )
    assert ("converted from bgr0 to yuv420p" in done.notes) == (pix_fmt == "bgr0")
    with cssv.open(path) as clip:
        assert {m.frame.layout for m in clip} == {"yuv420p"}
        assert clip[3]._extracted.count == 2
    # The cover is converted in the same way.
    cssv.commit(path, WARMER, cover=tmp_path / "clip.mkv", created_s=2)
    assert cssv.verify(path).faults == ()


def test_a_live_stream_of_a_carrier_of_luma_is_yuv(tmp_path):
    with cssv.Encoder(tmp_path / "a.cssv", size=(192, 160), rate=25, carrier="brightness") as encoder:
        for picture in synthetic.pictures(count=5):
            encoder.write(picture)
    assert cssv.info(tmp_path / "a.cssv").video.layout == "yuv420p"
    with pytest.raises(OptionError, match=r"does not take these planes: found 'rgb24'; .*`layout=`"):
        cssv.Encoder(tmp_path / "b.cssv", size=(64, 64), rate=25, carrier="brightness", layout="rgb24")
    with cssv.Encoder(tmp_path / "c.cssv", size=(192, 160), rate=25, carrier="brightness") as encoder:
        rgb = Frame(np.zeros((160, 192, 3), np.uint8), "rgb24", 0, Fraction(1, 25))
        with pytest.raises(FrameError, match="not like the stream"):
            encoder.write(rgb)
        encoder.abort()


def damage(path, copy, frame):
    """A copy in which a byte of the coded video of a frame is changed."""
    with Reader(path) as reader:
        table = reader.video.table
        place = int(table.offsets[frame]) + int(table.sizes[frame]) // 2
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    copy.write_bytes(data)
    return copy


def test_decoding_stops_at_damage(lossy, tmp_path):
    """The bytes of a frame, and of all that it depends on, are compared before it is given out."""
    _, path = lossy
    with cssv.Decoder(damage(path, tmp_path / "bad.cssv", 9)) as decoder:
        frames = []
        with pytest.raises(ChecksumError, match="is not what was written"):
            frames.extend(moment.number for moment in decoder)
        # A decoder with several threads may meet the damage a few frames early.
        assert len(frames) <= 9


def test_frames_after_the_damage_of_their_group_are_refused(lossy, tmp_path):
    _, path = lossy
    planes = np.zeros((48, 32), np.uint8)
    frames = [Frame(planes, "yuv420p", n, Fraction(1, 25), n) for n in range(synthetic.COUNT)]
    with Reader(path) as reader:
        check = FrameCheck(reader, BrightnessCarrier())
        assert not check.is_exact
        for number in (3, 20, 1, 23, 0):
            assert check.fault(frames[number]) == ""
    with Reader(damage(path, tmp_path / "bad.cssv", 9)) as reader:
        check = FrameCheck(reader, BrightnessCarrier())
        place = reader.video.table.place
        for number in (8, 9, 23, 3, 12, 0):
            is_before = place(number) < place(9)
            assert (check.fault(frames[number]) == "") == is_before, number


def test_a_lossless_version_of_such_a_carrier_compares_pixels(clips, tmp_path):
    path = tmp_path / "lossless.cssv"
    encoded(clips, path, "ffv1")
    with cssv.Decoder(path) as decoder:
        frame = next(iter(decoder)).frame
    with Reader(path) as reader:
        check = FrameCheck(reader, BrightnessCarrier())
        assert check.is_exact
        assert check.fault(frame) == ""
        planes = frame.planes.copy()
        planes[5, 5] ^= 1
        assert "other pixels" in check.fault(replace(frame, planes=planes))
    assert not cssv.verify(path).is_lossy
    assert cssv.verify(path).notes == ()


def test_verify_says_what_it_cannot_compare(lossy):
    _, path = lossy
    found = cssv.verify(path)
    assert found.is_lossy
    assert found.to_json()["lossy"] is True
    assert any("coded bytes" in note for note in found.notes)


def test_a_quality_at_which_the_content_is_lost_is_an_error(clips, tmp_path):
    with pytest.raises(ChecksumError, match="Give a lower `crf=`"):
        encoded(clips, tmp_path / "x.cssv", "h264", crf=51)
    assert not list(tmp_path.iterdir())


def test_the_name_may_be_that_of_an_ordinary_video(clips, tmp_path):
    """A file is known to be a .cssv by its content."""
    path = tmp_path / "clip.mp4"
    encoded(clips, path, "h264")
    assert cssv.info(path).kind == "cssv"
    assert cssv.verify(path).faults == ()
    cssv.commit(path, WARMER, created_s=2)
    with cssv.open(path, version=1) as clip:
        assert clip[5].objects[0].temperature_c == 20
    # Its objects are taken over, as from any .cssv.
    done = cssv.encode(path, tmp_path / "again.mp4", carrier="brightness")
    assert done.tracks == 2
    with pytest.raises(OptionError, match=r"clip\.mp4"):
        cssv.encode(path, path, carrier="brightness", overwrite=True)
