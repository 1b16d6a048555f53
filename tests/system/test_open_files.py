"""Processes that may open only a few files: an error of ours, no fault, and the file as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cssv

pytest.importorskip("resource")
pytestmark = pytest.mark.series

SCRIPT = """
import resource, sys
path, limit, act = sys.argv[1], int(sys.argv[2]), sys.argv[3]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
import cssv
scene = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 5}]}
acts = {
    "commit": lambda: cssv.commit(path, scene),
    "verify": lambda: cssv.verify(path).is_sound or sys.exit("faults that are none"),
    "decode": lambda: cssv.decode(path, objects=path + ".csv"),
}
try:
    acts[act]()
except cssv.CssvError as error:
    assert "Too many open files" in str(error), error
    assert error.kind not in ("checksum", "container"), error.kind
    print("refused")
else:
    print("done")
"""


@pytest.mark.parametrize("act", ["commit", "verify", "decode"])
def test_few_files_may_be_open(act, stego, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(cssv.__file__).parent.parent)}
    before, outcomes = stego.read_bytes(), []
    # Standard input, output and errors are three of them.
    for limit in (5, 6, 7, 8, 9, 24):
        path = shutil.copy(stego, tmp_path / "clip.cssv")
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path), str(limit), act],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (limit, done.stderr)
        outcomes.append(done.stdout.strip())
        if outcomes[-1] == "refused":
            assert path.read_bytes() == before
            assert [entry.name for entry in tmp_path.iterdir()] == ["clip.cssv"]
        for entry in tmp_path.iterdir():
            entry.unlink()
    assert outcomes[0] == "refused"
    assert outcomes[-1] == "done"
