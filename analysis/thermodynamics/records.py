"""The thermodynamic parts of results.json: keys, units, and what is null.

The rest is in analysis/results.py.
"""

from __future__ import annotations

from typing import NotRequired, TypeAlias, TypedDict

from analysis.results import Entry

OptionalNumbers: TypeAlias = list[float | None]


class ModeValue(TypedDict):
    """A quantity at one wave vector, normal to the planes of `axis`, with n waves in the supercell."""

    axis: int
    n: int
    k_per_m: float
    value: float
    stderr: float


class DecayCurve(TypedDict):
    """A decaying function over its initial value. fitted_s: first and last time of the fit; at_start: value there."""

    axis: int
    n: int
    k_per_m: float
    rate_per_s: float
    fitted_s: list[float]
    at_start: float
    lag_s: list[float]
    value: list[float]
    stderr: list[float]
    dof: int


class DecayCurves(TypedDict, total=False):
    """The decays of one species or neutral combination; what could not be fitted is absent."""

    modes: list[DecayCurve]
    diffusivity_of_k: list[ModeValue]
    wave: DecayCurve


class ChemicalDiffusion(TypedDict):
    """Ingredients of the routes to D~. decay_of_species: where ions and electronic carriers decay independently."""

    tau: Entry
    t_e: Entry
    decay_of_species: dict[str, dict[str, Entry]]
    curves: dict[str, DecayCurves]


class Potential(TypedDict):
    """A chemical potential of the neutral component and the gas in equilibrium with it.

    mu_eV: relative to the zero of the parameter file; null, with a reason, where the scan does not reach it.
    pO2_bar: null, with a reason, where the parameter file does not relate the two. oxygen_mu_eV: per O atom.
    """

    mu_eV: float | None
    pO2_bar: NotRequired[float | None]
    oxygen_mu_eV: NotRequired[float]
    reason: NotRequired[str]


class IsothermPoint(Potential):
    """A potential of the scan."""

    site_fraction: Entry
    thermodynamic_factor_carrier: Entry
    thermodynamic_factor_partner: Entry


class IsothermCurve(TypedDict, total=False):
    """Columns over mu_eV, by reweighting between the outermost potentials; null where the scan cannot give a value."""

    mu_eV: list[float]
    site_fraction: OptionalNumbers
    site_fraction_stderr: OptionalNumbers
    theta_carrier: OptionalNumbers
    theta_carrier_stderr: OptionalNumbers
    dof: float | None


class ThermodynamicResults(TypedDict):
    """component: the neutral one. carrier, partner: species that exchange sites when ions of it hop.

    site_fraction: of the carrier in the canonical run. acceptance: of the moves at each potential of the scan.
    """

    component: str
    carrier: str
    partner: str
    site_fraction: float
    thermodynamic_factor_of_carrier: dict[str, Entry]
    at_composition: Potential
    isotherm: list[IsothermPoint]
    isotherm_curve: IsothermCurve
    theta_of_k: list[ModeValue]
    acceptance: list[float]


class ChemicalMatrix(TypedDict):
    """D~ of two neutral components in m2/s: (2, 2) value and stderr, eigenvalues likewise; null with a reason.

    half_width_95: half of the 95 % interval of each entry. dof: degrees of freedom of the errors.
    """

    species: list[str]
    value: list[list[float]] | None
    stderr: list[list[float]] | None
    half_width_95: NotRequired[list[list[float]]]
    dof: NotRequired[float]
    reason: NotRequired[str]
    eigenvalues: NotRequired[dict[str, list[float]]]
    formula: NotRequired[str]
