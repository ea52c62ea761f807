"""benchmarks/check_gpu.py runs on the stand-in for CuPy: its rows, whole run and frame; its other steps are tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import check_gpu
check_gpu.SHORT, check_gpu._sanitizer = (), lambda limit, played: {"left out": "part of the tests"}
sys.exit(check_gpu.main())
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_check_of_a_gpu_runs_on_the_stand_in(tmp_path):
    command = [
        sys.executable,
        "-c",
        SCRIPT,
        str(ROOT / "benchmarks"),
        "--stand-in",
        "--out",
        str(tmp_path / "gpu.json"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "stand_in"), str(ROOT)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["stand_in"] and len(found["checks"]["registers"]["kernels"]) >= 10
    assert found["rows"][0]["backend"] == "cuda" and found["rows"][0]["accepted_per_s"] > 0
    assert found["end_to_end"]["ideal-512"]["hops"] > 300
    assert set(found["frame_s"]) == {"walk of 100 trials", "positions", "observers", "counters"}


def test_every_file_of_tests_that_a_gpu_is_checked_with_exists():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import check_gpu
    finally:
        sys.path.pop(0)
    for name in (*check_gpu.BY_NAME, *check_gpu.WHOLE, *check_gpu.SHORT):
        file, _, test = name.partition("::")
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert not test or f"def {test.partition('[')[0]}(" in text, name
    assert sum(check_gpu.LIMIT_S.values()) + 170 <= 480
