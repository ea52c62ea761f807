"""The entries of a parameter file: species, hops, pair energies and the numbers that belong to them, in eV."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue

from lattices.hop_environments import EnvironmentRule
from lattices.neighbours import Neighbours
from lattices.prototypes import PROTOTYPES

Mark = Literal["read", "computed", "derived", "assumed"]
Kind = Literal["ion", "electronic"]
LARGEST_CHARGE = 10  # in units of e
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]  # strict: true is no number


def _shell_numbers(value: object) -> object:
    """A shell number or a list of them, as a tuple; ValueError for anything else."""
    numbers = value if isinstance(value, list | tuple) else [value]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise ValueError(f"{value!r} was given; a shell number or a list of shell numbers is needed")
    return tuple(numbers)


_NUMBER: JsonSchemaValue = {"type": "integer", "minimum": 0}
Shells = Annotated[
    tuple[int, ...],
    BeforeValidator(_shell_numbers),
    WithJsonSchema({"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]}),
]
DistanceRange = tuple[Annotated[Finite, Field(ge=0)], Annotated[Finite, Field(gt=0, le=100)]]


def _known_prototype(name: str) -> str:
    if name not in PROTOTYPES:
        raise ValueError(f"{name!r} was given; known prototypes are {', '.join(PROTOTYPES)}")
    return name


PrototypeName = Annotated[str, AfterValidator(_known_prototype)]


class Strict(BaseModel):
    """A table of a parameter file: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(Strict):
    """A number with its source and mark.

    mark: "read" in the source named, "computed" for this project with the method named, "derived" from other numbers by
    the expression named, or "assumed", a free choice whose plausible range the source states.
    """

    value: Finite
    source: Annotated[str, Field(min_length=3)]
    mark: Mark


def _chemical_symbol(element: str) -> str:
    from ase.data import chemical_symbols

    if element not in chemical_symbols:  # ASE has "X" too
        raise ValueError(f"{element!r} was given; a chemical symbol is needed, or X for an empty site")
    return element


class Species(Strict):
    """What can occupy a site. charge: Kroger-Vink effective charge in units of e. element: "X" for an empty site.

    oxidation_state: of the ion, where its mean over the sublattice is reported. kind: which current a carrier belongs
    to, ionic or electronic; the default is electronic for species named electron or hole, and ion for carriers that
    exchange with a vacancy or move among proton sites. Any other charged carrier must state its kind.
    """

    sublattice: str
    charge: Annotated[int, Field(ge=-LARGEST_CHARGE, le=LARGEST_CHARGE, strict=True)]
    element: Annotated[str, AfterValidator(_chemical_symbol)]
    label: str = ""
    oxidation_state: int | None = None
    kind: Kind | None = None


class Barrier(Strict):
    """E0 of a KRA hop for the species on the sites of its gate, in any order.

    attempt_frequency_Hz: in this environment, in place of that of the hop (kmc/tables/attempt_frequencies.py).
    """

    gate: tuple[str, ...] = ()
    energy_eV: Annotated[Finite, Field(ge=0.0, le=20.0)]
    attempt_frequency_Hz: Sourced | None = None
    source: Annotated[str, Field(min_length=3)]
    mark: Mark


class ClusterPoint(Strict):
    """Energy of a species on every environment site of one shell around the middle of the bond, nearest first."""

    species: str
    shell: Annotated[int, Field(ge=1, strict=True)]
    energy_eV: Annotated[Finite, Field(ge=-20.0, le=20.0)]


class ClusterPair(Strict):
    """Energy of two species on environment sites of the given shells, at a distance from the first to the second value.

    species and shells belong together: the first species is on a site of the first shell.
    """

    species: tuple[str, str]
    shells: tuple[Annotated[int, Field(ge=1, strict=True)], Annotated[int, Field(ge=1, strict=True)]]
    distance_angstrom: DistanceRange
    energy_eV: Annotated[Finite, Field(ge=-20.0, le=20.0)]


class ClusterExpansion(Strict):
    """E0 as a sum over the environment sites, in place of a list of barriers (kmc/tables/cluster_barriers.py).

    E0 = constant_eV + points + pairs; species without a term, usually the hosts, count as zero. source, mark: of the
    whole fit. error_eV: its cross-validated error, for the reader.
    """

    constant_eV: Annotated[Finite, Field(ge=-20.0, le=20.0)]
    points: tuple[ClusterPoint, ...] = ()
    pairs: tuple[ClusterPair, ...] = ()
    error_eV: Annotated[Finite, Field(ge=0.0)] | None = None
    source: Annotated[str, Field(min_length=3)]
    mark: Mark

    @property
    def species(self) -> set[str]:
        """Every species that a term names."""
        return {term.species for term in self.points} | {name for term in self.pairs for name in term.species}


class Hop(Strict):
    """A family of exchanges of `carrier` and `partner` over the bonds between neighbours.

    shell: one neighbour shell by its number, or a list of them; the default is the first. distance_angstrom: all bonds
    of lengths from the first to the second value, in place of shells. kind: of the bonds of one shell that no symmetry
    operation of the crystal maps onto each other; the default is all kinds.
    rate: "kra", with a barrier for each gate or a cluster expansion of the barrier, or "marcus", with a reorganisation
    energy and a transfer integral.
    gate: sublattices with sites next to the bond whose species decide the barrier (the hop environment of the tables).
    Gate sites are the shared neighbours of both ends, or lie within gate_distance_angstrom = [lowest, highest] of the
    bond's middle, or within gate_end_distance_angstrom of both of its ends.
    caution: a warning in every run in which the carrier hops, where its results must not be taken at face value.
    """

    name: str
    carrier: str
    partner: str
    shell: Shells | None = None
    distance_angstrom: DistanceRange | None = None
    kind: Annotated[int, Field(ge=1, strict=True)] | None = None
    attempt_frequency_Hz: Sourced
    rate: Literal["kra", "marcus"] = "kra"
    gate: tuple[str, ...] = ()
    gate_distance_angstrom: DistanceRange | None = None
    gate_end_distance_angstrom: DistanceRange | None = None
    barriers: tuple[Barrier, ...] = ()
    cluster_expansion: ClusterExpansion | None = None
    reorganisation_energy_eV: Sourced | None = None
    transfer_integral_eV: Sourced | None = None
    caution: Annotated[str, Field(min_length=3)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Hop:
        _check_kind(self.kind, self.shell)
        if 0 in self.neighbours.shells:
            raise ValueError(f"shell = {_listed(self.neighbours.shells)}: the shells of a hop are numbered from 1")
        if self.gate_distance_angstrom and self.gate_end_distance_angstrom:
            raise ValueError("gate_distance_angstrom and gate_end_distance_angstrom are both given; one is allowed")
        if not self.gate and (self.gate_distance_angstrom or self.gate_end_distance_angstrom):
            raise ValueError("a range of gate distances needs gate, the sublattices of the gate sites")
        for each in (self.attempt_frequency_Hz, *(barrier.attempt_frequency_Hz for barrier in self.barriers)):
            if each is not None and each.value <= 0:
                raise ValueError(f"attempt_frequency_Hz = {each.value:g}: it must be positive")
        if self.rate == "kra" and bool(self.barriers) == bool(self.cluster_expansion):
            given = "both are" if self.barriers else "none is"
            raise ValueError(f'rate = "kra" needs either barriers, at least one, or cluster_expansion; {given} given')
        if self.cluster_expansion and not self.gate:
            raise ValueError("cluster_expansion needs gate, the sublattices of the environment sites")
        if self.rate == "marcus":
            if self.reorganisation_energy_eV is None or self.transfer_integral_eV is None:
                raise ValueError('rate = "marcus" needs reorganisation_energy_eV and transfer_integral_eV')
            if self.reorganisation_energy_eV.value <= 0 or self.transfer_integral_eV.value < 0:
                raise ValueError(
                    f"reorganisation_energy_eV = {self.reorganisation_energy_eV.value:g} must be positive and "
                    f"transfer_integral_eV = {self.transfer_integral_eV.value:g} must not be negative"
                )
            if self.gate or self.barriers or self.cluster_expansion:
                raise ValueError('rate = "marcus" does not use gate, barriers and cluster_expansion; leave them out')
        return self

    @property
    def neighbours(self) -> Neighbours:
        """Which neighbours the bonds join."""
        first = (1,) if self.distance_angstrom is None else None
        return _neighbours(self.shell or first, self.distance_angstrom, self.kind)

    @property
    def highest_frequency_Hz(self) -> float:
        """The highest attempt frequency of any environment; trials are made at this one."""
        return max((self.frequency_Hz(barrier) for barrier in self.barriers), default=self.attempt_frequency_Hz.value)

    def frequency_Hz(self, barrier: Barrier) -> float:
        """The attempt frequency in the environment of a barrier."""
        return (barrier.attempt_frequency_Hz or self.attempt_frequency_Hz).value

    @property
    def environment_rule(self) -> EnvironmentRule:
        """How the gate sites of a bond are found."""
        return EnvironmentRule(self.gate_distance_angstrom, self.gate_end_distance_angstrom)


class Pair(Strict):
    """Energy of two species that are neighbours on their sublattices, or forbidden = true.

    shell: a neighbour shell by its number, or a list of them; distance_angstrom: all neighbours at distances from the
    first to the second value, in place of shells. Shell 0: the two share a site, one on a layer
    and the other on the sublattice whose sites the layer shares. kind: of the pairs of one shell that no symmetry
    operation of the crystal maps onto each other, such as anions of fluorite with and without a cation between them
    (lattices/pair_kinds.py); the default is all kinds.
    """

    species: tuple[str, str]
    shell: Shells | None = None
    distance_angstrom: DistanceRange | None = None
    kind: Annotated[int, Field(ge=1, strict=True)] | None = None
    energy_eV: Annotated[Finite, Field(ge=-20.0, le=20.0)] = 0.0
    forbidden: bool = False
    source: Annotated[str, Field(min_length=3)]
    mark: Mark

    @model_validator(mode="after")
    def _complete(self) -> Pair:
        if self.shell is None and self.distance_angstrom is None:
            raise ValueError(f"the pair {' - '.join(self.species)} needs shell or distance_angstrom")
        _check_kind(self.kind, self.shell)
        _neighbours(self.shell, self.distance_angstrom, self.kind)
        return self

    @property
    def neighbours(self) -> Neighbours:
        """Which neighbours the energy is for."""
        return _neighbours(self.shell, self.distance_angstrom, self.kind)


def _listed(shells: tuple[int, ...]) -> str:
    return str(shells[0]) if len(shells) == 1 else str(list(shells))


def _check_kind(kind: int | None, shells: tuple[int, ...] | None) -> None:
    if kind and shells and (0 in shells or len(shells) > 1):
        raise ValueError(f"kind = {kind}: one shell from 1 is needed, {_listed(shells)} was given")


def _neighbours(
    shells: tuple[int, ...] | None, distance_angstrom: tuple[float, float] | None, kind: int | None = None
) -> Neighbours:
    if shells and distance_angstrom:
        raise ValueError("shell and distance_angstrom are both given; one is allowed")
    return Neighbours(shells or (), distance_angstrom or (), kind or 0)


class OxygenExchange(Strict):
    """Enthalpy and entropy of 1/2 O2 + V_O + n hosts -> O + n carriers at 1 bar, apart from the energies of the model.

    The n = 2 electronic carriers are created if they are holes, and removed if they are electrons.
    """

    enthalpy_J_mol: Sourced
    entropy_J_mol_K: Sourced


class ProtonSites(Strict):
    """Four sites for protons around each oxygen ion of a cubic perovskite; see lattices/protons.py."""

    sublattice: str = "proton"
    oxygen: str = "anion"
    cation: str = "B"
    displacement: Sourced


class CoulombSpec(Strict):
    """Long-range Coulomb energies of the Kroger-Vink charges, screened by the lattice (kmc/tables/coulomb.py)."""

    relative_permittivity: Sourced

    @model_validator(mode="after")
    def _positive(self) -> CoulombSpec:
        if self.relative_permittivity.value < 1.0:
            raise ValueError(f"relative_permittivity = {self.relative_permittivity.value:g}: it must be at least 1")
        return self
