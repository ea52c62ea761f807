"""Small systems shared by many tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from kmc.backends import available_backends, make_walker
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.run.schedule import window_trials
from kmc.state.system import System, build_system
from lattices.crystal import Supercell
from lattices.prototypes import fluorite, perovskite

NOTE = {"source": "made up for a test", "mark": "derived"}
BACKENDS = [name for name, problem in available_backends().items() if not problem]


def made_up_model(
    prototype: str = "fluorite",
    barriers: dict[tuple[str, ...], float] | None = None,
    pairs: list[tuple[str, str, int, float]] | None = None,
    forbidden: list[tuple[str, str, int]] | None = None,
    polarons: dict[str, Any] | None = None,
    vacancy_hop: dict[str, Any] | None = None,
) -> Model:
    """Vacancies V_O in O, dopants D on the cations; with `polarons` (keys of a hop) electrons on the cations too.

    vacancy_hop: keys that replace the gate and the barriers of the vacancy hop.
    """
    cation = "cation" if prototype == "fluorite" else "B"
    species: dict[str, Any] = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "M": {"sublattice": cation, "charge": 0, "element": "Ce"},
        "D": {"sublattice": cation, "charge": -1, "element": "Gd"},
    }
    if prototype == "perovskite":
        species["A"] = {"sublattice": "A", "charge": 0, "element": "La"}
    barriers = barriers or {(): 0.5}
    nu = {"value": 1e13, **NOTE}
    hop: dict[str, Any] = {"name": "vacancy", "carrier": "V_O", "partner": "O", "attempt_frequency_Hz": nu}
    if vacancy_hop is None:
        hop["gate"] = [cation] if () not in barriers else []
        hop["barriers"] = [{"gate": list(gate), "energy_eV": energy, **NOTE} for gate, energy in barriers.items()]
    hops = [hop | (vacancy_hop or {})]
    if polarons is not None:
        species["electron"] = {"sublattice": cation, "charge": -1, "element": "Ce"}
        hops.append({"name": "polaron", "carrier": "electron", "partner": "M", "attempt_frequency_Hz": nu, **polarons})
    listed = [{"species": [a, b], "shell": n, "energy_eV": e, **NOTE} for a, b, n, e in pairs or []]
    listed += [{"species": [a, b], "shell": n, "forbidden": True, **NOTE} for a, b, n in forbidden or []]
    return Model.model_validate({"name": "made-up", "species": species, "hops": hops, "pairs": listed})


def marcus(reorganisation_energy_eV: float, transfer_integral_eV: float) -> dict[str, Any]:
    """Keys of a Marcus hop."""
    keys = {
        "reorganisation_energy_eV": reorganisation_energy_eV,
        "transfer_integral_eV": transfer_integral_eV,
    }
    return {"rate": "marcus"} | {key: {"value": value, **NOTE} for key, value in keys.items()}


def cell(prototype: str, repeats: tuple[int, int, int]) -> Supercell:
    """A supercell with the host ions of `made_up_model`."""
    if prototype == "fluorite":
        return Supercell(fluorite({"cation": "Ce"}, 5.4), repeats)
    return Supercell(perovskite({"A": "La", "B": "Ce"}, 4.0), repeats)


def made_up_system(
    model: Model,
    repeats: tuple[int, int, int],
    vacancies: int,
    temperature_K: float = 1200.0,
    dopants: int = 0,
    electrons: int = 0,
    **more: Any,
) -> System:
    """A system with given numbers of vacancies, dopants and electrons."""
    from lattices.doping import Doping

    prototype = "perovskite" if "A" in model.species else "fluorite"
    supercell = cell(prototype, repeats)
    carriers = {"V_O": Doping(number=vacancies)}
    if electrons:
        carriers["electron"] = Doping(number=electrons)
    numbers = compose(model, supercell, {"D": Doping(number=dopants)}, carriers)
    return build_system(model, supercell, numbers, temperature_K, **more)


def gas_system(
    cell_angstrom: tuple[float, float, float],
    repeats: tuple[int, int, int],
    particles: int,
    temperature_K: float,
    energy_eV: float = 0.0,
    **more: Any,
) -> System:
    """Neutral particles A on one site per cell, with an energy between neighbours; bonds lie along the shortest axes.

    Cells of (4, 9, 11) angstrom make a chain, (4, 4, 9) a square lattice, (4, 4, 4) a simple cubic one.
    """
    from ase import Atoms

    from lattices.doping import Doping
    from lattices.from_atoms import crystal_from_atoms

    site = {"sublattice": "site", "charge": 0}
    hop = {"name": "hop", "carrier": "A", "partner": "empty", "barriers": [{"gate": [], "energy_eV": 0.4, **NOTE}]}
    pair = {"species": ["A", "A"], "shell": 1, "energy_eV": energy_eV, **NOTE}
    model = Model.model_validate(
        {
            "name": "gas",
            "species": {"empty": {**site, "element": "He"}, "A": {**site, "element": "Na"}},
            "hops": [{**hop, "attempt_frequency_Hz": {"value": 1e13, **NOTE}}],
            "pairs": [pair] if energy_eV else [],
        }
    )
    crystal = crystal_from_atoms(Atoms("He", cell=cell_angstrom, pbc=True), {"site": "He"})
    supercell = Supercell(crystal, repeats)
    numbers = compose(model, supercell, {}, {"A": Doping(number=particles)})
    return build_system(model, supercell, numbers, temperature_K, **more)


def neutral_vacancies(
    prototype: str, repeats: tuple[int, int, int], fraction: float, temperature_K: float, **more: Any
) -> System:
    """Neutral vacancies on the anion sublattice of a prototype: a lattice gas."""
    model = made_up_model(prototype)
    species = dict(model.species)
    species["V_O"] = species["V_O"].model_copy(update={"charge": 0})
    model = model.model_copy(update={"species": species})
    sites = cell(prototype, repeats).n_sites_of(0)
    return made_up_system(model, repeats, round(fraction * sites), temperature_K, **more)


def walked(system: System, windows: int, mean: int, backend: str = "numpy", **options: Any) -> Any:
    """The state after `windows` windows of `mean` trials each on average."""
    walker = make_walker(backend, system, system.initial_state())
    for name, value in options.items():
        setattr(walker, name, value)
    for _ in range(windows):
        walker.advance(window_trials(system, walker.window, mean))
    return walker.read()


def same(one: Any, other: Any) -> bool:
    """Whether two states have equal arrays."""
    return one.window == other.window and all(
        np.array_equal(value, other.arrays()[name]) for name, value in one.arrays().items()
    )
