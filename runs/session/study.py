"""A study in its folder: its table, its fits and its runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.results import load_results
from lattices.errors import InputError
from runs.session.run import Run, import_pandas, open_run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Study:
    """A study that was carried out, or is being carried out, by `kmc study`."""

    folder: Path

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of results.json; InputError before the first point has finished."""
        return load_results(self.folder / "results.json", "kmc study --resume writes it again")

    @property
    def runs(self) -> list[Run]:
        """The runs of the finished points, in the order of the study file."""
        return [open_run(self.folder / name) for name in dict.fromkeys(row["folder"] for row in self.results["rows"])]

    @property
    def unfinished(self) -> dict[str, str | None]:
        """Folder of every point without results -> why it failed; None for one that is still to be run."""
        return {entry["folder"]: entry["reason"] for entry in self.results["unfinished"]}

    @property
    def fits(self) -> dict[str, Any]:
        """Activation energies and exponents in pO2, as in results.json."""
        found: dict[str, Any] = self.results["fits"]
        return found

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each finished point and temperature: folder, varied keys, temperature_K, estimates and errors.

        Needs pandas; InputError says how to install it.
        """
        pandas = import_pandas("to_dataframe")
        rows = []
        for each in self.results["rows"]:
            row: dict[str, Any] = {"folder": each["folder"], **each["varied"], "temperature_K": each["temperature_K"]}
            for name, entry in each["figures"].items():
                row |= {name: entry["value"], f"{name} stderr": entry["stderr"]}
            rows.append(row)
        return pandas.DataFrame(rows)


def open_study(folder: Path | str) -> Study:
    """The study in a folder; InputError where there is none."""
    folder = Path(folder)
    if not (folder / "study.toml").is_file():
        raise InputError(f"{folder}: holds no study (no study.toml)")
    return Study(folder)


def run_study(
    file: Path | str,
    folder: Path | str,
    *,
    resume: bool = False,
    scheduler: str | None = None,
    workers: int | None = None,
    backend: str | None = None,
    quiet: bool = False,
) -> Study:
    """Carry out a study file as `kmc study` does; points that failed are in `unfinished` of what it returns.

    scheduler: address of a dask scheduler. workers: processes on this machine, by default as many as cores or GPUs
    allow; they start this program again, so that a script needs the guard `if __name__ == "__main__"`. Ctrl-C ends
    the runs with checkpoints and raises KeyboardInterrupt. Raises InputError for an invalid study.
    """
    from runs.study.carry_out import SOME_FAILED, Options, carry_out_study

    options = Options(resume=resume, scheduler=scheduler, workers=workers, backend=backend, quiet=quiet)
    code = carry_out_study(Path(file), Path(folder), options)
    if code not in (0, SOME_FAILED):
        raise KeyboardInterrupt("stopped with checkpoints; go on with kmc.run_study(..., resume=True)")
    return Study(Path(folder))
