"""Vacancies and electrons together: the Onsager matrix of a bound pair, from the simulation through the file to the
analysis, against the exact solution; and Marcus electrons with vacancies in domains, bit for bit.

Fixed seeds; each estimate lies within 4 of its own standard errors (false alarms 6e-5 each).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kmc.backends import make_walker
from kmc.exact.markov_chain import diffusivity
from kmc.exact.master_equation import enumerate_cell
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.run.settings import Hops
from kmc.state.system import build_system
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from lattices.crystal import Supercell, with_layers
from lattices.doping import Doping
from lattices.prototypes import fluorite
from tests.physics.test_diffusion import agrees, results_of, share
from tests.physics.test_domains import COMPILED, FAST, sweeps_of
from tests.systems import NOTE, made_up_model, made_up_system, marcus, same

TEMPERATURE_K = 1200.0


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    ("prototype", "repeats", "polarons"),
    [
        ("fluorite", (2, 2, 2), {"barriers": [{"energy_eV": 0.45, **NOTE}]}),
        ("perovskite", (3, 3, 2), marcus(1.8, 0.02)),
    ],
)
def test_onsager_matrix_of_a_bound_pair(backend, prototype, repeats, polarons, tmp_path):
    """L_VV, L_ee, L_Ve, and the conductivities with their cross terms: sigma_i = e^2 z_i sum over j of z_j L_ij.

    Lags start at 16 hops of the vacancy, long after a pair has dissociated. L_Ve has an error below a tenth of itself.
    """
    model = made_up_model(prototype, {(): 0.45}, [("V_O", "electron", 1, -0.35)], polarons=polarons)
    what = {"electrons": 1, "replicas": round(1024 * share(backend)), "seed": 41, "tracked": False}
    system = made_up_system(model, repeats, 1, TEMPERATURE_K, **what)
    small = enumerate_cell(system.tables, replace(system, replicas=1).initial_state().occupants[0])
    tensor = diffusivity(small.collective("V_O", "electron"))
    per_m3 = 1.0 / (np.prod(repeats) * (5.4e-10 if prototype == "fluorite" else 4e-10) ** 3)
    exact = tensor.reshape(2, 3, 2, 3).trace(axis1=1, axis2=3) / 3 * per_m3 / (BOLTZMANN_J_K * TEMPERATURE_K)
    hops = {"equilibration": Hops(20.0), "duration": Hops(800.0), "frames": 100}
    seen = results_of(system, tmp_path / "run", backend, (0.02, 0.2), **hops)
    assert seen["onsager"]["species"] == ["V_O", "electron"] and seen["coupled_groups"] == [["V_O", "electron"]]
    value, error = (np.array(seen["onsager"]["matrix_1_per_J_m_s"][key]) for key in ("value", "stderr"))
    assert (np.abs(value - exact) < 4 * error).all() and exact[0, 1] > 10 * error[0, 1] * share(backend) ** 0.5
    assert (error.diagonal() < 0.01 * exact.diagonal() * share(backend) ** -0.5).all()
    weighted = np.array([2.0, -1.0])[:, None] * exact * np.array([2.0, -1.0]) * ELEMENTARY_CHARGE_C**2
    for key, sigma in zip(("ionic", "electronic"), weighted.sum(axis=1), strict=True):
        agrees(seen[f"{key}_conductivity_S_m"], sigma, 0.02 * share(backend) ** -0.5)
    ambipolar = np.linalg.det(weighted) / weighted.sum()
    agrees(seen["ambipolar_onsager_conductivity_S_m"], ambipolar, 0.01 * share(backend) ** -0.5)
    numbers = [seen[f"{key}_transference_number"]["value"] for key in ("ionic", "electronic")]
    assert sum(numbers) == pytest.approx(1.0, rel=1e-14)


def layered(repeats):
    """Vacancies, and Marcus polarons on a layer over the cations and dopants."""
    pairs = [("V_O", "electron", 1, -0.15), ("V_O", "D", 1, -0.1)]
    flat = made_up_model("fluorite", {(): 0.3}, pairs, polarons=marcus(1.2, 0.05)).model_dump(exclude_none=True)
    species = {name: flat["species"][name] for name in ("O", "V_O")}
    layer = {"sublattice": "polarons", "element": "X"}
    species |= {"none": {**layer, "charge": 0}, "electron": {**layer, "charge": -1}}
    species |= {name: flat["species"][name] for name in ("M", "D")}
    flat["hops"][1]["partner"] = "none"
    price = {"species": ("electron", "D"), "shell": 0, "energy_eV": 0.15, **NOTE}
    model = Model.model_validate(
        {**flat, "species": species, "layers": {"polarons": "cation"}, "pairs": [*flat["pairs"], price]}
    )
    supercell = Supercell(with_layers(fluorite({"cation": "Ce"}, 5.4), model.layers), repeats)
    carriers = {"V_O": Doping(number=120), "electron": Doping(number=150)}
    numbers = compose(model, supercell, {"D": Doping(number=60)}, carriers)
    return build_system(model, supercell, numbers, 1200.0, replicas=2, seed=9)


@pytest.mark.slow
@pytest.mark.parametrize("backend", COMPILED)
@pytest.mark.parametrize("kind", ["fluorite", "perovskite", "layer"])
def test_backends_agree_for_marcus_polarons_with_vacancies(backend, kind):
    """Two families with barriers that depend on the surroundings: bit for bit, and both families make many hops."""
    if kind == "layer":
        system = layered((8, 8, 8))
    else:
        pairs = [("V_O", "electron", 1, -0.15), ("electron", "electron", 1, 0.1), ("V_O", "D", 1, -0.1)]
        model = made_up_model(kind, {(): 0.3}, pairs, polarons=marcus(1.2, 0.05))
        more = {"field_V_per_m": (3e7, -1e7, 5e7), "replicas": 2, "seed": 9}
        system = made_up_system(model, (8, 9, 11), 120, dopants=40, electrons=150, **more)
    walks = [make_walker(name, system, system.initial_state(), block=4) for name in ("numpy", backend)]
    for walk in walks:
        sweeps_of(walk, system, 2, 2.0)
        sweeps_of(walk, system, 1, 6.0)
    assert (walks[0].read().accepted.sum(axis=0) > 50).all() and same(walks[0].read(), walks[1].read())
