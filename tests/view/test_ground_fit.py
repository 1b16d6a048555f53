"""The module of pages that fits the ground: the same results as the library's own fit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cssv.errors import InputError
from cssv.scene import Scene
from cssv.scene.ground_fit import fit_plane

#: Reads cases from the standard input; writes the fit of each, and the text of its scene.
PROGRAM = """
import { readFileSync } from "node:fs";
const { fitHomography, sceneText } = await import(process.argv[1]);
const found = JSON.parse(readFileSync(0, "utf-8")).map(([px, m]) => {
  const fit = fitHomography(px, m);
  return { ...fit, text: fit.matrix ? sceneText(fit.matrix) : null };
});
process.stdout.write(JSON.stringify(found));
"""
MODULE = Path(__file__).resolve().parents[2] / "cssv" / "view" / "html" / "ground_fit.js"
MATRIX = np.array([[0.01, 0.002, -3], [0.001, -0.02, 12], [0, 0.003, 1]])
FIELD = [[100, 500], [600, 480], [500, 200], [200, 220]]


def ground_of(pixels):
    raw = np.column_stack([pixels, np.ones(len(pixels))]) @ MATRIX.T
    return raw[:, :2] / raw[:, 2:]


def cases_that_fit():
    random = np.random.default_rng(1)
    for count in (4, 4, 5, 8, 50):
        pixels = np.concatenate([FIELD, random.uniform(100, 500, (count - 4, 2))])
        clicked = pixels + random.normal(size=pixels.shape)
        yield clicked.round(2).tolist(), ground_of(pixels).round(3).tolist()


REFUSED = [
    (FIELD[:3], [[0, 0], [1, 0], [1, 1]]),
    ([[0, 0], [10, 10], [20, 20], [5, 90]], [[0, 0], [1, 0], [1, 1], [0, 1]]),
    (FIELD, [[0, 0], [1, 0], [2, 0], [0, 1]]),
    ([*FIELD[:3], FIELD[0]], [[0, 0], [1, 0], [1, 1], [0, 1]]),
    (FIELD, [[0, 0], [1, 0], [1, 1], [0, 0]]),
    # Two points in the wrong order.
    ([[0, 0], [100, 0], [100, 100], [0, 100]], [[0, 0], [1, 1], [1, 0], [0, 1]]),
    (FIELD, [[0, 0], [9, 7], [9, 0], [0, 8]]),
    ([[0, 0], [4, 0], [4, 4], [0, 4]], [[0, 0], [1, 0], [1, 1], [0, 1]]),
    (FIELD, [[0, 0], [1, 0], [1, 1], [0, 1e9]]),
]


@pytest.fixture(scope="module")
def fits(tool):
    """The results of the module for all cases, by one run of node."""
    module = MODULE.as_uri()
    cases = [*cases_that_fit(), *REFUSED]
    done = subprocess.run(
        [tool("node"), "--input-type=module", "-e", PROGRAM, module],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_fits_are_those_of_the_library(fits):
    for (pixels, metres), found in zip(cases_that_fit(), fits, strict=False):
        fit = fit_plane(pixels, metres)
        assert np.array(found["matrix"]) == pytest.approx(fit.matrix, rel=1e-6, abs=0)
        assert found["residuals_px"] == pytest.approx(fit.residuals_px, rel=1e-6, abs=1e-9)
        assert found["residuals_m"] == pytest.approx(fit.residuals_m, rel=1e-6, abs=1e-9)
        assert found["sigma_px"] == pytest.approx(fit.sigma_px, rel=1e-6)
        assert found["speed_sigma"] == pytest.approx(np.median(fit.speeds_sigma), rel=1e-6)


def test_the_text_is_a_scene_with_the_matrix(fits):
    for (pixels, _), found in zip(cases_that_fit(), fits, strict=False):
        scene = Scene.loads(found["text"])
        assert scene.camera.homography == tuple(map(tuple, found["matrix"]))
        assert len(found["residuals_px"]) == len(pixels)


def test_what_the_library_refuses_is_refused(fits):
    for (pixels, metres), found in zip(REFUSED, fits[-len(REFUSED) :], strict=True):
        with pytest.raises(InputError) as error:
            fit_plane(pixels, metres)
        # The same fault, in almost the same words.
        assert found["error"].split(":")[0][:40] == error.value.what.split(":")[0][:40]
