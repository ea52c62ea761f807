"""Point defects of a material in a gas: `kmc equilibrium`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import as_json, command, number

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc equilibrium lsf64 --temperature 1073 --pO2 0.01",
    "kmc equilibrium ceria --temperature 1273 --pO2 1e-15 --brouwer ceria.png",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    text = "point defects of a material in equilibrium with a gas"
    parser = command(commands, "equilibrium", text, _equilibrium)
    parser.add_argument("material", help="such as lsf64, ceria, gdc10, bzy20, or a parameter file with [defects]")
    parser.add_argument("--temperature", type=number, required=True, metavar="K")
    parser.add_argument("--pO2", type=number, required=True, metavar="BAR")
    parser.add_argument("--pH2O", type=number, metavar="BAR")
    parser.add_argument("--dopant", type=number, metavar="X", help="acceptors per cation site")
    parser.add_argument("--constants", metavar="SET", help="a shipped set of constants (default: the material's)")
    as_json(parser)
    parser.add_argument(
        "--brouwer", type=Path, metavar="PICTURE", help="plot the carriers against pO2 from 1e-25 to 1 bar"
    )
    parser.add_argument(
        "--run",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="with --brouwer: add the composition of a run with [gas]; may be repeated",
    )


def _equilibrium(arguments: argparse.Namespace) -> int:
    from kmc.model.defect_material import find_material_or_file
    from lattices.defects.equilibrium import solve_equilibrium
    from runs.gas import format_equilibrium

    a = arguments
    if a.run and not a.brouwer:
        raise InputError("--run needs --brouwer PICTURE")
    material = find_material_or_file(a.material)
    found = solve_equilibrium(material, a.temperature, a.pO2, a.pH2O, a.dopant, a.constants)
    print(json.dumps(found.as_dict(), indent=1) if a.json else format_equilibrium(found))
    if a.brouwer:
        import numpy as np

        from analysis.plots.brouwer import plot_brouwer
        from lattices.defects.brouwer import brouwer_diagram
        from runs.brouwer_points import points_of_runs

        points = points_of_runs(a.run, material, a.temperature)
        pressures = np.geomspace(1e-25, 1.0, 200)
        diagram = brouwer_diagram(material, a.temperature, pressures, a.pH2O, a.dopant, a.constants)
        for line in diagram.warnings:
            print(f"warning: {line}", file=sys.stderr)
        try:
            picture = plot_brouwer(diagram, a.brouwer, points)
        except InputError as error:
            raise InputError(f"--brouwer {error}") from error
        print(f"written: {picture}", file=sys.stderr)
    return 0
