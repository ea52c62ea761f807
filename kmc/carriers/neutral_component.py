"""The neutral component: what a crystal can take up or give away without charging itself.

An ion together with the electronic carriers that keep it neutral (one O and two electrons or holes), or one species
where that is neutral itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kmc.tables.event_tables import EventTables

MOST_ELECTRONIC = 2  # electronic carriers of one ion


@dataclass(frozen=True)
class Component:
    """A forward move puts a carrier of `ion_family` in its partner's place: V_O for O, and the gas loses nothing else.

    name: of the particle that comes and goes, O for a vacancy mechanism, else the carrier. per_carrier: particles that
    one carrier stands for, -1 for vacancies. electronic_family: -1 where none is needed. electronic: those that
    a forward move makes (> 0) or takes away (< 0), as many as needed for neutrality.
    """

    name: str
    carrier: str
    per_carrier: int
    ion_family: int
    electronic_family: int
    electronic_carrier: str | None
    electronic: int

    def as_dict(self) -> dict[str, Any]:
        """For files."""
        return asdict(self)


def neutral_component(tables: EventTables, vacancies: list[str]) -> Component | str:
    """The neutral component of a system, or the reason why it has none.

    vacancies: species that are empty sites. Neutral means: the charges that a move turns add up to zero.
    """
    names = tables.species
    carriers = dict.fromkeys(int(c) for c in tables.carrier)
    ions = [c for c in carriers if not tables.electronic[c]]
    electronic = [c for c in carriers if tables.electronic[c]]
    if len(ions) != 1:
        return f"needs one kind of mobile ion; the model has {', '.join(names[c] for c in ions) or 'none'}"
    ion = ions[0]
    family = int((tables.carrier == ion).argmax())
    partner = int(tables.partner[family])
    particle, sign = (names[partner], -1) if names[ion] in vacancies else (names[ion], 1)
    charge = int(tables.charges[ion] - tables.charges[partner])
    if charge == 0:
        return Component(particle, names[ion], sign, family, -1, None, 0)
    if len(electronic) != 1:
        kind = "a pure ionic conductor" if not electronic else "electronic carriers of more than one kind"
        return f"{kind}: no neutral component ({names[ion]} carries {charge:+d} e)"
    other = int((tables.carrier == electronic[0]).argmax())
    own = int(tables.charges[electronic[0]] - tables.charges[tables.partner[other]])
    needed, left = divmod(-charge, own)
    if left or abs(needed) > MOST_ELECTRONIC:
        return f"{names[ion]} ({charge:+d} e) is not balanced by at most {MOST_ELECTRONIC} {names[electronic[0]]}"
    return Component(particle, names[ion], sign, family, other, names[electronic[0]], needed)
