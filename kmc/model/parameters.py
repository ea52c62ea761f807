"""Models: complete parameter sets of species, hops and energies, from a file or a shipped set."""

from __future__ import annotations

import math
import os
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from kmc.model.defect_entries import DefectSpec
from kmc.model.entries import (
    CoulombSpec,
    Hop,
    OxygenExchange,
    Pair,
    ProtonSites,
    PrototypeName,
    Sourced,
    Species,
    Strict,
)
from kmc.model.problems import refuse
from kmc.model.references import ELECTRONIC_BY_NAME, problems_of
from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from lattices.toml import parse_toml


class Model(Strict):
    """A complete parameter set. Species are coded 0, 1, ... in the order they are listed.

    layers: further sublattices, each on the sites of another one. A carrier on a layer shares its site with an ion, so
    that pair energies of shell 0 give its energy on a dopant. Empty sites of a layer have the element "X".
    equilibrium_material: the material of `kmc equilibrium` from which a gas determines the numbers of carriers.
    defects: reactions of its own, in place of such a material.
    """

    name: str
    description: str = ""
    prototype: PrototypeName | None = None
    lattice_parameter_angstrom: Sourced | None = None
    species: dict[str, Species]
    hops: tuple[Hop, ...] = ()
    pairs: tuple[Pair, ...] = ()
    layers: dict[str, str] = Field(default_factory=dict)
    proton_sites: ProtonSites | None = None
    equilibrium_material: str | None = None
    defects: DefectSpec | None = None
    oxygen_exchange: OxygenExchange | None = None
    coulomb: CoulombSpec | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        if problems := problems_of(self):
            raise ValueError("\n".join(problems))
        return self

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
            raise InputError(
                f"unknown species {name!r}; model {self.name!r} knows {', '.join(self.species)}"
                + did_you_mean(name, self.species)
            )
        return self.names.index(name)

    def on_sublattice(self, sublattice: str) -> list[str]:
        """Names of the species of one sublattice."""
        return [name for name, species in self.species.items() if species.sublattice == sublattice]

    def host_of(self, sublattice: str, element: str) -> str:
        """The neutral species of a host element on a sublattice; InputError if the model has none."""
        for name in self.on_sublattice(sublattice):
            if self.species[name].element == element and self.species[name].charge == 0:
                return name
        allowed = sorted(
            {self.species[n].element for n in self.on_sublattice(sublattice) if self.species[n].charge == 0}
        )
        raise InputError(
            f"crystal: host {element!r} on sublattice {sublattice!r} is not in model {self.name!r}, "
            f"which allows {', '.join(allowed) or 'none there'}"
        )

    @property
    def placeholders(self) -> list[str]:
        """Species that represent empty sites of protons and of layers."""
        return [n for n, s in self.species.items() if s.element == "X" and s.charge == 0 and n not in self.vacancies]

    @property
    def vacancies(self) -> list[str]:
        """Species that are vacant ion sites (element "X"); empty sites of protons and of layers do not count."""
        others = {*self.layers, *([self.proton_sites.sublattice] if self.proton_sites else [])}
        return [n for n, s in self.species.items() if s.element == "X" and s.sublattice not in others]

    @property
    def mobile(self) -> frozenset[str]:
        """Species that take part in a hop."""
        return frozenset(name for hop in self.hops for name in (hop.carrier, hop.partner))


def with_transfer_integral(model: Model, hop_name: str, value_eV: float | None, source: str) -> Model:
    """The model with another transfer integral of one Marcus hop, such as one derived from the crystal's geometry.

    value_eV: None, as from a disabled link, returns the model unchanged. InputError for a hop that is
    missing or not a Marcus hop, an integral that is negative or not finite, or an empty source.
    """
    names = [hop.name for hop in model.hops if hop.rate == "marcus"]
    if hop_name not in names:
        raise InputError(f"hop {hop_name!r}: the Marcus hops of model {model.name!r} are {', '.join(names) or 'none'}")
    if value_eV is None:
        return model
    if not (math.isfinite(value_eV) and value_eV >= 0.0):
        raise InputError(f"transfer_integral_eV = {value_eV}: a finite number of at least 0 is allowed, not negative")
    if len(source.strip()) < 3:
        raise InputError(f"source = {source!r}: state in at least 3 characters where the transfer integral is from")
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
        return Model.model_validate(parse_toml(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from error
    except ValidationError as error:
        refuse(where, error, Model)


def source_text(name_or_path: str | Path) -> str:
    """The text of a parameter file; InputError where there is none."""
    return _read(name_or_path)[0]


def _read(name_or_path: str | Path) -> tuple[str, str]:
    """Text of a parameter file, and its name in messages."""
    shipped = shipped_models()
    if str(name_or_path) in shipped:
        entry = resources.files("kmc") / "model" / "parameter_sets" / f"{name_or_path}.toml"
        return entry.read_text(encoding="utf-8-sig"), f"parameter set {name_or_path}"
    path = Path(name_or_path)
    if not os.path.isfile(path):  # unlike Path.is_file, false for a name that no file can have
        raise InputError(
            f"parameters = {str(name_or_path)!r}: no such file, and the shipped sets are {', '.join(shipped)}"
            + did_you_mean(str(name_or_path), shipped)
        )
    try:
        return path.read_text(encoding="utf-8-sig"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
