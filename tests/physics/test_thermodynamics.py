"""Theta and D~ by every route against exact values.

Fixed seeds. An estimate lies within 4 of its own standard errors of the exact value (false alarm 6e-5 if normal), and
that error is small enough to be meaningful; `benchmarks/thermodynamics.py` does the same to 2 % in minutes.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from analysis.report import analyze
from analysis.statistics.estimates import jackknife_stderr
from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.density_correlation import correlation
from analysis.thermodynamics.density_modes import density, modes_of
from analysis.thermodynamics.isotherm import isotherm
from analysis.thermodynamics.multihistogram import join_histograms
from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.run.settings import Relaxation
from kmc.state.system import build_system
from lattices.crystal import Supercell, with_layers
from lattices.doping import Doping
from lattices.prototypes import fluorite
from runs.config import load_config
from tests.physics.walks import KT, TEMPERATURE_K, near, ran
from tests.runs.systems import system_of
from tests.systems import NOTE, gas_system, made_up_model, made_up_system, neutral_vacancies


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(("prototype", "repeats", "c"), [("fluorite", (6, 6, 6), 0.3), ("perovskite", (9, 9, 9), 0.1)])
def test_a_gas_without_interactions(prototype, repeats, c, tmp_path):
    """Theta = 1/(1 - c) by three methods; D~ = z G l^2/6 by all routes; F(k, t) at every k has its closed form."""
    system = neutral_vacancies(prototype, repeats, c, TEMPERATURE_K, replicas=48)
    wave = Relaxation(2, 0.8, waves=8)
    trajectory = ran(system, tmp_path, 300.0 * (1 - c), 400, points=3, relaxation=wave)
    results = analyze(trajectory, (0.02, 0.25))
    rate = 1e13 * math.exp(-0.5 / KT)
    length = float(system.tables.hop_length_angstrom[0]) * 1e-10
    exact = int(system.tables.directions[0]) * rate * length**2 / 6
    for method, entry in results["thermodynamics"]["thermodynamic_factor_of_carrier"].items():
        if method == "slabs" and repeats[0] % 2:
            assert entry["value"] is None and "equal slabs of two thicknesses" in entry["reason"]
        else:
            near(entry, 1 / (1 - c), 0.08 if method == "slabs" else 0.04)
    near(results["thermodynamic_factor_V"], 1 / (1 - c), 0.02)
    near(results["thermodynamic_factor_O"], 1 / c, 0.02)
    for route in ("tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation"):
        near(results["chemical_diffusivity_m2_s"][route], exact, 0.07)
    assert not [line for line in results["warnings"] if "joint errors" in line]
    assert closed_form_p_value(system, trajectory, c, rate) > 1e-4


def closed_form_p_value(system, trajectory, c, rate):
    """p-value of F(k, t) against c (1 - c) (N/n) u^+ exp(-A t) u N/(N - 1) over modes and a few times."""
    from scipy.stats import chi2

    tables, independent = system.tables, independent_samples(trajectory)
    crystal = tables.supercell.crystal
    basis = crystal.sublattices[0].basis
    sites = tables.supercell.n_sites_of(0)
    total, freedom = 0.0, 0
    lags = np.array([0, 1, 3, 8])
    for mode in [m for m in modes_of(trajectory) if m.axis == 0]:
        k = np.linalg.inv(tables.supercell.vectors_angstrom)[:, 0] * 2 * np.pi * mode.n
        hops = np.zeros((len(basis), len(basis)), dtype=complex)
        cells = np.array(tables.supercell.repeats)
        for b in range(len(basis)):
            for d in range(int(tables.directions[0])):
                offset = tables.bond_cell[0, b, d].astype(float)
                offset -= cells * (offset > cells / 2)
                end = int(tables.bond_basis[0, b, d])
                bond = (offset + basis[end] - basis[b]) @ crystal.cell_angstrom
                hops[b, b] += rate
                hops[b, end] -= rate * np.exp(1j * bond @ k)
        u = np.ones(len(basis))
        seconds = lags * float(trajectory.time_s[1])
        exact = [np.real(u @ expm(-hops * t) @ u) / len(basis) * c * (1 - c) * sites**2 / (sites - 1) for t in seconds]
        rho = density(trajectory, mode)
        rows = correlation(rho, trajectory, independent, int(lags.max()) + 1)[:, lags, 0, 0]
        spread = rows[1:] - rows[1:].mean(axis=0)
        covariance = (len(spread) - 1) / len(spread) * spread.T @ spread
        off = rows[0] - np.array(exact)
        n, p = len(spread), len(lags)
        hotelling = off @ np.linalg.solve(covariance, off) * (n - p) / (p * (n - 1))
        from scipy.stats import f as fisher

        total += -2.0 * math.log(fisher.sf(hotelling, p, n - p))  # Fisher's method of combining p-values
        freedom += 2
    return float(chi2.sf(total, freedom))


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("energy_eV", [0.10, -0.05])
def test_neighbours_that_repel_or_attract(energy_eV, tmp_path):
    """Theta of a 4 x 4 square lattice on the exact isotherm; on 24 x 24 sites all routes agree within errors."""
    small = gas_system((4.0, 4.0, 9.0), (4, 4, 1), 6, TEMPERATURE_K, energy_eV, replicas=32)
    found = ran(small, tmp_path / "small", 30.0, 20, mu_eV=(2 * energy_eV,), trials_per_carrier=20_000)
    curve = isotherm(found, join_histograms(found, independent_samples(found)))
    mean, variance = exact_moments(energy_eV, 2 * energy_eV)
    for rows, exact in ((curve.mean[:, 0], mean), (curve.variance[:, 0], variance)):
        assert abs(rows[0] - exact) < 4 * float(jackknife_stderr(rows)) < 0.08 * exact
    large = gas_system((4.0, 4.0, 9.0), (24, 24, 1), 173, TEMPERATURE_K, energy_eV, replicas=64)
    results = analyze(ran(large, tmp_path / "large", 150.0, 300, points=3), (0.02, 0.25))
    ways = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    best = ways["grand_canonical"]
    for name in ("structure_factor", "slabs"):
        error = np.hypot(best["stderr"], ways[name]["stderr"])
        assert abs(best["value"] - ways[name]["value"]) < 4 * error < 0.4 * best["value"], name
    routes = results["chemical_diffusivity_m2_s"]
    one, other = routes["onsager"], routes["decay"]  # a third of the trace, and along an axis of the plane
    assert abs(1.5 * one["value"] - other["value"]) < 4 * np.hypot(1.5 * one["stderr"], other["stderr"])
    assert 4 * other["stderr"] < 0.6 * one["value"] and "axis of the longest wave alone" in other["formula"]
    b = math.sqrt(1 - 4 * 0.3 * 0.7 * (1 - math.exp(-energy_eV / KT)))
    chemical = (1 + 2 * (1 / b - 1)) / 0.7  # quasi-chemical approximation, z = 4: orientation only
    assert best["value"] == pytest.approx(chemical, rel=0.15) and best["stderr"] < 0.03 * chemical


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("energy_eV", [0.08, -0.06])
def test_a_chain_where_the_quasi_chemical_form_is_exact(energy_eV, tmp_path):
    """With two neighbours Theta = (1/b)/(1 - c), b^2 = 1 - 4 c (1 - c)(1 - exp(-J/kT)); by all three methods."""
    chain = gas_system((4.0, 9.0, 11.0), (60, 1, 1), 18, TEMPERATURE_K, energy_eV, replicas=192)
    results = analyze(ran(chain, tmp_path, 200.0, 400, points=3, trials_per_carrier=3000), (0.02, 0.25))
    exact = 1 / (0.7 * math.sqrt(1 - 4 * 0.3 * 0.7 * (1 - math.exp(-energy_eV / KT))))
    ways = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    for name, most in (("grand_canonical", 0.01), ("structure_factor", 0.03), ("slabs", 0.04)):
        near(ways[name], exact, most)


def exact_moments(energy_eV, mu_eV):
    """(<N>, Var N) of the gas on 4 x 4 periodic sites."""
    states = np.array(list(itertools.product((0, 1), repeat=16)), dtype=float).reshape(-1, 4, 4)
    pairs = (states * (np.roll(states, 1, axis=1) + np.roll(states, 1, axis=2))).sum(axis=(1, 2))
    number = states.sum(axis=(1, 2))
    weight = np.exp(-(round(energy_eV * 1e6) * 1e-6 * pairs - mu_eV * number) / KT)
    mean = weight @ number / weight.sum()
    return mean, weight @ number**2 / weight.sum() - mean**2


@pytest.mark.slow
@pytest.mark.statistical
def test_lsf64_from_its_closed_form(tmp_path):
    """Theta_V = 1 + 4 d/p + 4 d/(1 - p) + d/(3 - d), and the pressure from K_ox, along a scan."""
    config, base = load_config("lsf64", ["crystal.repeats=[8, 8, 8]", "run.replicas=8", "polarons.mode=scaled"])
    system = system_of(config, base, 0)
    results = analyze(ran(system, tmp_path, 20.0, 60, points=5, step_kT=0.35, trials_per_carrier=20_000))
    for point in results["thermodynamics"]["isotherm"]:
        delta = 3 * point["site_fraction"]["value"]
        p = 205 / 512 - 2 * delta  # integer number of dopants: 205 Sr on 512 sites
        exact = 1 + 4 * delta / p + 4 * delta / (1 - p) + delta / (3 - delta)
        near(point["thermodynamic_factor_carrier"], exact, 0.03)
        k_ox = math.exp((95620 / 8.314462618 / 1073) - 54.27 / 8.314462618)
        pressure = (p**2 * (3 - delta) / (delta * (1 - p) ** 2 * k_ox)) ** 2
        slope = 2 * exact / delta  # d ln pO2/d delta
        error = 4 * 3 * point["site_fraction"]["stderr"] * slope + 3 / (512 * delta)
        assert abs(math.log(point["pO2_bar"] / pressure)) < error < 0.4


@pytest.mark.slow
@pytest.mark.statistical
def test_dopants_with_energies(tmp_path):
    """Theta with quenched dopants that bind vacancies: pairs of replicas remove the quenched part; F decays to 0."""
    model = made_up_model("fluorite", pairs=[("V_O", "D", 1, -0.08)])
    species = dict(model.species)
    species["V_O"] = species["V_O"].model_copy(update={"charge": 0})
    model = model.model_copy(update={"species": species})
    system = made_up_system(
        model, (6, 6, 6), 120, TEMPERATURE_K, dopants=170, replicas=48, replicas_per_configuration=4
    )
    trajectory = ran(system, tmp_path, 250.0, 400, points=3, trials_per_carrier=2000)
    assert trajectory.dopants
    results = analyze(trajectory, (0.02, 0.25))
    ways = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    one, other = ways["grand_canonical"], ways["structure_factor"]
    assert abs(one["value"] - other["value"]) < 4 * np.hypot(one["stderr"], other["stderr"]) < 0.4 * one["value"]
    independent = independent_samples(trajectory)
    for mode in [m for m in modes_of(trajectory) if m.axis == 0][:3]:
        rows = correlation(density(trajectory, mode), trajectory, independent, 200)[:, :, 0, 0]
        late = rows[:, 120:].mean(axis=1)
        assert abs(late[0]) < 4 * float(jackknife_stderr(late)) < (0.5 if mode.n == 1 else 0.1) * rows[0, 0], mode
        naive = np.abs(density(trajectory, mode).mean(axis=0)) ** 2
        assert naive.mean() > 4 * abs(late[0])  # the quenched part was present
    assert stats.chi2.sf(*by_configuration(system, trajectory)) > 1e-4
    # by hand: ideal vacancies in the field of each replica's own dopants
    exact = theta_in_a_field(system)
    assert one["value"] == pytest.approx(exact, abs=4 * one["stderr"])


def by_configuration(system, trajectory):
    """(chi-square, number) of <N> against its exact sum, over all dopant configurations and potentials.

    Sum of f = 1/(1 + exp((e + mu)/kT)) over the sites; the error from the length of the walk in correlation times.
    """
    scan, total, number = trajectory.scan, 0.0, 0
    fields = system.initial_state().potential[::4, : system.tables.supercell.n_sites_of(0)].astype(float) * 1e-6
    n = scan.first + np.arange(scan.histogram.shape[-1])
    lengths = join_histograms(trajectory, independent_samples(trajectory)).lengths
    for point, mu in enumerate(scan.mu_eV):
        counts = scan.histogram[point].sum(axis=0).reshape(len(fields), 4, -1).sum(axis=1)
        f = 1 / (1 + np.exp((fields + mu) / KT))
        error = np.sqrt((f * (1 - f)).sum(axis=1) * 2 / (4 * lengths[point]))
        total += ((((counts @ n) / counts.sum(axis=1) - f.sum(axis=1)) / error) ** 2).sum()
        number += len(fields)
    return total, number


def theta_in_a_field(system):
    """Vacancies that only dopants attract: Theta = N/Var N, Var N = sum of f (1 - f), f = 1/(1 + exp((e - mu)/kT))."""
    from scipy.optimize import brentq

    tables, state = system.tables, system.initial_state()
    anions = tables.supercell.n_sites_of(0)
    fields = state.potential[::4, :anions].astype(float) * 1e-6

    def occupied(mu):
        return 1 / (1 + np.exp((fields - mu) / KT))

    mu = brentq(lambda m: occupied(m).sum(axis=1).mean() - 120, -1.0, 1.0)
    f = occupied(mu)
    return f.sum() / (f * (1 - f)).sum()


@pytest.mark.slow
@pytest.mark.statistical
def test_a_neutral_pair_by_the_onsager_route(tmp_path):
    """Undoped ceria, ideal with exclusion, D_e = 10 D_V: D~ = tau D_V (1 - x_V) Theta_V, 3 D_V in the dilute limit.

    Theta_V is the exact sum for this supercell; 1/(1 - x_V) + 2/(1 - x_e) holds for an infinite one.
    """
    barrier = 0.5 + KT * math.log(4 / (10 * 0.5))  # electrons on fcc: z l^2 = 12 (a/sqrt 2)^2, vacancies 6 (a/2)^2
    model = made_up_model("fluorite", {(): 0.5}, polarons={"barriers": [{"energy_eV": barrier, **NOTE}]})
    anions, cations, n = 1728, 864, 35
    system = made_up_system(model, (6, 6, 6), n, TEMPERATURE_K, electrons=2 * n, replicas=256)
    results = analyze(ran(system, tmp_path, 100.0, 100, points=3, trials_per_carrier=4000), (0.02, 0.25))
    x_v, x_e = n / anions, 2 * n / cations
    a, kt_rate = 5.4e-10, 1e13 * math.exp(-0.5 / KT)
    d_v = kt_rate * (a / 2) ** 2 * (anions - n) / (anions - 1)
    d_e = 12 * 1e13 * math.exp(-barrier / KT) * (a**2 / 2) / 6 * (cations - 2 * n) / (cations - 1)
    theta = theta_of_pairs(anions, cations, n)
    assert theta == pytest.approx(1 / (1 - x_v) + 2 / (1 - x_e), rel=0.01)
    near(results["thermodynamic_factor_V"], theta, 0.01)
    exact = 2 * d_e / (4 * d_v + 2 * d_e) * d_v * theta
    for route in ("onsager", "tracer_theta_tau"):
        entry = results["chemical_diffusivity_m2_s"][route]
        near(entry, exact, 0.0085)
        assert abs(entry["value"] / exact - 1) < 0.03
    assert "not held together" in results["chemical_diffusivity_m2_s"]["decay"]["reason"]
    assert set(results["chemical_diffusion"]["decay_of_species"]) == {"V_O", "electron"}


def theta_of_pairs(anions, cations, number):
    """N/Var N of n vacancies and 2 n electrons on the given sites, at the potential where <N> is `number`."""
    from scipy.optimize import brentq
    from scipy.special import gammaln

    n = np.arange(min(anions, cations // 2) + 1)
    ways = -gammaln(n + 1) - gammaln(anions - n + 1) - gammaln(2 * n + 1) - gammaln(cations - 2 * n + 1)

    def share(mu):
        ln = ways + n * mu
        p = np.exp(ln - ln.max())
        return p / p.sum()

    p = share(brentq(lambda mu: share(mu) @ n - number, -60.0, 60.0))
    return (p @ n) / (p @ n**2 - (p @ n) ** 2)


@pytest.mark.slow
@pytest.mark.statistical
def test_two_neutral_components(tmp_path):
    """Vacancies, a second ion and holes with site exclusion only: the 2 x 2 matrix of D~ from its factors."""
    model = three_species()
    supercell = Supercell(with_layers(fluorite({"cation": "Ce"}, 5.4), model.layers), (6, 6, 9))
    amounts = {"V_O": Doping(number=120), "ion": Doping(number=90), "hole": Doping(number=75)}
    numbers = compose(model, supercell, {}, amounts)
    system = build_system(model, supercell, numbers, TEMPERATURE_K, replicas=192, seed=5)
    results = analyze(ran(system, tmp_path, 60.0, 120, points=1), (0.03, 0.3))
    found = results["chemical_diffusivity_matrix_m2_s"]
    assert found["species"] == ["V_O", "ion"] and found["value"] is not None, found
    assert "one kind of mobile ion" in results["thermodynamic_factor_O"]["reason"]
    sites, count, z = np.array([2592, 1296, 1296]), np.array([120, 90, 75]), np.array([2.0, 1.0, 1.0])
    lengths, bonds = np.array([2.7, 5.4 / 2**0.5, 5.4 / 2**0.5]) * 1e-10, np.array([6, 12, 12])
    single = bonds * 1e13 * np.exp(-np.array([0.5, 0.55, 0.45]) / KT) * lengths**2 / 6
    mobility = np.diag(count * single * (sites - count) / (sites - 1))  # kT V L
    closed = mobility - np.outer(mobility @ z, mobility @ z) / (z @ mobility @ z)
    inverse = np.diag((sites - 1) / sites / (count * (1 - count / sites)))  # of V chi, modes of a closed cell
    neutral = np.array([[1.0, 0.0], [0.0, 1.0], [-2.0, -1.0]])
    exact = closed[:2, :2] @ (neutral.T @ inverse @ neutral)
    value, stderr = np.array(found["value"]), np.array(found["stderr"])
    assert (np.abs(value - exact) < 4.5 * stderr).all() and (stderr < 0.15 * np.abs(exact).max()).all()
    assert sorted(np.linalg.eigvals(exact)) == pytest.approx(found["eigenvalues"]["value"], rel=0.2)


def three_species():
    """Vacancies on the anions, ions and holes on layers over the cations of fluorite."""
    nu = {"value": 1e13, **NOTE}
    data = made_up_model("fluorite", {(): 0.5}).model_dump(mode="json", exclude_none=True)
    data["layers"] = {"ions": "cation", "holes": "cation"}
    for name, kind, layer, host, energy in (
        ("ion", "ion", "ions", "no ion", 0.55),
        ("hole", "electronic", "holes", "no hole", 0.45),
    ):
        data["species"][host] = {"sublattice": layer, "charge": 0, "element": "X"}
        data["species"][name] = {"sublattice": layer, "charge": 1, "element": "X", "kind": kind}
        barriers = [{"gate": [], "energy_eV": energy, **NOTE}]
        hop = {"name": name, "carrier": name, "partner": host, "attempt_frequency_Hz": nu, "barriers": barriers}
        data["hops"] = [*data["hops"], hop]
    return type(load_model("lsf64")).model_validate(data)
