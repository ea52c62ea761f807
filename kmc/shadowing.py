"""Finds files of the user that hide one of this program's packages, such as an analysis.py next to a script.

Imports nothing of this program, because any of its packages may be the hidden one.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

PACKAGES = ("lattices", "analysis", "runs")  # those with names that a user may give to a script


def shadowing_problem() -> str:
    """One line that names a file or folder hiding one of our packages, or a package that is missing; "" if none is."""
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            return f"the package {name!r} is missing next to {home / 'kmc'}: install miec-kmc again"
        if os.path.realpath(found.origin) != str(home / name / "__init__.py"):
            return f"{found.origin} hides the package {name!r} of miec-kmc: rename this file, or work in another folder"
    return ""
