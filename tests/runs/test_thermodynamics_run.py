"""The [thermodynamics] section of a run file: output, resumption, and refused input."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from kmc.run.engine import run
from kmc.run.settings import Hops, Relaxation, Settings, Thermodynamics
from lattices.errors import InputError
from runs.cli import main
from tests.runs.conftest import arguments
from tests.systems import BACKENDS, neutral_vacancies

LSF = [
    "crystal.repeats=[9, 9, 9]",
    "run.replicas=4",
    "run.frames=60",
    "run.equilibration={hops_per_carrier=2}",
    "run.duration={hops_per_carrier=6}",
    "thermodynamics.trials_per_carrier=100",
]


def datasets(path: Path) -> dict[str, np.ndarray]:
    """Every dataset below /kmc."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        file["kmc"].visititems(lambda name, entry: found.update({name: entry[()]}) if hasattr(entry, "shape") else None)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_end_in_the_middle_of_the_scan_changes_nothing(backend: str, tmp_path: Path) -> None:
    """Stopped in production, in the scan and in the waves, then resumed: equal datasets on every backend."""
    system = neutral_vacancies("fluorite", (3, 3, 3), 0.1, 1000.0, replicas=3)
    asked = Thermodynamics(points=3, trials_per_carrier=20.0, relaxation=Relaxation(0, 0.5, waves=2))
    settings = Settings(Hops(2.0), Hops(5.0), 10, "none", thermodynamics=asked)
    assert run(system, settings, tmp_path / "whole", backend=backend)
    phases = iter(("production", "chemical potentials", "relaxation"))
    wanted, resume = next(phases), False
    for _ in range(4):
        seen: list[str] = []
        done = run(
            system,
            settings,
            tmp_path / "parts",
            backend=backend,
            resume=resume,
            report=lambda progress, seen=seen: seen.append(progress.phase),  # type: ignore[misc]  # bound at definition
            stop=lambda seen=seen, wanted=wanted: wanted in seen,  # type: ignore[misc]  # bound at definition
        )
        if done:
            break
        wanted, resume = next(phases, ""), True
    assert done and wanted == ""
    one, other = (datasets(tmp_path / name / "trajectory.h5") for name in ("whole", "parts"))
    assert set(one) == set(other) and {"grand_canonical/histogram", "rho_k/axis0", "relaxation/planes"} <= set(one)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    reference = tmp_path / "numpy"
    assert run(system, settings, reference, backend="numpy")
    third = datasets(reference / "trajectory.h5")
    assert all(np.array_equal(one[name], third[name]) for name in one)


@pytest.mark.slow
def test_an_extended_run_samples_thermodynamics_again(tmp_path: Path) -> None:
    """From its new last frame, as a run that was longer from the start; an interruption of the extension too."""
    system = neutral_vacancies("fluorite", (3, 3, 3), 0.1, 1000.0, replicas=3)
    asked = Thermodynamics(points=3, trials_per_carrier=20.0, relaxation=Relaxation(0, 0.5, waves=2))
    short, long = (
        Settings(Hops(2.0), Hops(5.0 * n), 10 * n, "none", thermodynamics=asked, selection="rejection") for n in (1, 2)
    )
    assert run(system, long, tmp_path / "long", backend=BACKENDS[0])
    assert run(system, short, tmp_path / "short", backend=BACKENDS[0])
    seen: list[str] = []
    assert not run(
        system,
        short,
        tmp_path / "short",
        backend=BACKENDS[0],
        resume=True,
        extend_to_frames=20,
        report=lambda progress: seen.append(progress.phase),
        stop=lambda: len(seen) == 7,
    )
    assert "grand_canonical/histogram" not in datasets(tmp_path / "short" / "trajectory.h5")
    assert run(system, short, tmp_path / "short", backend=BACKENDS[0], resume=True, extend_to_frames=20)
    one, other = (datasets(tmp_path / name / "trajectory.h5") for name in ("long", "short"))
    names = [name for name in one if name.startswith(("grand_canonical/", "relaxation/", "rho_k/"))]
    assert len(names) > 8 and all(np.array_equal(one[name], other[name]) for name in names)


@pytest.mark.slow
def test_lsf64_at_given_pressures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = [*LSF, "thermodynamics.pO2_bar=[0.01, 0.21]", "polarons.mode=scaled"]
    assert main(["run", "lsf64", "--out", str(tmp_path / "run"), *arguments(changes)]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    points = results["thermodynamics"]["isotherm"]
    assert [round(p["pO2_bar"], 6) for p in points] == [0.01, 0.21]
    assert points[0]["site_fraction"]["value"] > points[1]["site_fraction"]["value"] > 0
    assert 3 * points[0]["site_fraction"]["value"] == pytest.approx(0.0631, rel=0.1)  # the mass action of K_ox
    assert points[0]["oxygen_mu_eV"] < points[1]["oxygen_mu_eV"] < 0
    assert (tmp_path / "run" / "isotherm.png").exists()
    assert "Theta of V_O" in capsys.readouterr().out


@pytest.mark.slow
def test_auto_samples_equilibrium_once(tmp_path: Path) -> None:
    changes = [*LSF, "thermodynamics.points=3", "polarons.mode=auto", "run.replicas=8"]
    assert main(["run", "lsf64", "--out", str(tmp_path / "run"), *arguments(changes)]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["thermodynamic_factor_V"]["value"] is not None
    assert results["chemical_diffusivity_m2_s"]["onsager"]["mode"].startswith("auto: ions scaled")
    assert "kmc" in h5py.File(tmp_path / "run" / "scaled" / "trajectory.h5")
    held = {name: "grand_canonical/histogram" in datasets(tmp_path / "run" / name / "trajectory.h5") for name in MODES}
    assert held == {"scaled": True, "scaled-half": False, "frozen-ions": False}


MODES = ("scaled", "scaled-half", "frozen-ions")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "change", "message"),
    [
        ("ceria-reduced", "thermodynamics={pO2_bar=[0.1]}", "gives no enthalpy and entropy of oxygen exchange"),
        ("lsf64", "thermodynamics={pO2_bar=[0.1], mu_eV=[0.0]}", "both given; one of them is allowed"),
        ("lsf64", "thermodynamics={pO2_bar=[-1.0]}", "thermodynamics.pO2_bar"),
        ("ceria-chemical", "crystal.vacancies.fraction=0.2", "a smaller amplitude is needed"),
        ("ceria-chemical", "thermodynamics.relaxation.waves=3000", "thermodynamics.relaxation.waves = 3000"),
        ("ceria-chemical", "model.relative_permittivity=0.5", "model.relative_permittivity = 0.5"),
        ("ceria-chemical", "model.relative_permittivity=2", "take a larger relative_permittivity or fewer charges"),
        ("lsf64", "thermodynamics={points=0}", "thermodynamics.points = 0"),
        ("lsf64", "thermodynamics={relaxation={axis=3}}", "thermodynamics.relaxation.axis = 3"),
        ("lsf64", "thermodynamics={relax=1}", "allowed are points, step_kT, mu_eV, pO2_bar"),
    ],
)
def test_bad_input_gives_a_one_line_error(
    example: str, change: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", example, "--out", str(tmp_path / "run"), "--set", change]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0], lines
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_amplitude_that_does_not_fit(tmp_path: Path) -> None:
    system = neutral_vacancies("fluorite", (3, 3, 3), 0.7, 1000.0, replicas=2)
    asked = Thermodynamics(points=1, trials_per_carrier=5.0, relaxation=Relaxation(0, 0.9))
    settings = Settings(Hops(1.0), Hops(2.0), 8, "none", thermodynamics=asked)
    with pytest.raises(InputError, match=r"amplitude = 0.9: V_O would need site fractions from .* to 1\.\d+"):
        run(system, settings, tmp_path / "run")


@pytest.mark.slow
def test_every_route_to_chemical_diffusion_and_its_picture(tmp_path: Path) -> None:
    """Reduced ceria with Coulomb energies, permittivity from the run file: Theta by three methods, D~ by six routes."""
    changes = ["model.relative_permittivity=300.0", "crystal.repeats=[4, 4, 8]", "run.replicas=16", "run.frames=200"]
    changes += ["crystal.vacancies.fraction=0.02", "run.duration.hops_per_carrier=100"]
    changes += ["thermodynamics={points=2, trials_per_carrier=200, relaxation={axis=2, amplitude=0.5, waves=2}}"]
    folder = tmp_path / "run"
    assert main(["run", "ceria-chemical", "--out", str(folder), *arguments(changes)]) == 0
    results = json.loads((folder / "results.json").read_text())
    assert results["coupled_groups"] == [["V_O", "electron"]]
    routes = results["chemical_diffusivity_m2_s"]
    for name in ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation"):
        assert routes[name]["value"] > 2 * routes[name]["stderr"] > 0, (name, routes[name])
    assert "1/D(k) linear in k^2" in routes["decay"]["formula"]
    assert len(results["thermodynamics"]["isotherm_curve"]["theta_carrier"]) == 41
    for picture in ("isotherm", "chemical-diffusivity", "decays", "relaxation"):
        assert (folder / f"{picture}.png").stat().st_size > 10_000, picture
