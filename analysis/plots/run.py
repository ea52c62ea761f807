"""All pictures of a folder with runs."""

from __future__ import annotations

from pathlib import Path

from analysis.folders import mode_folders, temperature_folders, visit_folders
from analysis.plots.chemical_diffusion import plot_decays, plot_routes, plot_waves
from analysis.plots.msd import plot_msd
from analysis.plots.results import opened
from analysis.plots.sheet import Look
from analysis.plots.sigma_T import plot_sigma_temperature
from analysis.plots.temperatures import plot_arrhenius, plot_conductivities
from analysis.plots.thermodynamics import plot_isotherm
from analysis.plots.transport import plot_onsager, plot_profile
from lattices.errors import InputError


def plot_folder(folder: Path | str, look: Look | None = None) -> list[Path]:
    """Draw every picture for which the analysed run in `folder` has data; returns their paths.

    A folder with temperatures, modes of the electronic carriers or windows gets the pictures of its sub-folders first.
    look: format and style, PNG in the project's style by default. Raises InputError for a folder without results.json
    or with a damaged one, and if a picture cannot be written.
    """
    folder, look = Path(folder), look or Look()
    results = folder / "results.json"
    if (folder / "trajectory.h5").exists():
        return _of_run(folder, results, look)
    inner = visit_folders(folder) or mode_folders(folder)
    if not inner and not results.exists():
        raise InputError(f"{folder}: no results.json; run kmc analyze first")
    pictures = [each for part in inner or temperature_folders(folder) for each in plot_folder(part, look)]
    if not results.exists():
        return pictures
    with opened(results) as found:
        if not inner:
            overview = [plot_arrhenius(found, look.of(folder, "arrhenius"))]
            overview.append(plot_conductivities(found, look.of(folder, "conductivities")))
            overview.append(plot_sigma_temperature(found, look.of(folder, "sigma-T")))
        else:  # with several modes the matrix is a combination
            overview = [plot_onsager(found, look.of(folder, "onsager")) if "onsager" in found else None]
    return pictures + [each for each in overview if each]


def _of_run(folder: Path, results: Path, look: Look) -> list[Path]:
    """Pictures of one trajectory; those based on results only if it was analysed."""
    from kmc.files.trajectory import read_trajectory

    trajectory, curve = read_trajectory(folder / "trajectory.h5"), look.of(folder, "msd")
    if not results.exists():
        return [plot_msd(trajectory, curve)]
    pictures: list[Path | None] = []
    with opened(results) as found:
        given = found["fit_range"]
        pictures.append(plot_msd(trajectory, curve, None if given is None else (given[0], given[1])))
        if "profile" in found:
            pictures.append(plot_profile(found, look.of(folder, "profile")))
        pictures.append(plot_onsager(found, look.of(folder, "onsager")))
        pictures.append(plot_isotherm(found, look.of(folder, "isotherm")))
        pictures.append(plot_routes(found, look.of(folder, "chemical-diffusivity")))
        pictures.append(plot_decays(found, look.of(folder, "decays")))
        pictures.append(plot_waves(found, look.of(folder, "relaxation")))
    return [each for each in pictures if each]
