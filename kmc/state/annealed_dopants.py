"""The dopants of a system whose run file anneals them: computed on first use and kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kmc.model.composition import Composition
from kmc.model.parameters import Model
from kmc.state.anneal import AnnealSettings, anneal
from kmc.state.short_range_order import ShortRangeOrder, short_range_order
from kmc.state.site_energies import SiteEnergies
from lattices.crystal import Supercell
from lattices.errors import InputError

Occupants = NDArray[np.uint8]


@dataclass(frozen=True)
class AnnealedDopants:
    """Settings and contents from which the annealed arrangements follow. kept: those that were computed."""

    model: Model
    supercell: Supercell
    composition: Composition
    settings: AnnealSettings
    kept: dict[tuple[int, int, int], Occupants] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> list[str]:
        """The species that are frozen afterwards."""
        counts = self.composition.counts
        return [name for name in self.composition.placed if name not in self.model.mobile and counts[name]]

    def check(self) -> None:
        """InputError for what annealing cannot be applied to."""
        names, model = self.names, self.model
        if not names:
            raise InputError("crystal.anneal: the supercell holds no dopant to anneal")
        if model.coulomb:
            raise InputError("crystal.anneal uses pair energies alone, and this model has Coulomb energies too")
        fixed = [name for name in names if (d := self.composition.placed[name]).sites is not None or d.profile]
        if fixed:
            raise InputError(f"crystal.anneal: {fixed[0]} is given by sites or a profile, which exchanges would undo")
        if not any(set(pair.species) & set(names) for pair in model.pairs):
            raise InputError(f"crystal.anneal: model {model.name!r} has no pair energy of {', '.join(names)}")
        SiteEnergies(model, self.supercell)

    def arrangements(self, seed: int, temperature_index: int, starts: Occupants) -> Occupants:
        """(R, N) species of configurations 0 ... R - 1 after annealing, together. starts: (R, N) species before."""
        keys = [(seed, temperature_index, configuration) for configuration in range(len(starts))]
        if any(key not in self.kept for key in keys):
            energies = SiteEnergies(self.model, self.supercell)
            found = anneal(energies, starts, self.settings, seed, temperature_index)
            self.kept.update(zip(keys, found, strict=True))
        return np.stack([self.kept[key] for key in keys])

    def order(self, occupants: Occupants) -> list[ShortRangeOrder]:
        """The short-range order of the frozen species."""
        return short_range_order(self.model, self.supercell, occupants, self.names)
