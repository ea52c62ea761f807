"""The counters of periodic images: packed exactly, and stopped long before they could overflow."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.errors import DisplacementOverflow
from kmc.state.replicas import check_images
from kmc.tables.event_tables import IMAGE_BITS, pack_image, unpack_image
from tests.systems import made_up_model, made_up_system

LIMIT = 1 << (IMAGE_BITS - 2)


def test_packed_images_are_restored() -> None:
    largest = (1 << (IMAGE_BITS - 1)) - 1
    images = np.array([[x, y, z] for x in (-largest, -1, 0, largest) for y in (-3, 0, largest) for z in (-largest, 7)])
    assert np.array_equal(unpack_image(pack_image(images)), images)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_particle_that_crossed_too_often_stops_the_run(axis: int, sign: int) -> None:
    """Half of the counters' range is allowed, so that no window between two checks can pass the end."""
    state = made_up_system(made_up_model(), (2, 2, 2), 1, replicas=2).initial_state()
    crossed = np.zeros(3, dtype=np.int64)
    crossed[axis] = sign * (LIMIT - 1)
    state.image[1, 7] = pack_image(crossed)
    check_images(state)
    crossed[axis] = sign * LIMIT
    state.image[1, 7] = pack_image(crossed)
    with pytest.raises(DisplacementOverflow, match=f"crossed the supercell more than {LIMIT} times"):
        check_images(state)
