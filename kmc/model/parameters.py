"""Models and parameter files: species, hops and pair energies, in eV, each number with source and mark."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from lattices.errors import InputError
from lattices.hop_gates import GateRule
from lattices.neighbours import Neighbours

Mark = Literal["read", "computed", "derived"]
Kind = Literal["ion", "electronic"]
ELECTRONIC_BY_NAME = frozenset({"electron", "hole"})  # species of these names are electronic unless they say otherwise
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _shell_numbers(value: object) -> object:
    """A shell number or a list of them as a tuple; ValueError for anything else."""
    numbers = value if isinstance(value, list | tuple) else [value]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise ValueError(f"{value!r} was given; a shell number or a list of shell numbers is needed")
    return tuple(numbers)


Shells = Annotated[tuple[int, ...], BeforeValidator(_shell_numbers)]
DistanceRange = tuple[Annotated[Finite, Field(ge=0)], Annotated[Finite, Field(gt=0, le=100)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(_Strict):
    """A number with its source and mark."""

    value: Finite
    source: Annotated[str, Field(min_length=3)]
    mark: Mark


class Species(_Strict):
    """What can stand on a site. charge: Kroger-Vink effective charge in units of e; element: "X" for a vacancy.

    oxidation_state: of the ion, where its mean over the sublattice is reported. kind: which current a carrier belongs
    to, ionic or electronic; the default is electronic for species named electron or hole, and ion for carriers that
    exchange with a vacancy or move among proton sites. Any other charged carrier must state its kind.
    """

    sublattice: str
    charge: int
    element: str
    label: str = ""
    oxidation_state: int | None = None
    kind: Kind | None = None


class Barrier(_Strict):
    """E0 of a KRA hop for the species on the sites of its gate, in any order within a sublattice."""

    gate: tuple[str, ...] = ()
    energy_eV: Annotated[Finite, Field(ge=0.0, le=20.0)]
    source: Annotated[str, Field(min_length=3)]
    mark: Mark


class Hop(_Strict):
    """A family of exchanges of `carrier` and `partner` over the bonds between neighbours.

    shell: one neighbour shell by its number, or a list of them; the default is the first. distance_angstrom: all bonds
    of lengths from the first to the second value, in place of shells.
    rate "kra": barrier from `barriers` by gate. rate "marcus": reorganisation energy and transfer integral.
    gate: sublattices with sites beside the bond whose species decide the barrier, in the order of the barriers' names.
    Gate sites are the shared neighbours of both ends, or lie within gate_distance_angstrom = [lowest, highest] of the
    bond's middle, or within gate_end_distance_angstrom of both of its ends.
    """

    name: str
    carrier: str
    partner: str
    shell: Shells | None = None
    distance_angstrom: DistanceRange | None = None
    attempt_frequency_Hz: Sourced
    rate: Literal["kra", "marcus"] = "kra"
    gate: tuple[str, ...] = ()
    gate_distance_angstrom: DistanceRange | None = None
    gate_end_distance_angstrom: DistanceRange | None = None
    barriers: tuple[Barrier, ...] = ()
    reorganisation_energy_eV: Sourced | None = None
    transfer_integral_eV: Sourced | None = None

    @model_validator(mode="after")
    def _complete(self) -> Hop:
        if 0 in self.neighbours.shells:
            raise ValueError("shell = 0: the shells of a hop are numbered from 1")
        if self.gate_distance_angstrom and self.gate_end_distance_angstrom:
            raise ValueError("gate_distance_angstrom and gate_end_distance_angstrom are both given; one is allowed")
        if not self.gate and (self.gate_distance_angstrom or self.gate_end_distance_angstrom):
            raise ValueError("a range of gate distances needs gate, the sublattices of the gate sites")
        if self.attempt_frequency_Hz.value <= 0:
            raise ValueError("attempt_frequency_Hz must be positive")
        if self.rate == "kra" and not self.barriers:
            raise ValueError("a kra hop needs barriers")
        if self.rate == "marcus":
            if self.reorganisation_energy_eV is None or self.transfer_integral_eV is None:
                raise ValueError("a marcus hop needs reorganisation_energy_eV and transfer_integral_eV")
            if self.reorganisation_energy_eV.value <= 0 or self.transfer_integral_eV.value < 0:
                raise ValueError("reorganisation_energy_eV must be positive, transfer_integral_eV not negative")
            if self.gate or self.barriers:
                raise ValueError("a marcus hop takes no gate and no barriers")
        return self

    @property
    def neighbours(self) -> Neighbours:
        """Which neighbours the bonds join."""
        first = (1,) if self.distance_angstrom is None else None
        return _neighbours(self.shell or first, self.distance_angstrom)

    @property
    def gate_rule(self) -> GateRule:
        """How the gate sites of a bond are found."""
        return GateRule(self.gate_distance_angstrom, self.gate_end_distance_angstrom)


class Pair(_Strict):
    """Energy of two species that are neighbours on their sublattices, or a ban on being neighbours.

    shell: a neighbour shell by its number, or a list of them; distance_angstrom: all neighbours at distances from the
    first to the second value, in place of shells. Shell 0: one stands on the other, on a layer and the sublattice that
    it shares its sites with.
    """

    species: tuple[str, str]
    shell: Shells | None = None
    distance_angstrom: DistanceRange | None = None
    energy_eV: Annotated[Finite, Field(ge=-20.0, le=20.0)] = 0.0
    forbidden: bool = False
    source: Annotated[str, Field(min_length=3)]
    mark: Mark

    @model_validator(mode="after")
    def _complete(self) -> Pair:
        if self.shell is None and self.distance_angstrom is None:
            raise ValueError("shell or distance_angstrom is missing")
        _neighbours(self.shell, self.distance_angstrom)
        return self

    @property
    def neighbours(self) -> Neighbours:
        """Which neighbours the energy is for."""
        return _neighbours(self.shell, self.distance_angstrom)


def _neighbours(shells: tuple[int, ...] | None, distance_angstrom: tuple[float, float] | None) -> Neighbours:
    if shells and distance_angstrom:
        raise ValueError("shell and distance_angstrom are both given; one is allowed")
    return Neighbours(shells or (), distance_angstrom or ())


class OxygenExchange(_Strict):
    """1/2 O2 + V_O + carriers' hosts -> O + carriers (or carriers taken away) at 1 bar, beyond the model's energies."""

    enthalpy_J_mol: Sourced
    entropy_J_mol_K: Sourced


class ProtonSites(_Strict):
    """Four places for protons around each oxygen of a cubic perovskite; see lattices.protons."""

    sublattice: str = "proton"
    oxygen: str = "anion"
    cation: str = "B"
    displacement: Sourced


class CoulombSpec(_Strict):
    """Long-range Coulomb energies of the Kroger-Vink charges, screened by the lattice (kmc/tables/coulomb.py)."""

    relative_permittivity: Sourced

    @model_validator(mode="after")
    def _positive(self) -> CoulombSpec:
        if self.relative_permittivity.value < 1.0:
            raise ValueError("relative_permittivity must be at least 1")
        return self


class Model(_Strict):
    """A complete parameter set. Species are coded 0, 1, ... in the order they are listed.

    layers: further sublattices, each on the sites of another one. A carrier on a layer stands on an ion without taking
    its place, so that pair energies of shell 0 price its stay on a dopant. Empty sites of a layer have the element "X".
    equilibrium_material: what `kmc equilibrium` calls it, where a gas is to decide the numbers of carriers.
    """

    name: str
    description: str = ""
    prototype: Literal["fluorite", "perovskite"] | None = None
    lattice_parameter_angstrom: Sourced | None = None
    species: dict[str, Species]
    hops: tuple[Hop, ...] = ()
    pairs: tuple[Pair, ...] = ()
    layers: dict[str, str] = {}
    proton_sites: ProtonSites | None = None
    equilibrium_material: str | None = None
    oxygen_exchange: OxygenExchange | None = None
    coulomb: CoulombSpec | None = None

    @model_validator(mode="after")
    def _names(self) -> Model:
        def known(name: str, where: str) -> None:
            if name not in self.species:
                raise ValueError(f"{where} names species {name!r}; known are {', '.join(self.species)}")

        for hop in self.hops:
            where = f"hop {hop.name!r}"
            known(hop.carrier, where)
            known(hop.partner, where)
            if hop.carrier == hop.partner:
                raise ValueError(f"{where} exchanges {hop.carrier!r} with itself")
            if self.species[hop.carrier].sublattice != self.species[hop.partner].sublattice:
                raise ValueError(f"{where} joins two sublattices")
            for barrier in hop.barriers:
                for name in barrier.gate:
                    known(name, where)
        for pair in self.pairs:
            known(pair.species[0], "a pair")
            known(pair.species[1], "a pair")
        for hop in self.hops:
            self._check_kind(hop)
        seen = [(tuple(sorted(p.species)), n) for p in self.pairs for n in p.neighbours.shells or (str(p.neighbours),)]
        for species, place in seen:
            if seen.count((species, place)) > 1:
                where = f"shell {place}" if isinstance(place, int) else f"at {place}"
                raise ValueError(f"the pair {' - '.join(species)} on {where} is listed twice")
        return self

    def _check_kind(self, hop: Hop) -> None:
        """ValueError for a charged carrier that is neither named nor shown to be ionic or electronic."""
        carrier, partner = self.species[hop.carrier], self.species[hop.partner]
        stated = carrier.kind is not None or hop.carrier in ELECTRONIC_BY_NAME
        ionic = {hop.carrier, hop.partner} & set(self.vacancies) or self._among_protons(hop)
        if carrier.charge != partner.charge and not stated and not ionic:
            raise ValueError(
                f"species.{hop.carrier}.kind is missing: hop {hop.name!r} moves a charge without a vacancy, so the "
                'species must state kind = "ion" or kind = "electronic"'
            )

    def _among_protons(self, hop: Hop) -> bool:
        return self.proton_sites is not None and self.species[hop.carrier].sublattice == self.proton_sites.sublattice

    @property
    def electronic(self) -> frozenset[str]:
        """Species that carry the electronic current."""
        return frozenset(
            name
            for name, species in self.species.items()
            if species.kind == "electronic" or (species.kind is None and name in ELECTRONIC_BY_NAME)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Species names in code order."""
        return tuple(self.species)

    def code(self, name: str) -> int:
        """Integer code of a species; InputError if there is none of that name."""
        if name not in self.species:
            raise InputError(f"unknown species {name!r}; model {self.name!r} knows {', '.join(self.species)}")
        return self.names.index(name)

    def on_sublattice(self, sublattice: str) -> list[str]:
        """Names of the species of one sublattice."""
        return [name for name, species in self.species.items() if species.sublattice == sublattice]

    def host_of(self, sublattice: str, element: str) -> str:
        """The species of that sublattice that stands for its host element; InputError if the model has none."""
        for name in self.on_sublattice(sublattice):
            if self.species[name].element == element and self.species[name].charge == 0:
                return name
        allowed = sorted(
            {self.species[n].element for n in self.on_sublattice(sublattice) if self.species[n].charge == 0}
        )
        raise InputError(
            f"host {element!r} on sublattice {sublattice!r} is not in model {self.name!r}, "
            f"which allows {', '.join(allowed) or 'nothing there'}"
        )

    @property
    def placeholders(self) -> list[str]:
        """Species that stand for nothing: places of protons and layers without a carrier."""
        return [n for n, s in self.species.items() if s.element == "X" and s.charge == 0 and n not in self.vacancies]

    @property
    def vacancies(self) -> list[str]:
        """Species that are vacant ion sites (element "X"); places for protons and layers are none."""
        others = {*self.layers, *([self.proton_sites.sublattice] if self.proton_sites else [])}
        return [n for n, s in self.species.items() if s.element == "X" and s.sublattice not in others]

    @property
    def mobile(self) -> frozenset[str]:
        """Species that take part in a hop."""
        return frozenset(name for hop in self.hops for name in (hop.carrier, hop.partner))


def with_transfer_integral(model: Model, hop_name: str, value_eV: float | None, source: str) -> Model:
    """The model with another transfer integral of one Marcus hop, such as one that follows from the crystal's geometry.

    value_eV: None, what a link that is off gives, returns the model unchanged. InputError for a hop that is not there
    or not a Marcus one, an integral that is negative or not finite, or a source without words.
    """
    names = [hop.name for hop in model.hops if hop.rate == "marcus"]
    if hop_name not in names:
        raise InputError(f"hop {hop_name!r}: the Marcus hops of model {model.name!r} are {', '.join(names) or 'none'}")
    if value_eV is None:
        return model
    if not (math.isfinite(value_eV) and value_eV >= 0.0):
        raise InputError(f"transfer_integral_eV = {value_eV}: a finite number that is not negative is needed")
    if len(source.strip()) < 3:
        raise InputError(f"source = {source!r}: say where the transfer integral is from")
    integral = Sourced(value=value_eV, source=source, mark="derived")
    hops = [h.model_copy(update={"transfer_integral_eV": integral}) if h.name == hop_name else h for h in model.hops]
    return model.model_copy(update={"hops": tuple(hops)})


def shipped_models() -> list[str]:
    """Names of the parameter sets that come with the package."""
    folder = resources.files("kmc") / "model" / "parameter_sets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_model(name_or_path: str | Path) -> Model:
    """A shipped set by name, or a parameter file by path; InputError naming file, key and reason."""
    text, where = _read(name_or_path)
    try:
        data: dict[str, Any] = tomllib.loads(text)
        return Model.model_validate(data)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise InputError(f"{where}: {first_error(error)}") from error


def first_error(error: ValidationError) -> str:
    """The first problem of a pydantic error as 'key = given: what is allowed'."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "value_error" or isinstance(problem["input"], dict):
        return f"{key}: {message}" if key else message
    return f"{key} = {problem['input']!r}: {message}"


def _read(name_or_path: str | Path) -> tuple[str, str]:
    """Text of a parameter file and how to call it in messages."""
    shipped = shipped_models()
    if str(name_or_path) in shipped:
        entry = resources.files("kmc") / "model" / "parameter_sets" / f"{name_or_path}.toml"
        return entry.read_text(encoding="utf-8-sig"), f"parameter set {name_or_path}"
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"parameters = {str(name_or_path)!r}: no such file, and the shipped sets are {', '.join(shipped)}"
        )
    try:
        return path.read_text(encoding="utf-8-sig"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
