"""Species that exchange sites with one another, by the hop families of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmc.files.header import FamilyRecord


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
