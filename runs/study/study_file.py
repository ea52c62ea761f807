"""The study file: a run, what to set in it and what to vary, and the run file of every combination.

run = "lsf64"                                   # a run file, relative to the study file, or an example
set = { "run.replicas" = 32 }                   # overrides for every combination
[vary]                                          # every combination of these
"run.temperature_K" = [973, 1073, 1173]
"gas.pO2_bar" = { from = 1e-5, to = 1.0, points = 6, spacing = "logarithmic" }
[[zipped]]                                      # lists of equal length whose entries belong together
"crystal.doping.Gd" = [0.1, 0.2]
"crystal.lattice_parameter_angstrom" = [5.418, 5.426]
"""

from __future__ import annotations

import itertools
import json
import math
import os
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kmc.model.problems import refuse
from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from lattices.toml import parse_toml
from runs.config import RunConfig, load_config, shipped_examples

MOST_RUNS = 1000
Point: TypeAlias = dict[str, object]  # one combination of the varied keys


class Grid(BaseModel):
    """`points` values between two ends that are both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: Annotated[float, Field(alias="from", allow_inf_nan=False)]
    to: Annotated[float, Field(allow_inf_nan=False)]
    points: Annotated[int, Field(strict=True, ge=2, le=MOST_RUNS)]
    spacing: Literal["linear", "logarithmic"] = "linear"

    @model_validator(mode="after")
    def _positive(self) -> Grid:
        if self.spacing == "logarithmic" and not (self.start > 0.0 and self.to > 0.0):
            raise ValueError("a logarithmic spacing needs ends above zero")
        return self

    def values(self) -> list[object]:
        """The values with twelve digits; whole numbers throughout become integers, as keys such as a seed need."""
        shares = [step / (self.points - 1) for step in range(self.points)]
        if self.spacing == "linear":
            exact = [self.start + share * (self.to - self.start) for share in shares]
        else:
            low, high = math.log(self.start), math.log(self.to)
            exact = [math.exp(low + share * (high - low)) for share in shares]
        rounded = [float(f"{value:.12g}") for value in exact]
        whole = self.spacing == "linear" and all(value.is_integer() for value in rounded)
        return [int(value) for value in rounded] if whole else list(rounded)


def _listed(value: object) -> object:
    """The values of a grid; anything else as it is."""
    return Grid.model_validate(value).values() if isinstance(value, dict) else value


Values: TypeAlias = Annotated[list[object], BeforeValidator(_listed), Field(min_length=1)]


class StudyConfig(BaseModel):
    """run: a run file, relative to the study file, or an example. set: overrides for all runs.

    vary: key -> values, of which every combination is run. zipped: tables of lists whose entries belong together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    set: dict[str, object] = {}
    vary: dict[str, Values] = {}
    zipped: tuple[dict[str, Values], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> StudyConfig:
        if not self.keys:
            raise ValueError("vary is missing: a key with a list of values is needed in [vary] or [[zipped]]")
        for group in self.zipped:
            if len({len(values) for values in group.values()}) > 1:
                lengths = ", ".join(f"{len(values)} of {key}" for key, values in group.items())
                raise ValueError(f"zipped: lists of equal length are needed, given are {lengths}")
        for key in self.set:
            table = key.partition(".")[0]
            if table not in RunConfig.model_fields:
                known = list(RunConfig.model_fields)
                allowed = f"tables of a run file are {', '.join(known)}{did_you_mean(table, known)}"
                raise ValueError(f"set: unknown key {key!r}; {allowed}")
        twice = [key for key in self.keys if self.keys.count(key) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is varied twice")
        return self

    @property
    def keys(self) -> list[str]:
        """Every varied key."""
        return [*self.vary, *(key for group in self.zipped for key in group)]

    @property
    def varied(self) -> dict[str, list[object]]:
        """The values of every varied key."""
        return {**self.vary, **{key: values for group in self.zipped for key, values in group.items()}}


def load_study(file: Path) -> tuple[StudyConfig, Path]:
    """(study, folder of its relative paths) of a file or a shipped name. InputError with file, key and reason."""
    shipped = resources.files("runs") / "studies" / f"{file}.toml"
    try:
        text = file if os.path.isfile(file) or not shipped.is_file() else shipped
        data = parse_toml(text.read_text(encoding="utf-8-sig"))
        study = StudyConfig.model_validate(data)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        known = shipped_studies()
        needed = f"a study file is needed, or one of {', '.join(known)}"
        raise InputError(f"{file}: cannot be read: {reason}; {needed}{did_you_mean(file.stem, known)}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: not valid TOML: {error}") from error
    except ValidationError as error:
        refuse(str(file), error, StudyConfig)
    with _naming(str(file)):
        points = points_of(study)
    if len({folder_name(point) for point in points}) < len(points):
        raise InputError(f"{file}: vary lists a value twice")
    return study, file.resolve().parent


def shipped_studies() -> list[str]:
    """Names of the study files that come with the program."""
    folder = resources.files("runs") / "studies"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def points_of(study: StudyConfig) -> list[Point]:
    """Every combination of the varied keys, the last one varying fastest. InputError for more than MOST_RUNS."""
    axes: list[list[Point]] = [[{key: value} for value in values] for key, values in study.vary.items()]
    for group in study.zipped:
        axes.append([dict(zip(group, values, strict=True)) for values in zip(*group.values(), strict=True)])
    number = math.prod(len(axis) for axis in axes)
    if number > MOST_RUNS:
        raise InputError(f"vary makes {number} runs; at most {MOST_RUNS} are allowed")
    return [{key: value for part in parts for key, value in part.items()} for parts in itertools.product(*axes)]


def folder_name(point: Point) -> str:
    """Such as delta=0.02,replicas=4: the varied keys and values, in characters that every file system allows."""
    text = ",".join(f"{key.rpartition('.')[2]}={_text(value)}" for key, value in point.items())
    return "".join(c if c.isalnum() or c in "=,.-_" else "_" for c in text)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "_".join(_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Put `where` before messages of InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(*(f"{where}: {line}" for line in error.lines)) from error


def naming_point(file: Path, point: str) -> AbstractContextManager[None]:
    """Put a study file and one of its points, by the name of its folder, before messages of InputError."""
    return _naming(f"{file}: {point}")


def config_of(study: StudyConfig, base: Path, point: Point, backend: str | None) -> tuple[RunConfig, Path]:
    """The run file of one combination, and the folder of its relative paths."""
    beside = base / study.run
    file = beside if os.path.isfile(beside) or study.run not in shipped_examples() else study.run
    override = {**study.set, **point, **({"run.backend": backend} if backend else {})}
    return load_config(file, [f"{key}={_as_toml(value)}" for key, value in override.items()])


def _as_toml(value: object) -> str:
    """A TOML value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_as_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_as_toml(entry) for entry in value) + "]"
    return json.dumps(value)


def study_toml(study: StudyConfig) -> str:
    """The study file with every value written out."""
    import tomli_w

    content = study.model_dump(mode="json")
    return tomli_w.dumps({key: value for key, value in content.items() if value})


def check_same(study: StudyConfig, old: StudyConfig, folder: Path) -> None:
    """InputError if a folder holds another study; values may be added to the lists."""

    def identity(each: StudyConfig) -> object:
        return each.run, each.set, list(each.vary), [list(group) for group in each.zipped]

    if identity(old) != identity(study):
        raise InputError(f"--out {folder}: holds another study; only values of the varied keys may be added")
