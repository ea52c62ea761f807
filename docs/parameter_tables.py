"""Writes the tables of numbers in docs/systems/*.md from the parameter files: `python docs/parameter_tables.py`.

A page names what it shows between marks, `<!-- numbers: lsf64 -->` (a parameter set of the walk),
`<!-- constants: lsf -->` (a file of equilibrium constants) or `<!-- expansion: lsf64 -->` (coefficients of a material),
and `<!-- end -->`; what stands between is replaced.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"(<!-- (numbers|constants|expansion): ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Row = tuple[str, ...]


def numbers(name: str) -> str:
    """A Markdown table of every number of a shipped parameter set."""
    from kmc.model.listing import numbers_of
    from kmc.model.parameters import load_model

    return _markdown(("number", "value", "mark", "source"), numbers_of(load_model(name)))


def constants(family: str) -> str:
    """A Markdown table of the sets of one file of equilibrium constants: numbers, ranges, ranges that are not known."""
    from lattices.defects.constants import FAMILIES, load_materials

    if family not in FAMILIES:
        raise ValueError(f"constants: {family}: the files are {', '.join(FAMILIES)}")
    materials = load_materials().values()
    named = {name: one for material in materials for name, one in material.sets.items()}
    rows: list[Row] = []
    for name in _sets_of(family):
        chosen = named[name]
        users = [material.name for material in materials if material.default_set == name]
        rows.append((name, "default of", ", ".join(users) or "none", "", chosen.title))
        for key, number in chosen.values.items():
            unit = "" if number.unit == "1" else f" {number.unit}"
            rows.append((name, key, f"{number.value:g}{unit}", number.mark, number.source))
        for key, limits in chosen.ranges.items():
            span = f"from {limits.low:g}" if math.isinf(limits.high) else f"{limits.low:g} to {limits.high:g}"
            rows.append((name, f"range of {key}", span, limits.mark, limits.source))
        rows += [(name, f"range of {key}", "not known", "", why) for key, why in chosen.unknown.items()]
        rows += [(name, "note", "", "", note) for note in chosen.notes]
    return _markdown(("set", "number", "value", "mark", "source"), rows)


def _sets_of(family: str) -> list[str]:
    import tomllib

    text = (ROOT / "lattices" / "defects" / f"{family}.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["sets"])


def expansion(material: str) -> str:
    """A Markdown table of the expansion coefficients of a material."""
    from lattices.ions import radii_file

    known, sets = radii_file()["expansion"][material], radii_file()["expansion_sets"]
    rows: list[Row] = []
    for name in known["sets"]:
        chosen = sets[name]
        shown = f"{name} (default)" if name == known["default"] else name
        about = (chosen["mark"], chosen["source"])
        for kelvin, value in zip(chosen["points_K"], chosen["strain_per_delta"], strict=True):
            where = f"strain per delta at {kelvin:g} K" if kelvin else "strain per delta"
            rows.append((shown, where, f"{value:g}", *about))
        if "thermal_per_K" in chosen:
            rows.append((shown, "thermal strain", f"{chosen['thermal_per_K']:g} 1/K", *about))
        ranges = [key for key in ("temperature_K", "delta") if key in chosen]
        rows += [(shown, f"range of {key}", f"{chosen[key][0]:g} to {chosen[key][1]:g}", *about) for key in ranges]
        rows += [(shown, f"range of {key}", "not known", "", why) for key, why in chosen.get("unknown", {}).items()]
    return _markdown(("set", "number", "value", "mark", "source"), rows)


def _markdown(head: Row, rows: Iterable[Row]) -> str:
    lines = [" | ".join(row) for row in (head, *rows)]
    rule = "|" + "---|" * len(head)
    return "\n".join([f"| {lines[0]} |", rule, *(f"| {line} |" for line in lines[1:])]) + "\n"


TABLES = {"numbers": numbers, "constants": constants, "expansion": expansion}


def updated(text: str) -> str:
    """The page with its tables regenerated from the parameter files."""
    return MARK.sub(lambda found: found[1] + TABLES[found[2]](found[3]) + found[4], text)


def main() -> None:
    """Rewrite every page."""
    sys.path.insert(0, str(ROOT))
    for page in sorted((ROOT / "docs" / "systems").glob("*.md")):
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
