"""Chemical and thermal expansion of the lattice parameter, with coefficients from radii.toml."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lattices.errors import InputError
from lattices.hosts import check_host
from lattices.ions import radii_file
from lattices.suggestions import did_you_mean
from lattices.validity import ValidityRange, range_lines

if TYPE_CHECKING:
    from lattices.crystal import Crystal, Supercell

LARGEST_STRAIN = 0.1  # ceria reduced to Ce2O3 expands by less than 0.05


class ExpansionRangeWarning(UserWarning):
    """A request outside the range in which an expansion coefficient was measured."""


@dataclass(frozen=True)
class Strain:
    """Linear strain (dimensionless), its coefficient per delta, the source, and warnings of extrapolation."""

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
    """Isotropic linear strain of a crystal relative to a reference state, positive for expansion.

    strain = alpha_c(T) (delta - reference_delta) + alpha_th (T - reference_T); the second term needs
    reference_temperature_K and a set with alpha_th. delta is the number of vacancies per formula unit; the difference
    is that due to reduction alone, so for doped ceria take delta - x/2. material: "ceria" or "lsf64".
    expansion: name of a set in radii.toml, None for the default. Raises InputError for an unknown name, a
    set without a thermal coefficient, or a strain that no crystal has.
    """
    asked = {"temperature_K": temperature_K, "delta": delta, "reference_delta": reference_delta}
    if reference_temperature_K is not None:
        asked["reference_temperature_K"] = reference_temperature_K
    for key, value in asked.items():
        if not math.isfinite(value) or value < 0.0:
            raise InputError(f"{key} = {value!r}: a finite number of at least 0 is needed")
    name, chosen = _expansion_set(material, expansion)
    per_delta = _interpolate(chosen.points_K, chosen.strain_per_delta, temperature_K)
    strain = per_delta * (delta - reference_delta)
    formula = f"strain = {per_delta:.4g} (delta - {reference_delta:g})"
    if reference_temperature_K is not None:
        thermal = _thermal_coefficient(name, chosen)
        strain += thermal * (temperature_K - reference_temperature_K)
        formula += f" + {thermal:.4g}/K (T - {reference_temperature_K:g} K)"
    if abs(strain) > LARGEST_STRAIN:
        given = ", ".join(f"{key} = {value:g}" for key, value in asked.items())
        raise InputError(
            f"a strain of {strain:+.2g} from {given}: at most {LARGEST_STRAIN:g} of either sign is allowed"
        )
    lines = range_lines(name, chosen.ranges(), chosen.unknown, {k: (v, v) for k, v in asked.items()})
    return Strain(strain, per_delta, f"{name}: {chosen.source} ({chosen.mark})", formula, tuple(lines))


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

    Issues an ExpansionRangeWarning outside the range of the coefficient. Raises InputError for bad input.
    """
    if not (math.isfinite(reference_angstrom) and reference_angstrom > 0.0):
        raise InputError(f"reference_angstrom = {reference_angstrom!r}: a positive length is needed")
    strain = expansion_strain(material, delta, temperature_K, reference_delta, reference_temperature_K, expansion)
    for line in strain.warnings:
        warnings.warn(line, ExpansionRangeWarning, stacklevel=2)
    return reference_angstrom * (1.0 + strain.strain)


def check_expansion_host(material: str, crystal: Crystal | Supercell) -> None:
    """InputError unless the crystal has the host and the oxygen stoichiometry of `material`."""
    known = _expanding(material)
    check_host(f"crystal.expansion.material = {material!r}", known.host, known.oxygen_per_host, crystal)


@dataclass(frozen=True)
class _ExpandingMaterial:
    """An entry of [expansion] in radii.toml: the crystal that its sets are for."""

    host: str
    oxygen_per_host: int
    default: str
    sets: tuple[str, ...]


@dataclass(frozen=True)
class _ExpansionSet:
    """An entry of [expansion_sets] in radii.toml. strain_per_delta: at points_K; thermal_per_K: None where unknown."""

    source: str
    mark: str
    points_K: tuple[float, ...]
    strain_per_delta: tuple[float, ...]
    thermal_per_K: float | None = None
    temperature_K: tuple[float, float] | None = None
    delta: tuple[float, float] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    def ranges(self) -> dict[str, ValidityRange]:
        """Ranges by input name; they apply to the reference state as well."""
        found = {}
        for key, limits in (("temperature_K", self.temperature_K), ("delta", self.delta)):
            if limits is not None:
                found[key] = found[f"reference_{key}"] = ValidityRange(*limits, self.source, self.mark)
        return found


def _expanding(material: str) -> _ExpandingMaterial:
    materials = radii_file()["expansion"]
    if material not in materials:
        raise InputError(
            f"material = {material!r}: expansion is known for {', '.join(materials)}{did_you_mean(material, materials)}"
        )
    return _ExpandingMaterial(**materials[material])


def _expansion_set(material: str, expansion: str | None) -> tuple[str, _ExpansionSet]:
    known = _expanding(material)
    name = expansion or known.default
    if name not in known.sets:
        raise InputError(f"expansion = {name!r}: sets for {material} are {', '.join(known.sets)}")
    return name, _ExpansionSet(**radii_file()["expansion_sets"][name])


def _thermal_coefficient(name: str, chosen: _ExpansionSet) -> float:
    if chosen.thermal_per_K is None:
        raise InputError(f"reference_temperature_K is given, but set {name} has no thermal expansion; leave it out")
    return chosen.thermal_per_K


def _interpolate(points: Sequence[float], values: Sequence[float], at: float) -> float:
    """Linear interpolation between measured points; beyond them the value of the nearest point."""
    if len(points) == 1 or at <= points[0]:
        return values[0]
    if at >= points[-1]:
        return values[-1]
    weight = (at - points[0]) / (points[-1] - points[0])
    return values[0] + weight * (values[-1] - values[0])
