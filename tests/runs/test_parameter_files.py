"""`kmc model`, and the JSON schemas that it exports."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from kmc.model.key_reference import read_meanings
from kmc.model.parameters import load_model, shipped_models, source_text
from runs.cli import main
from runs.config import shipped_examples
from runs.parameter_files import schema
from runs.schema.run_file import RunConfig
from tests.kmc.model.test_key_reference import check_complete


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} (" in listed for name in shipped_models())
    assert "lsf64 (perovskite; 7 numbers, 3 assumed)" in listed
    assert main(["model", "show", "lsf64"]) == 0
    shown = capsys.readouterr().out
    assert "hole: barrier: 0.375 eV [assumed]" in shown and "caution, hole:" in shown


def test_a_new_file_is_a_valid_copy_with_its_own_name(tmp_path: Path, refused: Callable[..., str]) -> None:
    file = tmp_path / "my stf.toml"
    assert main(["model", "new", "--from", "lsf64", "-o", str(file)]) == 0
    model, origin = load_model(file), load_model("lsf64")
    assert model.name == "my-stf" and model.hops == origin.hops and model.species == origin.species
    assert file.read_text(encoding="utf-8").startswith("# Started from lsf64")
    assert "exists already" in refused("model", "new", "--from", "lsf64", "-o", file)
    assert "did you mean 'lsf64'?" in refused("model", "new", "--from", "lsf46", "-o", tmp_path / "b.toml")


def test_the_schemas_accept_every_shipped_file() -> None:
    of_model, of_run = (Draft202012Validator(schema(run_file)) for run_file in (False, True))
    for name in shipped_models():
        of_model.validate(tomllib.loads(source_text(name)))
    for name in shipped_examples():
        text = (resources.files("runs") / "examples" / f"{name}.toml").read_text(encoding="utf-8")
        of_run.validate(tomllib.loads(text))


def test_the_schemas_refuse_unknown_keys_and_wrong_values() -> None:
    data = tomllib.loads(source_text("lsf64"))
    validator = Draft202012Validator(schema(False))
    data["hops"][0]["barriers"][0]["energy_eV"] = -1.0
    data["hops"][1]["shel"] = 1
    assert len(list(validator.iter_errors(data))) == 2
    run = Draft202012Validator(schema(True))
    text = (resources.files("runs") / "examples" / "gdc.toml").read_text(encoding="utf-8")
    config = tomllib.loads(text)
    config["crystal"]["vacancies"] = "charge-ballance"
    assert not run.is_valid(config)


def test_a_schema_tells_editors_what_a_key_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "schema", "--run"]) == 0
    found = json.loads(capsys.readouterr().out)
    seed = found["$defs"]["RunSpec"]["properties"]["seed"]
    assert seed["description"] == "of all random numbers" and seed["examples"] == [1]


def test_every_key_of_a_run_file_is_documented_with_a_valid_example() -> None:
    check_complete(RunConfig, read_meanings(resources.files("runs") / "schema" / "keys.toml"))
