"""`kmc shells`: the neighbour shells of a crystal, for choosing the hops and pair energies of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError

if TYPE_CHECKING:
    from lattices.crystal import Crystal
    from lattices.shell_table import ShellRow

MOST_SHELLS = 100
COLUMNS = ("sublattices", "shell", "distance (angstrom)", "neighbours", "distinct bonds", "nearest to the middle")


@dataclass(frozen=True)
class ShellReport:
    """The output of `kmc shells`.

    sublattices: name -> (element, sites per cell). shell_tolerance: of the crystal, relative (dimensionless).
    """

    space_group: str
    shell_tolerance: float
    sublattices: dict[str, tuple[str, int]]
    shells: list[ShellRow]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def table(self) -> str:
        """For people."""
        sites = ", ".join(f"{name} ({n} {element})" for name, (element, n) in self.sublattices.items())
        rows = [COLUMNS, *(_cells(row) for row in self.shells)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
        return "\n".join(
            [
                f"space group {self.space_group}; sites per cell: {sites}",
                f"crystal.shell_tolerance: a gap of {self.shell_tolerance:.3g} times the distance separates two shells",
                *("  ".join([*(f"{c:{w}}" for c, w in zip(row[:-1], widths, strict=True)), row[-1]]) for row in rows),
            ]
        )


def shell_report(name: str, count: int) -> ShellReport:
    """The first `count` shells of each pair of sublattices.

    name: a run file, a run folder, an example or a structure file, whose elements are then the sublattices.
    InputError for anything else, or a crystal that cannot be read.
    """
    from lattices.shell_table import shell_table
    from lattices.symmetry import crystal_space_group

    if not 1 <= count <= MOST_SHELLS:
        raise InputError(f"--count {count}: from 1 to {MOST_SHELLS} shells can be listed")
    crystal = _crystal(name)
    return ShellReport(
        crystal_space_group(crystal).name,
        crystal.shell_tolerance,
        {s.name: (s.element, s.n_basis) for s in crystal.sublattices},
        shell_table(crystal, count),
    )


def _cells(row: ShellRow) -> tuple[str, ...]:
    low, high = f"{row.shortest_angstrom:.4f}", f"{row.longest_angstrom:.4f}"
    fewest, most = row.neighbours
    return (
        f"{row.origin} - {row.target}",
        str(row.shell),
        low if low == high else f"{low} to {high}",
        str(most) if fewest == most else f"{fewest} to {most}",
        str(row.distinct_bonds),
        "; ".join(row.middle),
    )


def _crystal(name: str) -> Crystal:
    """The crystal of a run file, run folder, example or structure file."""
    from lattices.from_atoms import crystal_from_file
    from runs.build import model_of, supercell_of
    from runs.config import load_config, naming, shipped_examples

    path = Path(name)
    run_file = path / "run.toml" if path.is_dir() else path
    if run_file.suffix == ".toml" or (name in shipped_examples() and not path.is_file()):
        config, base = load_config(run_file if path.is_dir() else name)
        with naming(config):
            return supercell_of(config, base, model_of(config, base)).crystal
    return crystal_from_file(path, None)
