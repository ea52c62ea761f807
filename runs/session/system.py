"""A system to simulate, built in Python with the keys, the defaults and the checks of a run file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kmc.model.parameters import Model, load_model
from kmc.model.problems import refuse
from lattices.errors import InputError
from lattices.prototypes import PROTOTYPES
from runs.schema.run_file import RunConfig

if TYPE_CHECKING:
    from kmc.state.system import System as EngineSystem
    from lattices.crystal import Crystal

WHERE = "kmc.System"  # source of the keys in messages
PARAMETER_FILE, CRYSTAL_FILE = "parameters.toml", "crystal.json"


@dataclass(frozen=True)
class System:
    """A model on a supercell at one temperature or several, with its composition; use `System.build`.

    config: the run file that describes it. base: the folder from which its relative paths start. model, crystal: given
    in memory instead of by name; `simulate` writes them into the folder of the run.
    """

    config: RunConfig
    base: Path
    model: Model | None = None
    crystal: Crystal | None = None

    @classmethod
    def build(
        cls,
        parameters: str | Path | Model,
        *,
        repeats: Sequence[int],
        temperature_K: float | Sequence[float],
        crystal: Crystal | None = None,
        prototype: str | None = None,
        host: Mapping[str, str] | None = None,
        lattice_parameter_angstrom: float | None = None,
        doping: Mapping[str, Any] | None = None,
        vacancies: Any = None,
        carriers: Mapping[str, Any] | None = None,
        gas: Mapping[str, Any] | None = None,
        replicas: int = 8,
        seed: int = 1,
        field_V_per_m: Sequence[float] = (0.0, 0.0, 0.0),
        **more: Any,
    ) -> System:
        """The system of a parameter set on a supercell; everything is checked here, as `kmc validate` does.

        parameters: a shipped set, a path, or a Model. repeats: conventional cells along each axis. temperature_K: one
        temperature or several. crystal: a unit cell (from `fluorite`, `perovskite`, `crystal_from_atoms` ...); default:
        the model's own prototype, with `host` (default: the model's neutral species of each cation sublattice) and
        `lattice_parameter_angstrom` (default: the model's). doping, vacancies, carriers: amounts as in a run file: a
        site fraction, {"number": n}, {"sites": [...]}, {"profile": {...}}, "charge-balance", or for vacancies
        {"delta": x}. gas: {"pO2_bar": ...}, which replaces vacancies and carriers. field_V_per_m: electric field.
        more: further keys of the run file by dotted name, such as ``**{"model.relative_permittivity": 300.0}``.

        Raises InputError, one line with the key, what was given and what is allowed.
        """
        base = Path.cwd()
        held = parameters if isinstance(parameters, Model) else None
        model = parameters if isinstance(parameters, Model) else _load(parameters, base)
        keys: dict[str, Any] = {
            "crystal": {"repeats": list(repeats), "doping": dict(doping or {}), "carriers": dict(carriers or {})},
            "model": {"parameters": PARAMETER_FILE if held else str(parameters)},
            "run": {
                "temperature_K": _plain(temperature_K),
                "replicas": replicas,
                "seed": seed,
                "field_V_per_m": list(field_V_per_m),
            },
        }
        if crystal is None:
            keys["crystal"] |= _prototype(model, prototype, host, lattice_parameter_angstrom)
        elif prototype or host or lattice_parameter_angstrom is not None:
            raise InputError(f"{WHERE}: crystal excludes prototype, host and lattice_parameter_angstrom")
        else:
            keys["crystal"] |= {"file": CRYSTAL_FILE, "sublattices": _members(crystal)}
        if vacancies is not None:
            keys["crystal"]["vacancies"] = vacancies
        if gas is not None:
            keys["gas"] = dict(gas)
        system = cls(config_of(keys, more), base, held, crystal)
        system.engine_systems  # noqa: B018  # refuse here what a run would refuse
        return system

    def at(self, **changes: Any) -> System:
        """The same system with other keys: system.at(temperature_K=1000.0), system.at(seed=2, replicas=16).

        Keys: those of [run] in a run file by their own name, others by dotted name
        (``**{"crystal.repeats": [8, 8, 8]}``).
        """
        dotted = {key if "." in key else f"run.{key}": _plain(value) for key, value in changes.items()}
        keys = self.config.model_dump(mode="json", exclude={"resolved"}, exclude_none=True)
        system = System(config_of(keys, dotted), self.base, self.model, self.crystal)
        system.engine_systems  # noqa: B018  # as in build
        return system

    @property
    def temperatures_K(self) -> list[float]:
        """The temperatures in K."""
        return self.config.run.temperatures_K

    @cached_property
    def engine_systems(self) -> list[EngineSystem]:
        """Event tables and composition at every temperature, for experts; see kmc.state.system."""
        from runs.prepare import prepare

        with tempfile.TemporaryDirectory() as folder:
            self.write_files(Path(folder))
            return list(prepare(self.config, self.base_for(Path(folder))).systems)

    def describe(self) -> str:
        """Sites, particles, charge balance, acceptance, memory and file size, as `kmc validate` prints them."""
        from runs.estimate import validate

        with tempfile.TemporaryDirectory() as folder:
            self.write_files(Path(folder))
            return validate(self.config, self.base_for(Path(folder))).format()

    def base_for(self, folder: Path) -> Path:
        """The folder from which the paths of `config` start once `write_files(folder)` was called."""
        return folder if self.model or self.crystal else self.base

    def write_files(self, folder: Path) -> None:
        """Write the model and the crystal that were given in memory where `config` looks for them."""
        if self.model is not None:
            import tomli_w

            text = tomli_w.dumps(self.model.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
            (folder / PARAMETER_FILE).write_text(text, encoding="utf-8")
        if self.crystal is not None:
            from ase.io import write

            write(str(folder / CRYSTAL_FILE), _atoms(self.crystal), format="json")


def config_of(keys: Mapping[str, Any], more: Mapping[str, Any]) -> RunConfig:
    """The run file with those keys; further ones by dotted name."""
    tables: dict[str, Any] = {name: dict(table) for name, table in keys.items()}
    for key, value in more.items():
        *path, last = key.split(".")
        place = tables
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    try:
        config = RunConfig.model_validate(tables)
    except ValidationError as error:
        refuse(WHERE, error, RunConfig)
    config._where = WHERE
    return config


def _load(parameters: str | Path, base: Path) -> Model:
    beside = base / parameters
    return load_model(beside if beside.is_file() else parameters)


def _prototype(
    model: Model, prototype: str | None, host: Mapping[str, str] | None, lattice_parameter_angstrom: float | None
) -> dict[str, Any]:
    """Keys of [crystal] for a prototype, hosts taken from the model where they are not given."""
    name = prototype or model.prototype
    if name is None:
        raise InputError(
            f"{WHERE}: prototype is missing and model {model.name!r} names none; give crystal = ... or prototype = one "
            f"of {', '.join(PROTOTYPES)}"
        )
    keys: dict[str, Any] = {"prototype": name}
    if name in PROTOTYPES:
        keys["host"] = dict(host or {key: _host(model, key) for key in PROTOTYPES[name].host_keys})
    if lattice_parameter_angstrom is not None:
        keys["lattice_parameter_angstrom"] = lattice_parameter_angstrom
    return keys


def _host(model: Model, sublattice: str) -> str:
    """The element of the one neutral species on a cation sublattice."""
    found = {s.element for s in model.species.values() if s.sublattice == sublattice and s.charge == 0}
    if len(found) != 1:
        known = ", ".join(sorted(found)) or "none"
        raise InputError(f"{WHERE}: host[{sublattice!r}] is missing; model {model.name!r} allows {known}")
    return found.pop()


def _members(crystal: Crystal) -> dict[str, list[int]]:
    """Sublattice -> indices of its atoms in `_atoms`."""
    members, first = {}, 0
    for sublattice in crystal.sublattices:
        members[sublattice.name] = list(range(first, first + sublattice.n_basis))
        first += sublattice.n_basis
    return members


def _atoms(crystal: Crystal) -> Any:
    from ase import Atoms

    symbols = [s.element for s in crystal.sublattices for _ in range(s.n_basis)]
    scaled = [row for s in crystal.sublattices for row in s.basis.tolist()]
    return Atoms(symbols, scaled_positions=scaled, cell=crystal.cell_angstrom, pbc=True)


def _plain(value: Any) -> Any:
    """Sequences and NumPy scalars as types that TOML supports."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
