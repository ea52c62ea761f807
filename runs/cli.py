"""The `kmc` command. Exit codes: 0 done, 2 bad input (one line), 1 anything else, 128 + signal when stopped."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from kmc.errors import BarrierBelowBound, DisplacementOverflow
from kmc.version import VERSION
from lattices.errors import InputError

MOST_CHARACTERS = 1000  # of a message


class _Given(float):
    """A number of the command line that messages quote as the user wrote it."""

    def __new__(cls, text: str) -> _Given:
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str

    def __repr__(self) -> str:
        return self.text


def number(text: str) -> float:
    """The value of a numeric argument; argparse uses the name of this function in its error message."""
    return _Given(text)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which accepts -1e-3 as a value."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # argparse itself accepts -1 and -.5 as numbers, but no exponents before Python 3.14.
        self._negative_number_matcher = re.compile(r"^-((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|nan)$")

    def error(self, message: str) -> NoReturn:
        """Exit 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.action(arguments)
        return code
    except InputError as error:
        print(f"kmc: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except (BarrierBelowBound, DisplacementOverflow) as error:
        print(f"kmc: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kmc: stopped; the last checkpoint is kept: continue with --resume", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except MemoryError as error:
        print(f"kmc: not enough memory: {error}; `kmc validate` says how much a run needs", file=sys.stderr)
        return 1


def _one_line(text: str) -> str:
    """A message without line breaks, and without the middle of long values."""
    text = re.sub(r"\S{161,}", lambda word: f"{word[0][:100]}...{word[0][-50:]}", " ".join(text.splitlines()))
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 305]} ... {text[-300:]}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="kmc", description="Kinetic Monte Carlo of mixed ionic-electronic conductors.")
    parser.add_argument("--version", action="version", version=f"kmc {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _run_file(commands, "run", "carry out a run file, analyse and plot the results", _run)
    run.add_argument("--out", type=Path, help="output folder (default: ./NAME of the run file)")
    run.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    run.add_argument("--seed", type=int)
    run.add_argument("--resume", action="store_true", help="continue a run; FILE may be the output folder")
    run.add_argument(
        "--extend",
        metavar="LENGTH",
        help="make the finished run in the folder FILE longer: LENGTH is hops_per_carrier=N, time_s=T or precision=P",
    )
    validate = _run_file(commands, "validate", "check a run file and report what it needs", _validate)
    validate.add_argument("--json", action="store_true")
    study = commands.add_parser("study", help="carry out a run file for every combination of varied keys")
    study.add_argument("file", type=Path, help="a study file (TOML: run, set, vary), or lsf64-delta, ceria-drift")
    study.add_argument("--out", type=Path, help="output folder (default: ./NAME of the study file)")
    study.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    study.add_argument("--resume", action="store_true", help="continue; values may have been added to vary")
    study.set_defaults(action=_study)
    analyze = _folder(commands, "analyze", "analyse a finished run again", _analyze)
    analyze.add_argument("--json", action="store_true")
    analyze.add_argument(
        "--fit-range",
        type=float,
        nargs=2,
        default=None,
        metavar=("FROM", "TO"),
        help="lags of all fits, as fractions of the run (default: chosen from the data)",
    )
    _folder(commands, "plot", "plot a finished run again", _plot)
    export = _folder(commands, "export", "export the trajectory for other programs", _export)
    export.add_argument("--format", default="extxyz", help="extxyz, traj or h5md")
    export.add_argument("--output", type=Path, help="file to write (default: next to each trajectory)")
    bench = commands.add_parser("bench", help="measure hops per second")
    bench.add_argument("--backend", action="append", help="default: every usable one")
    bench.add_argument("--case", action="append", help="default: ideal-8000 and gdc-1000K")
    bench.add_argument("--threads", type=int, default=0, help="threads of the cpu backend; 0: all cores")
    bench.add_argument("--seconds", type=float, default=3.0, help="wall time of each row")
    bench.add_argument("--json", action="store_true")
    bench.set_defaults(action=_bench)
    shells = commands.add_parser("shells", help="neighbour shells of a crystal, for choosing hops and pairs")
    shells.add_argument("crystal", help="a run file, a run folder, an example or a structure file")
    shells.add_argument("--count", type=int, default=4, help="shells of each pair of sublattices (default: 4)")
    shells.add_argument("--json", action="store_true")
    shells.set_defaults(action=_shells)
    equilibrium = commands.add_parser("equilibrium", help="point defects of a material in equilibrium with a gas")
    equilibrium.add_argument("material", help="such as lsf64, ceria, gdc10, bzy20, bcy10, bzy, bcy, lsf")
    equilibrium.add_argument("--temperature", type=number, required=True, metavar="K")
    equilibrium.add_argument("--pO2", type=number, required=True, metavar="BAR")
    equilibrium.add_argument("--pH2O", type=number, metavar="BAR")
    equilibrium.add_argument("--dopant", type=number, metavar="X", help="acceptors per cation site")
    equilibrium.add_argument("--constants", metavar="SET", help="a shipped set of constants (default: the material's)")
    equilibrium.add_argument("--json", action="store_true")
    equilibrium.add_argument(
        "--brouwer", type=Path, metavar="PICTURE", help="plot the carriers against pO2 from 1e-25 to 1 bar"
    )
    equilibrium.set_defaults(action=_equilibrium)
    info = commands.add_parser("info", help="versions, backends, parameter sets and examples")
    info.add_argument("--json", action="store_true")
    info.set_defaults(action=_info)
    return parser


def _run_file(commands: argparse._SubParsersAction, name: str, text: str, action: object) -> argparse.ArgumentParser:  # type: ignore[type-arg]  # generic in the stubs only
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("file", help="a run file (TOML) or the name of an example")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key, TOML value",
    )
    command.set_defaults(action=action)
    return command


def _folder(commands: argparse._SubParsersAction, name: str, text: str, action: object) -> argparse.ArgumentParser:  # type: ignore[type-arg]  # generic in the stubs only
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("folder", type=Path)
    command.set_defaults(action=action)
    return command


def _run(arguments: argparse.Namespace) -> int:
    from runs.config import load_config
    from runs.extend import parse_extension
    from runs.launch import run_all

    overrides = list(arguments.set)
    if arguments.backend:
        overrides.append(f'run.backend="{arguments.backend}"')
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


def _validate(arguments: argparse.Namespace) -> int:
    from runs.config import load_config
    from runs.estimate import validate

    config, base = load_config(arguments.file, arguments.set)
    facts = validate(config, base)
    print(json.dumps(facts.as_dict(), indent=1) if arguments.json else facts.format())
    return 0


def _study(arguments: argparse.Namespace) -> int:
    from runs.study import run_study

    folder = arguments.out or Path(arguments.file.stem)
    return run_study(arguments.file, folder, resume=arguments.resume, backend=arguments.backend)


def _analyze(arguments: argparse.Namespace) -> int:
    from analysis.plots.run import plot_folder
    from analysis.report import analyze_folder, run_folder
    from analysis.table import format_table

    unwritten: list[str] = []
    fit_range = tuple(arguments.fit_range) if arguments.fit_range else None
    results = analyze_folder(arguments.folder, fit_range, unwritten)
    print(json.dumps(results, indent=1) if arguments.json else format_table(results))
    if unwritten:
        raise InputError(unwritten[0])
    plot_folder(run_folder(arguments.folder))
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from analysis.plots.run import plot_folder

    for picture in plot_folder(arguments.folder):
        print(picture)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from runs.export import export

    for path in export(arguments.folder, arguments.format, arguments.output):
        print(path)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from kmc.backends import available_backends
    from runs.bench import bench

    usable = [name for name, problem in available_backends().items() if not problem]
    cases = arguments.case or ["ideal-8000", "gdc-1000K"]
    found = bench(arguments.backend or usable, cases, arguments.threads, arguments.seconds)
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=1))
        return 0
    for row in found.rows:
        rate = f"{row.accepted_per_s:.3g} hops/s, acceptance {row.acceptance:.3g}"
        print(f"{row.case:12s} {row.backend:6s} {row.lanes:6d} lanes {row.threads} threads  {rate}")
    return 0


def _shells(arguments: argparse.Namespace) -> int:
    from runs.shells import shell_report

    report = shell_report(arguments.crystal, arguments.count)
    print(json.dumps(report.as_dict(), indent=1) if arguments.json else report.table())
    return 0


def _equilibrium(arguments: argparse.Namespace) -> int:
    from lattices.defects.equilibrium import solve_equilibrium
    from runs.gas import format_equilibrium

    a = arguments
    found = solve_equilibrium(a.material, a.temperature, a.pO2, a.pH2O, a.dopant, a.constants)
    print(json.dumps(found.as_dict(), indent=1) if a.json else format_equilibrium(found))
    if a.brouwer:
        import numpy as np

        from analysis.plots.brouwer import plot_brouwer
        from lattices.defects.brouwer import brouwer_diagram

        pressures = np.geomspace(1e-25, 1.0, 200)
        diagram = brouwer_diagram(a.material, a.temperature, pressures, a.pH2O, a.dopant, a.constants)
        for line in diagram.warnings:
            print(f"warning: {line}", file=sys.stderr)
        try:
            picture = plot_brouwer(diagram, a.brouwer)
        except InputError as error:
            raise InputError(f"--brouwer {error}") from error
        print(f"written: {picture}", file=sys.stderr)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from runs.info import info

    facts = info()
    if arguments.json:
        print(json.dumps(facts, indent=1))
    else:
        for key, value in facts.items():
            print(f"{key}: {value}")
    return 0
