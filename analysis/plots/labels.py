"""Labels of species, quantities, routes and varied keys in figures; numbers with errors in Matplotlib's notation."""

from __future__ import annotations

import re

from analysis.statistics.estimates import Estimate, Result
from analysis.statistics.notation import uncertainty_notation

ROUTES = {
    "tracer_theta": r"$D^*\,\Theta$, without $H_R$ and $t_\mathrm{e}$",
    "tracer_theta_te": r"$t_\mathrm{e}\,\Theta\,D^*/H_R$",
    "tracer_theta_tau": r"$\tau\,\Theta\,D^*/H_R$",
    "onsager": "Onsager matrix",
    "decay": r"decay of $\rho(k)$",
    "relaxation": "relaxing wave",
}
THETA_METHODS = {
    "grand_canonical": "grand-canonical simulation",
    "structure_factor": "structure factors",
    "slabs": "slabs",
}
IONIC_SIGMA_T = r"$\sigma_\mathrm{ion}\,T$"
QUANTITIES = {
    "tracer_diffusivity_m2_s": "$D^*$",
    "collective_diffusivity_m2_s": r"$D_\sigma$",
    "correlation_factor": "$f$",
    "haven_ratio": "$H_R$",
    "ionic_conductivity_S_m": r"$\sigma_\mathrm{ion}$",
    "electronic_conductivity_S_m": r"$\sigma_\mathrm{e}$",
    "total_conductivity_S_m": r"$\sigma_\mathrm{total}$",
    "ambipolar_conductivity_S_m": r"$\sigma_\mathrm{amb}$",
    "ambipolar_onsager_conductivity_S_m": r"$\sigma_\mathrm{amb}$ with cross terms",
    "drift_conductivity_S_m": r"$\sigma$ from drift in the field",
    "ionic_transference_number": r"$t_\mathrm{ion}$",
    "electronic_transference_number": r"$t_\mathrm{e}$",
    "thermodynamic_factor_O": r"$\Theta_\mathrm{O}$",
    "thermodynamic_factor_V": r"$\Theta_\mathrm{V}$",
}
_KEYS = {
    "pO2_bar": "$p$(O$_2$) (bar)",
    "pH2O_bar": "$p$(H$_2$O) (bar)",
    "delta": r"nonstoichiometry $\delta$",
    "field_V_per_m": "field strength (V/m)",
    "lattice_parameter_angstrom": "lattice parameter (Å)",
    "temperature_K": "temperature (K)",
}
_UNITS = {"_V_per_m": "V/m", "_angstrom": "Å", "_bar": "bar", "_eV": "eV", "_Hz": "Hz", "_K": "K", "_s": "s"}


def species_label(name: str) -> str:
    """A species with its site as a subscript: V_O becomes V$_\\mathrm{O}$."""
    base, separator, site = name.partition("_")
    if separator and base and site.isalnum():
        return rf"{base}$_\mathrm{{{site}}}$"
    return name.replace("_", " ")


def estimate_label(name: str) -> str:
    """The legend text of a dotted key of results.json: species.V_O.haven_ratio becomes $H_R$ of V_O."""
    parts = name.split(".")
    if parts[0] == "chemical_diffusivity_m2_s":
        return ROUTES.get(parts[-1], parts[-1].replace("_", " "))
    label = QUANTITIES.get(parts[-1], parts[-1].replace("_", " "))
    return f"{label} of {species_label(parts[1])}" if parts[0] == "species" and len(parts) > 2 else label


def key_label(key: str) -> str:
    """The axis label of a key of the run file: its last part as text, with its unit."""
    parts = key.split(".")
    if parts[-1] in _KEYS:
        return _KEYS[parts[-1]]
    if parts[-2:-1] == ["doping"]:
        return f"site fraction of {parts[-1]}"
    for ending, unit in _UNITS.items():
        if parts[-1].endswith(ending):
            return f"{parts[-1].removesuffix(ending).replace('_', ' ')} ({unit})"
    return " ".join(parts[-2:] if parts[-1] in ("fraction", "number") else parts[-1:]).replace("_", " ")


def varied_label(key: str, value: object) -> str:
    """The legend text of one value of a varied key: nonstoichiometry 0.1, field strength 1e+08 V/m."""
    name, unit = re.fullmatch(r"(.+?)(?: \(([^()]+)\))?", key_label(key)).groups()  # type: ignore[union-attr]  # fits any
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return f"{name} {text} {unit or ''}".rstrip()


def typeset(value: float, stderr: float | None = None) -> str:
    """`1.23(4)e-10` as a product with a power of ten."""
    text = uncertainty_notation(value, stderr)
    power = re.fullmatch(r"(.+)e([+-]\d+)", text)
    return rf"${power[1]}\times 10^{{{int(power[2])}}}$" if power else text


def result_text(result: Result, unit: str = "") -> str:
    """The typeset estimate with its unit, or `unavailable`."""
    return f"{typeset(result.value, result.stderr)} {unit}".rstrip() if isinstance(result, Estimate) else "unavailable"
