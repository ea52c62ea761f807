"""Where the numbers of a parameter file come from, in words: the source of every entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runs.barriers.fit import Fit
from runs.barriers.schema import CrystalFile
from runs.barriers.summary import EnvironmentBarrier


@dataclass(frozen=True)
class Provenance:
    """What every source repeats.

    calculator: its identity. command: that repeats the work. lattice: of the cells. report: name of the file with the
    raw data.
    """

    file: CrystalFile
    calculator: str
    command: str
    lattice: str
    report: str

    @property
    def conditions(self) -> str:
        """Calculator, cell and limit of the forces."""
        return f"computed with {self.calculator}, {self.lattice}, forces < {self.limit}"

    @property
    def limit(self) -> str:
        """Of the forces."""
        return f"{self.file.cells.fmax_eV_angstrom:g} eV/angstrom"

    @property
    def moving(self) -> str:
        """The atoms that vibrate where attempt frequencies are computed."""
        reach = self.file.cells.hessian_angstrom
        return f"atoms up to {reach:g} angstrom from the hopping ion" if reach else "the hopping ion alone"

    def of_barrier(self, one: EnvironmentBarrier) -> str:
        """Source of a barrier."""
        parts = [self.conditions, _method(one, self.file.cells.images), _cells(one)]
        if len({task.occupation for task in one.tasks}) > 1:
            parts.append(f"mean of arrangements from {one.lowest_eV:.3f} to {one.highest_eV:.3f} eV")
        parts.append(_ends(one))
        scale = one.tasks[0].entry.scale_eV
        if scale is not None:
            parts.append(f"computed {one.kra.value:.3f} eV and added {scale.value:+.3f} eV ({scale.source})")
        return "; ".join([*parts, self.command])

    def of_cluster(self, barriers: Sequence[EnvironmentBarrier], fit: Fit) -> str:
        """Source of a cluster expansion."""
        parts = [
            self.conditions,
            _method(barriers[0], self.file.cells.images),
            _cells(barriers[0]),
            f"least squares over {len(barriers)} occupations, residual {fit.rms_eV:.4f} eV, error of occupations left "
            f"out {fit.left_out_rms_eV:.4f} eV",
        ]
        scale = barriers[0].tasks[0].entry.scale_eV
        if scale is not None:
            parts.append(f"{scale.value:+.3f} eV added to the constant ({scale.source})")
        return "; ".join([*parts, self.command])

    def of_pair(self, value_eV: float, error_eV: float, fit: Fit, configurations: int) -> str:
        """Source of a pair energy."""
        return "; ".join(
            [
                self.conditions,
                f"least squares over {configurations} configurations of {size(self.file.cells.supercells[0])} cells",
                f"{value_eV:.3f} +- {error_eV:.3f} eV, error of predicted energies {fit.left_out_rms_eV:.3f} eV "
                "(leave-one-out)",
                "one cell size: energies of images in the values are not known",
                self.command,
            ]
        )


def _method(one: EnvironmentBarrier, images: int) -> str:
    bands = [energies for energies in one.energies if energies.neb_eV is not None]
    planes = [energies for energies in one.energies if energies.mid_plane_eV is not None]
    text = (
        f"climbing-image NEB of {images} image{'s' * (images > 1)}"
        if bands
        else "ion on the mid-plane, which symmetry makes the saddle point"
    )
    differences = [abs(e.neb_eV - e.mid_plane_eV) for e in bands if e.neb_eV is not None and e.mid_plane_eV is not None]
    if differences:
        text += f", from the mid-plane by {max(differences):.4f} eV"
    elif bands and planes:
        text += " where symmetry does not make the mid-plane the saddle point"
    return text


def _cells(one: EnvironmentBarrier) -> str:
    sizes = ", ".join(dict.fromkeys(size(task.repeats) for task in one.tasks))
    if one.kra.change is None:
        return f"{sizes} cells: one size, the error by images is not known"
    return f"{sizes} cells extrapolated in 1/volume, {one.kra.change:+.3f} eV from the largest"


def _ends(one: EnvironmentBarrier) -> str:
    """Energies of the largest cell."""
    energies = one.energies[-1]
    return f"forward {energies.forward_eV:.3f}, backward {energies.backward_eV:.3f} eV in the last cell"


def size(repeats: Sequence[int]) -> str:
    """Repeats of a supercell in words."""
    return "x".join(str(n) for n in repeats)
