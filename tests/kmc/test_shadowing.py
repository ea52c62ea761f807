"""A user's file that hides one of our packages is named in one line, however the command is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kmc
from kmc.version import VERSION

ROOT = Path(kmc.__file__).resolve().parent.parent


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a folder that precedes our packages on its path."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["analysis", "runs", "lattices"])
@pytest.mark.parametrize("form", ["{}.py", "{}/__init__.py"])
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str, form: str) -> None:
    file = tmp_path / form.format(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text("x = 1\n")
    for start in (["-m", "kmc"], ["-c", "import sys; from kmc.__main__ import main; sys.exit(main())"]):
        found = call(tmp_path, *start, "info")
        assert found.returncode == 2 and found.stdout == ""
        assert found.stderr.startswith(f"kmc: {file} hides the package {name!r}") and found.stderr.count("\n") == 1


def test_a_folder_of_results_hides_nothing(tmp_path: Path) -> None:
    """Folders named runs or analysis without an __init__.py are common and harmless."""
    for name in ("analysis", "runs"):
        (tmp_path / name).mkdir()
    found = call(tmp_path, "-m", "kmc", "--version")
    assert (found.returncode, found.stdout) == (0, f"kmc {VERSION}\n")
