"""model.electronic in a run file: what it changes, what is said about it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.cli import main
from runs.config import load_config
from runs.prepare import prepare
from tests.runs.conftest import TINY, arguments

GIVEN = 'model.electronic={ conductivity_S_m = 19100.0, source = "measured in air" }'
SMALL = ["crystal.repeats=[4, 4, 4]", "run.replicas=2"]


def notes(name: str, *overrides: str) -> list[str]:
    config, base = load_config(name, overrides)
    return [note.line for note in prepare(config, base).systems[0].composition.notes]


def test_the_conductivity_of_polarons_in_lsf64_has_a_caution() -> None:
    assert any(line.startswith("warning: hole: sigma_e of these small polarons") for line in notes("lsf64", *SMALL))
    given = notes("lsf64", *SMALL, GIVEN)
    assert not any("small polarons" in line for line in given)
    assert any("19100 S/m at 1073 K, given (measured in air)" in line for line in given)
    assert any(line.startswith("warning: the hops of hole are simulated, but the given") for line in given)


def test_a_model_without_electronic_carriers_says_what_its_thermodynamic_factor_is() -> None:
    assert any("no electronic carrier: Theta is that of the ions" in line for line in notes("gdc", *SMALL, several(3)))


def several(number: int) -> str:
    return f'model.electronic={{ conductivity_S_m = {[1.0 + n for n in range(number)]}, source = "test" }}'


@pytest.mark.slow
def test_each_temperature_has_its_own_conductivity(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = 'model.electronic={ conductivity_S_m = [100.0, 300.0], source = "test" }'
    assert main(["run", "smallest", "--out", str(folder), *arguments([*TINY, given])]) == 0
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert [run["electronic_conductivity_S_m"]["value"] for run in found["runs"]] == pytest.approx([100, 300])
    assert "conductivity_S_m = 300.0" in (folder / "T1400K" / "run.toml").read_text(encoding="utf-8")
    for run in found["runs"]:
        ion, electronic = (run[f"{kind}_conductivity_S_m"]["value"] for kind in ("ionic", "electronic"))
        assert run["total_conductivity_S_m"]["value"] == pytest.approx(electronic + ion, rel=1e-9)
        assert run["onsager"]["given"] == "sigma_e given: test"


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("lsf64", [GIVEN, 'polarons.mode="auto"'], 'polarons.mode = "auto" determines the electronic conductivity'),
        ("lsf64", [GIVEN, 'polarons.mode="frozen-ions"'], '"kinetic" and "scaled" are allowed'),
        ("lsf64", [several(2)], "holds 2 values for 1 temperatures"),
        ("lsf64", ["model.electronic={ conductivity_S_m = 1.0 }"], "model.electronic.source is missing"),
        ("lsf64", ['model.electronic={ conductivity_S_m = -1, source = "test" }'], "must be above 0"),
    ],
)
def test_refused(refused: Callable[..., str], name: str, overrides: list[str], message: str) -> None:
    assert message in refused("validate", name, *arguments([*SMALL, *overrides]))
