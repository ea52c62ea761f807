"""Every example run file passes `kmc validate` and completes a short run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs.cli import main
from runs.config import shipped_examples
from tests.runs.conftest import arguments

SMALL = {"fluorite": [3, 3, 3], "perovskite": [4, 4, 4]}
SHORT = [
    "run.temperature_K=[1000, 1200]",
    "run.replicas=4",
    "run.frames=16",
    "run.equilibration={hops_per_carrier=1}",
    "run.duration={hops_per_carrier=4}",
    "run.backend=numpy",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_examples())
def test_example_validates_and_runs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert all(0 < acceptance <= 1 for acceptance in facts["expected_acceptance"])
    assert min(facts["proven_lowest_barrier_eV"]) <= facts["barrier_eV"][0] <= facts["barrier_eV"][1]
    prototype = "perovskite" if any(word in name for word in ("perovskite", "lsf", "mixed")) else "fluorite"
    small = [f"crystal.repeats={SMALL[prototype]}", *SHORT]
    if name == "lsf64-chemical":
        small.append("model.electronic.conductivity_S_m=[19100, 19100]")
    elif "lsf" in name:
        small.append("crystal.vacancies={number=2}")  # its fraction is less than one particle in such a small cell
    if "mixed" in name:
        small.append("run.backend=auto")  # protons hop 200 times as often as vacancies
    if "chemical" in name:
        small.append("thermodynamics={mu_eV=[0.9], trials_per_carrier=20}")
    if "layers" in name:
        small += [
            "crystal.repeats=[8, 8, 8]",
            "run.parallel={domains={block=4}}",
            "run.profile={bins=4}",
            "run.backend=auto",
            "crystal.allow_net_charge=true",  # profiles are neutral in whole numbers in the full supercell only
        ]
    assert main(["run", name, "--out", str(tmp_path / "run"), *arguments(small)]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert len(results["runs"]) == 2
    for run in results["runs"]:
        entry = run["species"]["H" if "bzy" in name else "O"]["tracer_diffusivity_m2_s"]
        if entry["value"] is None:  # such a short run may give none
            assert entry["reason"]
        else:
            assert entry["value"] + 4 * entry["stderr"] > 0
        assert all(family["accepted"] > 0 for family in run["hops"]["families"].values())


@pytest.mark.slow
@pytest.mark.parametrize("positions", ["none", "first", "all"])
def test_the_estimated_file_size(tmp_path: Path, positions: str) -> None:
    """Within 5 %."""
    from runs.config import load_config
    from runs.estimate import file_bytes
    from runs.prepare import prepare

    overrides = [*SHORT, "run.temperature_K=1300", "crystal.repeats=[6, 6, 6]", f"run.positions={positions}"]
    overrides.append("run.frames=100")
    assert main(["run", "smallest", "--out", str(tmp_path / "run"), *arguments(overrides)]) == 0
    config, base = load_config("smallest", overrides)
    estimated = file_bytes(prepare(config, base).jobs[0])
    size = (tmp_path / "run" / "trajectory.h5").stat().st_size
    assert size == pytest.approx(estimated, rel=0.05)
