"""`kmc list`: every run below a folder, with its material, temperature, composition, main estimates and state."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from analysis.results import Entry
from analysis.statistics.notation import uncertainty_notation
from lattices.errors import InputError
from runs.config import RunConfig, load_config
from runs.state import FAILURE, RUN_FILE, State, state_of

FORMATS = ("table", "csv", "json", "parquet")
COLUMNS = {  # key of the table -> how the terminal heads it
    "folder": "folder",
    "material": "material",
    "temperature_K": "T/K",
    "x": "x",
    "delta": "delta",
    "tracer_diffusivity_m2_s": "D*/(m2/s)",
    "ionic_conductivity_S_m": "sigma_ion/(S/m)",
    "electronic_conductivity_S_m": "sigma_e/(S/m)",
    "chemical_diffusivity_m2_s": "D~/(m2/s)",
    "state": "state",
}


@dataclass(frozen=True)
class Listed:
    """A run at one temperature.

    folder: relative to the listed one. material: the parameter set. x: site fraction of each dopant. delta: anion
    vacancies per formula unit, None for structure files. figures: every estimate by its dotted key. of: the species
    whose D* is listed. reason: why the run failed.
    """

    folder: str
    material: str
    temperature_K: float | None
    x: dict[str, float]
    delta: float | None
    figures: dict[str, Entry]
    of: str | None
    state: State
    reason: str | None = None

    def main_estimates(self) -> dict[str, Entry | None]:
        """D* of the principal species, the conductivities, and the first D~ that the run gives."""
        chemical = [name for name in self.figures if name.startswith("chemical_diffusivity_m2_s.")]
        given = [name for name in chemical if self.figures[name]["value"] is not None]
        return {
            "tracer_diffusivity_m2_s": self.figures.get(f"species.{self.of}.tracer_diffusivity_m2_s"),
            "ionic_conductivity_S_m": self.figures.get("ionic_conductivity_S_m"),
            "electronic_conductivity_S_m": self.figures.get("electronic_conductivity_S_m"),
            "chemical_diffusivity_m2_s": self.figures[given[0]] if given else None,
        }

    def row(self) -> dict[str, object]:
        """All values and standard errors under flat keys, for tables."""
        flat: dict[str, object] = {"folder": self.folder, "material": self.material, "state": self.state}
        flat |= {"temperature_K": self.temperature_K, "delta": self.delta}
        flat |= {f"x_{name}": value for name, value in self.x.items()}
        for name, entry in self.figures.items():
            flat |= {name: entry["value"], f"{name} stderr": entry["stderr"]}
        return flat


def list_runs(folder: Path) -> list[Listed]:
    """Every run in a folder and below, by name; one entry for each temperature. InputError for a folder without any."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found = [listed for run in sorted(_run_folders(folder)) for listed in _listed(run, run.relative_to(folder))]
    if not found:
        raise InputError(f"{folder}: holds no run, nor does any folder in it")
    return found


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folders of runs; what lies in one of them are its parts."""
    if any((folder / name).is_file() for name in (RUN_FILE, FAILURE)):
        yield folder
        return
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            yield from _run_folders(inner)


def _listed(folder: Path, name: Path) -> Iterator[Listed]:
    from analysis.plots.study import scalar_estimates

    state = state_of(folder)
    try:
        reason = (folder / FAILURE).read_text(encoding="utf-8").partition("\n")[0] if state == "failed" else None
    except OSError:
        reason = None
    try:
        config, base = load_config(folder / RUN_FILE)
    except InputError as error:
        yield Listed(str(name), "?", None, {}, None, {}, None, state, reason or str(error))
        return
    for run, temperature_K in _results(folder, config):
        composition = cast("dict[str, int]", run.get("composition") or config.resolved.get("particles_per_replica", {}))
        x, delta = fractions(config, base, composition)
        yield Listed(
            folder=str(name),
            material=str(run.get("model") or Path(config.model.parameters).stem),
            temperature_K=temperature_K,
            x=x,
            delta=delta,
            figures={key: _entry(entry) for key, entry in scalar_estimates(run).items()},
            of=_principal(run),
            state=state,
            reason=reason,
        )


def _entry(entry: Mapping[str, Any]) -> Entry:
    return {"value": entry["value"], "stderr": entry["stderr"]}


def _results(folder: Path, config: RunConfig) -> list[tuple[dict[str, Any], float]]:
    """(results, temperature) of each temperature; empty results where there are none yet."""
    try:
        whole = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return [(run, run["temperature_K"]) for run in whole.get("runs", [whole])]
    except (OSError, ValueError, KeyError):
        return [({}, temperature_K) for temperature_K in config.run.temperatures_K]


def fractions(config: RunConfig, base: Path, composition: Mapping[str, int]) -> tuple[dict[str, float], float | None]:
    """(site fraction of each dopant, anion vacancies per formula unit of a prototype), from numbers of particles."""
    from lattices.prototypes import PROTOTYPES
    from runs.build import model_of

    try:
        model = model_of(config, base)
    except InputError:  # a parameter file that is no longer there
        return {}, None

    def share(name: str) -> float | None:
        sites = sum(composition.get(other, 0) for other in model.on_sublattice(model.species[name].sublattice))
        return composition.get(name, 0) / sites if sites else None

    known = {name: share(name) for name in config.crystal.doping if name in model.species}
    x = {name: round(value, 10) for name, value in known.items() if value is not None}
    anions = [name for name in model.vacancies if model.species[name].sublattice == "anion"]
    empty = share(anions[0]) if anions else None
    if config.crystal.prototype is None or empty is None:
        return x, None
    return x, round(empty * PROTOTYPES[config.crystal.prototype].anions_per_formula, 10)


def _principal(run: Mapping[str, Any]) -> str | None:
    """The first ion with a tracer diffusivity, or else the first carrier."""
    species = run.get("species", {})
    known = [name for name, each in species.items() if each["tracer_diffusivity_m2_s"]["value"] is not None]
    ions = [name for name in known if species[name]["kind"] == "ion"]
    return next(iter([*ions, *known]), None)


def format_table(listed: list[Listed]) -> str:
    """The runs as text; D* is that of the species in brackets."""
    rows = [list(COLUMNS.values()), *(_cells(each) for each in listed)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines + [f"{each.folder}: {each.reason}" for each in listed if each.reason])


def _cells(each: Listed) -> list[str]:
    estimates = {name: _with_error(entry) for name, entry in each.main_estimates().items()}
    if each.of is not None:
        estimates["tracer_diffusivity_m2_s"] += f" [{each.of}]"
    cells = {
        "folder": each.folder,
        "material": each.material,
        "temperature_K": "-" if each.temperature_K is None else f"{each.temperature_K:g}",
        "x": ", ".join(f"{name} {value:.4g}" for name, value in each.x.items()) or "-",
        "delta": "-" if each.delta is None else f"{each.delta:.4g}",
        "state": each.state,
        **estimates,
    }
    return [cells[key] for key in COLUMNS]


def _with_error(entry: Entry | None) -> str:
    if entry is None or entry["value"] is None:
        return "-"
    return uncertainty_notation(entry["value"], entry["stderr"])


def format_csv(listed: list[Listed]) -> str:
    """A line for each run, with value and standard error of every estimate that any of them has."""
    rows = [each.row() for each in listed]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def format_json(listed: list[Listed]) -> str:
    """The same for other programs."""
    return json.dumps([{**each.row(), "reason": each.reason} for each in listed], indent=1)


def write_parquet(listed: list[Listed], path: Path) -> None:
    """A Parquet file with the columns of `format_csv`. InputError without pandas and an engine, or where it fails."""
    try:
        import pandas
    except ImportError as error:
        raise InputError("--format parquet needs pandas: pip install pandas pyarrow; csv does not") from error
    try:
        pandas.DataFrame([each.row() for each in listed]).to_parquet(path)
    except ImportError as error:
        raise InputError("--format parquet needs pyarrow: pip install pyarrow; csv does not") from error
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written: {error.strerror or error}") from error
