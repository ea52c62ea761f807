"""Parameter sets on the command line: list, show, start a new one, and schemas for editors."""

from __future__ import annotations

import re
import textwrap
from importlib import resources
from pathlib import Path
from typing import Any

from kmc.model.key_reference import described_schema, read_meanings
from kmc.model.listing import numbers_of
from kmc.model.parameters import Model, load_model, shipped_models, source_text
from lattices.errors import InputError

WIDTH = 110  # of the sources on the terminal
HEAD = """# Started from {origin}. What to do:
# 1. Change species, hops, barriers and pairs to those of your material. Every key: docs/reference/parameter-file.md.
# 2. Give each number its source and its mark (read, computed, derived, assumed); what you leave unchanged is not yours.
# 3. Check: kmc model show {file}; kmc validate RUN_FILE --set 'model.parameters="{file}"'
"""


def listing() -> list[str]:
    """A line for each shipped set: name, prototype, how many of its numbers are assumed, description."""
    lines = []
    for name in shipped_models():
        model = load_model(name)
        numbers = numbers_of(model)
        assumed = sum(number.mark == "assumed" for number in numbers)
        count = f"{len(numbers)} numbers, {assumed} assumed"
        lines.append(f"{name} ({model.prototype or 'any crystal'}; {count}): {model.description}")
    return lines


def describe(name_or_path: str) -> str:
    """Species, numbers with marks and sources, and cautions of a set."""
    model = load_model(name_or_path)
    lines = [f"{model.name}: {model.description}", "", "species (sublattice, charge):"]
    lines += [f"  {name} ({species.sublattice}, {species.charge:+d})" for name, species in model.species.items()]
    lines += ["", "numbers:"]
    for number in numbers_of(model):
        lines.append(f"  {number.what}: {number.value} [{number.mark}]")
        lines += textwrap.wrap(number.source, WIDTH, initial_indent="      ", subsequent_indent="      ")
    lines += [f"caution, {hop.name}: {hop.caution}" for hop in model.hops if hop.caution]
    return "\n".join(lines)


def start(origin: str, file: Path) -> str:
    """Write a new parameter file that starts from another one; returns a line for the reader.

    InputError for a file that exists or cannot be written.
    """
    if file.exists():
        raise InputError(f"-o {file}: exists already; name a new file")
    load_model(origin)
    text = source_text(origin)
    name = re.sub(r"[^\w.-]+", "-", file.stem)
    text, found = re.subn(r'^name\s*=\s*"[^"]*"', f'name = "{name}"', text, count=1, flags=re.MULTILINE)
    if not found:
        raise InputError(f"--from {origin}: its file has no line that begins with name =")
    try:
        file.write_text(HEAD.format(origin=origin, file=file) + text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"-o {file}: cannot be written: {error.strerror}") from error
    load_model(file)
    return f"written: {file}, named {name!r}, a copy of {origin}"


def schema(run_file: bool) -> dict[str, Any]:
    """The JSON schema of a parameter file, or of a run file."""
    from runs.schema.run_file import RunConfig

    if run_file:
        return described_schema(RunConfig, read_meanings(resources.files("runs") / "schema" / "keys.toml"))
    return described_schema(Model, read_meanings(resources.files("kmc") / "model" / "keys.toml"))
