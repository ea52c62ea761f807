"""Carry out a run file: `kmc run`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import as_json, run_file

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc run gdc --out demo",
    "kmc run gdc --set run.replicas=16 --set 'crystal.repeats=[6, 6, 6]' --seed 2 --out other",
    "kmc run demo --resume",
    "kmc run demo --extend hops_per_carrier=5000",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = run_file(commands, "run", "carry out a run file, analyse and plot the results", _run)
    parser.add_argument("--out", type=Path, help="output folder (default: ./NAME of the run file)")
    parser.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    parser.add_argument("--device", metavar="N", help="number of the GPU, as nvidia-smi lists it")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--quiet", action="store_true", help="print nothing; log.txt holds everything")
    as_json(parser)
    parser.add_argument("--resume", action="store_true", help="continue a run; FILE may be the output folder")
    parser.add_argument(
        "--extend",
        metavar="LENGTH",
        help="make the finished run in the folder FILE longer: LENGTH is hops_per_carrier=N, time_s=T or precision=P",
    )


def _run(arguments: argparse.Namespace) -> int:
    from runs.config import load_config
    from runs.extend import parse_extension
    from runs.launch import run_all

    overrides = list(arguments.set)
    if arguments.backend:
        overrides.append(f'run.backend="{arguments.backend}"')
    if arguments.device is not None:
        overrides.append(f"run.devices=[{arguments.device}]")
    if arguments.seed is not None:
        overrides.append(f"run.seed={arguments.seed}")
    file, folder = arguments.file, arguments.out or Path(Path(arguments.file).stem)
    extension = None if arguments.extend is None else parse_extension(arguments.extend)
    if extension is not None and not (Path(file) / "run.toml").is_file():
        raise InputError(f"--extend: {file} holds no run; the folder of a finished run is needed")
    if (arguments.resume or extension) and (Path(file) / "run.toml").is_file():
        file, folder = Path(file) / "run.toml", arguments.out or Path(file)
    config, base = load_config(file, overrides)
    resume, quiet = arguments.resume or extension is not None, arguments.quiet or arguments.json
    code = run_all(config, base, folder, resume=resume, extension=extension, quiet=quiet)
    if arguments.json and not code:
        print((folder / "results.json").read_text(encoding="utf-8"), end="")
    return code
