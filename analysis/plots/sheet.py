"""Where a picture is written, in which format and style."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from lattices.errors import InputError

FORMATS = ("png", "pdf", "svg")


@dataclass(frozen=True)
class Sheet(os.PathLike[str]):
    """The file of one picture. parameters: of Matplotlib, applied after the project's own style."""

    path: Path
    parameters: Mapping[str, object]

    def __fspath__(self) -> str:
        """The path as text."""
        return os.fspath(self.path)


Target: TypeAlias = Path | str | Sheet


@dataclass(frozen=True)
class Look:
    """Format and style of the pictures of a run. form: one of FORMATS. parameters: as in `Sheet`."""

    form: str = "png"
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, folder: Path, name: str) -> Sheet:
        """The sheet of the picture `name` in a folder."""
        return Sheet(folder / f"{name}.{self.form}", self.parameters)


def look(form: str = "png", style: Path | None = None) -> Look:
    """A look; style: a Matplotlib style file. Raises InputError for an unknown format and for a file that is none."""
    if form not in FORMATS:
        raise InputError(f"format {form!r}; allowed are {', '.join(FORMATS)}")
    if style is None:
        return Look(form)
    from matplotlib import rc_params_from_file

    reports = _Reports()
    reader = logging.getLogger("matplotlib")  # Matplotlib reports unknown keys here and leaves them out
    reader.addHandler(reports)
    spread, reader.propagate = reader.propagate, False
    try:
        given = rc_params_from_file(style, fail_on_error=True, use_default_template=False)
    except OSError as error:
        raise InputError(f"{style}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise InputError(f"{style}: not a Matplotlib style file: {' '.join(str(error).split())}") from error
    finally:
        reader.removeHandler(reports)
        reader.propagate = spread
    if reports.lines:
        raise InputError(f"{style}: not a Matplotlib style file: {reports.lines[0]}")
    return Look(form, {str(key): value for key, value in given.items()})


class _Reports(logging.Handler):
    """The first line of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().strip().splitlines()[0])
