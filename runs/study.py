"""`kmc study`: one run file carried out for every combination of varied keys, with all estimates in one table.

The folder of a study holds study.toml as carried out, a run folder for each combination, results.json (a row for each
combination and temperature), study.csv and pictures. It can be resumed: finished runs are kept, and an interrupted one
continues from its checkpoint.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kmc.model.problems import refuse
from lattices.errors import InputError
from lattices.toml import parse_toml
from runs.config import RunConfig, load_config, shipped_examples
from runs.launch import RUN_FILE, run_all
from runs.prepare import prepare

if TYPE_CHECKING:
    from analysis.plots.study import Entry

STUDY_FILE = "study.toml"
MOST_RUNS = 1000
Point: TypeAlias = dict[str, object]  # one combination of the varied keys


class StudyConfig(BaseModel):
    """run: a run file, relative to the study file, or an example. set: overrides for all runs. vary: key -> values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    set: dict[str, object] = {}
    vary: Annotated[dict[str, Annotated[list[object], Field(min_length=1)]], Field(min_length=1)]


@dataclass(frozen=True)
class Row:
    """The estimates of one combination at one temperature. folder: of its run, relative to that of the study."""

    folder: str
    varied: Point
    temperature_K: float
    figures: dict[str, Entry]


def run_study(file: Path, folder: Path, *, resume: bool = False, backend: str | None = None) -> int:
    """Carry out a study file; returns the exit code of `run_all`.

    Raises InputError for an invalid study or run before the first run begins.
    """
    study, base = load_study(file)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: a folder is needed, this is a file")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise InputError(f"--out {folder}: is not empty; add --resume to continue a study, or name another folder")
    _check_same(study, folder, resume)
    points = points_of(study)
    configs = [_config(study, base, point, backend) for point in points]
    for config, where in configs:
        prepare(config, where)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / STUDY_FILE, _toml(study))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    for number, (point, (config, where)) in enumerate(zip(points, configs, strict=True)):
        part = folder / folder_name(point)
        print(f"run {number + 1} of {len(points)}: {part.name}", flush=True)
        if code := run_all(config, where, part, resume=(part / RUN_FILE).exists()):
            return code
    for path in collect(study, folder):
        print(f"written: {path}")
    return 0


def load_study(file: Path) -> tuple[StudyConfig, Path]:
    """(study, folder of its relative paths) of a file or a shipped name. InputError with file, key and reason."""
    shipped = resources.files("runs") / "studies" / f"{file}.toml"
    try:
        text = file if os.path.isfile(file) or not shipped.is_file() else shipped
        data = parse_toml(text.read_text(encoding="utf-8-sig"))
        study = StudyConfig.model_validate(data)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: not valid TOML: {error}") from error
    except ValidationError as error:
        refuse(str(file), error, StudyConfig)
    number = 1
    for values in study.vary.values():
        number *= len(values)
    if number > MOST_RUNS:
        raise InputError(f"{file}: vary makes {number} runs; at most {MOST_RUNS} are allowed")
    if len({folder_name(point) for point in points_of(study)}) < number:
        raise InputError(f"{file}: vary lists a value twice")
    return study, file.resolve().parent


def points_of(study: StudyConfig) -> list[Point]:
    """Every combination of the varied keys, the last one varying fastest."""
    return [dict(zip(study.vary, values, strict=True)) for values in itertools.product(*study.vary.values())]


def folder_name(point: Point) -> str:
    """Such as delta=0.02,replicas=4: the varied keys and values, in characters that every file system allows."""
    text = ",".join(f"{key.rpartition('.')[2]}={_text(value)}" for key, value in point.items())
    return "".join(c if c.isalnum() or c in "=,.-_" else "_" for c in text)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "_".join(_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _config(study: StudyConfig, base: Path, point: Point, backend: str | None) -> tuple[RunConfig, Path]:
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


def _toml(study: StudyConfig) -> str:
    import tomli_w

    return tomli_w.dumps(study.model_dump(mode="json"))


def _check_same(study: StudyConfig, folder: Path, resume: bool) -> None:
    """InputError if the folder to resume holds another study; values may be added to `vary`."""
    kept = folder / STUDY_FILE
    if not resume:
        return
    if not kept.is_file():
        raise InputError(f"--out {folder}: holds no study to resume")
    old = load_study(kept)[0]
    if (old.run, old.set, list(old.vary)) != (study.run, study.set, list(study.vary)):
        raise InputError(f"--out {folder}: holds another study; only values of the varied keys may be added")


def collect(study: StudyConfig, folder: Path) -> list[Path]:
    """Write results.json, study.csv and pictures of the finished runs; returns the files."""
    from analysis.plots.study import plot_study, scalar_estimates

    rows = []
    for point in points_of(study):
        path = folder / folder_name(point) / "results.json"
        if not path.is_file():
            continue
        results = json.loads(path.read_text(encoding="utf-8"))
        for run in results.get("runs", [results]):
            rows.append(Row(folder_name(point), point, run["temperature_K"], scalar_estimates(run)))
    summary = {"run": study.run, "vary": study.vary, "rows": [asdict(row) for row in rows]}
    _write(folder / "results.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
    _write_csv(folder / "study.csv", list(study.vary), rows)
    return [folder / "results.json", folder / "study.csv", *plot_study(summary, folder)]


def _write_csv(path: Path, keys: list[str], rows: list[Row]) -> None:
    """A line for each row, with value and standard error of every estimate that any row has."""
    names = list(dict.fromkeys(name for row in rows for name, f in row.figures.items() if f["value"] is not None))
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*keys, "temperature_K", *itertools.chain(*((name, f"{name} stderr") for name in names))])
        for row in rows:
            pairs = [row.figures.get(name, {"value": None, "stderr": None}) for name in names]
            cells = [number for entry in pairs for number in (entry["value"], entry["stderr"])]
            writer.writerow([*(row.varied[key] for key in keys), row.temperature_K, *cells])


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
