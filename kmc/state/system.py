"""A system: everything that determines a simulation except its duration and the backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from kmc.carriers.band import BandConduction
from kmc.carriers.neutral_component import Component, neutral_component
from kmc.carriers.polaron_modes import Mode, rate_factors
from kmc.model.composition import Composition
from kmc.model.parameters import Model
from kmc.state.annealed_dopants import AnnealedDopants
from kmc.state.initial_state import frozen_dopants, initial_state
from kmc.state.replicas import State
from kmc.state.short_range_order import ShortRangeOrder
from kmc.tables.build import build_tables, with_clock
from kmc.tables.energy_terms import TermFactory
from kmc.tables.event_tables import EventTables
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.symmetry import NO_SYMMETRY, Symmetry, symmetry_of

TERMS_OF_CRYSTAL = frozenset({"pairs", "coulomb"})  # energy terms with the symmetry of the crystal


@dataclass(frozen=True)
class System:
    """Model, tables and composition, with the seed and the numbers of replicas.

    mode, scale: treatment of electronic carriers in the presence of ions. rate_factor: family -> factor on its true
    rate that follows from them; see kmc/carriers/polaron_modes.py. band: a given electronic conductivity, which the
    analysis uses in place of that of hopping carriers. annealed: dopants in equilibrium at another temperature.
    """

    model: Model
    tables: EventTables
    composition: Composition
    seed: int
    temperature_index: int
    replicas: int
    replicas_per_configuration: int
    mode: Mode = "kinetic"
    scale: float = 10.0
    rate_factor: Mapping[str, float] = field(default_factory=dict)
    band: BandConduction | None = None
    annealed: AnnealedDopants | None = None

    def at(
        self,
        *,
        temperature_K: float | None = None,
        seed: int | None = None,
        temperature_index: int | None = None,
        replicas: int | None = None,
        replicas_per_configuration: int | None = None,
        mode: Mode | None = None,
        scale: float | None = None,
    ) -> System:
        """The same particles and energies at another temperature, mode or seed; None keeps the present value.

        Tables of bonds, energies and barriers are shared with this system; only the trial rates and the acceptance
        table are recomputed. InputError for numbers out of range, as in `build_system`.
        """
        changed = replace(
            self,
            seed=self.seed if seed is None else seed,
            temperature_index=self.temperature_index if temperature_index is None else temperature_index,
            replicas=self.replicas if replicas is None else replicas,
            replicas_per_configuration=(
                self.replicas_per_configuration if replicas_per_configuration is None else replicas_per_configuration
            ),
            mode=mode or self.mode,
            scale=self.scale if scale is None else scale,
        )
        _check_numbers(changed)
        temperature_K = self.tables.temperature_K if temperature_K is None else temperature_K
        if (temperature_K, changed.mode, changed.scale) == (self.tables.temperature_K, self.mode, self.scale):
            return changed
        return _with_rates(changed, temperature_K)

    def initial_state(self, draw: int = 0) -> State:
        """All replicas with dopants and carriers placed at random; `draw` selects an arrangement of the carriers."""
        return initial_state(
            self.model,
            self.tables,
            self.composition,
            self.seed,
            self.temperature_index,
            self.replicas,
            self.replicas_per_configuration,
            draw,
            self.annealed,
        )

    def short_range_order(self) -> list[ShortRangeOrder]:
        """That of the annealed dopants; empty where they are random."""
        if self.annealed is None:
            return []
        configurations = self.configuration[-1] + 1
        frozen = frozen_dopants(self.tables, self.annealed, self.seed, self.temperature_index, configurations)
        return self.annealed.order(frozen)

    @property
    def component(self) -> Component | str:
        """The neutral component, or the reason why there is none."""
        return neutral_component(self.tables, self.model.vacancies, self.band is not None)

    @property
    def configuration(self) -> list[int]:
        """Number of the dopant configuration of each replica."""
        return [replica // self.replicas_per_configuration for replica in range(self.replicas)]

    @property
    def quenched(self) -> bool:
        """Whether immobile ions at random sites affect the carriers, by their energies or by occupying sites."""
        model, counts = self.model, self.composition.counts
        homes = {model.species[name].sublattice for name in model.mobile}
        still = [n for n in self.composition.placed if n not in model.mobile and counts[n]]
        acting = {model.names[code] for term in self.tables.terms for code in term.acting_species()}
        return any(name in acting or model.species[name].sublattice in homes for name in still)

    @cached_property
    def symmetry(self) -> Symmetry:
        """Symmetry of averages over the drawn dopants.

        There is none where dopants lie in layers or at given sites, in a field, and with user-defined energy terms,
        which need not have the symmetry of the crystal.
        """
        layered = any(doping.profile or doping.sites for doping in self.composition.placed.values())
        foreign = any(term.name not in TERMS_OF_CRYSTAL for term in self.tables.terms)
        return NO_SYMMETRY if layered or foreign else symmetry_of(self.tables.supercell.crystal)


def build_system(
    model: Model,
    supercell: Supercell,
    composition: Composition,
    temperature_K: float,
    *,
    seed: int = 1,
    temperature_index: int = 0,
    replicas: int = 1,
    replicas_per_configuration: int = 1,
    field_V_per_m: Sequence[float] = (0.0, 0.0, 0.0),
    tracked: bool = True,
    mode: Mode = "kinetic",
    scale: float = 10.0,
    energy_terms: Sequence[TermFactory] = (),
    band: BandConduction | None = None,
) -> System:
    """A system from its model, supercell and composition; InputError for numbers out of range (see `build_tables`).

    temperature_index: position in a list of temperatures; each one has its own random numbers. tracked: follow
    every particle of the mobile sublattices, not only the carriers. mode, scale: treatment of electronic
    carriers; see kmc/carriers/polaron_modes.py.
    energy_terms: contributions to the energy in addition to those of the model; see kmc/tables/energy_terms.py.
    band: a given electronic conductivity, which the analysis uses in place of that of hopping carriers.
    """
    what = (model, supercell, composition.counts, temperature_K, field_V_per_m, tracked)
    tables = build_tables(*what, energy_terms=energy_terms)
    numbers = (seed, temperature_index, replicas, replicas_per_configuration)
    system = System(model, tables, composition, *numbers, mode, scale, band=band)
    _check_numbers(system)
    return _with_rates(system, temperature_K) if mode != "kinetic" else system


def _check_numbers(system: System) -> None:
    """InputError for a seed, temperature index or number of replicas out of range."""
    if not 0 <= system.seed < 2**32:
        raise InputError(f"seed = {system.seed}: a whole number from 0 to 4294967295 is needed")
    if not 0 <= system.temperature_index < 2**24:  # of the key of random numbers
        raise InputError(f"temperature_index = {system.temperature_index}: a whole number below 2^24 is needed")
    if system.replicas < 1 or system.replicas_per_configuration < 1:
        raise InputError(
            f"replicas = {system.replicas}, per configuration {system.replicas_per_configuration}: at least 1 each"
        )


def _with_rates(system: System, temperature_K: float) -> System:
    """The system with the trial rates and the acceptance of a temperature and of its mode."""
    true = with_clock(system.tables, system.model, temperature_K)
    factors = rate_factors(true, system.mode, system.scale)
    tables = with_clock(true, system.model, temperature_K, factors) if factors else true
    return replace(system, tables=tables, rate_factor=factors)
