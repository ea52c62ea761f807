"""Ctrl-C at any time while a command starts gives one line and exit code 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

# The n-th import after the start of kmc.__main__ sends the signal.
SCRIPT = """
import os, signal, sys
class Finder:
    left = int(sys.argv.pop(1))
    def find_spec(self, name, path=None, target=None):
        Finder.left -= 1
        if Finder.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
import kmc.__main__
sys.meta_path.insert(0, Finder())
sys.exit(kmc.__main__.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("imported", [1, 5, 60, 300])
def test_an_interrupt_during_start_up_gives_one_line(imported: int) -> None:
    command = [sys.executable, "-c", SCRIPT, str(imported), "validate", "smallest"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stderr, done.stdout) == (128 + signal.SIGINT, "kmc: interrupted\n", "")
