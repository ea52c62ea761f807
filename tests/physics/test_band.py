"""D~ of a charged lattice gas beside a given electronic conductivity, against the exact result.

Non-interacting vacancies at site fraction c: D_sigma = D_0 (1 - c)(N ratio of the cell), Theta_V = 1/(1 - c) beside a
metal, so that D~ = t_e D_0 with D_0 = z G l^2/6. Fixed seeds; each estimate within 4 of its errors (false alarms 6e-5).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.report import analyze
from kmc.carriers.band import BandConduction
from kmc.state.system import System
from tests.physics.walks import near, ran
from tests.systems import made_up_model, made_up_system

CELLS, VACANCIES = 4, 102  # one in five of the 512 anion sites


def gas(sigma_S_m: float) -> System:
    band = BandConduction(sigma_S_m, "made up for a test")
    return made_up_system(made_up_model(), (CELLS,) * 3, VACANCIES, replicas=16, seed=5, band=band)


@pytest.mark.slow
@pytest.mark.statistical
def test_chemical_diffusivity_from_insulator_to_metal(tmp_path) -> None:
    system = gas(1.0)
    tables = system.tables
    bare = float(tables.proposal_rate_per_s[0]) * 6 * (float(tables.hop_length_angstrom[0]) * 1e-10) ** 2 / 6
    trajectory = ran(system, tmp_path, 150, 100, points=3, trials_per_carrier=400.0)
    assert isinstance(trajectory.band, BandConduction) and trajectory.component["electronic_carrier"] is None
    found = analyze(trajectory)
    near(found["thermodynamics"]["thermodynamic_factor_of_carrier"]["grand_canonical"], 512 / (512 - VACANCIES), 0.03)
    sigma_ion = found["ionic_conductivity_S_m"]["value"]
    for ratio in (1e-3, 1.0, 1e6):
        given = replace(trajectory, band=BandConduction(ratio * sigma_ion, "made up for a test"))
        routes = analyze(given)["chemical_diffusivity_m2_s"]
        t_e = ratio / (1 + ratio)
        near(routes["onsager"], t_e * bare * 512 / 511, 0.2)
        near(routes["tracer_theta_te"], t_e * bare * 512 / 511, 0.2)
        assert routes["decay"]["value"] is None and "given" in routes["decay"]["reason"]


def test_a_band_makes_vacancies_a_neutral_component() -> None:
    """Without it the ionic conductor has none; with electronic carriers of the model it changes nothing."""
    assert isinstance(made_up_system(made_up_model(), (2, 2, 2), 4).component, str)
    component = gas(1.0).component
    assert not isinstance(component, str) and component.electronic == 0 and component.per_carrier == -1
