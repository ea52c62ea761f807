"""Carries out the points of a study: one after another in this process, or on the workers of dask.distributed.

Workers are processes: those of a LocalCluster-like set on this machine, one for each GPU or group of cores, or those of
a scheduler that exists already. A worker that dies is started again, and its point continues from its checkpoint.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.study.point import Outcome, Task, carry_out, failed

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

NO_DASK = "dask.distributed is not installed: the points are carried out one after another; pip install miec-kmc[study]"
LOST = "the scheduler was lost before this point was finished"
POLL_S = 0.5


def has_dask() -> bool:
    """Whether dask.distributed can be imported."""
    return importlib.util.find_spec("distributed") is not None


def one_after_another(tasks: Sequence[Task], quiet: bool = False) -> Iterator[Outcome]:
    """Carry out the points in this process, until one is stopped."""
    for task in tasks:
        outcome = carry_out(task, quiet=quiet)
        yield outcome
        if outcome.state == "stopped":
            return


def worker_environments(points: int, cores: int, devices: Sequence[str], wanted: int | None) -> list[dict[str, str]]:
    """The environment variables of each worker on this machine.

    devices: the GPUs to use, as CUDA_VISIBLE_DEVICES names them; without any, the cores are divided among the workers.
    wanted: number of workers; None for as many as GPUs or cores allow, and no more than there are points.
    """
    most = len(devices) or cores
    number = max(1, min(points, wanted or most))
    threads = max(1, cores // number)
    common = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    if not devices:
        return [common for _ in range(number)]
    return [{**common, "CUDA_VISIBLE_DEVICES": devices[k % len(devices)]} for k in range(number)]


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    import cupy

    return [str(number) for number in range(cupy.cuda.runtime.getDeviceCount())]


@contextmanager
def local_scheduler(environments: Sequence[dict[str, str]]) -> Iterator[str]:
    """The address of a scheduler with a worker process for each environment, inside the block.

    The workers end with this process, however it ends. They take no notice of Ctrl-C: the study stops their runs.
    """
    from distributed import Nanny, Scheduler, SpecCluster

    # Memory is not divided: a supercell may need more than its share, and the operating system has the last word.
    options = {
        "nthreads": 1,
        "memory_limit": 0,
        "preload": "runs.study.workers",
        "dashboard": False,
        "silence_logs": "CRITICAL",
    }
    workers = {
        number: {"cls": Nanny, "options": {**options, "env": environment}}
        for number, environment in enumerate(environments)
    }
    scheduler = {"cls": Scheduler, "options": {"port": 0, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}}
    with SpecCluster(workers=workers, scheduler=scheduler, silence_logs="CRITICAL") as cluster:
        yield cluster.scheduler_address


def dask_setup(worker: Worker) -> None:
    """Called in every worker process of `local_scheduler` when it starts: Ctrl-C reaches the study alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def on_dask(tasks: Sequence[Task], address: str, poll: Callable[[], None]) -> Iterator[Outcome]:
    """Carry out the points on the workers of a scheduler and yield their outcomes as they come.

    poll: called every POLL_S while waiting.

    Raises InputError where there is no scheduler at the address.
    """
    from distributed import Client

    try:
        client = Client(address, timeout="20s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {address}: no dask scheduler answers: {error}") from error
    with client:
        yield from _gather(client, tasks, poll)


def _gather(client: Client, tasks: Sequence[Task], poll: Callable[[], None]) -> Iterator[Outcome]:
    """Outcomes in the order in which they come; a point whose workers died several times has failed."""
    done: SimpleQueue[Future[Outcome]] = SimpleQueue()
    futures = {client.submit(carry_out, task, pure=False): task for task in tasks}
    for future in futures:
        future.add_done_callback(done.put)
    while futures:
        poll()
        try:
            future = done.get(timeout=POLL_S)
        except Empty:
            continue
        task = futures.pop(future)
        yield _outcome(future, task)


def _outcome(future: Future[Outcome], task: Task) -> Outcome:
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        error = future.exception()
        return failed(task, f"the worker failed: {type(error).__name__}: {error}")
    return Outcome(task.folder.name, "stopped", LOST)
