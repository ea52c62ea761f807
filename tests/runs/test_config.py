"""The run file: valid and invalid input, and the resolved file, which describes the same run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kmc.model.parameters import load_model
from kmc.rng.philox import STREAM_TRIALS, stream_key
from kmc.run.settings import Hops, Precision, Seconds
from lattices.errors import InputError
from runs.build import resolve, settings_of
from runs.config import first_difference, load_config, resolved_toml, shipped_examples
from runs.jobs import one_temperature, parts_of
from tests.runs.systems import system_of

FLUORITE = """
[crystal]
prototype = "fluorite"
host = { cation = "Ce" }
repeats = [3, 3, 3]
doping = { Gd = 0.1 }
vacancies = "charge-balance"
[model]
parameters = "gdc-chgnet-preview"
[run]
temperature_K = 1200
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(FLUORITE)
    return path


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("crystal.dopping={Gd=0.1}", "unknown key crystal.dopping; allowed are prototype, host,"),
        ("crystal.vacancies={frac=0.1}", "unknown key crystal.vacancies.frac; allowed are fraction, number,"),
        ("crystal.doping.Gd={fractions=0.1}", "unknown key crystal.doping.Gd.fractions; allowed are fraction,"),
        ("run.duration={seconds=1}", "unknown key run.duration.seconds; allowed are hops_per_carrier, time_s,"),
        ("run.duration={time_s=1e-6, precision=0.1}", "run.duration: exactly one of hops_per_carrier, time_s,"),
        ("crystal.doping.Gd=-0.1", "crystal.doping.Gd.fraction = -0.1"),
        ("crystal.doping.Gd=nan", "crystal.doping.Gd.fraction = nan"),
        ("crystal.doping.Gd={fraction=0.1, number=3}", "crystal.doping.Gd: a site fraction, or a table"),
        ("crystal.doping.Gd={number=-1}", "crystal.doping.Gd.number = -1"),
        ("crystal.vacancies=balance", "'balance' was given; \"charge-balance\""),
        ("crystal.repeats=[3, 3]", "[3, 3] was given; three whole numbers"),
        ("crystal.file=x.cif", "exactly one of prototype and file"),
        ("run.temperature_K=nan", "run.temperature_K.0 = nan"),
        ("run.temperature_K=[1000, -5]", "run.temperature_K.1 = -5"),
        ("run.temperature_K=[]", "run.temperature_K"),
        ("run.temperature_K=[900, 900]", "no temperature may be listed twice"),
        ("run.replicas='8'", "run.replicas = '8'"),
        ("run.replicas=true", "run.replicas = True"),
        ("run.replicas=0", "run.replicas = 0"),
        ("run.frames=1.5", "run.frames = 1.5"),
        ("run.duration={time_s=-1.0}", "run.duration.time_s = -1.0"),
        ("run.seed=-1", "run.seed = -1"),
        ("run.backend=gpu", "backend = 'gpu': auto, cuda, cpu, numpy are allowed"),
        ("run.field_V_per_m=[nan, 0, 0]", "run.field_V_per_m.0 = nan"),
    ],
)
def test_bad_values_name_file_key_and_what_is_allowed(run_file: Path, override: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(run_file, [override])
    message = str(caught.value)
    assert message.startswith(f"{run_file}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("crystal.doping.Sm=0.1", "unknown species 'Sm'"),
        ("crystal.repeats=[1, 1, 1]", "too small for"),
        ("crystal.vacancies={number=999}", "the sublattice has 216 sites"),
        ("crystal.host.cation=Zr", "which allows Ce"),
        ("crystal.prototype=perovskite", "is for fluorite"),
        ("model.parameters=nowhere", "the shipped sets are"),
        ("crystal.carriers={V_O=0.1}", "are both given"),
    ],
)
def test_input_that_does_not_fit_the_model_names_the_file(run_file: Path, override: str, expected: str) -> None:
    config, base = load_config(run_file, [override])
    with pytest.raises(InputError, match=expected) as caught:
        system_of(config, base, 0)
    assert str(caught.value).startswith(f"{run_file}: ")


@pytest.mark.parametrize("override", ["run.seed", "=3", "run..seed=3", "run.seed.deeper.still=1"])
def test_a_bad_override_is_refused(run_file: Path, override: str) -> None:
    with pytest.raises(InputError):
        load_config(run_file, ["run.seed=1", override])


def test_not_toml(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[crystal\n")
    with pytest.raises(InputError, match="not valid TOML"):
        load_config(tmp_path / "x.toml")


def test_overrides_take_toml_values_and_bare_strings(run_file: Path) -> None:
    overrides = ["run.temperature_K=[800, 900]", "crystal.repeats=[4, 4, 4]", "run.backend=numpy", "run.replicas=2"]
    config, _ = load_config(run_file, overrides)
    assert config.run.temperatures_K == [800.0, 900.0]
    assert (config.crystal.repeats, config.run.backend, config.run.replicas) == ((4, 4, 4), "numpy", 2)


@pytest.mark.parametrize(
    "doping",
    [
        "0.1",
        "{fraction=0.1}",
        "{number=11}",
        "{sites=[0, 5, 7, 12, 19, 23, 31, 44, 58, 71, 90]}",
        '{profile={axis=2, fractions=[0.0, 0.2], interpolation="linear"}}',
    ],
)
def test_forms_of_doping_and_their_resolved_form(run_file: Path, tmp_path: Path, doping: str) -> None:
    config, base = load_config(run_file, [f"crystal.doping.Gd={doping}"])
    system = system_of(config, base, 0)
    assert system.composition.counts["Gd"] == 11  # 10 % of 108, rounded
    assert system.composition.counts["V_O"] == 5
    resolved = resolve(config, base)
    (tmp_path / "again.toml").write_text(resolved_toml(resolved, {"notes": ["a"]}))
    again, _ = load_config(tmp_path / "again.toml")
    assert first_difference(resolved, again) is None
    assert system_of(again, tmp_path, 0).tables.digest == system.tables.digest
    assert first_difference(resolved, load_config(run_file, ["crystal.doping.Gd=0.2"])[0]) is not None


def test_a_temperature_of_a_list_has_the_same_trajectory_alone(run_file: Path) -> None:
    """The run file of one temperature holds its random stream."""
    whole, base = load_config(run_file, ["run.temperature_K=[1000, 1200]"])
    alone, _ = load_config(run_file, ["run.temperature_K=1200", "run.temperature_index=1"])
    states = [system_of(whole, base, 1).initial_state(), system_of(alone, base, 0).initial_state()]
    other = system_of(load_config(run_file)[0], base, 0).initial_state()
    assert np.array_equal(states[0].occupants, states[1].occupants)
    assert not np.array_equal(states[0].occupants, other.occupants)


PARTS = "run.parallel={domains={extrapolate=true}}"


@pytest.mark.parametrize(
    ("changes", "most"),
    [([], 2**24 - 2), ([PARTS], 2**16 - 2), (['polarons.mode="auto"'], 2**16 - 2)],
)
def test_no_trajectory_uses_the_random_numbers_of_another(run_file: Path, changes: list[str], most: int) -> None:
    """Two temperatures; the parts of a run have streams 2^16 apart, and the key of the random numbers has 24 bits."""
    changes = [*changes, "run.temperature_K=[1000, 1200]"]
    load_config(run_file, [*changes, f"run.temperature_index={most}"])
    with pytest.raises(InputError, match=rf"run\.temperature_index = {most + 1}: at most {most} is allowed"):
        load_config(run_file, [*changes, f"run.temperature_index={most + 1}"])


def test_the_parts_of_a_run_have_independent_random_numbers(run_file: Path, tmp_path: Path) -> None:
    """This holds at the largest allowed index; a part can be run separately from its own run file."""
    system = system_of(*load_config(run_file))
    changes = [PARTS, "run.temperature_K=[1000, 1200]", f"run.temperature_index={2**16 - 2}"]
    config, _ = load_config(run_file, changes)
    parts = [part for n in (0, 1) for part, _ in parts_of(one_temperature(config, n)[0], system)]
    indices = [part.run.temperature_index for part in parts]
    assert len(indices) == 6 == len({stream_key(1, index, STREAM_TRIALS) for index in indices})
    alone = resolved_toml(parts[-1], {})
    assert f"temperature_index = {max(indices)}" in alone
    (tmp_path / "alone.toml").write_text(alone)
    load_config(tmp_path / "alone.toml")


def test_a_structure_file_with_named_sublattices(tmp_path: Path) -> None:
    """A CIF gives the same tables as the prototype; an unreadable CIF is refused."""
    from ase.build import bulk

    bulk("CeO2", "fluorite", a=5.411, cubic=True).write(tmp_path / "ceria.cif")
    text = FLUORITE.replace('prototype = "fluorite"\nhost = { cation = "Ce" }', 'file = "ceria.cif"')
    text += '[crystal.sublattices]\nanion = "O"\ncation = "Ce"\n'
    (tmp_path / "case.toml").write_text(text)
    config, base = load_config(tmp_path / "case.toml")
    system = system_of(config, base, 0)
    assert system.composition.counts == {"O": 211, "V_O": 5, "Ce": 97, "Gd": 11}
    elsewhere = resolve(config, base)
    assert system_of(elsewhere, Path("/"), 0).tables.digest == system.tables.digest
    (tmp_path / "ceria.cif").write_text("data_\nloop_\n_atom_site_label\n")
    with pytest.raises(InputError, match="cannot read the structure file"):
        system_of(config, base, 0)


def test_carriers_by_name(run_file: Path) -> None:
    """Any species of the model may be listed in [crystal.carriers], one of them by charge balance."""
    run_file.write_text(FLUORITE.replace("vacancies =", "carriers.V_O ="))
    config, base = load_config(run_file)
    assert system_of(config, base, 0).composition.counts["V_O"] == 5


def test_duration_forms(run_file: Path) -> None:
    settings = [
        settings_of(load_config(run_file, [f"run.duration={form}"])[0], load_model("ideal-fluorite"))
        for form in ("{hops_per_carrier=7}", "{time_s=1e-9}", "{precision=0.1}")
    ]
    assert [s.duration for s in settings] == [Hops(7.0), Seconds(1e-9), Precision(0.1)]


def test_the_documented_examples_are_shipped() -> None:
    wanted = {"gdc", "ideal-fluorite", "ideal-perovskite", "lsf64-vacancies", "smallest", "ydc"}
    assert wanted <= set(shipped_examples())


def test_a_precision_of_the_tracer_diffusivity_is_refused_in_a_field(run_file):
    with pytest.raises(InputError, match=r"precision = 0\.05 was given with a field"):
        load_config(run_file, ["run.duration={precision=0.05}", "run.field_V_per_m=[1e7, 0, 0]"])
