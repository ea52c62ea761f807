"""Draws docs/architecture.svg, the rooms of the house: `python docs/architecture.py`.

Rows come from the import contracts in .importlinter, top to bottom as imports run; what a room holds is said here.
The numbers in circles are the steps of docs/architecture.md, the path of one hop.
"""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"

# Description of each room, as shown in the figure.
ROOMS = {
    "runs": "run files, the kmc command, studies; session/ behind import kmc",
    "analysis.plots": "pictures of runs and studies",
    "analysis.report": "results.json",
    "analysis.folders": "folders of a run and its parts",
    "analysis.study": "fits over the runs of a study",
    "analysis.thermodynamics": "thermodynamic factor, chemical diffusivity",
    "analysis.transport": "tracer, Onsager, conductivity, drift",
    "analysis.statistics": "estimates with errors, MSD fit",
    "analysis.table": "results as a table",
    "analysis.results": "the shape of results.json",
    "kmc.run": "equilibration, production, grand-canonical scans",
    "kmc.exact": "master equation of tiny cells",
    "kmc.files": "trajectory.h5, checkpoints",
    "kmc.backends": "NumPy, C++ and CUDA; kernels/",
    "kmc.measure": "MSD, profiles, density planes",
    "kmc.state": "replicas, domains, initial arrangement",
    "kmc.carriers": "coupling, polaron modes, neutral component",
    "kmc.tables": "integer event tables, pair and Coulomb energies",
    "kmc.model": "species, hops, energies; composition",
    "kmc.rng": "Philox, Poisson",
    "kmc.errors": "errors that are not bad input",
    "kmc.arrays": "NumPy and CuPy arrays",
    "kmc.version": "one number",
    "kmc.shadowing": "name clashes",
    "lattices.defects": "defect equilibria in a gas",
    "lattices": "crystals, supercells, doping, neighbour shells",
}
# Rooms that a hop passes through, by the step of docs/architecture.md.
STEPS = {
    "runs": (1, 9),
    "lattices": (2,),
    "kmc.model": (2,),
    "kmc.tables": (3,),
    "kmc.state": (4,),
    "kmc.run": (4,),
    "kmc.backends": (5,),
    "kmc.rng": (5,),
    "kmc.measure": (6,),
    "kmc.files": (7,),
    "analysis.statistics": (8,),
    "analysis.transport": (8,),
    "analysis.report": (9,),
}
COLOURS = {"runs": "#f6e3d3", "analysis": "#dcebdc", "kmc": "#dbe6f4", "lattices": "#ebe3f2"}
WIDTH, ROW, GAP = 10.0, 0.44, 0.09


def floors() -> list[tuple[str, list[list[str]]]]:
    """(floor, its rows of rooms), from the top downwards."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    found = []
    for floor in contracts["importlinter:contract:floors"]["layers"].split():
        rows: list[list[str]] = [[floor]]
        if floor in ("kmc", "analysis"):
            layers = contracts[f"importlinter:contract:{floor}"]["layers"].strip().splitlines()
            named = [[name.strip() for name in layer.split("|")] for layer in layers]
            rows = [[f"{floor}.{name}" for name in row] for row in named if row != ["__main__"]]
        elif floor == "lattices":
            rows = [["lattices.defects"], ["lattices"]]
        found.append((floor, rows))
    return found


def draw(path: Path) -> None:
    """Write the figure, with its texts as comments, which a test reads."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

    house = floors()
    height = sum(len(rows) * ROW + 2 * GAP for _, rows in house) + GAP * (len(house) + 1) + 0.3
    with mpl.rc_context({"svg.hashsalt": "architecture", "font.size": 8.5}):
        figure, axes = plt.subplots(figsize=(WIDTH, height))
        axes.set(xlim=(0, WIDTH), ylim=(0, height))
        axes.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        top = height - GAP
        for floor, rows in house:
            tall = len(rows) * ROW + 2 * GAP
            axes.add_patch(Rectangle((0.1, top - tall), WIDTH - 0.2, tall, color=COLOURS[floor], lw=0))
            axes.text(0.25, top - tall / 2, floor, rotation=90, va="center", weight="bold", size=11)
            for number, row in enumerate(rows):
                wide = (WIDTH - 0.9) / len(row)
                middle = top - GAP - (number + 0.5) * ROW
                for place, room in enumerate(row):
                    left = 0.65 + place * wide
                    box = FancyBboxPatch(
                        (left + 0.04, middle - 0.155), wide - 0.08, 0.31, "round,pad=0,rounding_size=0.06"
                    )
                    box.set(facecolor="white", edgecolor="#667", linewidth=0.7)
                    axes.add_patch(box)
                    name = axes.text(left + 0.14, middle, room, va="center", weight="bold")
                    at = name.get_window_extent().transformed(axes.transData.inverted()).x1
                    axes.text(at + 0.12, middle, ROOMS[room], va="center", color="#333")
                    for place_of, step in enumerate(reversed(STEPS.get(room, ()))):
                        x = left + wide - 0.2 - 0.27 * place_of
                        axes.add_patch(Circle((x, middle), 0.11, facecolor="#b5432a", edgecolor="none"))
                        axes.text(x, middle - 0.01, str(step), color="white", ha="center", va="center", size=7.5)
            top -= tall + GAP
        note = "A room imports only from rows below its own. Circles: the path of one hop, step by step."
        axes.text(0.15, 0.15, note, va="center", color="#333")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)
        plt.close(figure)


if __name__ == "__main__":
    draw(PICTURE)
