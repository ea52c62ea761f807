"""Figures put together from several modes: which one each comes from, and their errors."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from analysis.modes import NO_CROSS, NOT_POSITIVE, combine
from analysis.units import ELEMENTARY_CHARGE_C
from runs.cli import main
from tests.runs.conftest import arguments

E2 = ELEMENTARY_CHARGE_C**2


def part(names, charges, value, stderr):
    """As much of results.json as is read."""
    moved = {"tracer_diffusivity_m2_s": {"value": 1.0, "stderr": 0.1}, "charge_e": 2}
    still = {"tracer_diffusivity_m2_s": {"value": None, "stderr": None, "reason": "polarons.mode = x"}, "charge_e": 2}
    return {
        "species": {name: moved if name in names else still for name in ("V_O", "electron")},
        "onsager": {
            "species": names,
            "charge_moved_e": charges,
            "matrix_1_per_J_m_s": {"value": value, "stderr": stderr},
        },
        "warnings": [],
        "hops": {},
        "elapsed_time_s": 1.0,
    }


def parts(cross=-2e38):
    kinetic = part(["V_O", "electron"], [2.0, -1.0], [[9e38, cross], [cross, 9e38]], [[1e37, 4e37], [4e37, 1e37]])
    return {
        "scaled": part(["V_O"], [2.0], [[1e38]], [[3e36]]),
        "frozen-ions": part(["electron"], [-1.0], [[5e39]], [[1e38]]),
        "kinetic": kinetic,
    }


def test_every_entry_comes_from_its_mode():
    """L_VV scaled, L_ee on frozen ions, L_Ve kinetic; sigma and its error by hand."""
    result = combine(parts())
    assert result["onsager"]["matrix_1_per_J_m_s"]["value"] == [[1e38, -2e38], [-2e38, 5e39]]
    assert result["species"]["electron"]["tracer_diffusivity_m2_s"]["mode"] == "frozen-ions"
    assert result["species"]["V_O"]["tracer_diffusivity_m2_s"]["mode"] == "scaled"
    ionic = result["ionic_conductivity_S_m"]
    assert ionic["value"] == pytest.approx(E2 * (4 * 1e38 + 2 * 2e38))
    assert ionic["stderr"] == pytest.approx(E2 * np.hypot(4 * 3e36, 2 * 4e37))
    total = result["total_conductivity_S_m"]
    assert total["value"] == pytest.approx(E2 * (4e38 + 8e38 + 5e39))
    numbers = [result[f"{kind}_transference_number"]["value"] for kind in ("ionic", "electronic")]
    assert sum(numbers) == pytest.approx(1, abs=1e-12)
    amb = result["ambipolar_onsager_conductivity_S_m"]
    assert amb["value"] == pytest.approx(E2 * 4 * (1e38 * 5e39 - 4e76) / (4e38 + 8e38 + 5e39))
    limit = result["ambipolar_conductivity_S_m"]["value"]
    assert limit == pytest.approx(E2 * 4e38 * 5e39 / (4e38 + 5e39))


def test_what_is_unknown_is_null_with_its_reason():
    without = parts()
    del without["kinetic"]
    result = combine(without)
    assert result["onsager"]["matrix_1_per_J_m_s"]["value"] == [[1e38, None], [None, 5e39]]
    assert result["ambipolar_onsager_conductivity_S_m"]["reason"] == NO_CROSS
    assert result["ionic_conductivity_S_m"]["value"] == pytest.approx(E2 * 4e38)
    assert "cross terms unknown" in result["ionic_conductivity_S_m"]["formula"]
    assert combine(parts(cross=-8e38))["ambipolar_onsager_conductivity_S_m"]["reason"] == NOT_POSITIVE
    lacking = copy.deepcopy(parts())
    lacking["scaled"]["onsager"] = {
        "species": None,
        "matrix_1_per_J_m_s": {"value": None, "stderr": None, "reason": "too short"},
    }
    assert combine(lacking)["ionic_conductivity_S_m"]["reason"] == "too short"


def test_a_scale_that_matters_is_told():
    parts_seen = parts() | {"scaled-half": copy.deepcopy(parts()["scaled"])}
    figure = {"value": 2.0, "stderr": 0.1}
    parts_seen["scaled-half"]["species"]["V_O"] = {"tracer_diffusivity_m2_s": figure, "charge_e": 2}
    result = combine(parts_seen)
    assert result["scale_check"]["V_O"]["value"] == 0.5
    assert result["scale_check"]["V_O"]["stderr"] == pytest.approx(0.5 * np.hypot(0.1, 0.05))
    assert any("raise the scale" in line for line in result["warnings"])


def test_a_run_in_mode_auto(tmp_path, capsys):
    """All parts walked, analysed, drawn, resumed; every figure names its mode."""
    changes = ["polarons.mode=auto", "crystal.repeats=[4, 4, 4]", "run.temperature_K=1400", "run.replicas=24"]
    folder = tmp_path / "run"
    assert main(["run", "ceria-reduced", *arguments(changes), "--out", str(folder)]) == 0
    results = json.loads((folder / "results.json").read_text())
    assert results["polaron_mode"] == "auto" and set(results["modes"]) == {
        "scaled",
        "scaled-half",
        "frozen-ions",
        "kinetic",
    }
    assert abs(results["scale_check"]["V_O"]["value"] - 1) < 4 * results["scale_check"]["V_O"]["stderr"]
    assert results["species"]["V_O"]["tracer_diffusivity_m2_s"]["mode"] == "scaled"
    assert results["species"]["electron"]["tracer_diffusivity_m2_s"]["mode"] == "frozen-ions"
    kinetic = json.loads((folder / "kinetic" / "results.json").read_text())
    for name in ("V_O", "electron"):
        one, other = (r["species"][name]["tracer_diffusivity_m2_s"] for r in (results, kinetic))
        assert abs(one["value"] - other["value"]) < 4 * np.hypot(one["stderr"], other["stderr"])
    assert main(["run", "ceria-reduced", *arguments(changes), "--out", str(folder), "--resume"]) == 0
    assert main(["analyze", str(folder)]) == 0 and main(["plot", str(folder)]) == 0
    refused = [*changes, "run.duration={precision=0.1}"]
    assert main(["run", "ceria-reduced", *arguments(refused), "--out", str(tmp_path / "no")]) == 2
    capsys.readouterr()
