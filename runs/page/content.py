"""What the page of `kmc report` says about a run or a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.plots.sheet import Look, Sheet
from analysis.results import SPECIES_KEYS, load_results
from analysis.statistics.notation import uncertainty_notation
from lattices.errors import InputError
from runs.config import load_config
from runs.page import html
from runs.page.measured import measured_values
from runs.state import RESULTS, RUN_FILE, state_of

NAMES = {
    "tracer_diffusivity_m2_s": "D* (m²/s)",
    "collective_diffusivity_m2_s": "D_σ (m²/s)",
    "correlation_factor": "f",
    "haven_ratio": "H_R",
    "ionic_conductivity_S_m": "σ_ion (S/m)",
    "electronic_conductivity_S_m": "σ_e (S/m)",
    "total_conductivity_S_m": "σ_total (S/m)",
    "ionic_transference_number": "t_ion",
    "electronic_transference_number": "t_e",
    "ambipolar_conductivity_S_m": "σ_amb (S/m)",
    "thermodynamic_factor_O": "Θ_O",
    "drift_conductivity_S_m": "σ from drift (S/m)",
}
CHEMICAL = "chemical_diffusivity_m2_s"


@dataclass(frozen=True)
class _InFolder(Look):
    """SVG pictures in the folder `target`. whole: the reported run; the pictures of its parts name their part."""

    target: Path = Path()
    whole: Path = Path()

    def of(self, folder: Path, name: str) -> Sheet:
        """The sheet of the picture `name` of the run in `folder`."""
        inner = "" if folder == self.whole else f"{folder.name}: "
        number = len(list(self.target.iterdir()))
        return Sheet(self.target / f"{number:03d} {inner}{name.replace('-', ' ')}.svg", self.parameters)


def report(folders: Iterable[Path]) -> str:
    """The page of runs and studies. InputError for a folder that holds neither, or whose results cannot be read."""
    listed = [Path(folder) for folder in folders]
    parts = [_part(f"part-{number}", folder) for number, folder in enumerate(listed)]
    title = ", ".join(folder.resolve().name for folder in listed)
    links = html.contents([(f"part-{number}", folder.resolve().name) for number, folder in enumerate(listed)])
    head = html.title(title) + "\n" + html.about(_made_with())
    return html.page(f"miec-kmc: {title}", "\n".join([head, links if len(listed) > 1 else "", *parts]))


def _made_with() -> str:
    from importlib import metadata

    from kmc.version import VERSION

    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "matplotlib"))
    return f"Report of miec-kmc {VERSION} ({libraries}). In brackets: standard errors in units of the last digits."


def _part(anchor: str, folder: Path) -> str:
    from analysis.plots.results import opened

    if not (folder / RESULTS).exists():
        raise InputError(f"{folder}: no {RESULTS}; a finished run or study is needed")
    with opened(folder / RESULTS) as results:
        parts = _study(folder, results) if "rows" in results else _run(folder, results)
        return html.section(anchor, folder.resolve().name, parts)


def _run(folder: Path, results: Mapping[str, Any]) -> list[str]:
    from analysis.plots.run import plot_folder

    runs: list[Mapping[str, Any]] = results.get("runs", [results])
    first = runs[0]
    facts = f"{first['model']}; backend {first['backend']}; seed {first['seed']}; {first['replicas']} replicas"
    return [
        html.about(f"{facts}; simulated with miec-kmc {first['version']}; state: {state_of(folder)}."),
        html.warnings(line for run in runs for line in run["warnings"]),
        _species_table(runs),
        _transport_table(runs),
        _arrhenius_table(results.get("arrhenius", {})),
        *_measured(str(first["model"]), [(run["temperature_K"], _flat(run)) for run in runs]),
        *_pictures(folder, lambda look: plot_folder(folder, look)),
        html.heading("Notes") if any(run["notes"] for run in runs) else "",
        html.bullets(line for run in runs for line in run["notes"]),
        *_inputs(folder / RUN_FILE),
    ]


def _study(folder: Path, summary: Mapping[str, Any]) -> list[str]:
    from analysis.plots.study import plot_study

    rows = summary["rows"]
    keys = list(summary["vary"])
    figures = [name for name in NAMES if any(row["figures"].get(name, {}).get("value") is not None for row in rows)]
    species = dict.fromkeys(n for row in rows for n in row["figures"] if n.endswith("tracer_diffusivity_m2_s"))
    shown = [*(name for name in species if any(_known(row["figures"].get(name)) for row in rows)), *figures]
    head = [*(key.rpartition(".")[2] for key in keys), "T (K)", *(_title(name) for name in shown)]
    cells = [
        [
            *(str(row["varied"][key]) for key in keys),
            f"{row['temperature_K']:g}",
            *(_text(row["figures"].get(name)) for name in shown),
        ]
        for row in rows
    ]
    first = folder / rows[0]["folder"] if rows else None
    first = first if first and (first / RESULTS).exists() else None
    model = load_results(first / RESULTS) if first else {}
    name = str(model.get("runs", [model])[0].get("model", "")) if model else ""
    return [
        html.about(f"Study of {summary['run']}: {len(rows)} rows, {len(summary['unfinished'])} points unfinished."),
        html.warnings(f"{each['folder']}: {each['reason'] or 'still to be run'}" for each in summary["unfinished"]),
        html.table(head, cells, "Every finished point", numbers=len(shown)),
        *_study_fits(summary["fits"]),
        *_measured(name, [(row["temperature_K"], row["figures"]) for row in rows]),
        *_pictures(folder, lambda look: plot_study(summary, folder, look)),
        html.heading("Study file"),
        html.preformatted((folder / "study.toml").read_text(encoding="utf-8")),
        *(_inputs(first / RUN_FILE, "Resolved inputs of the first point") if first else []),
    ]


def _study_fits(fits: Mapping[str, Any]) -> list[str]:
    energies = [
        [_title(fit["quantity"]), _at(fit["at"]), _text(fit["activation_energy_eV"])]
        for fit in fits["activation_energies"]
    ]
    slopes = [[_title(fit["quantity"]), _at(fit["at"]), _text(fit["exponent"])] for fit in fits["pO2_slopes"]]
    return [
        html.table(["quantity", "at", "E_A (eV)"], energies, "Activation energies over the runs of the study", 1),
        html.table(["quantity", "at", "d ln/d ln pO₂"], slopes, "Exponents in the oxygen pressure", 1),
    ]


def _at(keys: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in keys.items()) or "all runs"


def _species_table(runs: list[Mapping[str, Any]]) -> str:
    rows = [
        [f"{run['temperature_K']:g}", name, *(_text(entry[key]) for key in SPECIES_KEYS)]
        for run in runs
        for name, entry in run["species"].items()
    ]
    return html.table(["T (K)", "species", *(NAMES[key] for key in SPECIES_KEYS)], rows, "Diffusion", 4)


def _transport_table(runs: list[Mapping[str, Any]]) -> str:
    """Conductivities, transference numbers, Theta and D~ by route, a line for each quantity and a column for each T."""
    flat = [_flat(run) for run in runs]
    names = [*NAMES, *dict.fromkeys(name for each in flat for name in each if name.startswith(f"{CHEMICAL}."))]
    kept = [name for name in names if any(_known(each.get(name)) for each in flat)]
    rows = [[_title(name), *(_text(each.get(name)) for each in flat)] for name in kept]
    head = ["quantity", *(f"{run['temperature_K']:g} K" for run in runs)]
    return html.table(head, rows, "Conduction and chemical diffusion", len(runs))


def _arrhenius_table(fits: Mapping[str, Any]) -> str:
    rows = [[_title(name), _text(fit["activation_energy_eV"])] for name, fit in fits.items()]
    return html.table(["quantity", "E_A (eV)"], rows, "Activation energies", 1)


def _measured(model: str, results: list[tuple[float, Mapping[str, Any]]]) -> list[str]:
    rows = []
    for known in measured_values(model):
        for temperature_K, figures in results:
            found, entry = known.beside(temperature_K), figures.get(known.key)
            if found is None or not _known(entry):
                continue
            value, at_K = found
            ratio = f"{entry['value'] / value:.2g}" if entry and entry["value"] > 0 else html.MISSING
            ours = f"{_text(entry)} at {temperature_K:g} K"
            rows.append([_title(known.key), ours, f"{value:.3g} at {at_K:g} K", ratio, known.sample, known.source])
    head = ["quantity", "this run", "measured", "ratio", "sample", "source"]
    table = html.table(head, rows, "As found in the literature; samples and conditions may differ from the run's")
    return [html.heading("Measured values beside these"), table] if rows else []


def _pictures(whole: Path, draw: Callable[[Look], object]) -> list[str]:
    with TemporaryDirectory() as folder:
        draw(_InFolder("svg", target=Path(folder), whole=whole))
        files = sorted(Path(folder).glob("*.svg"))
        return [html.heading("Pictures"), *(html.svg_figure(file, file.stem[4:]) for file in files)] if files else []


def _inputs(run_file: Path, title: str = "Resolved inputs") -> list[str]:
    """The run file with every default, and every number of its parameter set with mark and source."""
    from kmc.model.listing import numbers_of
    from runs.build import model_of

    try:
        text = run_file.read_text(encoding="utf-8")
        model = model_of(*load_config(run_file))
    except (OSError, InputError) as error:
        return [html.warnings([f"the inputs cannot be shown: {error}"])]
    numbers = html.table(["number", "value", "mark", "source"], numbers_of(model), f"Every number of {model.name}")
    return [html.heading("Where the numbers come from"), numbers, html.heading(title), html.preformatted(text)]


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    from analysis.plots.study import scalar_estimates

    return dict(scalar_estimates(run))


def _known(entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and entry["value"] is not None


def _text(entry: Mapping[str, Any] | None) -> str:
    """The value with its error, or the reason why there is none."""
    if entry is None:
        return html.MISSING
    if entry["value"] is None:
        return f"{html.MISSING} {entry.get('reason', '')}".rstrip()
    return uncertainty_notation(entry["value"], entry["stderr"]) if math.isfinite(entry["value"]) else html.MISSING


def _title(name: str) -> str:
    """D* (m²/s) of V_O for a dotted key."""
    parts = name.split(".")
    if parts[0] == CHEMICAL:
        return f"D~ (m²/s) by {parts[-1].replace('_', ' ')}"
    label = NAMES.get(parts[-1], parts[-1].replace("_", " "))
    return f"{label} of {parts[1]}" if parts[0] == "species" and len(parts) > 2 else label
