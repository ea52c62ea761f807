"""Pictures of mixed conduction: conductivities and transference numbers against temperature, the Onsager matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analysis.plots.canvas import canvas
from analysis.statistics.estimates import FloatArray

CONDUCTIVITIES = (
    ("ionic_conductivity_S_m", "ionic", "#0072B2", "o"),
    ("electronic_conductivity_S_m", "electronic", "#D55E00", "s"),
    ("total_conductivity_S_m", "total", "#000000", "^"),
    ("ambipolar_conductivity_S_m", "ambipolar", "#009E73", "D"),
)
NUMBERS = (
    ("ionic_transference_number", "$t_{ion}$", "#0072B2", "o"),
    ("electronic_transference_number", "$t_e$", "#D55E00", "s"),
)


def plot_conductivities(results: dict[str, Any], path: Path | str) -> Path | None:
    """Conductivities (above) and transference numbers (below) of a list of temperatures; None for an ion alone."""
    runs = results["runs"]
    if all(run["electronic_conductivity_S_m"]["value"] is None for run in runs):
        return None
    figure, (above, below) = canvas(2, 6.4)
    for axes, series in ((above, CONDUCTIVITIES), (below, NUMBERS)):
        for key, label, colour, marker in series:
            good = [(run["temperature_K"], run[key]) for run in runs if run[key]["value"] is not None]
            if good:
                x, y, e = np.array([(1000 / T, f["value"], f["stderr"]) for T, f in good]).T
                axes.errorbar(
                    x, y, e, fmt=marker + "-", color=colour, capsize=3, markersize=5, linewidth=1, label=label
                )
        axes.grid(True, which="both", linewidth=0.3, alpha=0.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
    above.set(yscale="log", ylabel="conductivity (S/m)", title=runs[0]["model"])
    below.set(ylabel="transference number", xlabel="1000 K / T")
    figure.savefig(path, dpi=150)
    return Path(path)


def plot_onsager(results: dict[str, Any], path: Path | str) -> Path | None:
    """The matrix as correlations L_ij/sqrt(L_ii L_jj), with values and errors written in; None for one carrier."""
    names, entry = results["onsager"]["species"], results["onsager"]["matrix_1_per_J_m_s"]
    if not names or len(names) < 2 or entry["value"] is None:
        return None
    value, stderr = (np.array(entry[key], dtype=float) for key in ("value", "stderr"))  # null becomes nan
    if not (np.diag(value) > 0).all():
        return None
    figure, (axes,) = canvas()
    image = axes.imshow(_normalised(value), vmin=-1, vmax=1, cmap="RdBu_r")
    for i, j in np.ndindex(value.shape):
        text = f"{value[i, j]:.3g}\n± {stderr[i, j]:.1g}" if np.isfinite(value[i, j]) else "unknown"
        text = "0\nexactly" if value[i, j] == stderr[i, j] == 0 else text
        axes.text(j, i, text, ha="center", va="center", color="white" if i == j else "black")
    axes.set(xticks=range(len(names)), yticks=range(len(names)), xticklabels=names, yticklabels=names)
    axes.set_title(f"{results['model']}, {results['temperature_K']:g} K: $L_{{ij}}$ in 1/(J m s)")
    figure.colorbar(image, label=r"$L_{ij}/\sqrt{L_{ii} L_{jj}}$")
    figure.savefig(path, dpi=150)
    return Path(path)


def _normalised(value: FloatArray) -> FloatArray:
    scale = np.sqrt(np.diag(value))
    return np.asarray(value / np.multiply.outer(scale, scale))
