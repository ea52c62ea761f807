"""Carry out a run file: `kmc run`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import run_file

if TYPE_CHECKING:
    from runs.commands.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = run_file(commands, "run", "carry out a run file, analyse and plot the results", _run)
    parser.add_argument("--out", type=Path, help="output folder (default: ./NAME of the run file)")
    parser.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    parser.add_argument("--device", metavar="N", help="number of the GPU, as nvidia-smi lists it")
    parser.add_argument("--seed", type=int)
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
    return run_all(config, base, folder, resume=arguments.resume or extension is not None, extension=extension)
