"""``cssv recover``."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import cssv


@pytest.fixture
def unfinished(tmp_path):
    """A recording as a killed process leaves it."""
    left = tmp_path / "left"
    with cssv.Encoder(tmp_path / "live.cssv", size=(192, 160), rate=25, codec="ffv1") as encoder:
        for number in range(80):
            encoder.write(np.full((160, 192, 3), number, np.uint8), cssv.detections([]))
        shutil.copytree(tmp_path, left, ignore=shutil.ignore_patterns("left"))
    return left / "live.cssv"


def test_a_recording_is_recovered(run, unfinished):
    out = run("recover", unfinished).out
    with cssv.open(unfinished) as clip:
        frames = len(clip)
    assert f"Recovered {unfinished}: {frames} frames" in out
    assert frames > 20
    assert run("verify", unfinished).code == 0


def test_an_existing_file_is_replaced_only_by_force(run, unfinished):
    unfinished.write_bytes(b"something else")
    done = run("recover", unfinished, "--json")
    assert done.code == 6
    assert "--force" in done.json()["error"]["message"]
    assert unfinished.read_bytes() == b"something else"
    assert run("recover", unfinished, "--force", "--json").json()["frames"] > 20


def test_what_is_no_recording(run, tmp_path):
    assert run("recover", tmp_path / "none.cssv").code == 3
