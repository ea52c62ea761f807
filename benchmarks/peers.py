"""Other lattice KMC programs beside this one, on one core: `python benchmarks/peers.py --out peers.json`.

The case is the non-interacting vacancy gas on a simple cubic lattice, 5 % vacancies, which all of them can do. Each is
installed from the package index into an environment of its own and never becomes a dependency. Rates are hops per CPU
second of the process, so that other work on the machine hardly matters; the start-up is CPU time until the first hop,
without compiling models. kmcos needs gfortran.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "peers"
FRACTION = 0.05
# Name, packages, edges in sites that it can do in minutes, what it keeps.
PEERS = {
    "kmcos": (["kmcos==1.1.0", "numpy==1.26.4", "scipy<1.14", "ase", "lxml", "setuptools<60"], (20, 50), "occupations"),
    "kmcpy": (["kmcpy==0.3.0"], (20,), "occupations"),
    "lattice_mc": (["lattice_mc==1.0.4"], (20, 50), "occupations and displacements"),
}
OMITTED = {
    "libcasm-clexmonte": "needs a project with a compiled cluster expansion of its own; the vacancy gas has none",
}


def environment(folder: Path, packages: list[str]) -> Path:
    """The Python of an environment with these packages; made on first use."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def measured(python: Path | str, name: str, edge: int, seconds: float) -> dict[str, float | str]:
    """What the script of a program reported, or why it did not."""
    command = [str(python), f"peer_{name}.py", str(edge), str(FRACTION), str(seconds)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    found: dict[str, float | str] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Install, run, print and write."""
    from kmc.version import VERSION
    from runs.bench import machine

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument(
        "--folder", type=Path, default=Path("peers"), help="where environments are made (default: peers)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU seconds of each row")
    given = parser.parse_args()
    rows = []
    for edge in (20, 50):
        own = measured(sys.executable, "own", edge, given.seconds)
        rows.append(
            {"program": f"this project {VERSION}", "edge": edge, "keeps": "occupations and displacements", **own}
        )
        for name, (packages, edges, keeps) in PEERS.items():
            if edge not in edges:
                continue
            python = environment(given.folder.resolve() / name, packages)
            found = measured(python, name, edge, given.seconds)
            rows.append({"program": packages[0].replace("==", " "), "edge": edge, "keeps": keeps, **found})
    for row in rows:
        if "failed" not in row:
            row["hops_per_s"] = row["events"] / row["seconds"]
        print(json.dumps(row))
    content = {"machine": machine(), "vacancy_fraction": FRACTION, "rows": rows, "omitted": OMITTED}
    given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
