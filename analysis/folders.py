"""The folder of a run and those of its parts: temperatures, visits of several lengths, modes of the carriers."""

from __future__ import annotations

from pathlib import Path

from analysis.transport.polaron_modes import MODES


def run_folder(folder: Path | str) -> Path:
    """The analysed run of which a folder is a temperature, a mode or a visit length, or the folder itself."""
    whole = Path(folder).resolve()
    while belongs_to_run(whole):
        whole = whole.parent
    return whole


def belongs_to_run(folder: Path) -> bool:
    """Whether a folder is a part of an analysed run in the folder above."""
    return folder in parts_of(folder.parent) and (folder.parent / "results.json").exists()


def parts_of(folder: Path) -> list[Path]:
    """Sub-folders that hold the parts of a run: temperatures, visits or modes."""
    return visit_folders(folder) or mode_folders(folder) or temperature_folders(folder)


def holds_one_run(folder: Path) -> bool:
    """Whether a folder holds a run of one temperature, which may be in parts."""
    return (folder / "trajectory.h5").exists() or bool(visit_folders(folder) or mode_folders(folder))


def temperature_folders(folder: Path) -> list[Path]:
    """Sub-folders T...K that hold a trajectory, or visits with one, by temperature."""
    return sorted(filter(holds_one_run, folder.glob("T*K")), key=lambda part: (len(part.name), part.name))


def mode_folders(folder: Path) -> list[Path]:
    """Sub-folders named by a mode of the electronic carriers that hold a trajectory each: a run in mode "auto"."""
    return [folder / mode for mode in MODES if (folder / mode / "trajectory.h5").exists()]


def visit_folders(folder: Path) -> list[Path]:
    """Sub-folders window1 ... that hold a trajectory each: domain-decomposed runs with visits of several lengths."""
    return sorted(part for part in folder.glob("window?") if (part / "trajectory.h5").exists())
