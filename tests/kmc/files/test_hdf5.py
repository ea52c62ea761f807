"""Atomic changes of HDF5 files, locks, links, concurrent readers, and detection of damage."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from kmc.files import journal
from kmc.files.hdf5 import changing, creating, extend, fixed, growing, reading
from kmc.files.journal import journal_of, recover
from kmc.files.lock import locked
from kmc.files.trajectory import read_dataset, read_trajectory
from kmc.files.writer import TrajectoryWriter
from kmc.measure.profile import ProfileSettings
from kmc.run.engine import LOCK, run
from kmc.run.saved_run import SavedRun
from kmc.run.settings import Hops, Seconds, Settings, Thermodynamics
from lattices.errors import InputError
from tests.systems import made_up_model, made_up_system

MORE = {"profile": ProfileSettings(2, 2), "thermodynamics": Thermodynamics(points=1, trials_per_carrier=1.0)}
ASKED = Settings(Hops(2.0), Hops(4.0), frames=6, positions="all", **MORE)


def system():
    return made_up_system(made_up_model(), (2, 2, 2), vacancies=3, replicas=2, seed=4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run, which tests must not change."""
    folder = tmp_path_factory.mktemp("finished")
    assert run(system(), ASKED, folder, backend="numpy")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Rows 0 to 2 of a growing dataset, and one of fixed shape."""
    path = tmp_path / "some.h5"
    with creating(path) as new:
        growing(new, "rows", (3,), "i8")
        extend(new["rows"], np.arange(9).reshape(3, 3))
        fixed(new, "total", np.arange(5000))
    return path


def change(path: Path) -> None:
    with changing(path) as opened:
        extend(opened["rows"], np.full((2, 3), 7))
        opened["total"][...] = np.arange(5000) + 1


def errno_of_change(path: Path) -> int | None:
    """The errno of the OSError that a change raises; None if it raises none."""
    try:
        change(path)
    except OSError as error:
        return error.errno
    return None


def content(path: Path) -> tuple[int, int]:
    """(rows, first total) after checking that they belong together."""
    with reading(path) as opened:
        rows, total = opened["rows"][()], opened["total"][()]
    assert np.array_equal(rows, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [7] * 3, [7] * 3][: len(rows)])
    assert np.array_equal(total, np.arange(5000) + total[0])
    return len(rows), int(total[0])


BEFORE, AFTER = (3, 0), (5, 1)
CALLS = ("pwrite", "ftruncate", "fsync", "unlink")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_an_error_of_the_disk_at_any_call_leaves_the_old_or_the_new_content(file, monkeypatch, code):
    """Each call and all later ones fail, as on a full disk: check what a reader sees, and what recovery produces."""
    content_before = file.read_bytes()
    outcomes = []
    for failing in range(1, 200):
        left = failing

        def counted(real):
            def call(*arguments, **more):
                nonlocal left
                left -= 1
                if left <= 0:
                    raise OSError(code, os.strerror(code))
                return real(*arguments, **more)

            return call

        file.write_bytes(content_before)
        journal_of(file).unlink(missing_ok=True)
        with monkeypatch.context() as patched:
            for name in CALLS:
                patched.setattr(os, name, counted(getattr(os, name)))
            if (found := errno_of_change(file)) is None:
                break
            assert found == code
        seen = content(file)
        recover(file)
        assert not journal_of(file).exists() and content(file) == seen and seen in (BEFORE, AFTER)
        change(file)
        outcomes.append(seen)
    assert content(file) == AFTER and len(outcomes) > 8 and outcomes == sorted(outcomes)
    assert outcomes[0] == BEFORE and outcomes[-1] == AFTER


def test_a_change_that_raises_has_no_effect(file):
    before = file.read_bytes()

    def half() -> None:
        with changing(file) as opened:
            extend(opened["rows"], np.ones((2000, 3), dtype=int))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert file.read_bytes() == before


def test_a_journal_that_was_not_completed_is_dropped(file, monkeypatch):
    monkeypatch.setattr(journal, "_apply", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "stopped here")))
    with pytest.raises(OSError, match="stopped here"):
        change(file)
    monkeypatch.undo()
    whole = journal_of(file).read_bytes()
    journal_of(file).write_bytes(whole[:-1])
    assert content(file) == BEFORE
    recover(file)
    assert not journal_of(file).exists() and content(file) == BEFORE


def test_readers_do_not_stop_a_run_and_never_see_half_of_a_change(file):
    """Another process holds the file open with HDF5's lock, and so does this process."""
    hold = f"import h5py, sys; f = h5py.File({str(file)!r}, 'r'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1, text=True) as reader:
        assert reader.stdout.readline() == "open\n"
        with h5py.File(file, "r"):
            change(file)
            assert content(file) == AFTER
        reader.stdin.close()
    assert content(file) == AFTER


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path):
    hold = (
        "import sys\nfrom pathlib import Path\nfrom kmc.files.lock import locked\n"
        f"with locked(Path({str(tmp_path / LOCK)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"{tmp_path}: a run is being carried out there by process {other.pid};"):
            run(system(), ASKED, tmp_path, backend="numpy")
        other.kill()
    assert run(system(), ASKED, tmp_path, backend="numpy") and not (tmp_path / LOCK).exists()


def test_a_lock_also_excludes_its_own_process(tmp_path):
    with locked(tmp_path / LOCK), pytest.raises(InputError, match=f"process {os.getpid()};"), locked(tmp_path / LOCK):
        pass
    with locked(tmp_path / LOCK):
        pass


def test_frames_of_another_process_are_noticed(tmp_path, monkeypatch):
    """Without the lock, a second process that appends is noticed by the first."""
    real = TrajectoryWriter.append

    def twice(self, first, *more):
        real(self, first, *more)
        real(self, first, *more)

    monkeypatch.setattr(TrajectoryWriter, "append", twice)
    with pytest.raises(InputError, match="holds 1 frames in place of 0: another program changed it"):
        run(system(), ASKED, tmp_path, backend="numpy")


def copied(finished: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in ("trajectory.h5", "checkpoint.npz"):
        (folder / name).write_bytes((finished / name).read_bytes())
    return folder / "trajectory.h5"


def test_times_that_do_not_rise_evenly_are_refused(finished, tmp_path):
    path = copied(finished, tmp_path)
    with h5py.File(path, "r+") as opened:
        opened["kmc/time_s"][3] = opened["kmc/time_s"][2]
    with pytest.raises(InputError, match="the times of its frames do not rise evenly from 0"):
        read_trajectory(path)


def test_a_resumed_run_refuses_a_file_that_does_not_match_its_checkpoint(finished, tmp_path):
    path = copied(finished, tmp_path)
    with h5py.File(path, "r+") as opened:
        opened["kmc/accepted"][2, 0, 0] += 1
    with pytest.raises(InputError, match="accepted does not match the checkpoint"):
        run(system(), ASKED, tmp_path, backend="numpy", resume=True)
    path.unlink()
    with pytest.raises(InputError, match=r"trajectory.h5: is missing"):
        run(system(), ASKED, tmp_path, backend="numpy", resume=True)


def test_links_to_other_files_are_refused(finished, tmp_path):
    path = copied(finished, tmp_path)
    other = tmp_path / "other.h5"
    with h5py.File(path, "r+") as opened:
        opened.copy("kmc", opened.create_group("kept"))
        with h5py.File(other, "w") as second:
            opened.copy("kmc", second)
        del opened["kmc"]
        opened["kmc"] = h5py.ExternalLink("other.h5", "/kmc")
    before = other.read_bytes()
    with pytest.raises(InputError, match="kmc is a link; a trajectory file has none"):
        read_trajectory(path)
    with pytest.raises(InputError, match="kmc is a link"):
        run(system(), ASKED, tmp_path, backend="numpy", resume=True)
    assert other.read_bytes() == before


def test_every_dataset_has_a_checksum(finished):
    """Fletcher-32, or storage in the object header, which has a checksum; empty datasets have no data."""
    seen = set()

    def check(name, item):
        if isinstance(item, h5py.Dataset):
            seen.add(name)
            compact = item.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
            assert item.fletcher32 or compact or item.size == 0, name

    with h5py.File(finished / "trajectory.h5", "r") as opened:
        opened.visititems(check)
        assert opened.id.get_create_plist().get_version()[0] >= 2
    assert {"kmc/profile/axis", "kmc/time_s", "kmc/rho_k/axis2", "kmc/lattice/position"} <= seen


def everything(path: Path) -> dict[str, bytes]:
    found = {}
    trajectory = read_trajectory(path)
    for name in trajectory.__dataclass_fields__:
        value = getattr(trajectory, name)
        found[name] = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return found


def test_damage_gives_a_one_line_error_or_has_no_effect(finished, tmp_path):
    """Flipped bits, truncation and zeroed ranges: the data are read as written, or an error is raised."""
    path = copied(finished, tmp_path)
    sound, expected = path.read_bytes(), everything(path)
    generator = np.random.default_rng(5)
    said = []
    for _ in range(300):
        damaged = bytearray(sound)
        at, kind = int(generator.integers(len(sound))), int(generator.integers(3))
        if kind == 0:
            damaged[at] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            damaged[at : at + 64] = bytes(len(damaged[at : at + 64]))
        else:
            del damaged[at:]
        path.write_bytes(bytes(damaged))
        try:
            assert everything(path) == expected, (kind, at)
        except InputError as error:
            said.append(str(error))
    assert len(said) > 100 and all(line.startswith(str(path)) and "\n" not in line for line in said)


@pytest.mark.parametrize("what", ["cut", "empty", "text"])
def test_an_unreadable_file_gives_a_one_line_error_everywhere(finished, tmp_path, what):
    path = copied(finished, tmp_path)
    path.write_bytes({"cut": path.read_bytes()[:5000], "empty": b"", "text": b"no trajectory"}[what])
    with pytest.raises(InputError, match="not a complete trajectory file"):
        read_trajectory(path)
    with pytest.raises(InputError, match="not a complete trajectory file"):
        read_dataset(path, "time_s")
    with pytest.raises(InputError, match="not a complete trajectory file"):
        run(system(), ASKED, tmp_path, backend="numpy", resume=True)


SMALL_WINDOWS = {
    "auto": Settings(Hops(3.0), Hops(3.0), frames=4, checkpoint_every_s=0.0),
    "rejection-free": Settings(Hops(3.0), Hops(3.0), frames=4, checkpoint_every_s=0.0, selection="rejection-free"),
    "seconds": Settings(Seconds(1e-10), Hops(3.0), frames=4, checkpoint_every_s=0.0),
}


@pytest.mark.parametrize("method", ["create", "append"])
@pytest.mark.parametrize("asked", SMALL_WINDOWS.values(), ids=SMALL_WINDOWS)
def test_a_run_stopped_at_the_end_of_equilibration_walks_no_further_window(tmp_path, monkeypatch, asked, method):
    """The disk is full when the trajectory file is created; the last checkpoint is one of equilibration."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    run(system(), asked, tmp_path / "whole", backend="numpy")
    with monkeypatch.context() as patched:
        patched.setattr(TrajectoryWriter, method, full)
        with pytest.raises(InputError, match="No space left"):
            run(system(), asked, tmp_path / "part", backend="numpy")
    assert SavedRun.read(tmp_path / "part").frame == 0
    assert run(system(), asked, tmp_path / "part", backend="numpy", resume=True)
    assert everything_equal(tmp_path / "whole", tmp_path / "part")


def everything_equal(one: Path, other: Path) -> bool:
    """Whether two runs have the same trajectory; the wall time may differ."""
    first, second = everything(one / "trajectory.h5"), everything(other / "trajectory.h5")
    return {k: v for k, v in first.items() if k != "wall_s"} == {k: v for k, v in second.items() if k != "wall_s"}
