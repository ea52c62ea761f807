"""Ions: Shannon radii by coordination and spin state, charges, and mixtures of charges for neutrality."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from lattices.errors import InputError

_ION = re.compile(r"([A-Z][a-z]?)(\d)([+-])")
_SPINS = ("high", "low")

Spin = str | Mapping[str, str]


@cache
def radii_file() -> dict[str, Any]:
    """The contents of radii.toml."""
    return tomllib.loads((resources.files("lattices") / "radii.toml").read_text(encoding="utf-8"))


def ionic_radius_angstrom(ion: str, coordination: str, spin: str = "high") -> float:
    """Shannon radius in angstrom.

    ion: "Fe3+". coordination: "VI", "VIII" or "XII". spin: "high" or "low"; it has no effect on ions for
    which the table lists a single radius. Raises InputError for an ion, coordination or spin state that is not
    in the table.
    """
    tables = radii_file()["radii"]
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


def charge_of(ion: str) -> int:
    """Charge of an ion such as "Fe3+"; InputError for another spelling."""
    match = _ION.fullmatch(ion)
    if match is None:
        raise InputError(f"ion {ion!r}: write the element and its charge, for example Fe3+")
    return int(match[2]) * (1 if match[3] == "+" else -1)


def element_of(ion: str) -> str:
    """The element of an ion, with or without its charge."""
    match = _ION.fullmatch(ion)
    return match[1] if match else ion


def spin_of(ion: str, spin: Spin) -> str:
    """Spin state of an ion: its own entry, otherwise that of its element, otherwise high."""
    return spin if isinstance(spin, str) else spin.get(ion, spin.get(element_of(ion), "high"))


def check_spin(spin: Spin, present: set[str]) -> None:
    """InputError for an unknown spin state, or a key whose element is not in `present`."""
    given = {"": spin} if isinstance(spin, str) else dict(spin)
    for key, state in given.items():
        if state not in _SPINS:
            raise InputError(f"spin = {state!r}: allowed are {', '.join(_SPINS)}")
        if key and element_of(key) not in present:
            raise InputError(f"spin names {key!r}; the elements on the sites are {', '.join(sorted(present))}")


def balanced(b_site: Mapping[str, float], charge_needed: float) -> dict[str, float]:
    """Ions of the B site with a total charge of `charge_needed`; an element without a charge is split into two charges.

    InputError for more than one such element, or charges that cannot be balanced.
    """
    ions = {ion: share for ion, share in b_site.items() if _ION.fullmatch(ion)}
    open_elements = {element: share for element, share in b_site.items() if element not in ions}
    charge = sum(charge_of(ion) * share for ion, share in ions.items())
    if not open_elements:
        if abs(charge - charge_needed) > 1e-6:
            raise InputError(f"b_site = {dict(b_site)}: its charge is {charge:g}, neutrality needs {charge_needed:g}")
        return ions
    if len(open_elements) > 1:
        raise InputError(f"b_site = {dict(b_site)}: at most one element may be given without its charge")
    ((element, share),) = open_elements.items()
    if share == 0.0:
        return balanced(ions, charge_needed)
    mean = round((charge_needed - charge) / share, 12)  # a mean of 3.0000000000000004 is not a mixture with 4+
    if not 1.0 <= mean <= 7.0:
        raise InputError(f"b_site = {dict(b_site)}: neutrality would need {element} with charge {mean:g}")
    lower = math.floor(mean)
    for ion, part in ((f"{element}{lower}+", lower + 1 - mean), (f"{element}{lower + 1}+", mean - lower)):
        if part > 0.0:
            ions[ion] = ions.get(ion, 0.0) + share * part
    return ions
