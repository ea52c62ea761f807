"""Settings for running the test suite in several processes."""

from __future__ import annotations

import os


def one_core_per_worker() -> None:
    """Under pytest-xdist, bind each worker to its own core.

    The compiled backend starts a thread for every core that its process may use. Without this, n workers would start
    n threads each and OpenMP's waiting threads would take the cores from the others. Tests that ask for several
    threads still get them.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker.startswith("gw"):
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker[2:]) % len(cores)]})


one_core_per_worker()  # before NumPy and the compiled backend are loaded
