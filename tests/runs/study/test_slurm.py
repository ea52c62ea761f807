"""The examples for SLURM, on a played `sbatch` that starts the jobs on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.study.studies import ROOT, write_study

SBATCH = """#!{python}
import os, re, subprocess, sys
script, arguments = sys.argv[1], sys.argv[2:]
text = open(script).read()
array = re.search(r"^#SBATCH --array=1-(\\d+)$", text, re.M)
jobs = []
for number in range(1, int(array[1]) + 1) if array else [None]:
    environment = dict(os.environ, SLURM_JOB_ID="7", SLURM_CPUS_PER_TASK="1")
    if array:
        environment |= {{"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": array[1]}}
    with open({log!r}, "a") as log:
        jobs.append(subprocess.Popen(["bash", script, *arguments], env=environment, stdout=log, stderr=log))
if array:
    sys.exit(max(job.wait() for job in jobs))
print("Submitted batch job 7")
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `sbatch` and `scancel`, first in PATH; returns the log of the jobs."""
    tools, log = tmp_path / "tools", tmp_path / "jobs.log"
    tools.mkdir()
    for name, text in (
        ("sbatch", SBATCH.format(python=sys.executable, log=str(log))),
        ("scancel", "#!/bin/sh\nexit 0\n"),
        ("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return log


@pytest.mark.slow
def test_jobs_of_dask_jobqueue(slurm: Path, tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed (extra `study`)")
    spec = importlib.util.spec_from_file_location("slurm_study", ROOT / "docs" / "slurm_study.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    settings = {
        **{"cores": 1, "processes": 1, "memory": "1GB", "walltime": "00:10:00"},
        **{"local_directory": str(tmp_path), "log_directory": str(tmp_path)},
        "scheduler_options": {"host": "127.0.0.1", "port": 0, "dashboard": False},
    }
    out = tmp_path / "out"
    example.main(str(write_study(tmp_path, {"run.seed": [1, 2]})), str(out), jobs=1, **settings)
    assert len(json.loads((out / "results.json").read_text())["rows"]) == 2, slurm.read_text()


@pytest.mark.slow
def test_a_job_array(slurm: Path, tmp_path: Path) -> None:
    script = tmp_path / "array.sh"
    script.write_text((ROOT / "docs" / "slurm_array.sh").read_text().replace("--array=1-8", "--array=1-2"))
    file, out = write_study(tmp_path, {"run.seed": [1, 2]}), tmp_path / "out"
    done = subprocess.run(["sbatch", script, file, out], cwd=ROOT, check=False)
    assert done.returncode == 0, slurm.read_text()
    assert len(json.loads((out / "results.json").read_text())["rows"]) == 2
