"""Damaged and malicious files in every command: a result or a CssvError, and no further damage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

#: Longer runs: CSSV_FUZZ_SECONDS=600, with another CSSV_FUZZ_SEED.
SECONDS = float(os.environ.get("CSSV_FUZZ_SECONDS", "8"))
SEED = os.environ.get("CSSV_FUZZ_SEED", "1")


def test_nothing_but_cssv_errors(four, small, lab, tmp_path):
    program = Path(__file__).with_name("fuzzer.py")
    sources = [four, small(fidelity="sparse", planes="rgb"), small(codec="ffv1")]
    command = [sys.executable, program, str(SECONDS), SEED, tmp_path, *sources]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
        check=False,
        env=lab.environment(),
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"died on {tmp_path}/now.cssv: {done.stderr[-2000:]}"
    *findings, summary = map(json.loads, done.stdout.splitlines())
    assert not findings, findings[0]["what"]
    assert summary["count"] >= SECONDS
    # Many of the files must open, or only the first checks would be tested.
    assert summary["opened"] >= summary["count"] // 5
