"""Writes the tables of numbers in docs/systems/*.md from the parameter files: `python docs/parameter_tables.py`.

A page names its sets between marks, `<!-- numbers: lsf64 -->` and `<!-- end -->`; what stands between is replaced.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"(<!-- numbers: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name: str) -> str:
    """A Markdown table of every number of a shipped parameter set."""
    from kmc.model import load_model

    model = load_model(name)
    rows: list[tuple[str, str, str, str]] = []

    def add(what: str, number: object, unit: str) -> None:
        rows.append((what, f"{number.value:g} {unit}".strip(), number.mark, number.source))  # type: ignore[attr-defined]  # Sourced

    if model.lattice_parameter_angstrom:
        add("lattice parameter", model.lattice_parameter_angstrom, "Å")
    if model.proton_sites:
        add("proton place, over the lattice parameter", model.proton_sites.displacement, "")
    for hop in model.hops:
        add(f"{hop.name}: attempt frequency", hop.attempt_frequency_Hz, "Hz")
        for barrier in hop.barriers:
            gate = f" between {', '.join(barrier.gate)}" if barrier.gate else ""
            rows.append((f"{hop.name}: barrier{gate}", f"{barrier.energy_eV:g} eV", barrier.mark, barrier.source))
        if hop.reorganisation_energy_eV and hop.transfer_integral_eV:
            add(f"{hop.name}: reorganisation energy", hop.reorganisation_energy_eV, "eV")
            add(f"{hop.name}: transfer integral", hop.transfer_integral_eV, "eV")
    for pair in model.pairs:
        value = "forbidden" if pair.forbidden else f"{pair.energy_eV:g} eV"
        rows.append((f"{' - '.join(pair.species)}, shell {pair.shell}", value, pair.mark, pair.source))
    if model.oxygen_exchange:
        add("oxygen exchange: enthalpy", model.oxygen_exchange.enthalpy_J_mol, "J/mol")
        add("oxygen exchange: entropy", model.oxygen_exchange.entropy_J_mol_K, "J/mol/K")
    lines = ["| number | value | mark | source |", "|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def updated(text: str) -> str:
    """The page with its tables as the parameter files have them."""
    return MARK.sub(lambda found: found[1] + table(found[2]) + found[3], text)


def main() -> None:
    """Rewrite every page."""
    sys.path.insert(0, str(ROOT))
    for page in sorted((ROOT / "docs" / "systems").glob("*.md")):
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
