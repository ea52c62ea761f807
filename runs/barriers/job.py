"""`kmc barriers`: from a crystal file to a parameter file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from runs.barriers.calculators import CalculatorSpec
from runs.barriers.cells import crystal_of
from runs.barriers.parameter_file import parameter_table, write_parameter_file
from runs.barriers.plan import Plan, plan_of
from runs.barriers.provenance import Provenance
from runs.barriers.relax import RelaxationFailed
from runs.barriers.report import report
from runs.barriers.schema import load_crystal_file
from runs.barriers.summary import summarise
from runs.barriers.work import Bench, Outcome, Task, perform_all


def run_barriers(path: Path, calculator: CalculatorSpec, output: Path, jobs: int, folder: Path, command: str) -> int:
    """Compute everything that a crystal file asks for and write the parameter file and its report.

    folder: of relaxed images; what it holds is not computed again. command: as the user typed it, for the provenance.
    Returns 0, or 1 where a relaxation failed: each failure is printed and nothing is written. InputError for bad input.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least 1 is needed")
    file = load_crystal_file(path)
    bench = Bench(file, calculator, folder)
    identity = calculator.identity()
    print(f"{file.name} with {identity}; relaxed images: {folder}", flush=True)
    try:
        scale = lattice_scale(bench, crystal_of(file.crystal, path.parent))
    except RelaxationFailed as error:
        print(f"FAILED: {error}; nothing was written", flush=True)
        return 1
    crystal = crystal_of(file.crystal, path.parent, scale)
    plan = plan_of(file, crystal)
    print(described(plan), flush=True)
    outcomes = perform_all(bench, in_size_order(plan), jobs)
    failures = [outcome.failure for outcome in outcomes.values() if outcome.failure is not None]
    if failures:
        for failure in failures:
            print(f"FAILED: {failure}", flush=True)
        print(f"{len(failures)} of {len(outcomes)} tasks failed; no parameter file was written", flush=True)
        return 1
    summary = summarise(plan, in_order(plan, outcomes))
    report_path = output.with_suffix(".report.md")
    provenance = Provenance(file, identity, command, _lattice(crystal), report_path.name)
    text = report(plan, summary, provenance)
    write_parameter_file(output, parameter_table(plan, summary, provenance, scale), report_path, text)
    print(text)
    print(f"wrote {output} and {report_path}", flush=True)
    return 0


def lattice_scale(bench: Bench, crystal: Crystal) -> float:
    """Factor of the lattice vectors to the calculator's lattice parameter; 1 where the file keeps the cell."""
    if not bench.file.crystal.relax:
        return 1.0
    return bench.relaxer().lattice_scale(Supercell(crystal, (1, 1, 1)).to_atoms())


def in_size_order(plan: Plan) -> list[Task]:
    """The tasks, those in small supercells first: a calculator that fails does so early."""
    tasks: list[Task] = [*plan.hops, *plan.configurations]
    return sorted(tasks, key=_size)


def _size(task: Task) -> int:
    """Sites of a task's supercell."""
    return task.supercell.n_sites


def in_order(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The outcomes in the order of the plan, whichever task ended first."""
    labels = [task.label for task in plan.hops] + [task.label for task in plan.configurations]
    return {label: outcomes[label] for label in labels}


def described(plan: Plan) -> str:
    """What is going to be computed, for people."""
    hops = {(task.entry.name, task.occupation) for task in plan.hops}
    return (
        f"{len(hops)} distinct hops in {len({task.repeats for task in plan.hops})} supercells, {len(plan.unknowns)} "
        f"pair energies from {len(plan.configurations)} configurations; cell {_lattice(plan.crystal)}"
    )


def _lattice(crystal: Crystal) -> str:
    lengths = [f"{(row @ row) ** 0.5:.4f}" for row in crystal.cell_angstrom]
    return "a = " + (lengths[0] if len(set(lengths)) == 1 else ", ".join(lengths)) + " angstrom"
