"""Users' TOML files: every defect raises the same kind of error."""

from __future__ import annotations

import tomllib


def parse_toml(text: str) -> dict[str, object]:
    """The content of a TOML file; tomllib.TOMLDecodeError where it is not TOML, or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("its arrays or tables are nested too deeply") from error
