"""The treatments of fast electronic carriers agree with true kinetics in a small supercell with ions.

Fixed seeds; estimates agree within 4 joint standard errors (false alarms 6e-5 each).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.report import analyze
from kmc.backends import make_walker
from kmc.carriers.coupling import coupled_groups
from kmc.carriers.polaron_modes import bare_rates, rate_factors
from kmc.exact.markov_chain import Chain, diffusivity
from kmc.exact.master_equation import enumerate_cell
from kmc.files.trajectory import read_trajectory
from kmc.model.parameters import Model
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.constants import ELEMENTARY_CHARGE_C
from lattices.errors import InputError
from runs.config import load_config
from tests.runs.systems import system_of
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system, same

FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]
TEMPERATURE_K = 1200.0
GATES = {("M", "M"): 0.5, ("M", "electron"): 0.5, ("electron", "electron"): 0.5, ("D", "D"): 0.7}
BOUND = [("V_O", "electron", 1, -0.08)]


def box(mode, scale=10.0, electrons=18, **more):
    """Vacancies with a barrier of 0.55 eV bind polarons (fcc) of 0.33 eV, which are about ten times as fast."""
    model = made_up_model("fluorite", {(): 0.55}, BOUND, polarons={"barriers": [{"energy_eV": 0.33, **NOTE}]})
    return made_up_system(
        model, (3, 3, 3), 9, TEMPERATURE_K, electrons=electrons, replicas=96, mode=mode, scale=scale, **more
    )


def test_factors_bring_the_fastest_electron_to_the_scale():
    """z nu exp(-E/kT): 12 bonds at 0.33 eV against 6 at 0.55 eV."""
    true = box("kinetic").tables
    rates, kt = bare_rates(true), BOLTZMANN_EV_K * TEMPERATURE_K
    assert rates["vacancy"] == pytest.approx(6e13 * math.exp(-0.55 / kt), rel=1e-9)
    assert rates["polaron"] == pytest.approx(12e13 * math.exp(-0.33 / kt), rel=1e-9)
    factor = rate_factors(true, "scaled", 3.0)["polaron"]
    assert factor == pytest.approx(1.5 * math.exp(-0.22 / kt), rel=1e-9)
    assert rate_factors(true, "scaled", 1e6) == {"polaron": 1.0}
    assert rate_factors(true, "frozen-ions", 3.0) == {"vacancy": 0.0}
    scaled = box("scaled", 3.0).tables
    assert scaled.proposal_rate_per_s[1] == pytest.approx(factor * true.proposal_rate_per_s[1], rel=1e-12)
    with pytest.raises(InputError, match=r'polarons.mode = "scaled": needs mobile ions and electronic carriers'):
        box("scaled", electrons=0)


def walked(system, folder, backend, hops, prepare=None):
    asked = Settings(Hops(10.0), Hops(hops), frames=100, positions="none")
    run(system, asked, folder, backend=backend, prepare=prepare)
    return analyze(read_trajectory(folder / "trajectory.h5"), (0.02, 0.3))


def separated(mode, scale=10.0, replicas=512, **more):
    """Polarons 250 times as fast as vacancies, as in a real mixed conductor; each vacancy binds them by 0.15 eV."""
    pairs = [("V_O", "electron", 1, -0.15)]
    model = made_up_model("fluorite", {(): 0.85}, pairs, polarons={"barriers": [{"energy_eV": 0.35, **NOTE}]})
    what = {"electrons": 4, "replicas": replicas, "mode": mode, "scale": scale}
    return made_up_system(model, (2, 2, 2), 2, TEMPERATURE_K, **what, **more)


def agree(one, other, systematic, looser):
    """Assert agreement within 4 joint errors of at most 2 %, plus a systematic difference of the modes (a fraction)."""
    error = np.hypot(one["stderr"], other["stderr"])
    assert error < 0.02 * looser * one["value"], (one, other)
    assert abs(one["value"] - other["value"]) < 4 * error + systematic * one["value"], (one, other)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
def test_modes_agree_with_true_kinetics(backend, tmp_path):
    """Scaled kinetics at two scales, and electronic coefficients with frozen ions, with vacancy-electron binding.

    By the exact solution of one such pair, D_sigma of the vacancy is 0.4 % lower at a scale of 10 than in true
    kinetics, and 0.2 % at 20; with four electrons it is four times as much, so 2 % are allowed. The same is allowed for
    electrons, whose ions are 250 times slower. With NumPy alone: a sixteenth of the replicas, errors of 8 %.
    """
    part = 1 / 16 if backend == "numpy" else 1.0
    looser, replicas = part**-0.5, round(512 * part)
    rates = bare_rates(separated("kinetic").tables)
    assert 200 < rates["polaron"] / rates["vacancy"] < 300
    true = walked(separated("kinetic", replicas=replicas, seed=1), tmp_path / "kinetic", backend, 50.0)
    own = true["onsager"]["matrix_1_per_J_m_s"]
    diagonal = {key: 4 * ELEMENTARY_CHARGE_C**2 * own[key][0][0] for key in ("value", "stderr")}
    for scale in (10.0, 20.0):
        slow = walked(separated("scaled", scale, replicas, seed=2), tmp_path / f"scaled{scale}", backend, 50.0)
        for name, key in (("V_O", "tracer"), ("O", "tracer"), ("V_O", "collective")):
            one, other = (r["species"][name][f"{key}_diffusivity_m2_s"] for r in (true, slow))
            agree(one, other, 0.02, looser)
        agree(diagonal, slow["ionic_conductivity_S_m"], 0.02, looser)
        assert slow["polaron_mode"] == "scaled"
        for entry in (slow["species"]["electron"]["tracer_diffusivity_m2_s"], slow["electronic_conductivity_S_m"]):
            assert entry["value"] is None and "slowed down" in entry["reason"]
        assert slow["total_conductivity_S_m"]["value"] is None and slow["onsager"]["species"] == ["V_O"]
        assert "cross terms" in slow["ionic_conductivity_S_m"]["formula"]
    still, slow = (separated(mode, replicas=2 * replicas, seed=3) for mode in ("frozen-ions", "scaled"))
    frozen = walked(still, tmp_path / "frozen", backend, 800.0, prepare=slow)
    assert frozen["hops"]["families"]["vacancy"]["accepted"] == 0
    for key in ("correlation_factor", "tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"):
        agree(true["species"]["electron"][key], frozen["species"]["electron"][key], 0.02, looser)
    agree(true["electronic_conductivity_S_m"], frozen["electronic_conductivity_S_m"], 0.02, looser)
    assert (
        frozen["species"]["V_O"]["tracer_diffusivity_m2_s"]["reason"]
        == "polarons.mode = frozen-ions: ions were immobile"
    )


def frozen_limit(small):
    """Exact (D_sigma, uncorrelated D) of one electron in m2/s, over frozen equilibrium arrangements of vacancies."""
    tables, chain = small.tables, small.collective("electron")
    ions = small.occupants[:, : int(tables.counts[tables.sublattice_of == 0].sum())]
    polaron = tables.carrier[small.family] == tables.species.index("electron")
    total, length = 0.0, float(tables.hop_length_angstrom[1]) * 1e-10
    for arrangement in np.unique(ions, axis=0):
        mine = np.flatnonzero((ions == arrangement).all(axis=1))
        hops = polaron & np.isin(chain.source, mine)
        source, target = (np.searchsorted(mine, end[hops]) for end in (chain.source, chain.target))
        share = chain.stationary[mine]
        part = Chain(len(mine), source, target, chain.rate[hops], chain.moved[hops], share / share.sum())
        total += share.sum() * np.trace(diffusivity(part)) / 3.0
    return total, small.hop_rate()[1] * length**2 / 6.0


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
def test_frozen_ions_against_the_exact_solution(backend, tmp_path):
    """An electron next to a vacancy that binds it, and dopants that attract the vacancy: D_sigma with frozen ions.

    Random instead of equilibrium arrangements would give a quarter less; backward correlation takes 14 %. Two axes have
    three cells: with two cells the bonds of an axis join the same two sites, and nothing would be correlated.
    """
    pairs = [("V_O", "electron", 1, -0.25), ("V_O", "D", 1, -0.25)]
    model = made_up_model("perovskite", {(): 0.4}, pairs, polarons={"barriers": [{"energy_eV": 0.3, **NOTE}]})
    what = {"vacancies": 1, "electrons": 1, "dopants": 4, "temperature_K": 1000.0, "seed": 10}
    what |= {"replicas": 1024, "replicas_per_configuration": 1024}
    true, still, slow = (
        made_up_system(model, (3, 3, 2), mode=mode, **what) for mode in ("kinetic", "frozen-ions", "scaled")
    )
    occupants = replace(true, replicas=1).initial_state().occupants[0]
    exact, uncorrelated = frozen_limit(enumerate_cell(true.tables, occupants))
    assert exact < 0.9 * uncorrelated
    assert len(enumerate_cell(still.tables, occupants).occupants) == 14  # sites free for the electron only
    asked = Settings(Hops(50.0), Hops(400.0), frames=100, positions="none")
    run(still, asked, tmp_path, backend=backend, prepare=slow)
    entries = analyze(read_trajectory(tmp_path / "trajectory.h5"), (0.02, 0.3))["species"]["electron"]
    found, error = (entries["collective_diffusivity_m2_s"][key] for key in ("value", "stderr"))
    assert error < 0.015 * found and abs(found - exact) < 4 * error


def test_backends_agree_for_frozen_ions_in_domains(tmp_path):
    states = []
    for name in BACKENDS:
        system = made_up_system(
            made_up_model("fluorite", {(): 0.55}, BOUND, polarons={"barriers": [{"energy_eV": 0.33, **NOTE}]}),
            (8, 8, 8),
            40,
            TEMPERATURE_K,
            electrons=80,
            mode="frozen-ions",
        )
        walker = make_walker(name, system, system.initial_state(), block=4)
        for _ in range(3):
            walker.advance(np.array([400]), sweeps=4)
        states.append(walker.read())
    assert states[0].accepted[:, 0].sum() == 0 < states[0].accepted[:, 1].sum()
    assert all(same(states[0], other) for other in states[1:])


@pytest.mark.slow
@pytest.mark.statistical
def test_frozen_ions_are_in_equilibrium(tmp_path):
    """Frozen ions start from a scaled run: vacancies are bound to electrons as in true kinetics."""
    system, prepare = box("frozen-ions", seed=5), box("scaled", 8.0, seed=5)
    asked = Settings(Hops(20.0), Hops(200.0), frames=20, positions="none")
    run(system, asked, tmp_path, backend=FAST[0], prepare=prepare)
    from kmc.run.saved_run import SavedRun

    occupants = SavedRun.read(tmp_path).state.occupants
    start = system.initial_state().occupants
    codes = [system.model.code(name) for name in ("V_O", "electron")]
    assert contacts(system, occupants, codes) > 1.2 * contacts(system, start, codes)


def contacts(system, occupants, codes):
    """Mean number of electrons on the four cations around a vacancy."""
    from lattices.stencils import shells

    cell = system.tables.supercell
    anion, cation = (int(system.tables.sublattice_of[code]) for code in codes)
    stencil = shells(cell.crystal, anion, cation, 1)[-1]
    total = 0
    for replica in occupants:
        sites = np.flatnonzero(replica == codes[0]) - int(system.tables.site_offset[anion])
        for x, y, z, b in cell.coordinates_of(anion, sites).astype(int):
            for dx, dy, dz, t in stencil.neighbours(int(b)):
                n = (x + dx) % 3, (y + dy) % 3, (z + dz) % 3
                local = ((n[0] * 3 + n[1]) * 3 + n[2]) * int(system.tables.n_basis[cation]) + t
                total += replica[int(system.tables.site_offset[cation]) + local] == codes[1]
    return total / (len(occupants) * 9)


@pytest.mark.slow
def test_the_mode_of_a_run_file_is_reported(tmp_path, capsys):
    from runs.cli import main

    config, base = load_config("ceria-reduced", ["polarons.mode=scaled", "polarons.scale=2.0"])
    system = system_of(config, base, 0)
    assert system.mode == "scaled" and 0 < system.rate_factor["polaron"] < 1
    assert system.at(mode="kinetic").tables.digest != system.tables.digest
    changes = ["polarons.mode=frozen-ions", "crystal.repeats=[4, 4, 4]", "run.temperature_K=1400", "run.replicas=6"]
    options = [word for change in changes for word in ("--set", change)]
    assert main(["run", "ceria-reduced", *options, "--out", str(tmp_path / "run")]) == 0
    assert 'polarons.mode = "frozen-ions": rates of vacancy x 0' in capsys.readouterr().out
    seen = read_trajectory(tmp_path / "run" / "trajectory.h5")
    assert seen.polaron_mode == "frozen-ions" and replace(seen, polaron_mode="kinetic").accepted[-1, :, 0].sum() == 0
    assert main(["run", "ideal-fluorite", "--set", "polarons.mode=scaled", "--out", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({}, [["V_O"], ["electron"]]),
        ({"pairs": [("V_O", "D", 1, -0.1), ("electron", "D", 1, -0.1)]}, [["V_O"], ["electron"]]),
        ({"pairs": [("V_O", "electron", 1, -0.1)]}, [["V_O", "electron"]]),
        ({"pairs": [("O", "M", 1, 0.1)]}, [["V_O", "electron"]]),  # hosts of both carriers
        ({"forbidden": [("V_O", "electron", 2)]}, [["V_O", "electron"]]),
        ({"barriers": GATES | {("D", "M"): 0.6, ("D", "electron"): 0.6}}, [["V_O"], ["electron"]]),
        ({"barriers": GATES | {("D", "M"): 0.6, ("D", "electron"): 0.7}}, [["V_O", "electron"]]),
    ],
)
def test_which_carriers_are_coupled(changes, groups):
    """A pair energy, an exclusion or a barrier that depends on both couples carriers; immobile species do not."""
    model = made_up_model("fluorite", polarons={"barriers": [{"energy_eV": 0.4, **NOTE}]}, **changes)
    system = made_up_system(model, (4, 4, 4), 6, dopants=4, electrons=8)
    assert coupled_groups(model, system.tables) == groups
    charged = Model.model_validate(model.model_dump() | {"coulomb": {"relative_permittivity": {"value": 50.0, **NOTE}}})
    assert coupled_groups(charged, made_up_system(charged, (4, 4, 4), 6, electrons=8).tables) == [["V_O", "electron"]]


@pytest.mark.slow
@pytest.mark.statistical
def test_cross_terms_of_uncoupled_carriers_are_zero(tmp_path):
    """The sampled cross term is zero within four errors; the reported coefficients leave its noise out."""
    model = made_up_model("fluorite", {(): 0.5}, polarons={"barriers": [{"energy_eV": 0.33, **NOTE}]})
    seen = walked(made_up_system(model, (3, 3, 3), 6, 1200.0, electrons=12, replicas=64), tmp_path, FAST[0], 60.0)
    sampled = seen["onsager"]["sampled_matrix_1_per_J_m_s"]
    assert 0 < abs(sampled["value"][0][1]) < 4 * sampled["stderr"][0][1]
    assert (
        seen["onsager"]["uncoupled"] == [["V_O", "electron"]]
        and seen["onsager"]["matrix_1_per_J_m_s"]["value"][0][1] == 0
    )
    own = 4 * seen["onsager"]["matrix_1_per_J_m_s"]["value"][0][0] * ELEMENTARY_CHARGE_C**2
    assert seen["ionic_conductivity_S_m"]["value"] == pytest.approx(own, rel=1e-12)
    assert seen["ambipolar_conductivity_S_m"]["value"] == pytest.approx(
        seen["ambipolar_onsager_conductivity_S_m"]["value"], rel=1e-12
    )
