"""Barriers and energies of single hops, computed from site positions and the model alone.

Nothing here reads stencils, codes or potentials: distances between positions in the periodic cell decide which sites
are bonds, environments and pairs. A fault in the event tables therefore cannot cancel, as it could in a comparison of
the exact solver with the walk, because both read these tables.
"""

from __future__ import annotations

import numpy as np
import pytest

from kmc.exact.hop_rates import all_bonds, hops_over
from kmc.model.parameters import Model
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from kmc.tables.build import build_tables
from tests.systems import NOTE, cell

T_K = 1000.0
NU = 1e13
SHELLS = {"fluorite": (2.7, 2.7 * np.sqrt(2)), "perovskite": (4 / np.sqrt(2), 4.0)}  # of anions, in angstrom
TO_CATION = {"fluorite": 5.4 * np.sqrt(3) / 4, "perovskite": {"A": 4 / np.sqrt(2), "B": 2.0}}

BARRIERS = {
    "fluorite": {("M", "M"): 0.41, ("D", "M"): 0.52, ("D", "D"): 0.77},
    "perovskite": {
        ("A", "A", "M"): 0.61,
        ("A", "M", "S"): 0.53,
        ("M", "S", "S"): 0.47,
        ("A", "A", "D"): 0.83,
        ("A", "D", "S"): 0.72,
        ("D", "S", "S"): 0.68,
    },
}
PAIRS = [("V_O", "V_O", 1, 0.13), ("V_O", "V_O", 2, -0.07), ("V_O", "D", 1, -0.21)]


def model_of(prototype: str, pairs=()) -> Model:
    """Barriers that differ for every environment, including environments with several species."""
    cation = "cation" if prototype == "fluorite" else "B"
    species = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "M": {"sublattice": cation, "charge": 0, "element": "Ce"},
        "D": {"sublattice": cation, "charge": -1, "element": "Gd"},
    }
    if prototype == "perovskite":
        species["A"] = {"sublattice": "A", "charge": 0, "element": "La"}
        species["S"] = {"sublattice": "A", "charge": -1, "element": "Sr"}
    hop = {"name": "vacancy", "carrier": "V_O", "partner": "O", "attempt_frequency_Hz": {"value": NU, **NOTE}}
    hop["gate"] = ["cation"] if prototype == "fluorite" else ["A", "B"]
    hop["barriers"] = [{"gate": list(g), "energy_eV": e, **NOTE} for g, e in BARRIERS[prototype].items()]
    listed = [{"species": [a, b], "shell": n, "energy_eV": e, **NOTE} for a, b, n, e in pairs]
    return Model.model_validate({"name": "made-up", "species": species, "hops": [hop], "pairs": listed})


class Geometry:
    """Positions of all sites of a cubic supercell, and their distances under periodic boundary conditions."""

    def __init__(self, prototype: str, repeats: int) -> None:
        self.prototype = prototype
        self.supercell = cell(prototype, (repeats,) * 3)
        names = [s.name for s in self.supercell.crystal.sublattices]
        blocks = [self.supercell.positions_angstrom(s) for s in range(len(names))]
        self.sublattice = np.repeat(names, [len(block) for block in blocks])
        places = np.concatenate(blocks)
        edge = repeats * (5.4 if prototype == "fluorite" else 4.0)
        apart = places[None] - places[:, None]
        self.vector = apart - edge * np.rint(apart / edge)
        self.distance = np.linalg.norm(self.vector, axis=-1)

    def near(self, i: int, sublattice: str, length: float) -> set[int]:
        found = (self.sublattice == sublattice) & (np.abs(self.distance[i] - length) < 0.01)
        return set(np.flatnonzero(found).tolist())

    def environment(self, i: int, j: int) -> list[int]:
        """Cations that touch both anions: two on a fluorite edge, two A and one B around a perovskite bond."""
        reach = TO_CATION[self.prototype]
        lengths = reach if isinstance(reach, dict) else {"cation": reach}
        return [k for name, length in lengths.items() for k in self.near(i, name, length) & self.near(j, name, length)]

    def energy(self, names: np.ndarray) -> float:
        """Sum of all pair energies of an arrangement, in eV."""
        total, reach = 0.0, TO_CATION[self.prototype]
        to_dopant = reach["B"] if isinstance(reach, dict) else reach
        for a, b, shell, energy in PAIRS:
            length = to_dopant if b == "D" else SHELLS[self.prototype][shell - 1]
            close = np.abs(self.distance - length) < 0.01
            pairs = close[np.ix_(names == a, names == b)].sum()
            total += energy * pairs / (2 if a == b else 1)
        return total


def arrangement(geometry: Geometry, model: Model, seed: int, vacancies: int = 6) -> np.ndarray:
    """(N,) species names; between a third and half of the cations are dopants, so that every environment occurs."""
    rng = np.random.default_rng(seed)
    names = np.array(["O" if s == "anion" else "A" if s == "A" else "M" for s in geometry.sublattice], dtype=object)
    names[rng.choice(np.flatnonzero(names == "O"), vacancies, replace=False)] = "V_O"
    for host, guest in (("M", "D"), ("A", "S")):
        here = np.flatnonzero(names == host)
        if len(here):
            names[rng.choice(here, len(here) * 2 // 5, replace=False)] = guest
    return names


@pytest.mark.parametrize("pairs", [(), PAIRS], ids=["barriers alone", "with pair energies"])
@pytest.mark.parametrize(("prototype", "repeats"), [("fluorite", 2), ("perovskite", 3)])
def test_every_hop_has_the_barrier_of_its_surroundings(prototype: str, repeats: int, pairs) -> None:
    """Every bond, environment and energy of random arrangements: max(E0 + dE/2, dE, 0), and exactly these hops."""
    geometry, model = Geometry(prototype, repeats), model_of(prototype, pairs)
    seen: set[tuple[str, ...]] = set()
    for seed in range(4):
        names = arrangement(geometry, model, seed)
        counts = {name: int((names == name).sum()) for name in model.names}
        tables = build_tables(model, geometry.supercell, counts, T_K)
        occupants = np.array([model.code(name) for name in names], dtype=np.uint8)[None]
        found = {}
        for hops in hops_over(tables, occupants, all_bonds(tables)):
            key = (hops.bond.start, hops.bond.end)
            assert hops.bond.moved_m * 1e10 == pytest.approx(geometry.vector[key], abs=1e-6)
            found[key] = -BOLTZMANN_EV_K * T_K * np.log(hops.rate[0] / NU)
        expected = {}
        before = geometry.energy(names) if pairs else 0.0
        for i in np.flatnonzero(names == "V_O").tolist():
            for j in geometry.near(i, "anion", SHELLS[prototype][0]):
                if names[j] != "O":
                    continue
                environment = tuple(sorted(names[geometry.environment(i, j)]))
                after = names.copy()
                after[[i, j]] = names[[j, i]]
                change = geometry.energy(after) - before if pairs else 0.0
                expected[i, j] = max(BARRIERS[prototype][environment] + change / 2, change, 0.0)
                seen.add(environment)
        assert found.keys() == expected.keys() and len(found) > 20
        assert [found[k] for k in expected] == pytest.approx(list(expected.values()), abs=2e-6)
    assert seen == set(BARRIERS[prototype])


FIELD = 1e8  # V/m; 0.054 eV per fluorite bond for a vacancy


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_positive_charge_gains_energy_along_the_field(axis: int) -> None:
    """The work of a vacancy (+2 e) over a bond of 2.7 angstrom is -2 e E x 2.7 angstrom along +E; half adds to E0."""
    geometry, model = Geometry("fluorite", 2), model_of("fluorite")
    names = np.array(["O" if s == "anion" else "M" for s in geometry.sublattice], dtype=object)
    names[5] = "V_O"
    counts = {name: int((names == name).sum()) for name in model.names}
    field = np.zeros(3)
    field[axis] = FIELD
    tables = build_tables(model, geometry.supercell, counts, T_K, field.tolist())
    assert tables.field_V_per_m == pytest.approx(field)
    occupants = np.array([model.code(name) for name in names], dtype=np.uint8)[None]
    rates = {
        int(np.rint(hops.bond.moved_m[axis] / 2.7e-10)): float(hops.rate[0])
        for hops in hops_over(tables, occupants, all_bonds(tables))
    }
    kt = BOLTZMANN_EV_K * T_K
    work = 2 * FIELD * 2.7e-10
    for step in (-1, 0, 1):
        assert rates[step] == pytest.approx(NU * np.exp(-(0.41 - step * work / 2) / kt), rel=1e-6)
