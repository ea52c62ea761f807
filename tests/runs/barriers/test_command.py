"""`kmc barriers` with toy calculators: against a nudged elastic band written here by hand, and exact pair energies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.mep import NEB
from ase.optimize import BFGS

from kmc.model.parameters import load_model
from lattices.neighbours import Neighbours
from runs.cli import main

COPPER = """
name = "copper"
[crystal]
file = "copper.xyz"
sublattices = { metal = "Cu" }
relax = false
[species]
Cu = { sublattice = "metal", charge = 0, element = "Cu" }
V = { sublattice = "metal", charge = 0, element = "X" }
[[hops]]
name = "vacancy"
carrier = "V"
partner = "Cu"
attempt_frequency_Hz = "vineyard"
[cells]
supercells = [[2, 2, 2]]
fmax_eV_angstrom = 0.01
"""
ARGON = """
name = "argon"
[crystal]
file = "argon.xyz"
sublattices = { solid = "Ar" }
relax = false
[species]
Ar = { sublattice = "solid", charge = 0, element = "Ar" }
V = { sublattice = "solid", charge = 0, element = "X" }
[[pairs]]
species = ["V", "V"]
shells = [1, 2]
[cells]
supercells = [[3, 3, 3]]
contents = [{ V = 3 }, { V = 4 }]
configurations = 5
fmax_eV_angstrom = 1000.0      # no relaxation: the energies of the ideal lattice are sums of pairs
rattle_angstrom = 0.0
"""


def crystal_file(folder: Path, text: str, element: str, a: float) -> Path:
    name = {"Cu": "copper", "Ar": "argon"}[element]
    bulk(element, "fcc", a=a, cubic=True).write(folder / f"{name}.xyz", format="extxyz")
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def relaxed(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    BFGS(atoms, logfile=os.devnull).run(fmax=0.01)
    return atoms


@pytest.fixture(scope="module")
def band_eV() -> float:
    """The barrier of a vacancy in copper from a band written by hand."""
    host = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(2)
    other = int(np.argmin(np.abs(host.get_distances(0, range(1, 32)) - 3.6 / 2**0.5))) + 1
    start, end = host.copy(), host.copy()
    end.positions[other] -= host.get_distance(0, other, mic=True, vector=True)
    del start[0], end[0]
    start, end = relaxed(start), relaxed(end)
    images = [start, *(start.copy() for _ in range(3)), end]
    band = NEB(images, climb=True, method="improvedtangent", allow_shared_calculator=True)
    band.interpolate(mic=True)
    for image in images:
        image.calc = EMT()
    BFGS(band, logfile=os.devnull).run(fmax=0.01)
    return float(images[2].get_potential_energy() - start.get_potential_energy())


@pytest.mark.slow
def test_barrier_equals_a_band_written_by_hand(tmp_path: Path, band_eV: float) -> None:
    path = crystal_file(tmp_path, COPPER, "Cu", 3.6)
    output = tmp_path / "mine.toml"
    assert main(["barriers", str(path), "--calculator", "emt", "-o", str(output)]) == 0
    (hop,) = load_model(output).hops
    assert hop.barriers[0].energy_eV == pytest.approx(band_eV, abs=0.005)
    assert 1e12 < hop.attempt_frequency_Hz.value < 1e13
    for word in ("EMT of ASE", "climbing-image NEB", "kmc barriers copper.toml --calculator emt -o mine.toml"):
        assert word in hop.barriers[0].source
    # From the cache alone, the same bytes: the calculator is not asked for anything.
    before = output.read_bytes(), output.with_suffix(".report.md").read_bytes()
    assert main(["barriers", str(path), "--calculator", "emt", "-o", str(output)]) == 0
    assert (output.read_bytes(), output.with_suffix(".report.md").read_bytes()) == before


def test_pair_energies_of_a_lattice_of_pairs_are_exact(tmp_path: Path) -> None:
    """Without relaxation, two vacancies repel each other by minus the pair energy that both of them miss."""
    path = crystal_file(tmp_path, ARGON, "Ar", 5.3)
    output = tmp_path / "mine.toml"
    options = ["--argument", "sigma=3.4", "--argument", "epsilon=0.0104", "--argument", "rc=5.6"]
    assert main(["barriers", str(path), "--calculator", "lj", *options, "-o", str(output)]) == 0
    model = load_model(output)
    for pair, distance in zip(model.pairs, (5.3 / 2**0.5, 5.3), strict=True):
        dimer = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, distance)])
        dimer.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=5.6)
        assert pair.energy_eV == pytest.approx(dimer.get_potential_energy(), abs=1e-4)
    assert [pair.neighbours for pair in model.pairs] == [Neighbours((1,)), Neighbours((2,))]


@pytest.mark.slow
def test_interrupted_and_resumed_gives_the_same_file(tmp_path: Path) -> None:
    """A job that is stopped by Ctrl-C after its first relaxations, and one that was not."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    commands = {}
    for folder in (whole, parts):
        folder.mkdir()
        path = crystal_file(folder, COPPER.replace("0.01", "0.05"), "Cu", 3.6)
        words = ["barriers", str(path), "--calculator", "emt", "-o", str(folder / "mine.toml")]
        commands[folder] = [sys.executable, "-m", "kmc", *words]
    subprocess.run(commands[whole], check=True, capture_output=True)
    job = subprocess.Popen(commands[parts], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(parts.glob("mine.images/*-start-*.xyz")) and job.poll() is None:
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    _, message = job.communicate()
    assert job.returncode == 130
    assert b"the same command continues" in message
    assert not (parts / "mine.toml").exists()
    subprocess.run([*commands[parts], "--jobs", "2"], check=True, capture_output=True)
    for name in ("mine.toml", "mine.report.md"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "calculator", "message"),
    [
        (("", ""), "emmt", "'emmt': emt, lj, chgnet"),
        (("[[2, 2, 2]]", "[[1, 1, 1]]"), "emt", "too small for hop 'vacancy'"),
        (('partner = "Cu"', 'partner = "V"'), "emt", "exactly one of them must be vacant"),
        (('"vineyard"', '"vinyard"'), "emt", "attempt_frequency_Hz"),
        (("relax = false", 'relax = false\nhost = { A = "Cu" }'), "emt", "takes neither host"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    calculator: str,
    message: str,
) -> None:
    path = crystal_file(tmp_path, COPPER.replace(*change), "Cu", 3.6)
    output = tmp_path / "mine.toml"
    assert main(["barriers", str(path), "--calculator", calculator, "-o", str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_too_few_configurations_are_refused_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_file(tmp_path, ARGON.replace("configurations = 5", "configurations = 3"), "Ar", 5.3)
    assert main(["barriers", str(path), "--calculator", "lj", "-o", str(tmp_path / "mine.toml")]) == 2
    assert "2 pair energies and 2 compositions need at least 4 for each" in capsys.readouterr().err


def test_a_pair_that_meets_its_own_image_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In two cells of fcc, the second shell lies half a supercell away: a pair and its image are the same distance."""
    path = crystal_file(tmp_path, ARGON.replace("[[3, 3, 3]]", "[[2, 2, 2]]"), "Ar", 5.3)
    assert main(["barriers", str(path), "--calculator", "lj", "-o", str(tmp_path / "mine.toml")]) == 2
    assert "cells.supercells = [2, 2, 2]: too small for the pair V - V, shell 2" in capsys.readouterr().err


def test_failures_are_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = crystal_file(tmp_path, COPPER.replace("[cells]", "[cells]\nsteps = 1"), "Cu", 3.6)
    output = tmp_path / "mine.toml"
    assert main(["barriers", str(path), "--calculator", "emt", "-o", str(output)]) == 1
    assert "FAILED: vacancy-any-1-2x2x2-start: forces above 0.01 eV/angstrom after 1 steps" in capsys.readouterr().out
    assert not output.exists()


@pytest.mark.slow
def test_a_correction_is_part_of_the_source(tmp_path: Path) -> None:
    """scale_eV with a calculator given as module:factory: the number, its mark and its source say so."""
    scale = 'saddle = "mid-plane"\nscale_eV = { value = 0.25, source = "made up for a test", mark = "assumed" }\n'
    written = {}
    for name, text in (("plain", 'saddle = "mid-plane"\n'), ("scaled", scale)):
        folder = tmp_path / name
        folder.mkdir()
        path = crystal_file(folder, COPPER.replace("[cells]", text + "[cells]").replace("0.01", "0.05"), "Cu", 3.6)
        words = ["--calculator", "ase.calculators.emt:EMT", "-o", str(folder / "mine.toml")]
        assert main(["barriers", str(path), *words, "--folder", str(tmp_path / "images")]) == 0
        written[name] = load_model(folder / "mine.toml").hops[0].barriers[0]
    plain, scaled = written["plain"], written["scaled"]
    assert scaled.energy_eV == pytest.approx(plain.energy_eV + 0.25, abs=1e-9)
    assert (plain.mark, scaled.mark) == ("computed", "derived")
    assert "and added +0.250 eV (made up for a test)" in scaled.source and "mid-plane" in plain.source
