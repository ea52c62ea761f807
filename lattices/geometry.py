"""Goldschmidt tolerance factor and chemical expansion, with radii and coefficients from radii.toml.

The tolerance factor is t = (<r_A> + r_O)/(sqrt(2) (<r_B> + r_O)), Shannon radii for twelve- and sixfold
coordination, averaged over a mixed site (Goldschmidt 1926). Oxygen vacancies enter through the valence of
the B site: a B element named without charge takes the mixture of two neighbouring charges that keeps the
crystal neutral. No correction is made for the lower coordination beside a vacancy, because none with a
source is at hand.
"""

from __future__ import annotations

import math
import re
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from lattices.errors import InputError

_ION = re.compile(r"([A-Z][a-z]?)(\d)([+-])")
_SPINS = ("high", "low")


class ExpansionRangeWarning(UserWarning):
    """A request outside the range in which an expansion coefficient was measured."""


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((resources.files("lattices") / "radii.toml").read_text(encoding="utf-8"))


def ionic_radius_angstrom(ion: str, coordination: str, spin: str = "high") -> float:
    """Shannon radius in angstrom.

    ion: "Fe3+". coordination: "VI", "VIII" or "XII". spin: "high" or "low"; without effect on ions that the
    table lists with a single radius. Raises InputError for an ion, coordination or spin state that is not
    in the table.
    """
    tables = _data()["radii"]
    if coordination not in tables:
        raise InputError(f"coordination = {coordination!r}: allowed are {', '.join(tables)}")
    if spin not in _SPINS:
        raise InputError(f"spin = {spin!r}: allowed are high, low")
    ions = {name: entry for name, entry in tables[coordination].items() if _ION.fullmatch(name)}
    if ion not in ions:
        raise InputError(f"ion {ion!r} has no radius for coordination {coordination}: known are {', '.join(ions)}")
    entry = ions[ion]
    if not isinstance(entry, dict):
        return float(entry)
    if spin not in entry:
        raise InputError(f"spin = {spin!r}: {ion} is known as {', '.join(entry)} spin only")
    return float(entry[spin])


def tolerance_factor(
    a_site: Mapping[str, float],
    b_site: Mapping[str, float],
    delta: float = 0.0,
    spin: str | Mapping[str, str] = "high",
) -> float:
    """Goldschmidt tolerance factor of ABO(3-delta) (dimensionless).

    a_site: ions and site fractions, {"La3+": 0.6, "Sr2+": 0.4}. b_site: likewise; one element may stand
    without its charge, {"Fe": 1.0}, and then takes the charges that 3 - delta oxygens ask for. delta:
    vacancies per formula unit. spin: "high", "low", or one per ion, {"Co3+": "low"}, the rest high. Raises
    InputError if fractions do not add to one, the charges do not balance, or an ion has no radius.
    """
    if not 0.0 <= delta < 3.0:
        raise InputError(f"delta = {delta!r}: allowed is 0 <= delta < 3")
    _check_site("a_site", a_site)
    _check_site("b_site", b_site)
    charge_needed = 2.0 * (3.0 - delta) - sum(_charge(ion) * share for ion, share in a_site.items())
    b_ions = _balanced_b_site(b_site, charge_needed)
    r_oxygen = ionic_radius_angstrom("O2-", "VI")
    r_a = sum(share * ionic_radius_angstrom(ion, "XII", _spin_of(ion, spin)) for ion, share in a_site.items())
    r_b = sum(share * ionic_radius_angstrom(ion, "VI", _spin_of(ion, spin)) for ion, share in b_ions.items())
    return (r_a + r_oxygen) / (math.sqrt(2.0) * (r_b + r_oxygen))


def _check_site(name: str, site: Mapping[str, float]) -> None:
    total = sum(site.values())
    if any(share < 0.0 for share in site.values()) or abs(total - 1.0) > 1e-9:
        raise InputError(f"{name} = {dict(site)}: fractions must be positive and add to 1, they add to {total:g}")


def _spin_of(ion: str, spin: str | Mapping[str, str]) -> str:
    return spin if isinstance(spin, str) else spin.get(ion, "high")


def _charge(ion: str) -> int:
    match = _ION.fullmatch(ion)
    if match is None:
        raise InputError(f"ion {ion!r}: write the element and its charge, for example Fe3+")
    return int(match[2]) * (1 if match[3] == "+" else -1)


def _balanced_b_site(b_site: Mapping[str, float], charge_needed: float) -> dict[str, float]:
    """Ions of the B site with total charge charge_needed, the uncharged element split over two charges."""
    ions = {ion: share for ion, share in b_site.items() if _ION.fullmatch(ion)}
    open_elements = {element: share for element, share in b_site.items() if element not in ions}
    charge = sum(_charge(ion) * share for ion, share in ions.items())
    if not open_elements:
        if abs(charge - charge_needed) > 1e-6:
            raise InputError(f"b_site = {dict(b_site)}: its charge is {charge:g}, neutrality needs {charge_needed:g}")
        return ions
    if len(open_elements) > 1:
        raise InputError(f"b_site = {dict(b_site)}: at most one element may stand without its charge")
    ((element, share),) = open_elements.items()
    if share == 0.0:
        return _balanced_b_site(ions, charge_needed)
    mean = round((charge_needed - charge) / share, 12)  # a mean of 3.0000000000000004 is not a mixture with 4+
    if not 1.0 <= mean <= 7.0:
        raise InputError(f"b_site = {dict(b_site)}: neutrality would need {element} with charge {mean:g}")
    lower = math.floor(mean)
    for ion, part in ((f"{element}{lower}+", lower + 1 - mean), (f"{element}{lower + 1}+", mean - lower)):
        if part > 0.0:
            ions[ion] = ions.get(ion, 0.0) + share * part
    return ions


def polaron_transfer_integral_eV(descriptor: float, link: Callable[[float], float] | None = None) -> float | None:
    """Transfer integral of a hole polaron in eV from geometry, by a function that the user supplies.

    descriptor: what link takes, a tolerance factor or a B-O-B angle in degrees. link: descriptor -> eV;
    None (default) gives None, because no such relation with a source is shipped: narrower B-O-B angles (t
    below 1) are known to narrow the band, but the slope depends on the material. Raises InputError if link
    gives a number that is negative or not finite.
    """
    if link is None:
        return None
    value = float(link(descriptor))
    if not (math.isfinite(value) and value >= 0.0):
        raise InputError(f"link({descriptor:g}) = {value}: a transfer integral is finite and not negative (eV)")
    return value


@dataclass(frozen=True)
class Strain:
    """Linear strain (dimensionless), the coefficient per delta used, its source, warnings of ranges left."""

    strain: float
    strain_per_delta: float
    source: str
    formula: str
    warnings: tuple[str, ...]


def expansion_strain(
    material: str,
    delta: float,
    temperature_K: float,
    reference_delta: float = 0.0,
    reference_temperature_K: float | None = None,
    expansion: str | None = None,
) -> Strain:
    """Isotropic linear strain of a crystal against a reference state, positive when it grows.

    strain = alpha_c(T) (delta - reference_delta) + alpha_th (T - reference_T), the second term only where
    reference_temperature_K is given and the set has alpha_th. delta counts vacancies per formula unit; only
    reduction belongs in the difference, so for doped ceria take delta - x/2. material: "ceria" or "lsf64".
    expansion: name of a set in radii.toml, None for the default. Raises InputError for an unknown name or a
    set without thermal coefficient.
    """
    name, chosen = _expansion_set(material, expansion)
    per_delta = _interpolate(chosen["points_K"], chosen["strain_per_delta"], temperature_K)
    strain = per_delta * (delta - reference_delta)
    formula = f"strain = {per_delta:.4g} (delta - {reference_delta:g})"
    if reference_temperature_K is not None:
        thermal = _thermal_coefficient(name, chosen)
        strain += thermal * (temperature_K - reference_temperature_K)
        formula += f" + {thermal:.4g}/K (T - {reference_temperature_K:g} K)"
    lines = _range_lines(name, chosen, {"temperature_K": temperature_K, "delta": delta})
    return Strain(strain, per_delta, f"{name}: {chosen['source']} ({chosen['mark']})", formula, tuple(lines))


def expanded_lattice_parameter_angstrom(
    reference_angstrom: float,
    material: str,
    delta: float,
    temperature_K: float,
    reference_delta: float = 0.0,
    reference_temperature_K: float | None = None,
    expansion: str | None = None,
) -> float:
    """Lattice parameter in angstrom after expansion_strain (same arguments) from reference_angstrom.

    Issues ExpansionRangeWarning outside the range of the coefficient. Raises InputError for bad input.
    """
    if not (math.isfinite(reference_angstrom) and reference_angstrom > 0.0):
        raise InputError(f"reference_angstrom = {reference_angstrom!r}: a positive length is needed")
    strain = expansion_strain(material, delta, temperature_K, reference_delta, reference_temperature_K, expansion)
    for line in strain.warnings:
        warnings.warn(line, ExpansionRangeWarning, stacklevel=2)
    return reference_angstrom * (1.0 + strain.strain)


def _expansion_set(material: str, expansion: str | None) -> tuple[str, dict[str, Any]]:
    materials = _data()["expansion"]
    if material not in materials:
        raise InputError(f"material = {material!r}: expansion is known for {', '.join(materials)}")
    name = expansion or materials[material]["default"]
    if name not in materials[material]["sets"]:
        raise InputError(f"expansion = {name!r}: sets for {material} are {', '.join(materials[material]['sets'])}")
    return name, _data()["expansion_sets"][name]


def _thermal_coefficient(name: str, chosen: Mapping[str, Any]) -> float:
    if "thermal_per_K" not in chosen:
        raise InputError(f"reference_temperature_K is given, but set {name} has no thermal expansion; leave it out")
    return float(chosen["thermal_per_K"])


def _interpolate(points: list[float], values: list[float], at: float) -> float:
    """Linear between two measured points, the nearest value beyond them."""
    if len(points) == 1 or at <= points[0]:
        return values[0]
    if at >= points[-1]:
        return values[-1]
    weight = (at - points[0]) / (points[-1] - points[0])
    return values[0] + weight * (values[-1] - values[0])


def _range_lines(name: str, chosen: Mapping[str, Any], asked: Mapping[str, float]) -> list[str]:
    lines = []
    for key, value in asked.items():
        if not math.isfinite(value) or value < 0.0:
            raise InputError(f"{key} = {value!r}: a finite number, not negative, is needed")
        if key in chosen and not chosen[key][0] <= value <= chosen[key][1]:
            low, high = chosen[key]
            lines.append(f"{key} = {value:g} is outside {low:g} to {high:g} of set {name}: extrapolated")
    return lines
