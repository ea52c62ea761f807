"""The raw data of `kmc barriers` as tables: one row for every hop in every cell, and one for every fitted energy."""

from __future__ import annotations

from runs.barriers.plan import Plan
from runs.barriers.provenance import Provenance, size
from runs.barriers.summary import EnvironmentBarrier, Summary, model_difference_eV


def report(plan: Plan, summary: Summary, provenance: Provenance) -> str:
    """The tables as Markdown."""
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
            residual = one.forward_eV - (_model_kra(summary, barrier) + difference / 2)
            cells = [
                barrier.hop,
                " ".join(task.occupation) or "any",
                size(task.repeats),
                *(f"{value:.4f}" for value in (one.end_eV, one.forward_eV, one.backward_eV, one.kra_eV)),
                *("-" if value is None else f"{value:.4f}" for value in (one.neb_eV, one.mid_plane_eV)),
                "-" if one.attempt_frequency_Hz is None else f"{one.attempt_frequency_Hz:.3g}",
                f"{residual:+.4f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    for name, cluster in summary.clusters.items():
        terms = next(one.tasks[0].terms for one in summary.barriers if one.hop == name)
        assert terms is not None
        lines += [
            "",
            f"Cluster expansion of hop {name}: constant {cluster.constants_eV[0]:.4f} eV, root mean square residual "
            f"{cluster.rms_eV:.4f} eV, of occupations left out of the fit {cluster.left_out_rms_eV:.4f} eV.",
            "",
            "| term | energy | standard error |",
            "|---|---|---|",
        ]
        for term, value, error in zip(terms.names, cluster.energies_eV, cluster.errors_eV, strict=True):
            lines.append(f"| {term} | {value:.4f} | {error:.4f} |")
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


def _model_kra(summary: Summary, barrier: EnvironmentBarrier) -> float:
    """E0 of the parameter file without scale_eV."""
    cluster, terms = summary.clusters.get(barrier.hop), barrier.tasks[0].terms
    if cluster is None or terms is None:
        return barrier.kra.value
    return float(cluster.constants_eV[0] + terms.counts(barrier.tasks[0].occupation) @ cluster.energies_eV)
