"""Species that exchange sites with one another by the hop families of a run, and the carriers among them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmc.files.header import FamilyRecord
    from kmc.files.trajectory import Trajectory


def exchanging(families: Sequence[FamilyRecord]) -> list[dict[str, None]]:
    """Species of the hop families, in groups whose members exchange sites with one another."""
    groups: list[dict[str, None]] = []
    for family in families:
        pair = dict.fromkeys((family.carrier, family.partner))
        joined = [group for group in groups if group.keys() & pair.keys()]
        merged: dict[str, None] = {}
        for group in [*joined, pair]:
            merged |= group
        if joined:
            groups[groups.index(joined[0])] = merged
            groups = [group for group in groups if group not in joined[1:]]
        else:
            groups.append(merged)
    return groups


def uncoupled_pairs(groups: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of carriers of different groups, which the model does not couple; none where there are no groups."""
    number = {name: k for k, group in enumerate(groups) for name in group}
    known = [name for name in names if name in number]
    return tuple((a, b) for a, b in itertools.combinations(known, 2) if number[a] != number[b])


def carriers_of(trajectory: Trajectory) -> dict[str, int]:
    """Independent carriers that are present -> charge in e that their displacement moves.

    Species that exchange with one another keep the sum of their displacements at zero, so that one of them, the
    reference, depends on the others: the current sum of q_i dR_i over all of them is that of the others with charges
    q_i - q_ref (derived). The reference is the partner of the hops (O for vacancies, the host for polarons), of several
    partners the neutral or else the most frequent one; the other partners (F_O in addition to O) are carriers as well.
    """
    record = {r.name: r for r in trajectory.species}
    families = [f for f in trajectory.families if record[f.carrier].count]
    charges: dict[str, int] = {}
    for group in exchanging(families):
        moving = dict.fromkeys(f.carrier for f in families if f.carrier in group)
        partners = [name for name in group if name not in moving] or list(group)
        reference = min(partners, key=lambda name: (record[name].charge_e != 0, -record[name].count))
        names = [*(name for name in moving if name != reference), *(name for name in partners if name != reference)]
        present = [name for name in dict.fromkeys(names) if record[name].count]
        charges |= {name: record[name].charge_e - record[reference].charge_e for name in present}
    return charges
