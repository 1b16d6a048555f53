"""The benchmark of calibration: its references and its figures, where the right values are known."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from cssv.perception import detections

RATE, SIZE = 10, (640, 480)


@pytest.fixture(scope="module")
def calibration(package):
    package("filterpy")
    return importlib.import_module("calibration")


@pytest.fixture(scope="module")
def clip_reference():
    return importlib.import_module("clip_reference")


def sequence(folder, boxes):
    """A folder with the truth ``boxes`` (frames, 4) of one object."""
    (folder / "gt").mkdir(parents=True)
    info = f"[Sequence]\nframeRate={RATE}\nseqLength={len(boxes)}\nimWidth={SIZE[0]}\nimHeight={SIZE[1]}\n"
    (folder / "seqinfo.ini").write_text(info)
    rows = [f"{n},1,{','.join(f'{v:.4f}' for v in box)},1" for n, box in enumerate(boxes, start=1)]
    (folder / "gt/gt.txt").write_text("\n".join(rows))
    return folder


def leaving(steps=40, speed=60.0, clipped=True):
    """Boxes of an object that leaves to the left, clipped by the picture or not."""
    left = 120 - speed * np.arange(steps) / RATE
    right = left + 80
    seen = np.maximum(left, 0.0) if clipped else left
    boxes = np.stack([seen, 0 * left + 100, right - seen, 0 * left + 160], axis=1)
    return boxes[right > 2]


@pytest.mark.parametrize("clipped", [True, False])
def test_the_true_velocity_of_a_clipped_object_is_that_of_its_free_side(tmp_path, clip_reference, clipped):
    boxes = leaving(clipped=clipped)
    reference = clip_reference.AnnotatedReference(sequence(tmp_path, boxes))
    found = [reference.at(k, box[None]) for k, box in enumerate(boxes)]
    velocities = np.concatenate([known.velocity_px_s for known in found])
    assert len(velocities) == len(boxes) - 2 * reference.reach
    np.testing.assert_allclose(velocities, np.tile([-60.0, 0.0], (len(velocities), 1)), atol=1e-2)


def test_the_error_of_the_annotation_is_estimated(tmp_path, clip_reference):
    rng = np.random.default_rng(0)
    steps = 2000
    boxes = np.tile([300.0, 100.0, 80.0, 160.0], (steps, 1))
    boxes[:, :2] += rng.normal(scale=2.0, size=(steps, 2))
    reference = clip_reference.AnnotatedReference(sequence(tmp_path, boxes))
    known = [reference.at(k, box[None]) for k, box in enumerate(boxes)]
    stated = np.concatenate([k.variance for k in known]).mean(axis=0)
    actual = np.concatenate([k.velocity_px_s for k in known]).var(axis=0)
    np.testing.assert_allclose(stated, 2 * (2.0 * RATE / 6) ** 2, rtol=0.15)
    np.testing.assert_allclose(stated, actual, rtol=0.2)


class Textured:
    """A clip with a still background and one moving object; the reference from its pictures."""

    def __init__(self, clip_reference, velocity, steps=30):
        rng = np.random.default_rng(1)
        car = rng.uniform(60, 190, (40, 70))
        self.boxes = []
        reference = object.__new__(clip_reference.PictureReference)
        reference.frames, reference.rate, reference.size = steps, float(RATE), SIZE
        reference._pictures = []
        for k in range(steps):
            picture = np.zeros(SIZE[::-1], np.float32)
            x, y = (np.array([100, 200]) + np.round(np.multiply(velocity, k))).astype(int)
            shown = car[:, max(0, -x) :][:, : SIZE[0] - max(x, 0)]
            picture[y : y + 40, max(x, 0) : max(x, 0) + shown.shape[1]] = shown
            reference._pictures.append(picture)
            self.boxes.append([max(x, 0.0), y, shown.shape[1], 40])
        self.reference = reference


@pytest.mark.parametrize("velocity", [(9, 2), (-12, 0), (15, -4)])
def test_templates_give_the_velocity_of_the_picture(clip_reference, velocity):
    clip = Textured(clip_reference, velocity, steps=16)
    for k in range(3, 13):
        known = clip.reference.at(k, np.array([clip.boxes[k]], dtype=float))
        if known.rows.size:
            np.testing.assert_allclose(known.velocity_px_s[0], np.multiply(velocity, RATE), atol=2)
    assert clip.reference.at(8, np.array([[300.0, 10, 40, 40]])).rows.size == 0


@pytest.mark.parametrize(
    ("factor", "low", "high"), [(1.0, 0.945, 0.955), (0.5, 0.51, 0.54), (2.0, 0.995, 1.0)]
)
def test_coverage_is_that_of_the_stated_covariance(calibration, factor, low, high):
    rng = np.random.default_rng(2)
    n = 20_000
    covs = np.tile(np.diag([4.0, 9.0]), (n, 1, 1))
    errors = rng.normal(size=(n, 2)) * (2.0, 3.0)
    no = np.zeros(n, np.bool_)
    found = calibration.Samples(
        errors, factor**2 * covs, np.zeros((n, 2)), np.ones(n), np.ones(n), no, no, no, np.arange(n) // 20
    )
    inside = found.squares() < calibration.ELLIPSE
    assert low <= inside.mean() <= high
    assert found.squares().mean() == pytest.approx(2 / factor**2, rel=0.03)
    # Independent errors: the standard error is that of as many draws.
    expected = np.sqrt(inside.mean() * (1 - inside.mean()) / n)
    assert found.doubt() == pytest.approx(expected, rel=0.2, abs=1e-4)
    wider = calibration.Samples(
        errors, covs, np.tile([4.0, 9.0], (n, 1)), np.ones(n), np.ones(n), no, no, no, np.arange(n)
    )
    assert wider.squares(with_reference=True).mean() == pytest.approx(1.0, rel=0.03)


def test_the_rival_gets_the_same_boxes(calibration):
    boxes = np.array([[100.0 + 3 * k, 50, 40, 80] for k in range(20)])
    frames = [detections(box[None] + 1.0, ids=[-1]) for box in boxes]
    at = np.zeros(1, np.bool_)
    stated = [
        calibration.Stated(k, np.array([7]), box[None], np.zeros((1, 2)), np.eye(2)[None], at)
        for k, box in enumerate(boxes)
    ]
    found = calibration.by_sort(frames, stated, RATE)
    assert [own.ids.tolist() for own in found] == [[7]] * 20
    np.testing.assert_allclose(found[-1].velocity_px_s, [[30.0, 0.0]], atol=1)


def test_a_sequence_and_its_rows(data, calibration):
    found = calibration.from_boxes(data / "mot15/TUD-Stadtmitte")
    assert len(found["clip"]) > 700
    assert len(found["stream"]) > 600
    lines = list(calibration.table("boxes", {"TUD-Stadtmitte": found}))
    assert any(line.startswith("| inside the picture |") for line in lines)
    assert all(line.count("|") == lines[-1].count("|") for line in lines[1:])
    # SORT's filter states far too little.
    assert (found["SORT"].squares() < calibration.ELLIPSE).mean() < (
        found["clip"].squares() < calibration.ELLIPSE
    ).mean()
