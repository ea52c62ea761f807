"""The table of a study: results.json and study.csv of its finished points, which grow as points finish."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from pathlib import Path
from typing import cast

from analysis.results import Entry
from analysis.study import Row, StudyFits, format_fits, study_fits
from lattices.errors import InputError
from runs.state import FAILURE, RESULTS, is_finished
from runs.study.study_file import Point, StudyConfig, folder_name, points_of

TABLE = "study.csv"


class StudyTable:
    """Rows of the finished points in the folder of a study, by point; `add` reads one more."""

    def __init__(self, study: StudyConfig, folder: Path) -> None:
        self.study, self.folder = study, folder
        self._points: dict[str, Point] = {folder_name(point): point for point in points_of(study)}
        self._rows: dict[str, list[Row]] = {}

    def read_finished(self) -> None:
        """Read every finished point that is not in the table yet, whoever ran it."""
        for name in self._points:
            if name not in self._rows and is_finished(self.folder / name):
                self.add(name)

    def add(self, name: str) -> None:
        """Read the results of a finished point. InputError where they are damaged."""
        from analysis.plots.results import opened
        from analysis.plots.study import scalar_estimates

        with opened(self.folder / name / RESULTS) as results:
            self._rows[name] = [
                {
                    "folder": name,
                    "varied": self._points[name],
                    "temperature_K": run["temperature_K"],
                    "composition": run.get("composition", {}),
                    "figures": cast("dict[str, Entry]", scalar_estimates(run)),
                }
                for run in results.get("runs", [results])
            ]

    @property
    def rows(self) -> list[Row]:
        """The rows in the order of the study file."""
        return [row for name in self._points for row in self._rows.get(name, [])]

    def write(self) -> dict[str, object]:
        """Write results.json and study.csv; returns the content of the first. InputError where that fails."""
        rows, missing = self.rows, [name for name in self._points if name not in self._rows]
        fits = study_fits(rows)
        content: dict[str, object] = {
            "run": self.study.run,
            "vary": self.study.varied,
            "zipped": [list(group) for group in self.study.zipped],
            "rows": rows,
            "fits": fits,
            "unfinished": [{"folder": name, "reason": self._reason(name)} for name in missing],
        }
        try:
            write_text(self.folder / RESULTS, json.dumps(content, indent=1, allow_nan=False) + "\n")
            write_text(self.folder / TABLE, as_csv(self.study.keys, rows))
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        return content

    def fit_lines(self) -> list[str]:
        """The activation energies and pressure exponents as text."""
        fits: StudyFits = study_fits(self.rows)
        return format_fits(fits)

    def _reason(self, name: str) -> str | None:
        """The first line of failure.txt; None for a point that is still to be run."""
        try:
            return (self.folder / name / FAILURE).read_text(encoding="utf-8").splitlines()[0]
        except (OSError, IndexError):
            return None


def as_csv(keys: list[str], rows: list[Row]) -> str:
    """A line for each row, with value and standard error of every estimate that any row has."""
    names = list(dict.fromkeys(name for row in rows for name, f in row["figures"].items() if f["value"] is not None))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*keys, "temperature_K", *itertools.chain(*((name, f"{name} stderr") for name in names))])
    for row in rows:
        pairs = [row["figures"].get(name, {"value": None, "stderr": None}) for name in names]
        cells = [number for entry in pairs for number in (entry["value"], entry["stderr"])]
        writer.writerow([*(row["varied"][key] for key in keys), row["temperature_K"], *cells])
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new one, also with several writers."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_text(text, encoding="utf-8", newline="")
    os.replace(temporary, path)
