"""The command line, as `kmc` and as `python -m kmc`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kmc.shadowing import shadowing_problem


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 2 with one line if a user's file hides one of our packages."""
    if problem := shadowing_problem():
        print(f"kmc: {problem}", file=sys.stderr)
        return 2
    from runs.cli import main as command

    return command(argv)


if __name__ == "__main__":
    sys.exit(main())
