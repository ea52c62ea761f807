"""The parameter file that `kmc barriers` writes, checked by reading it as `kmc run` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kmc.model.parameters import Model, load_model
from lattices.errors import InputError
from runs.barriers.fit import Fit
from runs.barriers.plan import Plan
from runs.barriers.provenance import Provenance
from runs.barriers.schema import HopEntry
from runs.barriers.summary import EnvironmentBarrier, Summary

DIGITS = 4  # of energies in eV

Table = dict[str, object]


def parameter_table(plan: Plan, summary: Summary, provenance: Provenance, scale: float) -> Table:
    """The parameter file as a dictionary. scale: of the lattice vectors against the crystal file."""
    file = provenance.file
    table: Table = {"name": file.name, "description": file.description or f"Written by {provenance.command}."}
    if file.crystal.prototype is not None and file.crystal.lattice_parameter_angstrom is not None:
        value = file.crystal.lattice_parameter_angstrom * scale
        source = provenance.conditions if file.crystal.relax else "given in the crystal file"
        mark = "computed" if file.crystal.relax else "assumed"
        table["prototype"] = file.crystal.prototype
        table["lattice_parameter_angstrom"] = {"value": round(value, DIGITS), "source": source, "mark": mark}
    table["species"] = {
        name: one.model_dump(exclude_defaults=True) | {"charge": one.charge} for name, one in file.species.items()
    }
    table["hops"] = [
        _hop(
            hop,
            [one for one in summary.barriers if one.hop == hop.name],
            summary.clusters.get(hop.name),
            provenance,
        )
        for hop in file.hops
    ]
    table["pairs"] = _pairs(plan, summary, provenance)
    return table


def write_parameter_file(path: Path, table: Table, report_path: Path, report: str) -> Model:
    """Write the parameter file and the report; the model as `kmc run` reads it. InputError if that is impossible."""
    import tomli_w

    text = tomli_w.dumps(table)
    try:
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        model = load_model(part)
        report_path.write_text(report, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return model


def _hop(hop: HopEntry, barriers: Sequence[EnvironmentBarrier], cluster: Fit | None, provenance: Provenance) -> Table:
    kept = {"name", "carrier", "partner", "shell", "distance_angstrom", "kind"}
    kept |= {"gate", "gate_distance_angstrom", "gate_end_distance_angstrom"}
    given = hop.model_dump(include=kept, exclude_defaults=True)
    table: Table = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    table["attempt_frequency_Hz"] = _frequency(hop, barriers, provenance)
    if cluster is None:
        table["barriers"] = [_barrier(one, len(barriers), provenance) for one in barriers]
    else:
        table["cluster_expansion"] = _cluster_expansion(barriers, cluster, provenance)
    return table


def _cluster_expansion(barriers: Sequence[EnvironmentBarrier], fit: Fit, provenance: Provenance) -> Table:
    """The fitted terms; scale_eV is part of the constant."""
    terms = barriers[0].tasks[0].terms
    assert terms is not None
    energies = [round(float(value), DIGITS) for value in fit.energies_eV]
    n_points = len(terms.points)
    points = [
        {"species": species, "shell": shell, "energy_eV": energy}
        for (species, shell), energy in zip(terms.points, energies[:n_points], strict=True)
    ]
    pairs = [
        {
            "species": list(species),
            "shells": list(shells),
            "distance_angstrom": [round(max(low, 0.0), DIGITS), round(high, DIGITS)],
            "energy_eV": energy,
        }
        for (species, shells, (low, high)), energy in zip(terms.pairs, energies[n_points:], strict=True)
    ]
    return {
        "constant_eV": round(float(fit.constants_eV[0]) + barriers[0].scale_eV, DIGITS),
        "points": points,
        "pairs": pairs,
        "error_eV": round(fit.left_out_rms_eV, DIGITS),
        "source": provenance.of_cluster(barriers, fit),
        "mark": "derived" if barriers[0].scale_eV else "computed",
    }


def _barrier(one: EnvironmentBarrier, environments: int, provenance: Provenance) -> Table:
    """The entry of one environment, with its attempt frequency where it was computed and there are several."""
    table: Table = {"gate": list(one.species), "energy_eV": round(one.written_eV, DIGITS)}
    if environments > 1 and one.tasks[0].entry.attempt_frequency_Hz == "vineyard":
        table["attempt_frequency_Hz"] = _vineyard([one], provenance)
    scaled = one.tasks[0].entry.scale_eV is not None
    return table | {"source": provenance.of_barrier(one), "mark": "derived" if scaled else "computed"}


def _frequency(hop: HopEntry, barriers: Sequence[EnvironmentBarrier], provenance: Provenance) -> Table:
    """The attempt frequency given, or the computed one."""
    if hop.attempt_frequency_Hz != "vineyard":
        return hop.attempt_frequency_Hz.model_dump()
    return _vineyard(barriers, provenance)


def _vineyard(barriers: Sequence[EnvironmentBarrier], provenance: Provenance) -> Table:
    """The geometric mean of the computed attempt frequencies over the environments and cells."""
    found = np.array([e.attempt_frequency_Hz for one in barriers for e in one.energies if e.attempt_frequency_Hz])
    value = float(f"{np.exp(np.log(found).mean()):.3g}")
    source = (
        f"{provenance.conditions}; Vineyard with {provenance.moving}, geometric mean of {len(found)} from "
        f"{found.min():.3g} to {found.max():.3g} Hz"
    )
    return {"value": value, "source": source, "mark": "computed"}


def _pairs(plan: Plan, summary: Summary, provenance: Provenance) -> list[Table]:
    """One entry for each kind of pair that is to be written."""
    fit = summary.fit
    if fit is None:
        return []
    tables: list[Table] = []
    for unknown, value, error in zip(plan.unknowns, fit.energies_eV.tolist(), fit.errors_eV.tolist(), strict=True):
        if unknown.write:
            tables.append(
                {
                    "species": list(unknown.species),
                    "shell": unknown.shell,
                    **({"kind": unknown.kind_number} if unknown.kinds > 1 else {}),
                    "energy_eV": round(value, DIGITS),
                    "source": provenance.of_pair(value, error, fit, summary.configurations),
                    "mark": "computed",
                }
            )
    return tables
