"""Damaged and malicious files in every command: a result or a CssvError, and no further damage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

#: Number of files. Longer runs: CSSV_FUZZ_FILES=10000, with another CSSV_FUZZ_SEED.
FILES = int(os.environ.get("CSSV_FUZZ_FILES", "50"))
#: Seconds for each file after which it hangs; a file takes less than a tenth of one on a quiet machine.
HANG_S = 10
SEED = os.environ.get("CSSV_FUZZ_SEED", "1")


def test_nothing_but_cssv_errors(four, small, lab, tmp_path):
    program = Path(__file__).with_name("fuzzer.py")
    sources = [four, small(fidelity="sparse", planes="rgb"), small(codec="ffv1")]
    command = [sys.executable, program, str(FILES), SEED, tmp_path, *sources]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120 + HANG_S * FILES,
        check=False,
        env=lab.environment(),
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"died on {tmp_path}/now.cssv: {done.stderr[-2000:]}"
    *findings, summary = map(json.loads, done.stdout.splitlines())
    assert not findings, findings[0]["what"]
    assert summary["count"] == FILES
    # Many of the files must open, or only the first checks would be tested.
    assert summary["opened"] >= summary["count"] // 5
