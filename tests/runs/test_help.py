"""Help with examples, and completion."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.cli import main, parser
from runs.commands import COMMANDS
from tests.runs.conftest import TINY, arguments

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_accepted_and_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = importlib.import_module(f"runs.commands.{name}").EXAMPLES
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = capsys.readouterr().out
    for example in examples:
        words = shlex.split(example.removeprefix('eval "$(').removesuffix(')"'))
        assert words[:2] == ["kmc", name] and f"  {example}\n" in text
        parser().parse_args(words[1:])


def test_a_part_of_a_command_has_its_own_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["model", "show", "--help"])
    text = capsys.readouterr().out
    assert "kmc model show" in text.partition("example:")[2] and "kmc model new" not in text


def completions(line: str, folder: Path) -> set[str]:
    """What a shell would offer after this line; argcomplete answers on file descriptor 8."""
    answer = folder / "answer"
    environment = {
        **os.environ,
        **{"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"},
        "PYTHONPATH": str(ROOT),
    }
    command = (
        f"{shlex.quote(sys.executable)} -c 'from runs.cli import main; main()' 8>{shlex.quote(str(answer))} 9>/dev/null"
    )
    subprocess.run(["bash", "-c", command], env=environment, cwd=folder, check=True)
    return {word.strip() for word in answer.read_text().split("\n")}


def test_completion(tmp_path: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("argcomplete", reason="argcomplete is not installed (extra `completion`)")
    assert completions("kmc va", tmp_path) == {"validate"}
    assert {"--resume", "--quiet"} <= completions("kmc run --", tmp_path)
    assert completions("kmc run ideal-f", tmp_path) == {"ideal-fluorite"}
    assert completions("kmc study lsf", tmp_path) == {"lsf64-delta"}
    assert main(["completion", "bash"]) == 0 and "kmc" in capsys.readouterr().out
    assert "did you mean 'bash'" in refused("completion", "bahs")


@pytest.mark.slow
def test_json_of_a_run_is_all_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "smallest", "--out", str(tmp_path / "run"), "--json", *arguments(TINY)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "run" / "results.json").read_text())
    assert main(["run", str(tmp_path / "run"), "--resume", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
