"""Cluster expansions of a barrier: the terms counted here against the barriers that the engine looks up."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.exact.hop_rates import all_bonds, barrier2_of
from lattices.distinct_hops import DistinctHop, distinct_hops
from lattices.errors import InputError
from lattices.hop_environments import EnvironmentRule
from lattices.stencils import Stencil, shells
from runs.barriers.cluster_terms import ClusterTerms, cluster_terms
from runs.barriers.environments import occupations_of
from runs.barriers.fit import fit_energies
from runs.barriers.schema import HopEntry
from tests.systems import NOTE, cell, made_up_model, made_up_system

REACH = (0.0, 4.2)  # six cations around the edge that an ion crosses: two in the first shell and four in the second
SUPERCELL = cell("fluorite", (3, 3, 3))
CHOICES = [["M", "D"]] * 6


def wide_hop() -> tuple[Stencil, DistinctHop, ClusterTerms]:
    crystal = SUPERCELL.crystal
    (bonds,) = shells(crystal, crystal.index("anion"), crystal.index("anion"), 1)
    rule = EnvironmentRule(middle_angstrom=REACH)
    (hop,) = distinct_hops(crystal, bonds, [crystal.index("cation")], rule)
    return bonds, hop, cluster_terms(crystal, bonds, rule, hop, CHOICES, with_pairs=True)


def entry(samples: int | None) -> HopEntry:
    frequency = {"value": 1e13, **NOTE}
    return HopEntry.model_validate(
        {
            "name": "vacancy",
            "carrier": "V_O",
            "partner": "O",
            "gate": ["cation"],
            "attempt_frequency_Hz": frequency,
            "cluster_expansion": {} if samples is None else {"samples": samples},
        }
    )


def test_a_fit_to_a_sample_gives_the_engine_every_barrier() -> None:
    """Energies made up, counted on a sample, fitted, written as a parameter file, and looked up in a supercell."""
    _, hop, terms = wide_hop()
    assert len(terms.points) == 2
    exact = np.random.default_rng(1).uniform(-0.05, 0.05, size=len(terms.names))
    sample = [occupation for occupation, _ in occupations_of(entry(None), hop, CHOICES, terms, seed=1)]
    counts = np.array([terms.counts(one) for one in sample])
    fit = fit_energies(counts, ["one"] * len(sample), counts @ exact + 0.6, terms.names, "samples")
    assert np.allclose(fit.energies_eV, exact, atol=1e-9)
    expansion = {
        "constant_eV": float(fit.constants_eV[0]),
        "points": [
            {"species": species, "shell": shell, "energy_eV": float(energy)}
            for (species, shell), energy in zip(terms.points, fit.energies_eV[:2], strict=True)
        ],
        "pairs": [
            {"species": species, "shells": numbers, "distance_angstrom": reach, "energy_eV": float(energy)}
            for (species, numbers, reach), energy in zip(terms.pairs, fit.energies_eV[2:], strict=True)
        ],
        **NOTE,
    }
    keys = {"gate": ["cation"], "gate_distance_angstrom": list(REACH), "cluster_expansion": expansion}
    system = made_up_system(made_up_model(vacancy_hop=keys), (3, 3, 3), vacancies=3, dopants=54, seed=7)
    tables, occupants = system.tables, system.initial_state().occupants
    names = np.array(system.model.names)[occupants[0]]
    bonds = {(bond.start, bond.end): bond for bond in all_bonds(tables)}
    seen = set()
    for x, y, z in np.ndindex(3, 3, 3):
        here = np.array([x, y, z])
        start = SUPERCELL.site_index(0, here, hop.origin)
        end = SUPERCELL.site_index(0, here + hop.end[:3], hop.end[3])
        around = [SUPERCELL.site_index(s, here + site[:3], site[3]) for s, site in hop.sites]
        energy = 0.6 + terms.counts(names[around].tolist()) @ exact
        value = barrier2_of(tables, bonds[start, end], occupants, np.zeros(1, dtype=np.int64))
        assert value[0] == 2 * round(1e6 * energy)
        seen.add(int(value[0]))
    assert len(seen) > 8


def test_too_many_environments_ask_for_a_cluster_expansion() -> None:
    _, hop, terms = wide_hop()
    plain = entry(None).model_copy(update={"cluster_expansion": None})
    many = [["M", *(f"D{n}" for n in range(5))]] * 6
    with pytest.raises(
        InputError, match=r"46656 occupations, very many of them distinct; at most 64.*cluster_expansion"
    ):
        occupations_of(plain, hop, many, None, seed=1)
    with pytest.raises(InputError, match="3 distinct occupations for 7 terms and a constant; at least 11 are needed"):
        occupations_of(entry(3), hop, CHOICES, terms, seed=1)
