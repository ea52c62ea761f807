"""Parameter files: the shipped sets are valid, and an error in a file gives one line that names file and key."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path

import pytest
import tomli_w

from kmc.model.parameters import load_model, shipped_models
from lattices.errors import InputError


def shipped_text(name: str) -> str:
    return (resources.files("kmc") / "model" / "parameter_sets" / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_sets_load(name: str, tmp_path: Path) -> None:
    model = load_model(name)
    assert model.name == name and model.hops and model.prototype
    copy = tmp_path / "copy.toml"
    copy.write_text(shipped_text(name), encoding="utf-8")
    assert load_model(copy) == model
    for hop in model.hops:
        assert {hop.carrier, hop.partner} <= model.mobile


def numbers_without_source(value: object, key: str = "") -> list[str]:
    """Keys of physical numbers without source and mark."""
    if isinstance(value, dict):
        if "source" in value and "mark" in value:
            return []
        return [bad for k, v in value.items() for bad in numbers_without_source(v, f"{key}.{k}")]
    if isinstance(value, list):
        return [bad for v in value for bad in numbers_without_source(v, key)]
    return [key] if isinstance(value, float) else []


@pytest.mark.parametrize("name", shipped_models())
def test_every_number_has_a_source(name: str) -> None:
    assert numbers_without_source(tomllib.loads(shipped_text(name))) == []


def test_codes_follow_the_order_of_the_file() -> None:
    model = load_model("gdc-chgnet-preview")
    assert [model.code(name) for name in model.names] == list(range(len(model.names)))
    assert model.on_sublattice("cation") == ["Ce", "Gd"]
    assert model.host_of("cation", "Ce") == "Ce" and model.host_of("anion", "O") == "O"
    assert model.mobile == {"O", "V_O"}
    with pytest.raises(InputError, match=r"unknown species 'Sm'; model 'gdc-chgnet-preview' knows .*Gd"):
        model.code("Sm")
    with pytest.raises(InputError, match=r"host 'Zr' on sublattice 'cation' .* allows Ce"):
        model.host_of("cation", "Zr")


def gdc() -> dict:
    return tomllib.loads(shipped_text("gdc-chgnet-preview"))


def edit(*path: object, value: object):
    """A change of one entry of the parameter file; None removes it."""

    def change(data: dict) -> None:
        *way, last = path
        for step in way:
            data = data[step]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


MARCUS = {"rate": "marcus", "gate": [], "barriers": []}
NUMBER = {"value": 1.0, "source": "made up for a test", "mark": "derived"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit("colour", value="red"), "unknown key colour"),
        (edit("hops", 0, "colour", value="red"), "unknown key hops.0.colour"),
        (edit("name", value=None), "name is missing"),
        (edit("species", "Gd", "charge", value=None), "species.Gd.charge is missing"),
        (edit("species", "Gd", "charge", value=-0.5), "species.Gd.charge = -0.5"),
        (edit("prototype", value="spinel"), "prototype: 'spinel' was given; known prototypes are fluorite, perovskite"),
        (
            edit("hops", 0, "carrier", value="V_N"),
            "hop 'vacancy': carrier or partner names species 'V_N'; known are O, V_O, Ce, Gd",
        ),
        (edit("hops", 0, "carrier", value="O"), "exchanges 'O' with itself"),
        (
            edit("hops", 0, "partner", value="Ce"),
            "joins two sublattices, 'anion' and 'cation'; species.V_O.sublattice and ",
        ),
        (edit("hops", 0, "shell", value=0), "shell = 0: the shells of a hop are numbered from 1"),
        (edit("hops", 0, "shell", value=1.5), "hops.0.shell: 1.5 was given; a shell number or a list of"),
        (edit("hops", 0, "shell", value=[]), "hops.0.shell: [] was given; a shell number or a list of"),
        (edit("hops", 0, "shell", value=[1, 1]), "shell = [1, 1]: a shell is listed twice"),
        (edit("pairs", 0, "shell", value=[0, 1]), "shell 0, the same position, cannot be combined"),
        (
            lambda d: [d["pairs"][0].pop("shell"), d["pairs"][0].update(distance_angstrom=[2.9, 2.6])],
            "distance_angstrom = [2.9, 2.6]: [lowest, highest]",
        ),
        (
            lambda d: d["hops"][0].update(shell=1, distance_angstrom=[2, 3]),
            "shell and distance_angstrom are both given",
        ),
        (
            lambda d: d["hops"][0].update(gate_distance_angstrom=[0, 2], gate_end_distance_angstrom=[0, 2]),
            "gate_distance_angstrom and gate_end_distance_angstrom are both given",
        ),
        (lambda d: d["hops"][0].update(gate=[], gate_distance_angstrom=[0, 2]), "needs gate, the sublattices"),
        (
            edit("hops", 0, "barriers", value=[]),
            'rate = "kra" needs either barriers, at least one, or cluster_expansion',
        ),
        (edit("hops", 0, "barriers", 1, "energy_eV", value=-0.1), "hops.0.barriers.1.energy_eV = -0.1"),
        (edit("hops", 0, "barriers", 1, "energy_eV", value=float("nan")), "hops.0.barriers.1.energy_eV = nan"),
        (edit("hops", 0, "barriers", 1, "source", value=None), "hops.0.barriers.1.source is missing"),
        (edit("hops", 0, "barriers", 1, "mark", value="guessed"), "hops.0.barriers.1.mark = 'guessed'"),
        (edit("hops", 0, "barriers", 1, "gate", value=["Ce", "Sm"]), "names species 'Sm'"),
        (
            edit("hops", 0, "attempt_frequency_Hz", "value", value=-1e13),
            "attempt_frequency_Hz = -1e+13: it must be positive",
        ),
        (
            edit("hops", 0, "attempt_frequency_Hz", "value", value=float("inf")),
            "hops.0.attempt_frequency_Hz.value = inf",
        ),
        (lambda d: d["hops"][0].update(MARCUS), 'rate = "marcus" needs reorganisation_energy_eV'),
        (
            lambda d: d["hops"][0].update(rate="marcus", reorganisation_energy_eV=NUMBER, transfer_integral_eV=NUMBER),
            'rate = "marcus" does not use gate, barriers and cluster_expansion',
        ),
        (edit("pairs", 0, "species", value=["V_O", "Sm"]), "an entry of pairs names species 'Sm'"),
        (edit("pairs", 0, "shell", value=-1), "pairs.0.shell: -1 was given; a shell number or a list of"),
        (edit("pairs", 0, "shell", value=None), "the pair V_O - Gd needs shell or distance_angstrom"),
        (edit("pairs", 0, "energy_eV", value="strong"), "pairs.0.energy_eV = 'strong'"),
        (
            lambda d: d["pairs"].append({**d["pairs"][0], "species": ["Gd", "V_O"]}),
            "Gd - V_O on shell 1 is listed twice",
        ),
    ],
)
def test_an_error_is_one_line_with_file_and_key(change, expected: str, tmp_path: Path) -> None:
    data = gdc()
    change(data)
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(data), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_model(path)
    message = str(caught.value)
    assert expected in message and message.startswith(f"{path}: ") and "\n" not in message


@pytest.mark.parametrize("content", [b"name = \n", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_model_gives_a_one_line_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mine\.toml") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_shipped_sets(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="no such file, and the shipped sets are bzy, bzy-mixed-preview, ceria-reduced, gdc"
    ):
        load_model(tmp_path / "none.toml")


def test_a_transfer_integral_from_geometry():
    """The documented workflow: tolerance factor -> a user's function -> the Marcus hop of a model."""
    from kmc.model.parameters import with_transfer_integral
    from lattices.structure_descriptors import polaron_transfer_integral_eV, tolerance_factor
    from tests.systems import NOTE, made_up_model

    marcus = {"rate": "marcus", "reorganisation_energy_eV": {"value": 1.2, **NOTE}}
    marcus["transfer_integral_eV"] = {"value": 0.02, **NOTE}
    model = made_up_model("perovskite", polarons=marcus)
    t = tolerance_factor({"La3+": 0.6, "Sr2+": 0.4}, {"Fe": 1.0}, delta=0.03)
    value = polaron_transfer_integral_eV(t, lambda factor: 0.1 * factor)
    linked = with_transfer_integral(model, "polaron", value, "a test")
    assert linked.hops[1].transfer_integral_eV.value == pytest.approx(0.1 * t)
    assert model.hops[1].transfer_integral_eV.value == 0.02
    with pytest.raises(InputError, match="the Marcus hops of model 'made-up' are polaron"):
        with_transfer_integral(model, "vacancy", 0.1, "a test")
    for value, source, message in (
        (-0.1, "a test", "not negative"),
        (math.inf, "a test", "transfer_integral_eV = inf"),
        (math.nan, "a test", "transfer_integral_eV = nan"),
        (0.1, "", "source = ''"),
        (0.1, "  ", "source = '  '"),
    ):
        with pytest.raises(InputError, match=message):
            with_transfer_integral(model, "polaron", value, source)
    off = with_transfer_integral(model, "polaron", polaron_transfer_integral_eV(t), "a link that is off")
    assert off is model
