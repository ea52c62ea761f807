"""Run a system: the same trajectory, files, checkpoints and pictures as `kmc run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from kmc.run.settings import Hops, Precision, Seconds
from lattices.errors import InputError
from runs.session.run import Run
from runs.session.system import System, config_of

Duration = Hops | Seconds | Precision
DEFAULT_DURATION = Hops(1000.0)
DEFAULT_EQUILIBRATION = Hops(100.0)


def simulate(
    system: System,
    folder: Path | str,
    *,
    duration: Duration = DEFAULT_DURATION,
    equilibration: Hops | Seconds = DEFAULT_EQUILIBRATION,
    frames: int = 200,
    positions: Literal["none", "first", "all"] = "first",
    backend: Literal["auto", "cuda", "cpu", "numpy"] = "auto",
    resume: bool = False,
    quiet: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Run:
    """Simulate every temperature of a system, analyse and plot; all files are written to `folder`.

    duration, equilibration: hops per carrier of the slowest mobile species, simulated seconds, or (duration alone) the
    relative errors at which to stop. frames: uniform in time. positions: which replicas' positions to keep.
    backend: "auto" takes cuda where it pays, else cpu, else numpy, and says why. resume: continue from the checkpoint
    in the folder.
    quiet: print nothing; log.txt contains everything. options: further keys of the run file by dotted name, such as
    {"thermodynamics.points": 7, "polarons.mode": "auto", "run.selection": "rejection-free"}.

    Ctrl-C writes a checkpoint, then raises KeyboardInterrupt with instructions to resume. Raises InputError for
    anything that cannot be carried out, before the simulation begins.
    """
    from runs.launch import run_all
    from runs.state import RUN_FILE

    folder = Path(folder)
    keys = system.config.model_dump(mode="json", exclude={"resolved"}, exclude_none=True)
    asked = {
        "run.duration": _spec(duration),
        "run.equilibration": _spec(equilibration),
        "run.frames": frames,
        "run.positions": positions,
        "run.backend": backend,
    }
    config = config_of(keys, {**asked, **(options or {})})
    if not (folder / RUN_FILE).exists():  # an existing run keeps its original files
        _make(folder)
        system.write_files(folder)
    code = run_all(config, system.base_for(folder), folder, resume=resume, quiet=quiet)
    if code:
        remedy = f"resume with kmc.simulate(..., {str(folder)!r}, resume=True)"
        raise KeyboardInterrupt(f"stopped with a checkpoint; {remedy}")
    return Run(folder)


def _spec(length: Duration) -> dict[str, object]:
    """The table of a run file."""
    if isinstance(length, Hops):
        return {"hops_per_carrier": float(length.per_carrier)}
    if isinstance(length, Seconds):
        return {"time_s": float(length.value)}
    errors = length.relative_error
    spec: dict[str, object] = {"precision": dict(errors) if isinstance(errors, Mapping) else float(errors)}
    return spec if length.wall_time_s is None else spec | {"wall_time_s": float(length.wall_time_s)}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
