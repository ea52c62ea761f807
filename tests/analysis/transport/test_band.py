"""t_e, sigma_amb and tau with a given electronic conductivity are exact functions of it and of sigma_ion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.estimates import Estimate, available
from analysis.statistics.independent_samples import independent_samples
from analysis.transport.onsager import CollectiveSamples, collective_samples, onsager_json, transport_coefficients
from kmc.carriers.band import BandConduction
from kmc.files.trajectory import Trajectory
from lattices.constants import ELEMENTARY_CHARGE_C
from tests.analysis.synthetic import lattice_steps, synthetic


def trajectory_of(*names: str, sigma: float | None = None, mode: str = "kinetic") -> Trajectory:
    rng = np.random.default_rng(4)
    steps = {name: lattice_steps(rng, (60, 8, 1), 0.3)[0] for name in names}
    charges = {"V_O": 2, "hole": 1}
    band = None if sigma is None else BandConduction(sigma, "a made-up measurement")
    return synthetic(steps, charges={name: charges[name] for name in names}, band=band, polaron_mode=mode)


def collective(trajectory: Trajectory) -> CollectiveSamples:
    return collective_samples(trajectory, independent_samples(trajectory, (0.05, 0.5)), (0.05, 0.5))


def without_errors(trajectory: Trajectory) -> CollectiveSamples:
    """Equal jackknife samples, so that no correction of a bias disturbs the comparison."""
    found = collective(trajectory)
    return replace(found, matrix=np.repeat(found.matrix[:1], len(found.matrix), axis=0))


def values(trajectory: Trajectory) -> dict[str, float]:
    found = transport_coefficients(without_errors(trajectory))
    estimates = {key: available(result) for key, result in found.items()}
    return {key: each.value for key, each in estimates.items() if isinstance(each, Estimate)}


@pytest.mark.parametrize("names", [("V_O",), ("V_O", "hole")])
@pytest.mark.parametrize("ratio", [1e-6, 0.5, 1e6])
def test_formulae_with_a_given_conductivity(names: tuple[str, ...], ratio: float) -> None:
    own = without_errors(trajectory_of(*names)).scalars[0, 0, 0]  # without the cross term, which a band does not have
    ion = 4 * ELEMENTARY_CHARGE_C**2 * own
    sigma = ratio * ion
    found = values(trajectory_of(*names, sigma=sigma))
    assert found["ionic_conductivity_S_m"] == pytest.approx(ion, rel=1e-12)
    assert found["electronic_conductivity_S_m"] == pytest.approx(sigma, rel=1e-12)
    assert found["total_conductivity_S_m"] == pytest.approx(sigma + ion, rel=1e-12)
    assert found["electronic_transference_number"] == pytest.approx(ratio / (1 + ratio), rel=1e-12)
    assert found["ambipolar_conductivity_S_m"] == pytest.approx(ion * sigma / (ion + sigma), rel=1e-12)
    assert found["ambipolar_onsager_conductivity_S_m"] == pytest.approx(ion * sigma / (ion + sigma), rel=1e-9)


def test_the_ion_keeps_its_own_conductivity_and_error() -> None:
    plain, given = (collective(trajectory_of("V_O", sigma=sigma)) for sigma in (None, 5.0))
    np.testing.assert_array_equal(given.scalars[:, :1, :1], plain.scalars)
    assert given.carriers.names == ("V_O", "band") and (given.scalars[:, 0, 1] == 0).all()
    entry = transport_coefficients(given)["electronic_conductivity_S_m"].as_json()
    assert entry["stderr"] == 0.0 and entry["formula"] == "sigma_e given: a made-up measurement"
    assert onsager_json(given)["given"] == "sigma_e given: a made-up measurement"


def test_electronic_carriers_that_were_slowed_down_are_replaced() -> None:
    """In mode "scaled" the hops of holes give no coefficient; the given conductivity does."""
    found = values(trajectory_of("V_O", "hole", sigma=7.0, mode="scaled"))
    assert found["electronic_conductivity_S_m"] == pytest.approx(7.0, rel=1e-12)
    without = transport_coefficients(collective(trajectory_of("V_O", "hole", mode="scaled")))
    assert "slowed down" in str(without["total_conductivity_S_m"])


def test_the_charge_of_the_electronic_carrier_drops_out() -> None:
    hole = trajectory_of("V_O", "hole", sigma=7.0)
    records = [replace(r, charge_e=-1) if r.name == "hole" else r for r in hole.species]
    assert values(replace(hole, species=tuple(records))) == pytest.approx(values(hole), rel=1e-12)
