"""All problems of a file at once, in words of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from kmc.model.parameters import load_model, source_text
from lattices.errors import InputError
from lattices.toml import parse_toml

NU = '{ value = 1e13, source = "made up", mark = "assumed" }'
BAD = f"""
name = "bad"
colour = "red"
[species]
O = {{ sublattice = "anion", charge = 0.5, element = "O" }}
V_O = {{ sublattice = "anion", charge = 2, elment = "X" }}
[[hops]]
name = "vacancy"
carrier = "V_O"
partner = "O"
attempt_frequency_Hz = {NU}
barriers = [
    {{ energy_eV = -0.1, source = "made up", mark = "guessed" }},
    {{ energy_eV = "high", source = "x", mark = "asumed" }},
]
"""


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        load_model(path)
    return caught.value.lines


def test_every_problem_has_a_line_with_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    marks = "allowed are 'read', 'computed', 'derived' or 'assumed'"
    expected = {
        "unknown key colour; allowed are name, description, prototype",
        "species.O.charge = 0.5: a whole number is needed",
        "species.V_O.element is missing",
        "unknown key species.V_O.elment; allowed are sublattice, charge, element, label, oxidation_state, kind; did "
        "you mean 'element'?",
        "hops.0.barriers.0.energy_eV = -0.1: must be at least 0",
        f"hops.0.barriers.0.mark = 'guessed': {marks}",
        "hops.0.barriers.1.energy_eV = 'high': a number is needed",
        "hops.0.barriers.1.source = 'x': at least 3 characters are needed",
        f"hops.0.barriers.1.mark = 'asumed': {marks}; did you mean 'assumed'?",
    }
    found = problems(path)
    assert len(found) == len(expected)
    for line in expected:
        assert any(each.startswith(f"{path}: {line}") for each in found), (line, found)


def test_names_that_do_not_fit_are_listed_together(tmp_path: Path) -> None:
    data = parse_toml(source_text("gdc-chgnet-preview"))
    hop, pair = data["hops"][0], data["pairs"][0]  # type: ignore[index]
    hop["barriers"][1]["gate"] = ["Ce", "Gdd"]
    pair["species"] = ["V_N", "Gd"]
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(data), encoding="utf-8")
    first, second = problems(path)
    assert "hop 'vacancy': a gate names species 'Gdd'; known are O, V_O, Ce, Gd; did you mean 'Gd'?" in first
    assert "an entry of pairs names species 'V_N'; known are O, V_O, Ce, Gd; did you mean 'V_O'?" in second


def test_a_file_with_very_many_problems_ends_with_their_number(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\n[species]\n' + "".join(f"S{n} = {{}}\n" for n in range(40)), encoding="utf-8")
    found = problems(path)
    assert len(found) == 21 and found[-1].endswith("100 more problems")


def test_equal_entries_of_a_list_share_a_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\nspecies = {}\npairs = [{ species = [1, 1], shell = 1 }]\n', encoding="utf-8")
    found = problems(path)
    assert found[0] == f"{path}: pairs.0.species.0 = 1: a text in quotes is needed (1 more entries like this)"
    assert len(found) == 3  # source and mark are missing
