"""What the frames and the sound do not carry is named."""

from __future__ import annotations

import pytest

import cssv
from cssv.testing.clips import Truth, write_clip
from cssv.video import VideoReader

PICTURES = ("-f", "lavfi", "-i", "testsrc=s=192x160:d=0.4")


def left_out(path):
    with VideoReader(path) as reader:
        return reader.info.left_out


def test_an_ordinary_clip_holds_nothing_else(tmp_path, data):
    assert left_out(write_clip(tmp_path / "a.mp4", codec="libx264", count=3, audio=True)) == ()
    assert left_out(data / "clips/bigbuckbunny.mp4") == ()


def test_a_timecode(tmp_path, ffmpeg):
    path = tmp_path / "a.mov"
    ffmpeg(*PICTURES, "-timecode", "10:00:00:00", "-c:v", "libx264", path)
    assert left_out(path) == ("a timecode",)


def test_subtitles_attachments_and_chapters(tmp_path, ffmpeg):
    path, words = tmp_path / "a.mkv", tmp_path / "a.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,300\nhello\n")
    (tmp_path / "meta.txt").write_text(
        ";FFMETADATA1\n" + "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=one\n" * 2
    )
    attached = ("-attach", words, "-metadata:s:t", "mimetype=text/plain")
    ffmpeg(
        *PICTURES, "-i", words, "-i", words, "-i", tmp_path / "meta.txt",
        "-map", 0, "-map", 1, "-map", 2, "-map_chapters", 3,
        "-c:v", "libx264", "-c:s", "srt", *attached, path,
    )  # fmt: skip
    assert left_out(path) == ("2 subtitle tracks", "1 attachment", "2 chapters")


def test_data_tracks_by_the_name_of_their_handler(tmp_path, ffmpeg):
    """As cameras write telemetry; the bytes are those of a text track, under another type."""
    path, words = tmp_path / "a.mp4", tmp_path / "a.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,300\nhello\n")
    ffmpeg(*PICTURES, "-i", words, "-c:v", "libx264", "-c:s", "mov_text", path)
    assert left_out(path) == ("1 subtitle track",)
    content = path.read_bytes()
    assert content.count(b"tx3g") == content.count(b"SubtitleHandler") == 1
    content = content.replace(b"tx3g", b"gpmd").replace(b"SubtitleHandler", b"GoPro MET handl")
    path.write_bytes(content.replace(b"sbtl", b"meta"))
    assert left_out(path) == ("1 data track 'GoPro MET handl'",)


def test_hdr_metadata(tmp_path, ffmpeg):
    path = tmp_path / "a.mp4"
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    hdr = f"log-level=none:hdr10=1:master-display={display}:max-cll=1000,400"
    ffmpeg(*PICTURES, "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", hdr, path)
    assert left_out(path) == ("HDR mastering data", "HDR light levels")


def test_alpha_that_the_decoder_does_not_show(tmp_path, ffmpeg):
    path = tmp_path / "a.webm"
    ffmpeg(*PICTURES, "-vf", "format=yuva420p", "-c:v", "libvpx-vp9", path)
    assert left_out(path) == ("alpha",)


def test_encode_and_info_say_so(tmp_path, ffmpeg):
    path = tmp_path / "a.mov"
    ffmpeg(*PICTURES, "-timecode", "10:00:00:00", "-c:v", "libx264", path)
    done = cssv.encode(path, tmp_path / "a.cssv", detector=Truth())
    assert "not taken over from the clip: a timecode" in done.notes
    found = cssv.info(tmp_path / "a.cssv")
    assert "not taken over from the clip: a timecode" in found.facts["notes"]
    # The scene track of the file itself is no part that is lost.
    assert found.video.left_out == ()
    assert cssv.info(path).to_json()["also"] == ["a timecode"]


@pytest.mark.parametrize("name", ["\x1b[31mred", "x" * 200])
def test_names_of_tracks_are_cut_and_printable(tmp_path, ffmpeg, name):
    path, words = tmp_path / "a.mp4", tmp_path / "a.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,300\nhello\n")
    handler = ("-metadata:s:s:0", f"handler_name={name}")
    ffmpeg(*PICTURES, "-i", words, "-c:v", "libx264", "-c:s", "mov_text", *handler, path)
    (track,) = left_out(path)
    assert track.isprintable()
    assert len(track) < 80


def test_kinds_of_side_data_in_words(tmp_path, monkeypatch):
    """Dolby Vision has two kinds, which are one thing; kinds of every clip are no loss."""
    path = write_clip(tmp_path / "a.mp4", codec="libx264", count=3)
    kinds = [
        "DOVI_RPU_BUFFER",
        "DOVI_METADATA",
        "SEI_UNREGISTERED",
        "DISPLAYMATRIX",
        "GOP_TIMECODE",
        "A53_CC",
    ]
    monkeypatch.setattr("cssv.video.left_out.side_data_of", lambda _: dict.fromkeys(kinds, b""))
    assert left_out(path) == ("Dolby Vision metadata", "closed captions")


def test_every_kind_in_words_is_one_of_pyav():
    from av.sidedata.sidedata import Type

    from cssv.video.left_out import _BESIDE_PICTURES

    assert {kind.name for kind in Type} >= set(_BESIDE_PICTURES)
