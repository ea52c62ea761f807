"""The Onsager matrix with a given, band-like electronic conductivity in place of hopping electronic carriers.

L_ee = sigma_e/(z_e^2 e^2), the same along every axis, without a statistical error; L_Ve = 0. The conductivities, t_e,
sigma_amb = sigma_ion sigma_e/(sigma_ion + sigma_e), tau and D~ then follow from the formulae for any other pair, and
z_e drops out of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kmc.carriers.band import BAND
from lattices.constants import ELEMENTARY_CHARGE_C

if TYPE_CHECKING:
    from analysis.transport.onsager import CollectiveSamples
    from kmc.carriers.band import BandConduction


def given_formula(band: BandConduction) -> str:
    """The origin of sigma_e, as printed in place of a formula."""
    return f"sigma_e given: {band.source}"


def with_band(collective: CollectiveSamples, band: BandConduction, electronic: Mapping[str, int]) -> CollectiveSamples:
    """The matrix with the row and column of the electronic carrier replaced by those of a given conductivity.

    electronic: the electronic carrier of the run -> charge in e that its displacement moves; at most one. A run without
    any gets a carrier named "band".
    """
    own = collective.carriers
    ions = own.of_kind(False)
    name, charge = next(iter(electronic.items()), (BAND, -1))
    size, samples = len(ions), len(collective.matrix)
    matrix = np.zeros((samples, size + 1, size + 1, 3, 3))
    matrix[:, :size, :size] = collective.matrix[:, ions][:, :, ions]
    matrix[:, size, size] = np.eye(3) * band.conductivity_S_m / (charge * ELEMENTARY_CHARGE_C) ** 2
    carriers = replace(
        own,
        names=(*(own.names[i] for i in ions), name),
        charges=np.append(own.charges[ions], float(charge)),
        electronic=np.arange(size + 1) == size,
        left_out=None,
        given=given_formula(band),
    )
    fits = {key: fit for key, fit in collective.fits.items() if key != name}
    kept = tuple(pair for pair in collective.uncoupled if name not in pair)
    sampled = None if collective.sampled is None else collective.sampled[:, ions][:, :, ions]
    return replace(collective, carriers=carriers, matrix=matrix, uncoupled=kept, sampled=sampled, fits=fits)
