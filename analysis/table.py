"""The table on the terminal."""

from __future__ import annotations

from analysis.results import (
    OF_VACANCIES,
    SPECIES_KEYS,
    Entry,
    FitResults,
    FolderResults,
    JsonObject,
    RunResults,
    SpeciesKey,
    TransportKey,
    runs_of,
)
from analysis.statistics.estimates import half_width_95
from analysis.statistics.notation import uncertainty_notation

COLUMNS: dict[SpeciesKey, str] = {
    "tracer_diffusivity_m2_s": "D*/(m2/s)",
    "correlation_factor": "f",
    "collective_diffusivity_m2_s": "D_sigma/(m2/s)",
    "haven_ratio": "H_R",
}
SHARED_COLUMNS: dict[TransportKey, str] = {
    "ionic_conductivity_S_m": "sigma_ion/(S/m)",
    "electronic_conductivity_S_m": "sigma_e/(S/m)",
}
LINES: dict[TransportKey, str] = {
    "total_conductivity_S_m": "sigma_total = {} S/m",
    "ionic_transference_number": "t_ion = {}",
    "electronic_transference_number": "t_e = {}",
    "ambipolar_conductivity_S_m": "sigma_amb = {} S/m",
    "ambipolar_onsager_conductivity_S_m": "with cross terms {} S/m",
}


def with_error(entry: Entry) -> str:
    """`1.23(4)e-12` for an entry of results.json; "-" where it is null."""
    value, stderr = entry["value"], entry["stderr"]
    return "-" if value is None else uncertainty_notation(value, stderr)


def _transport_lines(run: RunResults) -> list[str]:
    """Lines on mixed conduction and on drift in a field."""
    at = f"{run['temperature_K']:g} K"
    lines = []
    if run["electronic_conductivity_S_m"]["value"] is not None:
        known = [text.format(with_error(run[key])) for key, text in LINES.items() if run[key]["value"] is not None]
        if known:
            mode = run["total_conductivity_S_m"].get("mode")
            lines.append(f"{at}: {', '.join(known)}{f' ({mode})' if mode else ''}")
        if given := run["onsager"].get("given"):
            lines.append(f"{at}: {given}, used with L_Ve = 0 in t_e, sigma_amb and D~")
    drift = run["drift_conductivity_S_m"]
    if drift["value"] is not None:
        lines.append(f"{at}: sigma = {with_error(drift)} S/m from the drift in the field: {drift['formula']}")
    return lines


def _thermodynamic_lines(run: RunResults) -> list[str]:
    """Lines on Theta and on D~ by each route, where the run has them."""
    at = f"{run['temperature_K']:g} K"
    if "chemical_diffusivity_matrix_m2_s" in run:
        return [f"{at}: {line}" for line in _matrix_lines(run["chemical_diffusivity_matrix_m2_s"])]
    if "thermodynamics" not in run:
        return []
    methods = run["thermodynamics"]["thermodynamic_factor_of_carrier"]
    thetas = [f"{with_error(entry)} ({name})" for name, entry in methods.items() if entry["value"] is not None]
    lines = [f"{at}: Theta of {run['thermodynamics']['carrier']} = {', '.join(thetas)}"] if thetas else []
    routes = run["chemical_diffusivity_m2_s"]
    return lines + [
        f"{at}: D~ = {with_error(entry)} m2/s by {name}: {entry['formula']}"
        + (f"; {entry['note']}" if name == "tracer_theta" and "note" in entry else "")
        for name, entry in routes.items()
        if entry["value"] is not None
    ]


def _matrix_lines(entry: JsonObject) -> list[str]:
    """Lines on D~ of two neutral components."""
    if entry["value"] is None:
        return [f"no D~ of {' and '.join(entry['species'])}: {entry['reason']}"]
    names, lines = entry["species"], []
    for i, name in enumerate(names):
        cells = [uncertainty_notation(entry["value"][i][j], entry["stderr"][i][j]) for j in range(len(names))]
        row = ", ".join(f"{cell} ({other})" for cell, other in zip(cells, names, strict=True))
        lines.append(f"D~ of {name} per gradient of each component: {row} m2/s")
    pairs = zip(entry["eigenvalues"]["value"], entry["eigenvalues"]["stderr"], strict=True)
    values = ", ".join(uncertainty_notation(value, stderr) for value, stderr in pairs)
    return [*lines, f"eigenvalues of D~: {values} m2/s; {entry['formula']}"]


def format_table(results: FolderResults) -> str:
    """A readable table of one run or of a list of temperatures."""
    runs = runs_of(results)
    rows = [["T/K", "species", *COLUMNS.values(), *SHARED_COLUMNS.values()]]
    for run in runs:
        shared = [with_error(run[key]) for key in SHARED_COLUMNS]
        for name, entry in run["species"].items():
            cells = [with_error(entry[key]) for key in COLUMNS]
            if OF_VACANCIES in entry["haven_ratio"].get("note", ""):
                cells[-1] = f"[{cells[-1]}]"
            rows.append([f"{run['temperature_K']:g}", name, *cells, *shared])
            shared = ["", ""]
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += _fit_lines(runs) + _interval_lines(runs)
    if "arrhenius" in results:
        for name, fit in results["arrhenius"].items():
            if (energy := fit["activation_energy_eV"])["value"] is not None:
                lines.append(f"activation energy of {name}: {with_error(energy)} eV{_interval(energy)}")
    for run in runs:
        lines += _transport_lines(run) + _thermodynamic_lines(run)
    if any(row[5].startswith("[") for row in rows):
        lines.append(f"[H_R]: {OF_VACANCIES}")
    notes = set(_reasons(runs))
    notes |= {warning for run in runs for warning in run["warnings"]}
    advice = dict.fromkeys(line for run in runs for line in run.get("advice", []))
    return "\n".join([*lines, *advice, *(f"note: {note}" for note in sorted(notes))])


def _fit_lines(runs: list[RunResults]) -> list[str]:
    """The lags of every fit, with the local exponent there."""
    lines = []
    for run in runs:
        parts = []
        for name, entry in run["species"].items():
            fits = (("D*", entry.get("tracer_fit")), ("D_sigma", entry.get("collective_fit")))
            parts += [
                f"{symbol} of {name} {fit['lags_s'][0]:.3g} to {fit['lags_s'][1]:.3g} s "
                f"(MSD ~ t^{with_error(fit['local_exponent'])}{_unseen(fit)})"
                for symbol, fit in fits
                if fit is not None
            ]
        if parts:
            source = "given" if run["fit_range"] else "chosen from the data"
            lines.append(f"{run['temperature_K']:g} K: lags {source}: {', '.join(parts)}")
    return lines


def _unseen(fit: FitResults) -> str:
    """`; excluded at longer lags: a decrease by more than 12 %`, or that nothing is excluded."""
    if fit["unseen_decrease"] is None:
        return ""
    if fit["unseen_decrease"] >= 1.0:
        return "; no decrease at longer lags is excluded"
    return f"; excluded at longer lags: a decrease by more than {100 * fit['unseen_decrease']:.2g} %"


def _interval_lines(runs: list[RunResults]) -> list[str]:
    """How many standard errors, which the brackets hold, make half of a 95 % interval."""
    known = {
        int(entry[key]["dof"])
        for run in runs
        for entry in run["species"].values()
        for key in SPECIES_KEYS
        if "dof" in entry[key]
    }
    return [
        f"in brackets: standard errors; 95 % intervals are +-{half_width_95(1.0, dof):.2f} of them "
        f"({dof + 1} independent samples)"
        for dof in sorted(known)
    ]


def _interval(entry: Entry) -> str:
    """` (95 %: 0.71 to 0.79)`."""
    if "interval_95" not in entry:
        return ""
    low, high = entry["interval_95"]
    return f" (95 %: {low:.3g} to {high:.3g})"


def _reasons(runs: list[RunResults]) -> list[str]:
    """Reasons for null estimates of species; the estimates are named unless a reason applies to all of them."""
    concerned: dict[str, list[str]] = {}
    total = 0
    for run in runs:
        for name, entry in run["species"].items():
            for key in SPECIES_KEYS:
                total += 1
                if "reason" in entry[key]:
                    estimate = f"{key.removesuffix('_m2_s').replace('_', ' ')} of {name}"
                    concerned.setdefault(str(entry[key]["reason"]), []).append(estimate)
    return [
        reason if len(estimates) == total else f"{', '.join(dict.fromkeys(estimates))}: {reason}"
        for reason, estimates in concerned.items()
    ]
