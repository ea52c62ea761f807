"""Estimates combined from several modes: which mode each comes from, and their errors."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from analysis.results import SPECIES_KEYS
from analysis.transport.combined_matrix import NO_CROSS
from analysis.transport.conductivity import NOT_POSITIVE
from analysis.transport.polaron_modes import combine
from kmc.model.parameters import load_model
from lattices.constants import ELEMENTARY_CHARGE_C
from lattices.errors import InputError
from runs.cli import main
from tests.runs.conftest import arguments
from tests.systems import NOTE

E2 = ELEMENTARY_CHARGE_C**2


def isotropic(matrix):
    """(C, C, 3, 3) blocks of a cubic crystal."""
    return (np.array(matrix)[..., None, None] * np.eye(3)).tolist()


def part(names, charges, value, stderr):
    """The part of results.json that is read."""
    moved = {key: {"value": 1.0, "stderr": 0.1} for key in SPECIES_KEYS} | {"charge_e": 2}
    absent = {"value": None, "stderr": None, "reason": "polarons.mode = x"}
    still = dict.fromkeys(SPECIES_KEYS, absent) | {"charge_e": 2}
    return {
        "coupled_groups": [],
        "species": {
            name: (moved if name in names else still) | {"kind": kind}
            for name, kind in (("V_O", "ion"), ("electron", "electronic"))
        },
        "onsager": {
            "species": names,
            "charge_moved_e": charges,
            "matrix_1_per_J_m_s": {"value": value, "stderr": stderr},
            "tensor_1_per_J_m_s": {"value": isotropic(value), "stderr": isotropic(stderr)},
        },
        "warnings": [],
        "hops": {"families": {"hop of " + name: {"accepted": 5} for name in names}, "wall_s": 2.0},
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
    """L_VV from scaled kinetics, L_ee on frozen ions, L_Ve kinetic; sigma and its error are calculated by hand."""
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


def test_unknown_estimates_are_null_with_a_reason():
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


def test_uncoupled_carriers_need_no_kinetic_part():
    seen = parts()
    del seen["kinetic"]
    for one in seen.values():
        one["coupled_groups"] = [["V_O"], ["electron"]]
    result = combine(seen)
    assert result["onsager"]["matrix_1_per_J_m_s"]["value"] == [[1e38, 0.0], [0.0, 5e39]]
    full, diagonal = (result[f"ambipolar_{key}S_m"]["value"] for key in ("onsager_conductivity_", "conductivity_"))
    assert full == pytest.approx(diagonal, rel=1e-12)
    assert "cross terms between them zero" in result["ionic_conductivity_S_m"]["mode"]


def test_a_missing_part_is_named():
    for lacking in ("scaled", "frozen-ions"):
        seen = parts()
        del seen[lacking]
        with pytest.raises(InputError, match=f"without its part {lacking}: it was stopped"):
            combine(seen)


@pytest.mark.slow
def test_slowed_carriers_give_no_estimates(tmp_path, capsys):
    """Drift, local diffusivities and decays of electrons in mode scaled are null with a reason, as D* is."""
    small = ["crystal.repeats=[4, 4, 4]", "run.temperature_K=1400", "run.replicas=8", "polarons.mode=scaled"]
    for folder, changes in {
        "field": ["run.field_V_per_m=[2e8, 0, 0]"],
        "profile": ["run.profile={axis=0, bins=4}", "thermodynamics={points=1, trials_per_carrier=20}"],
    }.items():
        assert main(["run", "ceria-reduced", *arguments([*small, *changes]), "--out", str(tmp_path / folder)]) == 0
    field, profile = (json.loads((tmp_path / f / "results.json").read_text()) for f in ("field", "profile"))
    local = profile["profile"]["species"]["electron"]["local_tracer_diffusivity_m2_s"]
    own = profile["chemical_diffusion"]["decay_of_species"]["electron"]["decay"]
    for entry in (field["drift_conductivity_S_m"], field["drift_velocity_m_s"]["electron"], local, own):
        assert entry["value"] is None and "electronic carriers were slowed down" in entry["reason"]
    assert field["drift_velocity_m_s"]["V_O"]["value"] is not None
    assert profile["scale_check"]["reason"].startswith("only one scale was run")
    for changes in (["run.field_V_per_m=[1e8, 0, 0]"], ["polarons.scale=0.8"]):
        refused = arguments([*small, "polarons.mode=auto", *changes])
        assert main(["validate", "ceria-reduced", *refused]) == 2
    assert "takes no field" in capsys.readouterr().err


def test_a_warning_about_a_scale_that_matters():
    parts_seen = parts() | {"scaled-half": copy.deepcopy(parts()["scaled"])}
    parts_seen["scaled-half"]["species"]["V_O"]["tracer_diffusivity_m2_s"] = {"value": 2.0, "stderr": 0.1}
    result = combine(parts_seen)
    check = result["scale_check"]["V_O"]["tracer_diffusivity_m2_s"]
    assert check["value"] == 0.5
    assert check["stderr"] == pytest.approx(0.5 * np.hypot(0.1, 0.05))
    assert any("raise the scale" in line for line in result["warnings"])


def bound_ceria(folder):
    """A parameter file of reduced ceria with an energy between vacancy and electron."""
    import tomli_w

    model = load_model("ceria-reduced").model_dump(exclude_none=True)
    model["pairs"] = [{"species": ["V_O", "electron"], "shell": 1, "energy_eV": -0.1, **NOTE}]
    (folder / "bound.toml").write_text(tomli_w.dumps(model))
    return f"model.parameters={folder / 'bound.toml'}"


@pytest.mark.statistical
@pytest.mark.slow
def test_a_run_in_mode_auto(tmp_path, capsys):
    """All parts are simulated, analysed, plotted and resumed; every estimate names its mode."""
    changes = ["polarons.mode=auto", "crystal.repeats=[4, 4, 4]", "run.temperature_K=1400", "run.replicas=24"]
    changes.append(bound_ceria(tmp_path))
    folder = tmp_path / "run"
    assert main(["run", "ceria-reduced", *arguments(changes), "--out", str(folder)]) == 0
    assert 'polarons.mode = "auto"' in capsys.readouterr().out
    results = json.loads((folder / "results.json").read_text())
    assert results["polaron_mode"] == "auto" and set(results["modes"]) == {
        "scaled",
        "scaled-half",
        "frozen-ions",
        "kinetic",
    }
    check = results["scale_check"]["V_O"]["tracer_diffusivity_m2_s"]
    assert abs(check["value"] - 1) < 4 * check["stderr"]
    assert results["ionic_conductivity_S_m"]["mode"].endswith(
        "electronic carriers frozen-ions, cross terms between them kinetic"
    )
    assert results["hops"]["families"]["polaron"]["mode"] == "frozen-ions"
    assert (folder / "onsager.png").stat().st_size > 10_000
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
