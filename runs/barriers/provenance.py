"""Where the numbers of a parameter file come from, in words: the source of every entry, and the table of raw data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runs.barriers.configurations import Unknown
from runs.barriers.fit import PairFit
from runs.barriers.plan import Plan
from runs.barriers.schema import CrystalFile
from runs.barriers.summary import EnvironmentBarrier, Summary, model_difference_eV


@dataclass(frozen=True)
class Provenance:
    """What every source repeats.

    calculator: its identity. command: that repeats the work. lattice: of the cells. report: name of the file with the
    raw data.
    """

    file: CrystalFile
    calculator: str
    command: str
    lattice: str
    report: str

    @property
    def conditions(self) -> str:
        """Calculator, cell and limit of the forces."""
        return f"computed with {self.calculator}, {self.lattice}, forces < {self.limit}"

    @property
    def limit(self) -> str:
        """Of the forces."""
        return f"{self.file.cells.fmax_eV_angstrom:g} eV/angstrom"

    def of_barrier(self, one: EnvironmentBarrier) -> str:
        """Source of a barrier."""
        parts = [self.conditions, _method(one), _cells(one)]
        if len({task.occupation for task in one.tasks}) > 1:
            parts.append(f"mean of arrangements from {one.lowest_eV:.3f} to {one.highest_eV:.3f} eV")
        parts.append(_ends(one))
        scale = one.tasks[0].entry.scale_eV
        if scale is not None:
            parts.append(f"computed {one.kra.value:.3f} eV and added {scale.value:+.3f} eV ({scale.source})")
        return "; ".join([*parts, self.command])

    def of_pair(self, unknown: Unknown, value_eV: float, error_eV: float, fit: PairFit, configurations: int) -> str:
        """Source of a pair energy."""
        return "; ".join(
            [
                self.conditions,
                f"least squares over {configurations} configurations of {_size(self.file.cells.supercells[0])} cells",
                f"{value_eV:.3f} +- {error_eV:.3f} eV, error of predicted energies {fit.left_out_rms_eV:.3f} eV "
                "(leave-one-out)",
                "one cell size: energies of images in the values are not known",
                self.command,
            ]
        )


def _method(one: EnvironmentBarrier) -> str:
    bands = [energies for energies in one.energies if energies.neb_eV is not None]
    planes = [energies for energies in one.energies if energies.mid_plane_eV is not None]
    text = "climbing-image NEB" if bands else "ion on the mid-plane, which symmetry makes the saddle point"
    differences = [abs(e.neb_eV - e.mid_plane_eV) for e in bands if e.neb_eV is not None and e.mid_plane_eV is not None]
    if differences:
        text += f", from the mid-plane by {max(differences):.4f} eV"
    elif bands and planes:
        text += " where symmetry does not make the mid-plane the saddle point"
    return text


def _cells(one: EnvironmentBarrier) -> str:
    sizes = ", ".join(dict.fromkeys(_size(task.repeats) for task in one.tasks))
    if one.kra.change is None:
        return f"{sizes} cells: one size, the error by images is not known"
    return f"{sizes} cells extrapolated in 1/volume, {one.kra.change:+.3f} eV from the largest"


def _ends(one: EnvironmentBarrier) -> str:
    """Energies of the largest cell."""
    energies = one.energies[-1]
    return f"forward {energies.forward_eV:.3f}, backward {energies.backward_eV:.3f} eV in the last cell"


def _size(repeats: Sequence[int]) -> str:
    return "x".join(str(n) for n in repeats)


def report(plan: Plan, summary: Summary, provenance: Provenance) -> str:
    """The raw data as Markdown: one row for every hop in every cell, and one for every pair energy."""
    file = provenance.file
    lines = [
        f"# {file.name}: computed barriers and pair energies",
        "",
        f"{provenance.conditions[0].upper()}{provenance.conditions[1:]}. Repeat with `{provenance.command}`.",
        "",
        "Energies in eV; dE: after the hop minus before it. Residual: the forward barrier minus E0 + dE/2 of the",
        "model, with E0 and the pair energies of the parameter file (without scale_eV).",
        "",
        "| hop | environment | cell | dE | forward | backward | E0 | NEB | mid-plane | nu / Hz | residual |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for barrier in summary.barriers:
        for task, one in zip(barrier.tasks, barrier.energies, strict=True):
            difference = one.end_eV if summary.fit is None else model_difference_eV(plan, summary.fit, task)
            residual = one.forward_eV - (barrier.kra.value + difference / 2)
            cells = [
                barrier.hop,
                " ".join(task.occupation) or "any",
                _size(task.repeats),
                *(f"{value:.4f}" for value in (one.end_eV, one.forward_eV, one.backward_eV, one.kra_eV)),
                *("-" if value is None else f"{value:.4f}" for value in (one.neb_eV, one.mid_plane_eV)),
                "-" if one.attempt_frequency_Hz is None else f"{one.attempt_frequency_Hz:.3g}",
                f"{residual:+.4f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    if summary.fit is not None:
        fit = summary.fit
        lines += [
            "",
            f"Pair energies: {summary.configurations} configurations, root mean square residual {fit.rms_eV:.4f} eV, "
            f"of configurations left out of the fit {fit.left_out_rms_eV:.4f} eV.",
            "",
            "| pair | distance / angstrom | energy | standard error | written |",
            "|---|---|---|---|---|",
        ]
        for unknown, value, error in zip(plan.unknowns, fit.energies_eV, fit.errors_eV, strict=True):
            written = "yes" if unknown.write else "no"
            lines.append(f"| {unknown} | {unknown.kind.length_angstrom:.3f} | {value:.4f} | {error:.4f} | {written} |")
    return "\n".join(lines) + "\n"
