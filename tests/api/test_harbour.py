"""The sample clip that comes with the sources, against the truth beside it."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

import cssv

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def truth():
    """frame -> rows of what is really there."""
    rows = {}
    with (SAMPLES / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            label = row.pop("label")
            rows.setdefault(int(row["frame"]), []).append((label, {k: float(v) for k, v in row.items()}))
    return rows


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("harbour")
    path = folder / "harbour.cssv"
    return cssv.encode(
        SAMPLES / "harbour.mp4", path, scene=SAMPLES / "scene.json", boxes=SAMPLES / "boxes.txt"
    )


@pytest.fixture(scope="module")
def copy(harbour, tmp_path_factory):
    return cssv.export(harbour.path, tmp_path_factory.mktemp("copy") / "copy.mkv").path


def nearest(rows, box):
    centre = box["x"] + box["w"] / 2, box["y"] + box["h"] / 2
    return min(
        rows,
        key=lambda r: math.hypot(r.x_px + r.w_px / 2 - centre[0], r.y_px + r.h_px / 2 - centre[1]),
    )


def pairs(path, truth):
    """(label, truth, row) of everything really there in the clip's middle, nearest row first."""
    with cssv.open(path) as clip:
        for number in range(10, 90, 5):
            rows = clip[number].objects
            for label, box in truth[number]:
                yield label, box, nearest(rows, box)


def test_encodes_whole(harbour):
    assert harbour.frames == 100
    assert harbour.verification.is_sound
    # Rings tell all. The room, which outlives other codecs, tells less of so small a picture.
    assert [note.partition(":")[0] for note in harbour.notes] == ["copies that were coded again tell less"]
    with cssv.open(harbour.path) as clip:
        assert clip.info.has_audio
        assert clip.scene == cssv.Scene.read(SAMPLES / "scene.json")


def test_places_labels_and_velocities_are_the_truth_s(harbour, truth):
    found = list(pairs(harbour.path, truth))
    assert len(found) > 60
    near = [pair for pair in found if abs(pair[2].x_px - pair[1]["x"]) < 6]
    assert len(near) > 0.9 * len(found)
    assert sum(label == row.label for label, _, row in near) > 0.95 * len(near)
    errors = [math.hypot(row.vx_px_s - box["vx_px_s"], row.vy_px_s - box["vy_px_s"]) for _, box, row in near]
    assert math.sqrt(sum(e * e for e in errors) / len(errors)) < 8


def test_the_boat_is_exactly_where_the_scene_says(harbour, truth):
    for label, box, row in pairs(harbour.path, truth):
        if label == "boat":
            assert (row.label, row.temperature_c, row.density_kg_m3) == ("boat", 48.0, 620.0)
            assert row.x_px == pytest.approx(box["x"], abs=0.01)
            assert row.vx_px_s == pytest.approx(26)


def test_the_boat_is_there_from_the_first_frame_on(harbour):
    with cssv.open(harbour.path) as clip:
        assert all("boat" in {row.label for row in moment.objects} for moment in clip)


def test_the_feverish_visitor_can_be_told_from_the_pixels_of_a_copy(copy, truth):
    read = [row for _, box, row in pairs(copy, truth) if box["temperature_c"] == 38.6]
    warm = [row.temperature_c for row in read if row.temperature_c is not None]
    assert len(warm) > 0.7 * len(read)
    assert sorted(warm)[len(warm) // 2] == pytest.approx(38.6, abs=0.5)


def test_the_gull_leaves_the_picture(harbour, truth):
    with cssv.open(harbour.path) as clip:
        gone = max(n for n, rows in truth.items() if any(label == "gull" for label, _ in rows))
        assert not [row for row in clip[min(gone + 12, 99)].objects if row.label == "gull"]


def test_a_part_with_its_sound(harbour, tmp_path):
    part = cssv.encode(
        SAMPLES / "harbour.mp4", tmp_path / "x.cssv", boxes=SAMPLES / "boxes.txt",
        scene=SAMPLES / "scene.json", start=1, stop=3,
    )  # fmt: skip
    assert part.frames == 50
    assert part.verification.is_sound
    with cssv.open(harbour.path) as whole, cssv.open(part.path) as clip:
        assert clip.info.has_audio
        assert clip[0].time == 0
        for number in (10, 30):
            before, after = whole[25 + number].objects, clip[number].objects
            for row in before:
                near = min(after, key=lambda other: math.hypot(other.x_px - row.x_px, other.y_px - row.y_px))
                # The cart speeds up, which a short part tells less of.
                bound_px = {"boat": 0.01, "cart": 6, "gull": 6}.get(row.label, 2.5)
                assert near.label == row.label
                assert near.x_px == pytest.approx(row.x_px, abs=bound_px)
