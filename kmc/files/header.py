"""The metadata of a trajectory file, as JSON in two attributes of /kmc: "description" and "run".

The description holds everything that determines the trajectory and is written once; the run facts are written with
every frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kmc.carriers.band import BandConduction
from kmc.carriers.coupling import coupled_groups
from kmc.model.entries import Kind
from kmc.model.oxygen_gas import relative_mu_eV
from kmc.state.hop_geometry import mean_bond_tensor_angstrom2
from kmc.state.short_range_order import ShortRangeOrder
from kmc.state.system import System
from lattices.notes import Note

SCHEMA = 1


@dataclass(frozen=True)
class SpeciesRecord:
    """A species of the run. count: particles per replica. tracked: whether its displacements were recorded.

    kind: whether it carries ionic or electronic current.
    """

    name: str
    label: str
    charge_e: int
    count: int
    mobile: bool
    element: str
    tracked: bool = True
    kind: Kind = "ion"


@dataclass(frozen=True)
class FamilyRecord:
    """A hop family of the run. reorganisation_energy_eV: of Marcus rates.

    mean_bond_tensor_m2: 3 x 3, see kmc/state/hop_geometry.py; None where it is not known.
    """

    name: str
    carrier: str
    partner: str
    hop_length_m: float
    reorganisation_energy_eV: float | None = None
    mean_bond_tensor_m2: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class PolaronRecord:
    """mode: of kmc/carriers/polaron_modes.py. rate_factor: hop family -> factor on its true rate."""

    mode: str
    rate_factor: dict[str, float]


@dataclass(frozen=True)
class Header:
    """Everything that determines a trajectory, in SI units where a name says so; its fields are the keys in the file.

    configuration: (R,) number of the dopant configuration of each replica. component: the neutral component as in
    kmc/carriers/neutral_component.py with mu_at_1_bar_eV, or {"reason": ...}. dopants: quenched disorder, immobile ions
    that affect the energies or the sites of carriers. grid_vectors_m: 3 x 3, the unit of integer displacements.
    cubic: every second-rank tensor is isotropic by symmetry. space_group: symbol and number. rotations: (n, 3, 3), the
    point group in Cartesian axes; see System.symmetry. band: a given electronic conductivity.
    short_range_order: of annealed dopants.
    """

    schema: int
    model: str
    seed: int
    temperature_index: int
    digest: str
    temperature_K: float
    volume_m3: float
    repeats: tuple[int, ...]
    grid: int
    field_V_per_m: tuple[float, ...]
    configuration: tuple[int, ...]
    notes: tuple[Note, ...]
    polarons: PolaronRecord
    component: dict[str, Any]
    dopants: bool
    coulomb: bool
    coupled_groups: tuple[tuple[str, ...], ...]
    grid_vectors_m: tuple[tuple[float, ...], ...]
    cubic: bool
    space_group: str
    rotations: tuple[tuple[tuple[float, ...], ...], ...]
    species: tuple[SpeciesRecord, ...]
    families: tuple[FamilyRecord, ...]
    band: BandConduction | None = None
    short_range_order: tuple[ShortRangeOrder, ...] = ()

    def to_json(self) -> str:
        """The text of the attribute."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Header:
        """Read the text of the attribute; ValueError for another schema, KeyError for a key that is missing."""
        found = json.loads(text)
        if found["schema"] != SCHEMA:
            raise ValueError(f"schema {found['schema']}, this version reads {SCHEMA}")
        found = {"band": None, "short_range_order": [], **found}  # added within schema 1
        plain = {name: found[name] for name in cls.__dataclass_fields__}
        nested = {
            "repeats": tuple(found["repeats"]),
            "field_V_per_m": tuple(found["field_V_per_m"]),
            "configuration": tuple(found["configuration"]),
            "notes": tuple(Note(**note) for note in found["notes"]),
            "polarons": PolaronRecord(**found["polarons"]),
            "coupled_groups": tuple(tuple(group) for group in found["coupled_groups"]),
            "grid_vectors_m": tuple(tuple(row) for row in found["grid_vectors_m"]),
            "species": tuple(SpeciesRecord(**entry) for entry in found["species"]),
            "rotations": tuple(_matrix(rotation) for rotation in found["rotations"]),
            "families": tuple(_family(entry) for entry in found["families"]),
            "short_range_order": tuple(_order(entry) for entry in found["short_range_order"]),
            "band": BandConduction(**found["band"]) if found["band"] else None,
        }
        return cls(**(plain | nested))


@dataclass(frozen=True)
class RunFacts:
    """How a run was carried out. wall_s: wall time in seconds. planned_frames: frames requested at first; a run that
    was extended for precision has more. versions: of this program, NumPy and Python. hops_per_visit: with domains.
    """

    backend: str
    wall_s: float
    planned_frames: int
    versions: dict[str, str]
    hops_per_visit: float | None = None

    def to_json(self) -> str:
        """The text of the attribute."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RunFacts:
        """Read the text of the attribute; KeyError for a key that is missing."""
        found = json.loads(text)
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})


def header_of(system: System) -> Header:
    """The header of a run of this system."""
    tables = system.tables
    cell_angstrom = tables.supercell.crystal.cell_angstrom / tables.supercell.crystal.grid
    return Header(
        schema=SCHEMA,
        model=system.model.name,
        seed=system.seed,
        temperature_index=system.temperature_index,
        digest=tables.digest,
        temperature_K=tables.temperature_K,
        volume_m3=tables.supercell.volume_m3,
        repeats=tuple(tables.supercell.repeats),
        grid=tables.supercell.crystal.grid,
        field_V_per_m=tuple(tables.field_V_per_m.tolist()),
        configuration=tuple(system.configuration),
        notes=tuple(system.composition.notes),
        polarons=PolaronRecord(system.mode, dict(system.rate_factor)),
        component=_component(system),
        dopants=system.quenched,
        coulomb=tables.term("coulomb") is not None,
        coupled_groups=tuple(tuple(group) for group in coupled_groups(system.model, tables)),
        grid_vectors_m=tuple(tuple(row) for row in (cell_angstrom * 1e-10).tolist()),
        cubic=system.symmetry.cubic,
        space_group=system.symmetry.space_group,
        rotations=tuple(_matrix(rotation) for rotation in np.round(system.symmetry.rotations, 12).tolist()),
        species=_species(system),
        families=_families(system),
        band=system.band,
        short_range_order=tuple(system.short_range_order()),
    )


def _order(entry: dict[str, Any]) -> ShortRangeOrder:
    return ShortRangeOrder(**{**entry, "species": tuple(entry["species"])})


def _species(system: System) -> tuple[SpeciesRecord, ...]:
    tables, model = system.tables, system.model
    mobile = model.mobile - set(model.placeholders)
    return tuple(
        SpeciesRecord(
            name=name,
            label=species.label or name,
            charge_e=species.charge,
            count=int(tables.counts[code]),
            mobile=name in mobile,
            element=species.element,
            tracked=bool(tables.first_particle[code] >= 0),
            kind="electronic" if name in model.electronic else "ion",
        )
        for code, (name, species) in enumerate(model.species.items())
    )


def _matrix(rows: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows)


def _family(entry: dict[str, Any]) -> FamilyRecord:
    tensor = entry.get("mean_bond_tensor_m2")
    return FamilyRecord(**{**entry, "mean_bond_tensor_m2": tensor and _matrix(tensor)})


def _bond_tensor_m2(system: System, family: int) -> tuple[tuple[float, ...], ...] | None:
    found = mean_bond_tensor_angstrom2(system.model, system.tables, family)
    return None if found is None else _matrix((found * 1e-20).tolist())


def _families(system: System) -> tuple[FamilyRecord, ...]:
    lengths = system.tables.hop_length_angstrom
    return tuple(
        FamilyRecord(
            name=hop.name,
            carrier=hop.carrier,
            partner=hop.partner,
            hop_length_m=float(lengths[f]) * 1e-10,
            reorganisation_energy_eV=getattr(hop.reorganisation_energy_eV, "value", None),
            mean_bond_tensor_m2=_bond_tensor_m2(system, f),
        )
        for f, hop in enumerate(system.model.hops)
    )


def _component(system: System) -> dict[str, Any]:
    """The neutral component, with its chemical potential at 1 bar of oxygen where the model has an oxygen exchange."""
    found = system.component
    if isinstance(found, str):
        return {"reason": found}
    known = system.model.oxygen_exchange is not None
    zero = relative_mu_eV(system.model, system.tables.temperature_K, 1.0) if known else None
    return found.as_dict() | {"mu_at_1_bar_eV": zero}
