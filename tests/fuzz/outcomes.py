"""What a command may do with any input: succeed, or refuse it with exit code 2 and one line for each problem."""

from __future__ import annotations

import contextlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("KMC_FUZZ", "500"))
MOST_LINES, LONGEST_LINE = 21, 1100

# Deterministic: every machine tries the same inputs. A larger number of examples begins with other ones.
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Outcome:
    """Output of a command. lines: what a refusal says, none after success."""

    out: str
    lines: tuple[str, ...]

    def names(self, file: Path | str, words: set[str] | None = None) -> bool:
        """Whether each line of a refusal names the file, and one of them a word of `words`; true after success."""
        text = "\n".join(self.lines)
        found = words is None or any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)
        return not self.lines or (found and all(str(file) in line for line in self.lines))


def outcome(*argv: object) -> Outcome:
    """Call the command in this process. AssertionError for anything but success or a refusal."""
    from runs.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in argv])
        except SystemExit as end:  # argparse
            code = end.code if isinstance(end.code, int) else 1
    text = err.getvalue()
    if code == 0:
        return Outcome(out.getvalue(), ())
    assert code == 2, text
    assert text.endswith("\n"), text
    lines = tuple(text[:-1].split("\n"))
    assert len(lines) <= MOST_LINES, text
    for line in lines:
        assert line.startswith("kmc") and line.isprintable() and len(line) <= LONGEST_LINE, repr(line)
    return Outcome(out.getvalue(), lines)
