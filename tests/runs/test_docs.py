"""The pages of the systems say what the parameter files say, and their commands and pictures exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from runs.cli import main
from runs.config import shipped_examples
from runs.study import load_study

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "systems").glob("*.md"))


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
    for command in re.findall(r"^kmc (\w+) ([^#\n]*)", text, flags=re.MULTILINE):
        words = command[1].split()
        if command[0] == "run":
            assert words[0] in shipped_examples()
        elif command[0] == "study":
            load_study(Path(words[0]))
        else:
            assert main([command[0], *words]) == 0
    capsys.readouterr()
