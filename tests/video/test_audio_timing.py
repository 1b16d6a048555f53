"""Times of audio packets: in step with the frames, and exact to the sample."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import pytest
from av.packet import PacketSideData

import cssv
from cssv.container import Reader
from cssv.video import AudioCopy, VideoReader

SAMPLE = Fraction(1, 48000)
#: Where the sound of the clip ends, in samples; PyAV 16 does not show the padding behind it.
END = 96000 if hasattr(PacketSideData, "update") else 96648


def played_samples(path):
    """Samples that FFmpeg decodes and plays."""
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def encoded(source, path):
    return cssv.encode(source, path, detector="motion", lossless=True).path


@pytest.fixture(scope="module")
def opus(tmp_path_factory, ffmpeg):
    """Two seconds of Opus in Matroska, which states the delay of its encoder and the padding at the end."""
    path = tmp_path_factory.mktemp("opus") / "opus.mkv"
    picture = "testsrc=size=192x160:rate=25:duration=2"
    sound = "sine=frequency=440:sample_rate=48000:duration=2"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    ffmpeg(*inputs, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "libopus", path)
    return path


def check_opus(source, path):
    """The delay is skipped to the sample, and the track ends with the sound."""
    assert played_samples(source) == 96000
    with Reader(encoded(source, path)) as reader:
        (track,) = [track for track in reader.tracks if track.kind == "audio"]
    assert (track.time_base, track.start, track.end) == (SAMPLE, -312, END)
    assert track.table.total == 312 + END
    # FFmpeg skips the delay of an MP4, and plays its last packet to the end, padding included.
    packets = len(track.table)
    assert played_samples(path) == 960 * packets - 312


def test_opus_keeps_its_delay_and_its_length(opus, tmp_path, ffprobe):
    check_opus(opus, tmp_path / "x.cssv")
    (stream,) = ffprobe(tmp_path / "x.cssv", "-select_streams", "a", "-show_streams")["streams"]
    assert float(stream["duration"]) == END / 48000


def test_opus_of_a_real_clip(data, tmp_path):
    check_opus(data / "cases" / "opus.mkv", tmp_path / "x.cssv")


def test_packets_of_opus_follow_each_other_to_the_sample(opus):
    copy = AudioCopy(opus)
    packets = [packet for _, packet in copy]
    assert {packet.time_base for packet in packets} == {SAMPLE}
    assert {later.pts - earlier.pts for earlier, later in pairwise(packets)} == {960}
    assert packets[0].pts == -312
    assert packets[-1].pts + packets[-1].duration == END


@pytest.fixture(scope="module")
def joined(tmp_path_factory, ffmpeg):
    """Three recordings of different lengths, joined byte by byte, each on the same clock."""
    folder = tmp_path_factory.mktemp("joined")
    parts = []
    for number, length in enumerate((1.2, 0.4, 0.8)):
        parts.append(folder / f"{number}.ts")
        picture = f"testsrc=size=192x160:rate=25:duration={length}"
        sound = f"sine=frequency=440:sample_rate=48000:duration={length}"
        inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
        ffmpeg(*inputs, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", parts[-1])
    path = folder / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path, parts


def test_the_sound_of_joined_recordings_stays_in_step(joined, tmp_path):
    path, parts = joined
    file = encoded(path, tmp_path / "x.cssv")
    with Reader(file) as reader:
        video = [int(pts) * reader.video.time_base for pts in reader.video.pts()]
        (track,) = [track for track in reader.tracks if track.kind == "audio"]
        audio = [int(pts) * track.time_base for pts in track.pts()]
    assert [later - earlier for earlier, later in pairwise(video)] == [Fraction(1, 25)] * (len(video) - 1)
    assert len(video) == 60
    # In each part, a packet of sound is as far from the first frame as in the recording. The first packet
    # can be left out where the sound of the part before is longer than its picture.
    for first, part in zip((0, 30, 40), parts, strict=True):
        with VideoReader(part) as reader:
            frame = next(iter(reader)).time
        _, packet = list(AudioCopy(part))[3]
        wanted = video[first] + packet.pts * packet.time_base - frame
        assert min(abs(time - wanted) for time in audio) < Fraction(1, 1000)


def test_packets_at_the_time_of_others_are_left_out_with_a_note(joined):
    path, _ = joined
    with VideoReader(path) as reader:
        reader.timestamps()
        shifts = [shift * reader.info.time_base for shift in reader.times.shifts]
    assert len(shifts) == 2
    # As if the picture of each part were a tenth of a second shorter than its sound.
    copy = AudioCopy(path, shifts_s=[shifts[0] - Fraction(1, 10), shifts[1] - Fraction(1, 5)])
    times = [packet.pts for _, packet in copy]
    assert all(earlier < later for earlier, later in pairwise(times))
    (note,) = [note for note in copy.notes if "left out" in note]
    assert 6 <= int(note.split(": ")[1]) <= 14
