"""Which backend "auto" takes on a machine with a (played) GPU and four cores, and what validate and the log say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kmc.backends import Work, choose_backend, cuda_device, too_little_work
from kmc.state.domains import build_domains, smallest_block
from lattices.errors import InputError
from runs import estimate
from runs.config import load_config
from runs.estimate import validate
from runs.prepare import prepare
from tests.systems import made_up_model, made_up_system


@pytest.fixture
def gpu(monkeypatch):
    """A usable GPU with 80 GB beside four cores; no trial walk, which is not what is tested here."""
    monkeypatch.setattr(cuda_device, "problem", lambda: "")
    monkeypatch.setattr(cuda_device, "free_bytes", lambda: 80_000_000_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(estimate, "_acceptances", lambda systems, replicas: [0.5])


GDC = "cpu: cuda: 8 replicas are too few, 800 are needed to exceed 4 cores (rejection-free selection); cpu is usable"
IDEAL = "cuda: cuda is usable and pays: 4096 replicas, 256 are needed to exceed 4 cores"
LARGE = "cuda: cuda is usable and pays: 512 blocks of a colour, 256 are needed to exceed 4 cores"
COARSE = "cpu: cuda: 8 blocks of a colour are too few, 256 are needed to exceed 4 cores; cpu is usable"
PLAIN = ['run.selection="rejection"']
DOMAINS = ["crystal.repeats=[50, 50, 50]", "run.replicas=1", 'run.positions="none"']


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "overrides", "said"),
    [
        ("gdc", [], GDC),
        ("ideal-fluorite", ["run.replicas=4096", "crystal.repeats=[4, 4, 4]"], IDEAL),
        ("ideal-fluorite", [*DOMAINS, 'run.parallel={domains={block="auto"}}'], LARGE),
        ("ideal-fluorite", [*DOMAINS, "run.parallel={domains={block=12}}"], COARSE),
    ],
)
def test_validate_says_which_backend_is_taken_and_why(gpu, example, overrides, said):
    facts = validate(*load_config(example, ['run.backend="auto"', *overrides]))
    assert facts.backend == said


@pytest.mark.slow
def test_a_gpu_that_does_not_pay_is_used_if_it_is_asked_for_with_a_warning(gpu):
    prepared = prepare(*load_config("smallest", ['run.backend="cuda"', "run.replicas=4", *PLAIN]))
    assert prepared.backend == "cuda"
    assert prepared.backend_reason == (
        "asked for; warning: 4 replicas are too few, 256 are needed to exceed 4 cores: "
        'backend = "auto" would take another one'
    )
    many = prepare(*load_config("smallest", ['run.backend="cuda"', "run.replicas=4096", *PLAIN]))
    assert many.backend_reason == "asked for"


def test_the_rule_compares_lanes_with_cores(monkeypatch):
    """64 lanes a core, 200 where selection may be rejection-free; NumPy alone is a sixteenth of a core."""
    monkeypatch.setattr(cuda_device, "problem", lambda: "")
    for cores in (1, 7):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        for free, per_core in ((False, 64), (True, 200)):
            fewest = per_core * cores
            assert choose_backend("auto", Work(fewest, rejection_free=free))[0] == "cuda"
            assert choose_backend("auto", Work(fewest - 1, rejection_free=free))[0] == "cpu"
    assert too_little_work("cpu", Work(1)) == too_little_work("numpy", Work(1)) == ""
    monkeypatch.setattr("kmc.backends.cpu_library.library_path", lambda: None)
    assert choose_backend("auto", Work(4))[0] == "cuda"
    name, why = choose_backend("auto", Work(3))
    assert name == "numpy" and "3 replicas are too few, 4 are needed to exceed numpy; cpu: the compiled" in why


def test_automatic_blocks_are_the_smallest_within_the_bound_of_the_bias():
    """Expected bias -3.4 % h^2/edge in hops of half a cell: 0.2 % needs edges of 17 hops at h = 1, 4.25 at h = 0.5."""
    system = made_up_system(made_up_model(), (40, 40, 40), 200)
    for hops, edge in ((1.0, 10), (0.5, 3), (0.1, 2), (16.0, 20)):  # 2: what bonds need; 20: none is within the bound
        blocks = build_domains(system.tables, smallest_block(system.tables, hops)).blocks
        assert (40 // blocks).tolist() == [edge] * 3, hops


def test_automatic_blocks_are_written_into_the_run_file_as_a_number():
    overrides = ["crystal.repeats=[16, 16, 16]", 'run.parallel={domains={block="auto"}}', 'run.backend="numpy"']
    prepared = prepare(*load_config("ideal-fluorite", ["run.temperature_K=1000", *overrides]))
    domains = prepared.config.run.parallel.domains
    assert domains is not None and isinstance(domains.block, int)
    assert (
        prepared.jobs[0].settings.domains.block == domains.block == prepared.jobs[0].config.run.parallel.domains.block
    )
    with pytest.raises(InputError, match="block"):
        load_config("ideal-fluorite", ["run.parallel={domains={block=0}}"])


def test_log_of_a_run_says_why(tmp_path: Path, monkeypatch):
    """The line of the log is that of validate."""
    from runs.cli import main

    monkeypatch.setattr(cuda_device, "problem", lambda: "no GPU here")
    tiny = ["run.temperature_K=1300", "run.frames=4", "run.replicas=2", "run.duration={hops_per_carrier=2}"]
    sets = [part for each in (*tiny, "run.equilibration={hops_per_carrier=1}") for part in ("--set", each)]
    assert main(["run", "smallest", "--out", str(tmp_path / "run"), *sets]) == 0
    assert (tmp_path / "run" / "log.txt").read_text().startswith("backend cpu: cuda: no GPU here; cpu is usable\n")
