"""Copies by other programs: lossless ones can be read, lossy ones give a named error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

import cssv
from cssv.errors import NibblesLostError
from cssv.frames import split_planes


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.fixture(scope="module")
def ffmpeg(tool):
    path = tool("ffmpeg")
    return lambda *options: run(path, "-v", "error", "-y", *options)


def numbers_and_heats(path: Path) -> dict[int, np.ndarray]:
    with cssv.Decoder(path) as decoder:
        return {moment.number: moment.heat for moment in decoder}


def check_equal(copy: Path, original: Path, least: int) -> None:
    """Assert that every frame of the copy has the heat map of the same frame of the original."""
    with cssv.open(original) as clip, cssv.Decoder(copy) as decoder:
        count = 0
        for moment in decoder:
            assert np.array_equal(moment.heat, clip[moment.number].heat), moment.number
            assert moment.time == clip[moment.number].time
            assert moment.source == "pixels"
            count += 1
        assert count >= least


def test_remuxed(ffmpeg, stego, tmp_path):
    copy = tmp_path / "x.mkv"
    ffmpeg("-i", stego, "-c", "copy", copy)
    check_equal(copy, stego, 140)


def test_trimmed_on_a_key_frame(ffmpeg, stego, tmp_path):
    remuxed, copy = tmp_path / "x.mkv", tmp_path / "y.mkv"
    ffmpeg("-i", stego, "-c", "copy", remuxed)
    ffmpeg("-ss", "12", "-i", remuxed, "-t", "6", "-c", "copy", copy)
    with cssv.Decoder(copy) as decoder:
        first = next(iter(decoder))
    # The last key frame before second 12.
    assert 0 < first.number <= 84
    check_equal(copy, stego, 40)


@pytest.mark.parametrize("form", ["first", "sparse"])
@pytest.mark.parametrize(("width", "height", "x", "y"), [(400, 300, 100, 90), (160, 160, 302, 154)])
def test_cropped_without_loss(width, height, x, y, form, ffmpeg, encoded, tmp_path):
    original, copy = encoded("short", form), tmp_path / "crop.mkv"
    crop = f"crop={width}:{height}:{x}:{y}"
    ffmpeg("-i", original, "-frames:v", "40", "-vf", crop, "-c:v", "ffv1", "-an", copy)
    with cssv.open(original) as clip, cssv.Decoder(copy) as decoder:
        for count, moment in enumerate(decoder):
            assert moment.number == count
            assert moment.origin == (x, y)
            whole = clip[count].heat
            for part, plane, step in zip(
                split_planes(moment.heat, "yuv420p"), split_planes(whole, "yuv420p"), (1, 2, 2), strict=True
            ):
                window = plane[y // step : (y + height) // step, x // step : (x + width) // step]
                if form == "first":
                    assert np.array_equal(part, window)
                    continue
                # An object whose tag is cut off is not known, and hides none that is behind it.
                shown = part != 0
                assert not shown.any() or np.mean(part[shown] == window[shown]) > 0.8


@pytest.mark.parametrize("form", ["sparse", "full", "mixed", "first"])
def test_objects_of_a_crop_are_at_their_places_in_the_clip(form, ffmpeg, encoded, tmp_path):
    copy, stego = tmp_path / "crop.mkv", encoded("short", form)
    ffmpeg("-i", stego, "-frames:v", "30", "-vf", "crop=500:400:200:100", "-c:v", "ffv1", "-an", copy)
    seen = 0
    with cssv.open(stego) as clip, cssv.Decoder(copy) as decoder:
        for moment in decoder:
            truth = {row.track: row for row in clip[moment.number].objects}
            # The marks also tell of objects outside of the crop.
            for row in (row for row in moment.objects if row.source == "pixels"):
                assert abs(row.x_px - truth[row.track].x_px) <= 1
                assert abs(row.y_px - truth[row.track].y_px) <= 1
                seen += 1
    assert seen > 30


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".webm", ""])
def test_exported(suffix, bunny_frames, tmp_path):
    stego = bunny_frames()
    copy = cssv.export(stego, tmp_path / f"copy{suffix}")
    assert copy.frames == 10
    check_equal(copy.path, stego, 10)
    heat = tmp_path / "heat.mkv"
    assert cssv.decode(copy.path, heat).frames == 10


@pytest.mark.parametrize("planes", ["native", "rgb"])
def test_one_picture(planes, bunny_frames, tmp_path):
    stego = bunny_frames(planes)
    folder = cssv.export(stego, tmp_path / "pictures").path
    picture = sorted(folder.iterdir())[3]
    with cssv.open(stego) as clip, cssv.open(picture) as single:
        assert len(single) == 1
        assert single[0].number == 3
        assert np.array_equal(single[0].heat, clip[3].heat)


def test_a_screenshot_of_an_rgb_clip_carries(ffmpeg, bunny_frames, tmp_path):
    stego = bunny_frames("rgb")
    shot = tmp_path / "shot.png"
    ffmpeg("-i", stego, "-frames:v", "1", shot)
    with cssv.open(stego) as clip, cssv.open(shot) as single:
        assert np.array_equal(single[0].heat, clip[0].heat)


def test_a_screenshot_of_a_420_clip_does_not_carry(ffmpeg, bunny_frames, tmp_path):
    stego = bunny_frames()
    shot = tmp_path / "shot.png"
    ffmpeg("-i", stego, "-frames:v", "1", shot)
    with pytest.raises(NibblesLostError):
        cssv.decode(shot, tmp_path / "heat.mkv")


@pytest.mark.parametrize(
    "options",
    [
        ("-c:v", "libx264", "-crf", "23"),
        ("-c:v", "libx264", "-crf", "1"),
        ("-vf", "scale=640:480", "-c:v", "ffv1"),
        ("-vf", "crop=400:300:201:113:exact=1", "-c:v", "ffv1"),
    ],
    ids=lambda options: " ".join(options[:4]),
)
def test_lossy_copies_are_refused_and_leave_nothing(options, ffmpeg, stego, tmp_path):
    copy = tmp_path / "lossy.mp4" if "libx264" in options else tmp_path / "lossy.mkv"
    ffmpeg("-i", stego, "-frames:v", "50", *options, "-an", copy)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(NibblesLostError, match="lossy codec"):
        cssv.decode(
            copy,
            tmp_path / "heat.mkv",
            objects=tmp_path / "o.csv",
            scene=tmp_path / "s.json",
            overlay=tmp_path / "v",
        )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        ("-vf", "eq=saturation=1.1"),
        ("-vf", "lutyuv=u=val+3"),
        ("-pix_fmt", "yuv444p"),
        ("-vf", "format=yuv444p,format=yuv420p"),
    ],
    ids=lambda options: " ".join(options),
)
def test_copies_of_another_colour_tell_the_room(options, ffmpeg, stego, tmp_path):
    """Brightness is the same, so every mark is intact. The drawings are not, and none is read."""
    copy = tmp_path / "copy.mkv"
    ffmpeg("-i", stego, "-frames:v", "20", *options, "-c:v", "ffv1", "-an", copy)
    with cssv.open(stego) as clip, cssv.Decoder(copy) as decoder:
        for moment in decoder:
            truth = {row.track: row for row in clip[moment.number].objects}
            assert {row.track for row in moment.objects} == set(truth)
            for row in moment.objects:
                assert row.source == "room" or row.speed_px_s is None or row.sigma_px_s is None
                assert abs(row.x_px - truth[row.track].x_px) <= clip.info.width / 256


def test_a_clip_that_never_carried_is_refused(vtest, tmp_path):
    with pytest.raises(NibblesLostError, match="never there"):
        cssv.decode(vtest, tmp_path / "heat.mkv")
    assert not list(tmp_path.iterdir())


def test_text_over_the_picture_damages_only_the_cells_that_it_covers(stego, tmp_path):
    """Burnt-in captions are common; the rest of the frame can still be read."""
    folder = cssv.export(stego, tmp_path / "pictures").path
    import cv2

    picture = next(iter(sorted(folder.iterdir())))
    planes = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    planes[500:560, 100:600] = 255
    cv2.imwrite(str(tmp_path / "captioned.png"), planes)
    with cssv.open(tmp_path / "captioned.png") as clip:
        moment = clip[0]
        assert moment.number == 0
        assert moment.objects


def packets(path: Path) -> list[list[bytes]]:
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        found: list[list[bytes]] = [[] for _ in streams]
        for packet in container.demux(*streams):
            if packet.size:
                found[streams.index(packet.stream)].append((packet.pts * packet.time_base, bytes(packet)))
        return found


def test_audio_passes_through_untouched(bunny, encoded):
    before, after = packets(bunny), packets(encoded("bunny"))
    assert before == after
    assert len(before) == 1
    assert len(before[0]) > 100
