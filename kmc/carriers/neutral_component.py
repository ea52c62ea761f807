"""The neutral component: what a crystal can exchange with a reservoir without becoming charged.

It is an ion together with the electronic carriers that compensate its charge (one O and two electrons or holes), or a
single species that is neutral.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from kmc.tables.event_tables import EventTables

MOST_ELECTRONIC = 2  # electronic carriers of one ion


@dataclass(frozen=True)
class Component:
    """A forward move replaces a partner of `ion_family` by its carrier, such as O by V_O, in a neutral crystal.

    name: the particle that is exchanged: O for a vacancy mechanism, otherwise the carrier. per_carrier: particles that
    one carrier represents, -1 for vacancies. electronic_family: -1 where none is needed. electronic: number of
    electronic carriers that a forward move creates (> 0) or removes (< 0).
    """

    name: str
    carrier: str
    per_carrier: int
    ion_family: int
    electronic_family: int
    electronic_carrier: str | None
    electronic: int

    def as_dict(self) -> dict[str, str | int | None]:
        """The members by name, for files."""
        return asdict(self)


def neutral_component(tables: EventTables, vacancies: list[str], band: bool = False) -> Component | str:
    """The neutral component of a system, or the reason why it has none.

    vacancies: species that are empty ion sites. A move is neutral if the charges that it changes add up to zero.
    band: whether a band-like electronic conductivity is given. In a model without electronic carriers, the electrons of
    the band then compensate the ion; their chemical potential is taken to be constant, as in a metal.
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
    if band and not electronic:
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
