"""The pages of the systems agree with the parameter files, and their commands and figures exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from lattices.defects.constants import load_materials
from runs.cli import main
from runs.config import load_config, shipped_examples
from runs.study.study_file import load_study

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "systems").glob("*.md"))
# Page of each system, and the tables that it has in addition to the simulation parameters.
NEEDED = {
    "gdc": (),
    "reduced-ceria": ("constants: ceria", "expansion: ceria"),
    "lsf": ("constants: lsf", "expansion: lsf64"),
    "bzy": ("constants: proton_perovskites",),
    "ydc-ysz": (),
}


def tables():
    spec = importlib.util.spec_from_file_location("parameter_tables", ROOT / "docs" / "parameter_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_is_up_to_date(page, capsys):
    text = page.read_text(encoding="utf-8")
    assert tables().updated(text) == text, "run python docs/parameter_tables.py"
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (page.parent / picture).is_file(), picture
    for command, given in commands_of(text):
        if command == "run":
            assert given[0] in shipped_examples()
        elif command == "study":
            load_study(Path(given[0]))
        else:
            assert main([command, *given]) == 0
    capsys.readouterr()


def commands_of(text):
    """(subcommand, its arguments) of every command line on a page."""
    found = re.findall(r"^kmc (\w+) ([^#\n]*)", text, flags=re.MULTILINE)
    return [(command, given.split()) for command, given in found]


@pytest.mark.parametrize("name", NEEDED)
def test_every_system_has_its_page(name):
    """It says what is modelled and what is not, and has a command, a figure, and the numbers with their sources."""
    text = (ROOT / "docs" / "systems" / f"{name}.md").read_text(encoding="utf-8")
    assert "**Modelled.**" in text and "**Not modelled.**" in text
    assert any(command == "run" for command, _ in commands_of(text))
    assert re.search(r"!\[.+?\]\(\S+\.png\)", text)
    sets = re.findall(r"<!-- numbers: ([\w-]+) -->\n\| number \| value \| mark \| source \|\n", text)
    assert sets
    ran = {load_config(given[0])[0].model.parameters for command, given in commands_of(text) if command == "run"}
    assert set(sets) <= ran, "a page must show the numbers of the parameter sets that its commands run"


@pytest.mark.parametrize(("name", "blocks"), NEEDED.items())
def test_constants_and_expansion_are_on_the_pages(name, blocks):
    """Every set is shown with its range, or with the remark that the range is not known."""
    text = (ROOT / "docs" / "systems" / f"{name}.md").read_text(encoding="utf-8")
    for block in blocks:
        shown = re.search(rf"<!-- {block} -->\n(.*?)<!-- end -->", text, flags=re.DOTALL)
        assert shown, block
        rows = [line.split(" | ") for line in shown[1].splitlines()[2:]]
        for one in {row[0] for row in rows}:
            assert any(row[1] == "range of temperature_K" and row[2] for row in rows if row[0] == one), one


def test_every_shipped_constant_is_on_a_page():
    on_pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for material in load_materials().values():
        for name, chosen in material.sets.items():
            for key, number in chosen.values.items():
                assert f"| {name} | {key} | {number.value:g}" in on_pages, (name, key)
    with pytest.raises(ValueError, match="the files are ceria, lsf, proton_perovskites"):
        tables().updated("<!-- constants: glass -->\n<!-- end -->")


def test_the_pages_of_all_keys_are_current():
    spec = importlib.util.spec_from_file_location("key_pages", ROOT / "docs" / "key_pages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, text in module.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run python docs/key_pages.py"
