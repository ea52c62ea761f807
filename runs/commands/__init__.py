"""The commands of `kmc`, a module each with EXAMPLES and `add(commands)`; the order is that of `kmc --help`.

A new command is a module here and its name in COMMANDS. Modules are imported at every start: what is heavy is imported
when a command runs.
"""

from __future__ import annotations

COMMANDS = (
    "run",
    "validate",
    "study",
    "list",
    "report",
    "analyze",
    "plot",
    "export",
    "bench",
    "shells",
    "barriers",
    "model",
    "equilibrium",
    "completion",
    "info",
)
