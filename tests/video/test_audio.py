"""Audio packets are copied unchanged."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest

from cssv.errors import VideoError
from cssv.video import AudioCopy, Span


def plain(path, stream=0):
    with av.open(str(path)) as container:
        source = container.streams.audio[stream]
        return [
            (bytes(packet), packet.pts, packet.duration) for packet in container.demux(source) if packet.size
        ]


def copied(copy, track=0):
    return [(packet.data, packet.pts, packet.duration) for index, packet in copy if index == track]


@pytest.fixture(scope="module")
def bunny(data):
    return data / "clips/bigbuckbunny.mp4"


@pytest.fixture(scope="module")
def two_tracks(tmp_path_factory, ffmpeg):
    path = tmp_path_factory.mktemp("audio") / "two.mkv"
    sines = ["-f", "lavfi", "-i", "sine=440:duration=1", "-f", "lavfi", "-i", "sine=880:duration=1"]
    maps = ["-map", 0, "-map", 1, "-c:a:0", "aac", "-c:a:1", "wmav2", "-metadata:s:a:0", "language=deu"]
    ffmpeg(*sines, *maps, path)
    return path


def test_packets_are_those_of_the_file(bunny):
    copy = AudioCopy(bunny)
    assert copied(copy) == plain(bunny)
    assert copied(copy) == plain(bunny), "a second pass gives the same"
    (track,) = copy.tracks
    assert (track.codec, track.time_base, track.language) == ("aac", Fraction(1, 48000), None)
    assert (track.notes, copy.notes) == ((), ())
    assert all(packet.is_key and packet.time_base == track.time_base for _, packet in copy)


def test_packets_are_those_ffprobe_sees(bunny, ffprobe):
    arguments = ("-select_streams", "a:0", "-show_entries", "packet=pts,duration,size")
    found = ffprobe(bunny, *arguments)["packets"]
    wanted = [(int(p["size"]), p["pts"], p["duration"]) for p in found]
    assert [(len(data), pts, duration) for data, pts, duration in copied(AudioCopy(bunny))] == wanted


def test_the_head_sets_up_a_decoder_for_all_packets(bunny):
    copy = AudioCopy(bunny)
    with av.open(io.BytesIO(copy.tracks[0].mp4_head)) as container:
        context = container.streams.audio[0].codec_context
        sounds = [sound for _, packet in copy for sound in context.decode(av.Packet(packet.data))]
    with av.open(str(bunny)) as container:
        wanted = list(container.decode(audio=0))
    assert len(sounds) >= len(wanted) - 1
    assert sounds[40].to_ndarray().tobytes() == wanted[40].to_ndarray().tobytes()


def test_a_silent_clip_has_no_tracks(data):
    copy = AudioCopy(data / "clips/vtest.avi")
    assert copy.tracks == ()
    assert list(copy) == []


def test_every_stream_is_a_track_in_file_order(two_tracks):
    copy = AudioCopy(two_tracks)
    assert [track.codec for track in copy.tracks] == ["aac", "wmav2"]
    assert [track.language for track in copy.tracks] == ["deu", None]
    for index in range(2):
        assert copied(copy, index) == plain(two_tracks, index)
    order = [index for index, _ in copy]
    assert order != sorted(order), "both are read side by side"


def test_a_codec_that_mp4_cannot_hold_gives_a_note(two_tracks):
    aac, wma = AudioCopy(two_tracks).tracks
    assert aac.mp4_head is not None
    assert wma.mp4_head is None
    assert "wmav2" in wma.notes[0]
    assert AudioCopy(two_tracks).notes == wma.notes


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("deu", "deu"),
        ("ger", "deu"),
        ("FRE", "fra"),
        ("eng", "eng"),
        ("und", None),
        ("en-US", None),
        ("", None),
    ],
)
def test_a_language_is_an_iso_639_2_code_or_unknown(tmp_path, ffmpeg, written, language):
    path = tmp_path / "a.mkv"
    tag = ("-metadata:s:a:0", f"language={written}")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac", *tag, path)
    copy = AudioCopy(path)
    assert copy.tracks[0].language == language
    note = f"the audio language {written!r} is not an ISO 639-2 code and was left out"
    assert copy.notes == ((note,) if "-" in written else ())


@pytest.mark.parametrize(
    ("start", "stop"),
    [(None, Fraction(1)), (Fraction(2), None), (Fraction(1), Fraction(2)), (Fraction(1, 3), Fraction(2, 3))],
)
def test_whole_packets_are_kept_that_begin_in_the_span(bunny, start, stop):
    wanted = [
        item
        for item in plain(bunny)
        if (start is None or item[1] >= start * 48000) and (stop is None or item[1] < stop * 48000)
    ]
    assert copied(AudioCopy(bunny, span=Span(start, stop))) == wanted
    assert 0 < len(wanted) < len(plain(bunny))


def test_aac_from_a_transport_stream_loses_its_adts_headers(tmp_path, bunny, ffmpeg):
    path = tmp_path / "a.ts"
    ffmpeg("-i", bunny, "-map", "0:a", "-c", "copy", "-t", 2, path)
    copy = AudioCopy(path)
    packets = [packet for _, packet in copy]
    framed = plain(path)
    assert [packet.pts for packet in packets] == [pts for _, pts, _ in framed]
    assert [packet.data for packet in packets] == [data[7:] for data, _, _ in framed]
    with av.open(io.BytesIO(copy.tracks[0].mp4_head)) as container:
        context = container.streams.audio[0].codec_context
        assert context.extradata
        sounds = [sound for packet in packets for sound in context.decode(av.Packet(packet.data))]
    assert len(sounds) > 50


def test_not_a_file(tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        AudioCopy(tmp_path / "none.mp4")


def test_reading_is_lazy(bunny):
    packets = iter(AudioCopy(bunny))
    assert next(packets)[1].pts == plain(bunny)[0][1]
    packets.close()
