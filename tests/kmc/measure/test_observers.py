"""A user-defined observable: one class, registered in the settings, in complete and in resumed runs."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from kmc.arrays import to_host
from kmc.files.trajectory import read_dataset, read_trajectory
from kmc.measure.observer import Observer, Observers
from kmc.measure.profile import ProfileSettings
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings, Thermodynamics
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system

FRAMES = 12


class Displaced(Observer):
    """Toy observable: the summed z of all particles per frame, and the total number of particles that have moved."""

    name = "displaced"

    def start(self, tables, live):
        self.total = np.zeros(live.replicas, dtype=np.int64)
        self.before = None

    def record(self, frame, positions):
        here = to_host(positions)
        if self.before is not None:
            self.total += (here != self.before).any(axis=2).sum(axis=1)
        self.before = here
        return {"toy/summed_z": here[..., 2].sum(axis=1, dtype=np.int64)}

    def datasets(self):
        return {"toy/displaced": self.total}

    def attributes(self):
        return {"toy/summed_z": {"unit": "cell/grid"}}

    def state(self):
        return {"total": self.total, "before": self.before}

    def restore(self, tables, live, state):
        self.total, self.before = state["total"], state["before"]


def settings(**more):
    given = {"frames": FRAMES, "positions": "all", "observers": (Displaced,)} | more
    return Settings(Hops(2.0), Hops(6.0), **given)


def system():
    model = made_up_model(pairs=[("V_O", "V_O", 1, 0.05)])
    return made_up_system(model, (3, 3, 3), vacancies=8, replicas=3, seed=4)


def datasets(folder: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(folder / "trajectory.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def unwrapped_angstrom(folder: Path) -> np.ndarray:
    """(R, T + 1, M, 3) positions of all particles."""
    groups = ["particles/trajectory", *(f"kmc/replicas/{replica:04d}" for replica in (1, 2))]
    with h5py.File(folder / "trajectory.h5") as file:
        return np.array([file[f"{group}/position/value"][()] for group in groups])


def stopped_and_resumed(folder: Path, backend: str, asked: Settings, at: int) -> None:
    seen = []

    def stop() -> bool:
        return bool(seen and seen[-1].phase == "production" and seen[-1].done == at)

    assert not run(system(), asked, folder, backend=backend, report=seen.append, stop=stop)
    assert run(system(), asked, folder, backend=backend, resume=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_toy_observable_in_a_complete_run(tmp_path, backend):
    run(system(), settings(), tmp_path, backend=backend)
    unwrapped = unwrapped_angstrom(tmp_path)
    with h5py.File(tmp_path / "trajectory.h5") as file:
        assert file["kmc/toy/summed_z"].attrs["unit"] == b"cell/grid"
    rows, total = (read_dataset(tmp_path / "trajectory.h5", f"toy/{name}") for name in ("summed_z", "displaced"))
    assert rows.shape == (FRAMES + 1, 3) and rows.dtype == np.int64
    edge_angstrom = 5.4 / system().tables.supercell.crystal.grid
    assert np.allclose(rows.T * edge_angstrom, unwrapped[..., 2].sum(axis=2), atol=1e-2)
    moved = np.abs(np.diff(unwrapped, axis=1)).max(axis=3) > 0.1
    assert total.tolist() == moved.sum(axis=(1, 2)).tolist() and total.min() > FRAMES


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_resumed_run_has_the_same_file(tmp_path, backend):
    """With every built-in observer, stopped at a frame at which the windows of some lags are incomplete."""
    asked = settings(profile=ProfileSettings(2, 3), thermodynamics=Thermodynamics(points=1, trials_per_carrier=1.0))
    run(system(), asked, tmp_path / "whole", backend=backend)
    stopped_and_resumed(tmp_path / "part", backend, asked, at=7)
    one, other = datasets(tmp_path / "whole"), datasets(tmp_path / "part")
    assert one.keys() == other.keys() and {"kmc/toy/displaced", "kmc/profile/moment", "kmc/rho_k/axis2"} <= one.keys()
    assert all(np.array_equal(value, other[name]) for name, value in one.items())


def test_displacements_are_those_of_the_positions_in_the_file(tmp_path):
    """Windows of 1, 2 and 4 frames follow one another without overlap, in time blocks of two frames."""
    asked = settings(profile=ProfileSettings(2, 3), observers=())
    stopped_and_resumed(tmp_path, "numpy", asked, at=7)
    seen, tables = read_trajectory(tmp_path / "trajectory.h5"), system().tables
    grid = np.rint(unwrapped_angstrom(tmp_path) / (5.4 / tables.supercell.crystal.grid)).astype(np.int64)
    ids = slice(int(tables.first_particle[1]), int(tables.first_particle[1] + tables.counts[1]))
    assert tables.species[1] == "V_O" and seen.lag_frames.tolist() == [1, 2, 4]
    moved = (grid - grid[:, :1])[:, :, ids].sum(axis=2)
    assert np.array_equal(seen.summed_displacement[:, :, 1], moved.transpose(1, 0, 2))
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    for k, lag in enumerate(seen.lag_frames.tolist()):
        exact, windows = np.zeros((6, 3, 6), dtype=np.int64), [0] * 6
        for end in range(lag, FRAMES + 1, lag):
            step = (grid[:, end] - grid[:, end - lag])[:, ids]
            exact[(end - 1) // 2] += np.stack([(step[..., a] * step[..., b]).sum(axis=1) for a, b in pairs], axis=-1)
            windows[(end - 1) // 2] += 1
        assert seen.msd_windows[k].tolist() == windows
        assert np.array_equal(seen.second_moment[k, :, :, 1], exact)
        assert np.array_equal(seen.profile.moment[k, :, :, 1].sum(axis=2), exact[..., :3])
        assert seen.profile.count[k, :, :, 1].sum(axis=2).tolist() == [[8 * n] * 3 for n in windows]


def test_an_extended_run_equals_one_that_was_resumed_and_extended(tmp_path):
    """New lags begin with the extension; observers enlarge their arrays for them and for more time blocks."""
    asked = settings(profile=ProfileSettings(2, 3))
    for name in ("one", "other"):
        run(system(), asked, tmp_path / name, backend="numpy")
    run(system(), asked, tmp_path / "one", backend="numpy", resume=True, extend_to_frames=4 * FRAMES)
    seen = []
    more = {"backend": "numpy", "resume": True, "extend_to_frames": 4 * FRAMES}
    assert not run(system(), asked, tmp_path / "other", report=seen.append, stop=lambda: len(seen) == 9, **more)
    assert run(system(), asked, tmp_path / "other", **more)
    one, other = datasets(tmp_path / "one"), datasets(tmp_path / "other")
    assert one["kmc/msd/lag_frames"].tolist() == [1, 2, 4, 8, 16]
    assert one["kmc/msd/windows"].sum(axis=1).tolist() == [48, 24, 12, 4, 2]  # 8 and 16 from frame 12 on
    assert one["kmc/profile/count"].shape[:2] == one["kmc/msd/windows"].shape == one["kmc/msd/second_moment"].shape[:2]
    assert all(np.array_equal(value, other[name]) for name, value in one.items())


def test_a_checkpoint_with_other_observers_is_refused(tmp_path):
    run(system(), settings(), tmp_path, backend="numpy")
    with pytest.raises(InputError, match=r"another run: its observers is msd, displaced, lag_windows, not msd, lag"):
        run(system(), settings(observers=()), tmp_path, backend="numpy", resume=True)


def test_observers_need_different_names_and_datasets(tmp_path):
    class Same(Displaced):
        name = "another"

    class Taken(Displaced):
        name = "taken"

        def datasets(self):
            return {"relaxation/toy": self.total}

    with pytest.raises(InputError, match="observers = a, a: every observer needs its own name"):
        Observers([named("a"), named("a")])
    with pytest.raises(InputError, match="observer another: another observer writes toy/summed_z already"):
        run(system(), settings(observers=(Displaced, Same)), tmp_path / "same", backend="numpy")
    with pytest.raises(InputError, match="the dataset relaxation/toy of the trajectory file has another use"):
        run(system(), settings(observers=(Taken,)), tmp_path / "taken", backend="numpy")


def named(name: str) -> Observer:
    observer = Displaced()
    observer.name = name
    return observer


def test_a_missing_dataset_gives_a_one_line_error(tmp_path):
    with pytest.raises(InputError, match="no trajectory file there"):
        read_dataset(tmp_path / "trajectory.h5", "toy/displaced")
    run(system(), settings(frames=2), tmp_path, backend="numpy")
    with pytest.raises(InputError, match="it holds no dataset toy"):
        read_dataset(tmp_path / "trajectory.h5", "toy")
