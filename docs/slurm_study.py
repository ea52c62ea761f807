"""A study whose points run in SLURM jobs: `python slurm_study.py STUDY.toml FOLDER` on the login node.

Every job holds `processes` workers, which take one point after another. Settings that belong to a cluster (queue,
account, modules to load) may also stand in ~/.config/dask/jobqueue.yaml. The folder must be visible to all nodes.
"""

from __future__ import annotations

import sys
from pathlib import Path

SETTINGS: dict[str, object] = {
    "cores": 8,
    "processes": 8,  # workers of a job: one for each core, or one for each GPU
    "memory": "16GB",
    "walltime": "04:00:00",
    # "queue": "short", "account": "...", "job_extra_directives": ["--gres=gpu:1"],
}


def main(file: str, folder: str, jobs: int = 4, **settings: object) -> None:
    """Carry out a study, or go on with it, in a number of jobs. settings: of SLURMCluster, instead of SETTINGS."""
    from dask_jobqueue import SLURMCluster

    import kmc

    with SLURMCluster(**(settings or SETTINGS)) as cluster:
        cluster.scale(jobs=jobs)
        resume = (Path(folder) / "study.toml").exists()
        study = kmc.run_study(file, folder, scheduler=cluster.scheduler_address, resume=resume)
    for name, reason in study.unfinished.items():
        print(f"{name}: {reason or 'still to be run'}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
