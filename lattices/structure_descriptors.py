"""Goldschmidt tolerance factor, B-O-B angle, and a hook for transfer integrals; radii from radii.toml.

The tolerance factor is t = (<r_A> + r_O)/(sqrt(2) (<r_B> + r_O)), with Shannon radii for twelvefold
and sixfold coordination, averaged over a mixed site (Goldschmidt 1926). Oxygen vacancies enter through the valence of
the B site: a B element named without a charge takes the mixture of two successive charges that makes the crystal
neutral. The lower coordination next to a vacancy is not corrected for, because no published correction was found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError
from lattices.ions import Spin, balanced, charge_of, check_spin, element_of, ionic_radius_angstrom, spin_of

if TYPE_CHECKING:
    from ase import Atoms


# In an ideal perovskite the B sites around an oxygen lie at 1 (two of them) and sqrt(5) times the bond length; their
# geometric mean separates neighbours from the rest (derived).
NEIGHBOUR_REACH = 5.0**0.25


def tolerance_factor(
    a_site: Mapping[str, float],
    b_site: Mapping[str, float],
    delta: float = 0.0,
    spin: Spin = "high",
) -> float:
    """Goldschmidt tolerance factor of ABO(3-delta) (dimensionless).

    a_site: ions and site fractions, {"La3+": 0.6, "Sr2+": 0.4}. b_site: likewise; one element may be given
    without its charge, {"Fe": 1.0}, and then takes the charges that balance 3 - delta oxygen ions. delta:
    vacancies per formula unit. spin: "high", "low", or one per ion or element, {"Co3+": "low"} or {"Co": "low"} for
    every charge of that element; all others are high. Raises InputError if fractions do not add up to one, the
    charges do not balance, an ion has no radius, or spin names an absent element.
    """
    if not 0.0 <= delta < 3.0:
        raise InputError(f"delta = {delta!r}: allowed is 0 <= delta < 3")
    _check_site("a_site", a_site)
    _check_site("b_site", b_site)
    check_spin(spin, {element_of(ion) for ion in (*a_site, *b_site)})
    charge_needed = 2.0 * (3.0 - delta) - sum(charge_of(ion) * share for ion, share in a_site.items())
    b_ions = balanced(b_site, charge_needed)
    r_oxygen = ionic_radius_angstrom("O2-", "VI")
    r_a = sum(share * ionic_radius_angstrom(ion, "XII", spin_of(ion, spin)) for ion, share in a_site.items())
    r_b = sum(share * ionic_radius_angstrom(ion, "VI", spin_of(ion, spin)) for ion, share in b_ions.items())
    return (r_a + r_oxygen) / (math.sqrt(2.0) * (r_b + r_oxygen))


def _check_site(name: str, site: Mapping[str, float]) -> None:
    total = sum(site.values())
    if not all(share >= 0.0 for share in site.values()) or not abs(total - 1.0) <= 1e-9:
        raise InputError(f"{name} = {dict(site)}: fractions must be positive and add up to 1; they add up to {total:g}")


def b_o_b_angle_deg(atoms: Atoms, b_elements: str | Sequence[str], oxygen: str = "O") -> float:
    """Mean B-O-B angle of a structure in degrees, over the oxygen ions with two B neighbours; 180 without tilts.

    atoms: any periodic structure, relaxed or measured. b_elements: chemical symbols of the B site. Neighbours are B
    ions up to 5^(1/4) times the shortest B-O distance. Raises InputError if there is no such oxygen ion.
    """
    from ase.neighborlist import neighbor_list

    wanted = [b_elements] if isinstance(b_elements, str) else list(b_elements)
    symbols = np.array(atoms.get_chemical_symbols())
    ions, anions = np.flatnonzero(np.isin(symbols, wanted)), np.flatnonzero(symbols == oxygen)
    if not len(ions) or not len(anions):
        raise InputError(f"B-O-B angle: no {' or '.join(wanted)} with {oxygen}; the structure has {set(symbols)}")
    shortest = min(float(atoms.get_distances(o, ions, mic=True).min()) for o in anions)
    here, there, vectors = neighbor_list("ijD", atoms, NEIGHBOUR_REACH * shortest)
    angles = []
    for o in anions:
        bonds = vectors[(here == o) & np.isin(there, ions)]
        if len(bonds) == 2:
            cosine = bonds[0] @ bonds[1] / (np.linalg.norm(bonds[0]) * np.linalg.norm(bonds[1]))
            angles.append(math.degrees(math.acos(min(max(float(cosine), -1.0), 1.0))))
    if not angles:
        raise InputError(f"B-O-B angle: no {oxygen} has two neighbours of {' or '.join(wanted)}")
    return float(np.mean(angles))


def polaron_transfer_integral_eV(descriptor: float, link: Callable[[float], float] | None = None) -> float | None:
    """Transfer integral of a hole polaron in eV from geometry, by a function of the user.

    descriptor: the argument of link, a tolerance factor or a B-O-B angle in degrees. link: descriptor -> eV;
    None (default) gives None, because no such relation with a source is shipped: smaller B-O-B angles (t
    below 1) are known to narrow the band, but the slope depends on the material. Raises InputError if link
    gives a number that is negative or not finite.
    """
    if link is None:
        return None
    value = float(link(descriptor))
    if not (math.isfinite(value) and value >= 0.0):
        raise InputError(f"link({descriptor:g}) = {value}: a transfer integral is finite and not negative (eV)")
    return value
