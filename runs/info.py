"""`kmc info`: versions, backends, parameter sets and examples."""

from __future__ import annotations

import platform
from importlib import metadata


def info() -> dict[str, object]:
    """Versions of this program and its dependencies, backends with their problems, shipped sets and examples."""
    from kmc.backends import available_backends
    from kmc.model.parameters import shipped_models
    from kmc.version import VERSION
    from runs.config import shipped_examples

    return {
        "miec-kmc": VERSION,
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "scipy", "ase", "h5py", "matplotlib")},
        "backends": {name: problem or "usable" for name, problem in available_backends().items()},
        "parameter_sets": shipped_models(),
        "examples": shipped_examples(),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
