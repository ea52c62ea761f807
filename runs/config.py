"""The run file: read with overrides from the command line, written as resolved."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from kmc.model.problems import refuse
from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from lattices.toml import parse_toml
from runs.schema.run_file import RunConfig

__all__ = ["RunConfig", "load_config", "resolved_toml", "shipped_examples"]

FREE_ON_RESUME = ("backend", "devices", "checkpoint_every_s")  # the trajectory does not depend on them


def shipped_examples() -> list[str]:
    """Names of the example run files."""
    folder = resources.files("runs") / "examples"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_config(name_or_path: str | Path, overrides: Sequence[str] = ()) -> tuple[RunConfig, Path]:
    """(the run file with overrides applied, the folder from which its relative paths start).

    overrides: "key.key=TOML value". InputError that names the file, the key, what was given and what is allowed.
    """
    text, where, base = _read(name_or_path)
    try:
        data = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(data, override)
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        refuse(where, error, RunConfig)
    config._where = where
    return config, base


def _read(name_or_path: str | Path) -> tuple[str, str, Path]:
    """(text, name for messages, folder of relative paths) of a run file or shipped example."""
    path = Path(name_or_path)
    if str(name_or_path) in shipped_examples() and not os.path.isfile(path):
        entry = resources.files("runs") / "examples" / f"{name_or_path}.toml"
        return entry.read_text(encoding="utf-8-sig"), f"example {name_or_path}", Path.cwd()
    try:
        return path.read_text(encoding="utf-8-sig"), str(path), path.resolve().parent
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        known = shipped_examples()
        needed = f"a run file is needed, or an example: {', '.join(known)}"
        raise InputError(f"{path}: cannot be read: {reason}; {needed}{did_you_mean(path.stem, known)}") from error


def _apply(data: dict[str, object], override: str) -> None:
    """Set one key from "key.key=value"; a value that is not valid TOML is taken as text."""
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise InputError(f"--set {override}: key=value is needed, such as run.replicas=4")
    try:
        value = parse_toml(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        if isinstance(error.__cause__, RecursionError):
            raise InputError(f"--set {override}: {error}") from error
        value = text.strip()
    table = data
    for part in parts[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {override}: {part} is a value, not a table")
        table = inner
    table[parts[-1]] = value


@contextmanager
def naming(config: RunConfig, folder: Path | None = None) -> Iterator[None]:
    """Add the run file to messages of InputError from lower floors, and a user's own parameter file.

    folder: of the run; messages about files in it name those alone.
    """
    try:
        yield
    except InputError as error:
        if folder is not None and str(error).startswith(str(folder)):
            raise
        raise InputError(*(_named(config, line) for line in error.lines)) from error


def _named(config: RunConfig, line: str) -> str:
    """A message with the run file before it, and a user's own parameter file after it unless it is named already."""
    start, parameters = f"{config.where}: ", config.model.parameters
    own = os.path.sep in parameters or parameters.endswith(".toml")
    of_set = f" (model.parameters: {parameters})" if own and parameters not in line else ""
    return f"{line if line.startswith(start) else start + line}{of_set}"


def resolved_toml(config: RunConfig, decided: Mapping[str, object] | None = None) -> str:
    """The run file as TOML. decided: the content of [resolved]."""
    import tomli_w

    tables = config.model_dump(mode="json", exclude={"resolved"})
    return tomli_w.dumps(_without_empty(tables) | ({"resolved": _without_empty(decided)} if decided else {}))


def _without_empty(table: Mapping[str, object]) -> dict[str, object]:
    """The table without nulls, which TOML does not have, and without empty tables."""
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
    return {k: v for k, v in kept.items() if v != {}}


def first_difference(one: RunConfig, other: RunConfig) -> str | None:
    """A key in which two resolved run files differ, with both values; None if they describe the same trajectories."""
    dumps = [config.model_dump(mode="json", exclude={"resolved"}) for config in (one, other)]
    tables = [{name: table or {} for name, table in dump.items()} for dump in dumps]
    for section in tables[0]:
        for key in tables[0][section] | tables[1][section]:
            values = [table[section].get(key) for table in tables]
            if values[0] != values[1] and key not in FREE_ON_RESUME:
                return f"{section}.{key} = {values[0]}, not {values[1]}"
    return None
