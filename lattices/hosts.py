"""Check that a crystal is the material to which a set of constants applies."""

from __future__ import annotations

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError


def check_host(what: str, host: str, oxygen_per_host: int, crystal: Crystal | Supercell) -> None:
    """InputError unless the crystal has sites of element `host` and `oxygen_per_host` oxygen sites for each of them.

    what: names the key and the material in the message.
    """
    unit = crystal.crystal if isinstance(crystal, Supercell) else crystal
    sites: dict[str, int] = {}
    for sublattice in unit.sublattices:
        sites[sublattice.element] = sites.get(sublattice.element, 0) + sublattice.n_basis
    hosts = [element for element in sites if element not in ("O", "X")]
    if host not in sites:
        raise InputError(f"{what} is for {host} on cation sites; the hosts of this crystal are {', '.join(hosts)}")
    ratio = sites.get("O", 0) / sites[host]
    if ratio != oxygen_per_host:
        raise InputError(f"{what} has {oxygen_per_host} oxygen sites per {host}; this crystal has {ratio:g}")
