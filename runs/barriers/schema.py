"""The schema of a crystal file: what `kmc barriers` computes. It is a parameter file without its numbers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from kmc.model.entries import DistanceRange, PrototypeName, Shells, Sourced, Species, Strict
from kmc.model.problems import refuse
from lattices.errors import InputError
from lattices.hop_environments import EnvironmentRule
from lattices.neighbours import Neighbours
from lattices.toml import parse_toml

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True, ge=1)]
Repeats = Annotated[tuple[Annotated[int, Field(strict=True, ge=1, le=50)], ...], Field(min_length=3, max_length=3)]


class CrystalEntry(Strict):
    """[crystal]: a prototype with its hosts, or a structure file with named sublattices, as in a run file.

    relax: scale the cell to the calculator's lattice parameter before anything else is computed.
    """

    prototype: PrototypeName | None = None
    host: dict[str, str] = Field(default_factory=dict)
    lattice_parameter_angstrom: Positive | None = None
    file: str | None = None
    sublattices: dict[str, str | list[str] | list[int]] = Field(default_factory=dict)
    shell_tolerance: Annotated[float, Field(strict=True, ge=1e-6, le=0.2)] | None = None
    relax: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _complete(self) -> CrystalEntry:
        if (self.prototype is None) == (self.file is None):
            raise ValueError("exactly one of prototype and file is needed")
        if self.file is not None and (not self.sublattices or self.host or self.lattice_parameter_angstrom):
            raise ValueError(
                "a structure file needs sublattices, and takes neither host nor lattice_parameter_angstrom"
            )
        if self.prototype is not None and (self.sublattices or self.lattice_parameter_angstrom is None):
            raise ValueError("a prototype needs host and lattice_parameter_angstrom, and names its sublattices itself")
        return self


class ClusterEntry(Strict):
    """A local cluster expansion of E0 in place of a barrier for each occupation of the environment.

    samples: occupations that are computed; the default is three for each term. pairs: with terms of two species.
    """

    samples: Whole | None = None
    pairs: Annotated[bool, Field(strict=True)] = True


class HopEntry(Strict):
    """A family of hops, as in a parameter file, without barriers.

    attempt_frequency_Hz: a number with its source, or "vineyard": from the vibrations of the hopping ion alone.
    cluster_expansion: for an environment of too many occupations to compute them all.
    saddle: "neb", a nudged elastic band in the first supercell and the mid-plane in larger ones where symmetry allows
    it, or "mid-plane", which uses it in the first one too. scale_eV: an energy that is added to every computed barrier
    of the hop, such as a measured or DFT value minus the one of the calculator.
    """

    name: str
    carrier: str
    partner: str
    shell: Shells | None = None
    distance_angstrom: DistanceRange | None = None
    kind: Whole | None = None
    gate: tuple[str, ...] = ()
    gate_distance_angstrom: DistanceRange | None = None
    gate_end_distance_angstrom: DistanceRange | None = None
    attempt_frequency_Hz: Sourced | Literal["vineyard"]
    cluster_expansion: ClusterEntry | None = None
    saddle: Literal["neb", "mid-plane"] = "neb"
    scale_eV: Sourced | None = None

    @property
    def neighbours(self) -> Neighbours:
        """Which neighbours the bonds join."""
        first = (1,) if self.distance_angstrom is None else ()
        return Neighbours(self.shell or first, self.distance_angstrom or (), self.kind or 0)

    @property
    def environment_rule(self) -> EnvironmentRule:
        """How the environment sites of a bond are found."""
        return EnvironmentRule(self.gate_distance_angstrom, self.gate_end_distance_angstrom)


class PairEntry(Strict):
    """Species whose pair energies are fitted, one energy for each kind of pair in each of the neighbour shells.

    write: false leaves the energies out of the parameter file, such as those between dopants that never move.
    """

    species: tuple[str, str]
    shells: Annotated[tuple[Whole, ...], Field(min_length=1)]
    write: Annotated[bool, Field(strict=True)] = True


class Cells(Strict):
    """[cells]: the supercells, what they hold, and how they are relaxed.

    supercells: repeats; hops are computed in all of them, configurations for pair energies in the first.
    hop_contents: numbers of dopants in the cell of a hop, beside those that the environment asks for already; the rest
    is placed as far from the hop as possible. contents: what the cells for pair energies hold, one table each.
    configurations: relaxed for each of the `contents`. fmax_eV_angstrom: largest force after a relaxation.
    images: of a NEB, an odd number so that one is in the middle. rattle_angstrom: standard deviation of the
    displacements that break the symmetry before a relaxation. hessian_angstrom: atoms up to this distance from the
    hopping ion at the saddle point vibrate with it where attempt frequencies are computed. steps: most of a relaxation.
    """

    supercells: Annotated[tuple[Repeats, ...], Field(min_length=1)]
    hop_contents: dict[str, Whole] = Field(default_factory=dict)
    contents: tuple[dict[str, Whole], ...] = ()
    configurations: Whole | None = None
    fmax_eV_angstrom: Positive = 0.02
    images: Whole = 3
    rattle_angstrom: NotNegative = 0.01
    hessian_angstrom: NotNegative = 0.0
    steps: Whole = 500
    seed: Annotated[int, Field(strict=True, ge=0)] = 1

    @model_validator(mode="after")
    def _odd(self) -> Cells:
        if self.images % 2 == 0:
            raise ValueError(f"images = {self.images}: an odd number is needed, so that one image is in the middle")
        return self


class CrystalFile(Strict):
    """A crystal file."""

    name: str
    description: str = ""
    crystal: CrystalEntry
    species: dict[str, Species]
    hops: tuple[HopEntry, ...] = ()
    pairs: tuple[PairEntry, ...] = ()
    cells: Cells

    @model_validator(mode="after")
    def _names(self) -> CrystalFile:
        for hop in self.hops:
            for name in (hop.carrier, hop.partner):
                self._known(name, f"hop {hop.name!r}")
            carrier, partner = self.species[hop.carrier], self.species[hop.partner]
            if carrier.sublattice != partner.sublattice or (carrier.element == "X") == (partner.element == "X"):
                raise ValueError(
                    f"hop {hop.name!r}: carrier and partner must share a sublattice, and exactly one of them must be "
                    'vacant (element = "X")'
                )
        for pair in self.pairs:
            for name in pair.species:
                self._known(name, f"the pair {' - '.join(pair.species)}")
        for name in [*self.cells.hop_contents, *(name for one in self.cells.contents for name in one)]:
            self._known(name, "cells")
        if self.pairs and not self.cells.contents:
            raise ValueError("pairs need cells.contents, the numbers of particles in the cells of the fit")
        return self

    def _known(self, name: str, where: str) -> None:
        if name not in self.species:
            raise ValueError(f"{where} names species {name!r}; known are {', '.join(self.species)}")


def load_crystal_file(path: Path) -> CrystalFile:
    """A crystal file; InputError naming file, key and reason."""
    try:
        return CrystalFile.model_validate(parse_toml(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        refuse(str(path), error, CrystalFile)
