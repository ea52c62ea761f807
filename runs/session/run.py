"""A finished or interrupted run: a folder, with its results, pictures and tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from analysis.results import load_results
from lattices.errors import InputError
from runs.session.results import Results

if TYPE_CHECKING:
    import pandas

    from kmc.files.trajectory import Trajectory


@dataclass(frozen=True)
class Run:
    """A run in its folder: run.toml, trajectory.h5, results.json, pictures and log.txt."""

    folder: Path

    @cached_property
    def results(self) -> Results:
        """Everything in results.json; InputError before the run was analysed."""
        return Results(load_results(self.folder / "results.json", "run.analyze() writes it"))

    def at(self, temperature_K: float) -> Run:
        """The run of one temperature of several; InputError for another one."""
        known = {run["temperature_K"]: name for run, name in zip(self._runs(), self._folders(), strict=True)}
        if temperature_K not in known:
            raise InputError(f"{self.folder}: no {temperature_K:g} K; it holds {', '.join(f'{t:g} K' for t in known)}")
        return Run(self.folder / known[temperature_K])

    def trajectory(self) -> Trajectory:
        """The trajectory of a run of one temperature, as arrays; InputError for a folder without one."""
        from kmc.files.trajectory import read_trajectory

        return read_trajectory(self.folder / "trajectory.h5")

    def analyze(self, fit_range: tuple[float, float] | None = None) -> Results:
        """Analyse again, write results.json and return it.

        fit_range: lags of all fits, as fractions of the run. None: chosen from the data.
        """
        from analysis.report import analyze_folder

        found = analyze_folder(self.folder, fit_range)
        self.__dict__.pop("results", None)
        return Results(found)

    def plot(self) -> list[Path]:
        """Draw the pictures again; returns their paths."""
        from analysis.plots.run import plot_folder

        return plot_folder(self.folder)

    def export(self, form: str = "extxyz") -> list[Path]:
        """Write positions for other programs: "extxyz", "traj" or "h5md"; returns the files."""
        from runs.export import export

        return export(self.folder, form)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each temperature: temperature_K, then value and standard error of every estimate.

        Needs pandas; InputError says how to install it.
        """
        pandas = import_pandas("to_dataframe")
        from analysis.plots.study import scalar_estimates

        rows = []
        for run in self._runs():
            row: dict[str, Any] = {"temperature_K": run["temperature_K"]}
            for name, entry in scalar_estimates(run).items():
                row |= {name: entry["value"], f"{name} stderr": entry["stderr"]}
            rows.append(row)
        return pandas.DataFrame(rows)

    def _runs(self) -> list[dict[str, Any]]:
        results = dict(self.results)
        return results.get("runs", [results])

    def _folders(self) -> list[str]:
        return self.results.get("folders", ["."])


def import_pandas(what: str) -> ModuleType:
    """The module pandas; InputError with the way to install it. what: needs it."""
    try:
        import pandas
    except ImportError as error:
        raise InputError(f"{what} needs pandas: pip install pandas") from error
    return pandas


def open_run(folder: Path | str) -> Run:
    """The run in a folder; InputError where there is none."""
    folder = Path(folder)
    if not any((folder / name).exists() for name in ("run.toml", "results.json", "trajectory.h5")):
        raise InputError(f"{folder}: holds no run (neither run.toml, results.json nor trajectory.h5)")
    return Run(folder)
