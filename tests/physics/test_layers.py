"""Carriers on a layer: the cation under an electron keeps its species, so that an electron on a dopant has an energy.

Fixed seeds; the simulation lies within 4 standard errors of the exact solution (false alarms 6e-5 each).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from kmc.exact.master_equation import enumerate_cell
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.state.system import build_system
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.crystal import Supercell, with_layers
from lattices.doping import Doping
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.prototypes import fluorite
from lattices.stencils import stencil_of
from runs.cli import main
from runs.config import load_config
from tests.runs.systems import system_of
from tests.systems import BACKENDS, NOTE, same, walked

TEMPERATURE_K = 1200.0
ENERGY_ON_DOPANT_EV = 0.15


def layer_model(pair):
    """Electrons on a layer over the cations of fluorite with dopants D; `pair` is the energy of an electron on D."""
    nu = {"value": 1e13, **NOTE}
    barriers = [{"energy_eV": 0.4, **NOTE}]
    hop = {
        "name": "polaron",
        "carrier": "electron",
        "partner": "none",
        "attempt_frequency_Hz": nu,
        "barriers": barriers,
    }
    return Model.model_validate(
        {
            "name": "layer",
            "layers": {"polarons": "cation"},
            "species": {
                "O": {"sublattice": "anion", "charge": 0, "element": "O"},
                "none": {"sublattice": "polarons", "charge": 0, "element": "X"},
                "electron": {"sublattice": "polarons", "charge": -1, "element": "X"},
                "M": {"sublattice": "cation", "charge": 0, "element": "Ce"},
                "D": {"sublattice": "cation", "charge": -1, "element": "Gd"},
            },
            "hops": [hop],
            "pairs": [{"species": ["electron", "D"], "shell": 0, **pair, **NOTE}],
        }
    )


def layer_system(pair, repeats=(2, 2, 2), dopants=12, electrons=1, replicas=256):
    model = layer_model(pair)
    supercell = Supercell(with_layers(fluorite({"cation": "Ce"}, 5.4), model.layers), repeats)
    amounts = {"D": Doping(number=dopants)}, {"electron": Doping(number=electrons)}
    numbers = compose(model, supercell, *amounts)
    return build_system(
        model, supercell, numbers, TEMPERATURE_K, replicas=replicas, replicas_per_configuration=replicas
    )


def on_dopants(system, state):
    """(R,) fraction of the electrons that are on a dopant."""
    tables = system.tables
    layer, cation = (int(tables.site_offset[tables.sublattice_of[system.model.code(n)]]) for n in ("electron", "D"))
    size = int(tables.counts[system.model.code("M")] + tables.counts[system.model.code("D")])
    electron = state.occupants[:, layer : layer + size] == system.model.code("electron")
    dopant = state.occupants[:, cation : cation + size] == system.model.code("D")
    return (electron & dopant).sum(axis=1) / electron.sum(axis=1)


def test_shell_0_is_the_same_position():
    crystal = with_layers(fluorite({"cation": "Ce"}, 5.4), {"polarons": "cation"})
    assert [one.name for one in crystal.sublattices] == ["anion", "polarons", "cation"]
    stencil = stencil_of(crystal, 1, 2, Neighbours((0,)))
    assert stencil.basis[:, 0].tolist() == [0, 1, 2, 3] and not stencil.cells.any()
    with pytest.raises(InputError, match="do not share their sites"):
        stencil_of(crystal, 0, 2, Neighbours((0,)))
    with pytest.raises(InputError, match="has a sublattice of that name already"):
        with_layers(crystal, {"anion": "cation"})


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS)
def test_occupation_of_a_dopant_follows_boltzmann(backend):
    """x exp(-E/kT)/(1 - x + x exp(-E/kT)) with x the fraction of dopants; exact rates from the master equation."""
    system = layer_system({"energy_eV": ENERGY_ON_DOPANT_EV})
    weight = math.exp(-ENERGY_ON_DOPANT_EV / (BOLTZMANN_EV_K * TEMPERATURE_K))
    share = 12 * weight / (20 + 12 * weight)
    exact = enumerate_cell(system.tables, system.initial_state().occupants[0])
    assert len(exact.occupants) == 32
    layer = int(system.tables.site_offset[1])
    codes = exact.occupants[:, layer : layer + 32] == system.model.code("electron")
    here = (exact.occupants[:, layer + 32 :] == system.model.code("D"))[codes]
    assert exact.stationary() @ here == pytest.approx(share, rel=1e-6)
    found = on_dopants(system, walked(system, 40, 400, backend))
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - share) < 4 * error and error < 0.03


@pytest.mark.slow
def test_a_forbidden_dopant_stays_empty_and_blocks():
    system = layer_system({"forbidden": True}, electrons=4)
    assert not on_dopants(system, system.initial_state()).any()
    state = walked(system, 10, 400)
    assert state.accepted.sum() > 1000 and not on_dopants(system, state).any()


def test_backends_agree_on_a_layer():
    system = layer_system({"energy_eV": ENERGY_ON_DOPANT_EV}, electrons=5, replicas=4)
    states = [walked(system, 3, 500, name) for name in BACKENDS]
    assert all(same(states[0], other) for other in states[1:])


def test_a_run_file_takes_a_model_with_layers(tmp_path, capsys):
    import json

    path = tmp_path / "layer.json"
    path.write_text(
        json.dumps(layer_model({"energy_eV": ENERGY_ON_DOPANT_EV}).model_dump(mode="json", exclude_none=True))
    )
    import tomli_w

    (tmp_path / "layer.toml").write_text(tomli_w.dumps(json.loads(path.read_text())))
    (tmp_path / "run.toml").write_text(
        '[crystal]\nprototype = "fluorite"\nhost = { cation = "Ce" }\nlattice_parameter_angstrom = 5.4\n'
        "repeats = [3, 3, 3]\ndoping = { D = 0.1 }\ncarriers = { electron = { number = 4 } }\n"
        '[model]\nparameters = "layer.toml"\n[run]\ntemperature_K = 1200\nreplicas = 4\nframes = 20\n'
    )
    config, base = load_config(tmp_path / "run.toml")
    with pytest.raises(InputError, match="not neutral"):
        system_of(config, base, 0)
    assert main(["run", str(tmp_path / "run.toml"), "--set", "crystal.carriers={}", "--out", str(tmp_path / "o")]) == 2
    assert np.all(["Traceback" not in text for text in capsys.readouterr()])
