"""Counters of periodic images are packed exactly, and a run stops long before they could overflow."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from kmc.errors import DisplacementOverflow
from kmc.measure.msd import second_moments
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.state.replicas import MOST_GRID_UNITS, check_images, unwrapped_grid_positions
from kmc.state.system import System, build_system
from kmc.tables.event_tables import IMAGE_BITS, pack_image, unpack_image
from lattices.crystal import Supercell
from lattices.doping import Doping
from lattices.from_atoms import crystal_from_atoms
from tests.systems import NOTE, made_up_model, made_up_system

LIMIT = 1 << (IMAGE_BITS - 2)


def test_packed_images_are_restored() -> None:
    largest = (1 << (IMAGE_BITS - 1)) - 1
    images = np.array([[x, y, z] for x in (-largest, -1, 0, largest) for y in (-3, 0, largest) for z in (-largest, 7)])
    assert np.array_equal(unpack_image(pack_image(images)), images)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_particle_that_crossed_too_often_stops_the_run(axis: int, sign: int) -> None:
    """Half of the counters' range is allowed, so that no window between two checks can exceed it."""
    system = made_up_system(made_up_model(), (2, 2, 2), 1, replicas=2)
    supercell, state = system.tables.supercell, system.initial_state()
    crossed = np.zeros(3, dtype=np.int64)
    crossed[axis] = sign * (LIMIT - 1)
    state.image[1, 7] = pack_image(crossed)
    check_images(supercell, state)
    crossed[axis] = sign * LIMIT
    state.image[1, 7] = pack_image(crossed)
    with pytest.raises(DisplacementOverflow, match=f"crossed the supercell more than {LIMIT} times"):
        check_images(supercell, state)


@pytest.mark.parametrize("sign", [-1, 1])
def test_positions_that_would_not_fit_their_integers_stop_the_run(sign: int) -> None:
    """Odd coordinates have 7200 grid units per cell: 149130 cells are allowed, and no position overflows by then."""
    atoms = Atoms("Na2", scaled_positions=[(0, 0, 0), (0.1234567, 0.5, 0.7071068)], cell=[5, 5, 5], pbc=True)
    supercell = Supercell(crystal_from_atoms(atoms, {"site": "Na"}), (10, 10, 10))
    system = guests_on(supercell)
    state, cells = system.initial_state(), MOST_GRID_UNITS // supercell.crystal.grid
    for images, fits in ((cells // 10 - 2, True), (cells // 10, False)):
        state.image[:] = pack_image(np.array([0, sign * images, 0]))
        if fits:
            check_images(supercell, state)
            exact = unpack_image(state.image)[..., 1].astype(object) * 10 * supercell.crystal.grid
            positions = unwrapped_grid_positions(system.tables, state)
            assert abs(positions[..., 1] - exact).max() < 10 * supercell.crystal.grid
        else:
            with pytest.raises(DisplacementOverflow, match=f"more than {cells} cells along a lattice vector"):
                check_images(supercell, state)


def test_second_moments_that_would_not_fit_64_bits_stop_the_run() -> None:
    system = made_up_system(made_up_model(), (2, 2, 2), 1, replicas=2)
    here = unwrapped_grid_positions(system.tables, system.initial_state())
    far = here.copy()
    far[1, 3, 2] += 1 << 20
    assert second_moments(system.tables, far, here).max() == 1 << 40
    far[1, 3, 2] += 1 << 29
    with pytest.raises(DisplacementOverflow, match="squared displacements"):
        second_moments(system.tables, far, here)


def guests_on(supercell: Supercell) -> System:
    """Two guests among the sites of one sublattice."""
    site = {"sublattice": "site", "charge": 0}
    hop = {"name": "hop", "carrier": "guest", "partner": "host", "attempt_frequency_Hz": {"value": 1e13, **NOTE}}
    hop |= {"distance_angstrom": [4.9, 5.1], "barriers": [{"gate": [], "energy_eV": 0.5, **NOTE}]}
    species = {"host": {**site, "element": "Na"}, "guest": {**site, "element": "K"}}
    model = Model.model_validate({"name": "guests", "species": species, "hops": [hop]})
    numbers = compose(model, supercell, {}, {"guest": Doping(number=2)})
    return build_system(model, supercell, numbers, 1000.0, replicas=2)
