"""Brouwer diagrams: slopes of the ideal regimes, the kink of LSF64, and arrays."""

from __future__ import annotations

import numpy as np
import pytest

from lattices.defects.brouwer import brouwer_diagram
from lattices.defects.equilibrium import solve_equilibrium
from lattices.errors import InputError

# Without a source: any pair of values enables the hole equations, which is all that these tests need.
HOLES = {
    "hole_oxidation_enthalpy_J_mol": 1.0e5,
    "hole_oxidation_entropy_J_mol_K": 10.0,
    "source": "made up for a test",
}


def test_lsf64_passes_through_the_kink():
    diagram = brouwer_diagram("lsf64", 1073, np.logspace(-26, 1, 400))
    assert diagram.delta[0] > 0.25 and diagram.delta[-1] < 0.01
    assert np.all(np.diff(diagram.delta) < 0)
    p, n = diagram.site_fractions["hole"], diagram.site_fractions["electron"]
    crossing = int(np.argmin(np.abs(np.log(p / n))))
    assert diagram.delta[crossing] == pytest.approx(0.2, abs=1e-4)


def _slope(material, temperature_K, log_pO2, carrier, **kwargs):
    span = np.array([10.0 ** (log_pO2 - 0.5), 10.0 ** (log_pO2 + 0.5)])
    values = brouwer_diagram(material, temperature_K, span, **kwargs).site_fractions[carrier]
    return float(np.log10(values[1] / values[0]))


@pytest.mark.parametrize(
    ("material", "temperature_K", "log_pO2", "carrier", "slope", "kwargs"),
    [
        ("ceria", 1073, -4, "V_O", -1 / 6, {}),
        ("ceria", 1073, -4, "electron", -1 / 6, {}),
        ("gdc10", 1073, -10, "electron", -1 / 4, {}),
        ("gdc10", 1073, -10, "V_O", 0.0, {}),
        ("lsf64", 1073, -13, "hole", 1 / 4, {}),
        ("lsf64", 1073, -13, "electron", -1 / 4, {}),
        ("lsf64", 1073, -13, "V_O", 0.0, {}),
        ("lsf64", 700, 0, "hole", 0.0, {}),
        ("lsf64", 700, 0, "V_O", -1 / 2, {}),
        ("bzy20", 873, -8, "hole", 1 / 4, {"pH2O_bar": 0.02, "constants": HOLES}),
        ("bzy20", 873, -8, "H", 0.0, {"pH2O_bar": 0.02, "constants": HOLES}),
    ],
)
def test_brouwer_slopes(material, temperature_K, log_pO2, carrier, slope, kwargs):
    assert _slope(material, temperature_K, log_pO2, carrier, **kwargs) == pytest.approx(slope, abs=4e-3)


def test_brouwer_arrays_equal_single_solutions():
    pressures = np.logspace(-20, 0, 5)
    diagram = brouwer_diagram("gdc20", 1073, pressures)
    for i, pressure in enumerate(pressures):
        single = solve_equilibrium("gdc20", 1073, pressure)
        assert diagram.delta[i] == pytest.approx(single.delta, rel=1e-13)
        assert diagram.thermodynamic_factor_O[i] == pytest.approx(single.thermodynamic_factor_O, rel=1e-12)
    assert "hole" in diagram.missing
    with pytest.raises(InputError, match="one-dimensional"):
        brouwer_diagram("gdc20", 1073, 1.0)
