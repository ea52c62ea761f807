"""The Python example of the README: the same text as the shipped file, and it runs."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "runs" / "examples" / "quickstart.py"


def test_the_readme_shows_the_shipped_example() -> None:
    code = EXAMPLE.read_text(encoding="utf-8").split('"""', 2)[2].strip()
    assert code in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Smaller and shorter than shown."""
    code = EXAMPLE.read_text(encoding="utf-8")
    short = code.replace("(6, 6, 6)", "(3, 3, 3)").replace("Hops(100)", "Hops(20)")
    assert short != code
    (tmp_path / "example.py").write_text(short, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    results = runpy.run_path("example.py")["run"].results
    assert results["species"]["O"]["tracer_diffusivity_m2_s"]["value"] > 0
    assert " m2/s " in capsys.readouterr().out.splitlines()[-1]
