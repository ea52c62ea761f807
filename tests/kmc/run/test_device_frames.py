"""Frames on a device: what a frame costs in launches and copies, counted on the stand-in, and the same file as NumPy's.

Each test runs in its own process, because a real CuPy may be installed as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")]

COUNTED = """
import sys, cupy
from kmc.run import sampling
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from tests.systems import made_up_model, made_up_system

def costs(replicas, hops=8):
    '''(launches, bytes to and from the device) of every frame but the first and the last.'''
    system = made_up_system(made_up_model(), (4, 4, 4), 26, replicas=replicas)
    assert system.tables.n_mobile_sites == 512
    seen = []
    def report(progress):
        if progress.phase == "production":
            seen.append((len(cupy.LAUNCHES), cupy.COPIES["bytes_to_device"] + cupy.COPIES["bytes_to_host"]))
    settings = Settings(Hops(1), Hops(hops), frames=33, checkpoint_every_s=1e9)
    assert run(system, settings, f"{sys.argv[1]}/{replicas}-{hops}", backend="cuda", report=report)
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(seen, seen[1:])]
    return system.tables, steps[:-1]

(tables, few), (_, many) = costs(3), costs(7)
assert len(few) == len(many) == 31
assert max(launches for launches, _ in few + many) <= 10, few
# what the file needs: trials and accepted hops by family, summed displacements by species, positions of one replica
row = 16 * tables.n_families + 24 * len(tables.species)
for (_, a), (_, b) in zip(few, many):
    assert b - a == 4 * row, "bytes per replica are those of the file, so that the rest does not grow with them"
    assert a - 3 * row - 12 * tables.n_particles < 2000
# with samples between the frames: a window each of three launches, and 24 bytes of the file by species and replica
sampling.FREE_HOPS = sampling.FREE_HOPS_OF_REPLICA = 1
_, sampled = costs(3, 150)
for (launches, size), (plain, bare) in zip(sampled, few):
    samples, rest = divmod(launches - plain + 2, 3)
    assert rest == 0 and samples > 1 and size - bare < samples * (3 * 24 + 100), (launches, plain, size, bare)
"""
EQUAL = """
import sys
from pathlib import Path
import h5py, numpy as np
from kmc.run import sampling
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from tests.systems import NOTE, made_up_model, made_up_system

folder = Path(sys.argv[1])
polarons = {"barriers": [{"energy_eV": 0.3, **NOTE}]}
two = made_up_model("perovskite", {("M",): 0.4, ("D",): 0.5, ("electron",): 0.45}, polarons=polarons)
systems = {
    "single": lambda: made_up_system(made_up_model(), (3, 4, 5), 40, replicas=3),
    "carriers": lambda: made_up_system(two, (4, 5, 6), 20, dopants=9, electrons=12, replicas=2, tracked=False),
    "both": lambda: made_up_system(two, (12, 5, 16), 20, dopants=9, electrons=12, replicas=2),
}
for name in ("HOPS", "HOPS_OF_REPLICA", "FREE_HOPS", "FREE_HOPS_OF_REPLICA"):
    setattr(sampling, name, 1)  # several samples in a frame
settings = Settings(Hops(1), Hops(40), frames=6, positions="all", checkpoint_every_s=1e9)
for name, make in systems.items():
    for backend in ("numpy", "cuda"):
        assert run(make(), settings, folder / name / backend, backend=backend)
        assert run(make(), settings, folder / name / backend, backend=backend, resume=True, extend_to_frames=13)
    files = [h5py.File(folder / name / backend / "trajectory.h5") for backend in ("numpy", "cuda")]
    paths = []
    files[0].visititems(lambda path, item: paths.append(path) if isinstance(item, h5py.Dataset) else None)
    assert {"kmc/msd/second_moment", "kmc/collective/summed_displacement"} <= set(paths)
    for path in paths:
        assert np.array_equal(files[0][path][()], files[1][path][()]), (name, path)
    assert abs(files[0]["kmc/msd/second_moment"][()]).max() > 0
"""
LIMITS = """
import numpy as np, cupy
from kmc.backends import make_walker
from kmc.errors import BarrierBelowBound, DisplacementOverflow
from kmc.state.replicas import MOST_IMAGES
from kmc.tables.event_tables import pack_image
from tests.systems import made_up_model, made_up_system

def raises(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False

system = made_up_system(made_up_model(), (3, 3, 3), 5, replicas=2)
for images, too_far in (((0, 1 - MOST_IMAGES, 3), False), ((0, -MOST_IMAGES, 3), True)):
    state = system.initial_state()
    state.image[1, 7] = pack_image(np.array(images))
    walks = [make_walker(kind, system, state.copy()) for kind in ("numpy", "cuda")]
    assert [raises(DisplacementOverflow, walk.positions) for walk in walks] == [too_far, too_far]
    if not too_far:
        assert (walks[0].positions() == walks[1].positions().get()).all()
start = walks[1]._frames
positions = cupy.zeros((2, 216, 3), dtype=np.int32)
moment = cupy.zeros((2, len(system.tables.species), 6), dtype=np.int64)
moment[1, 0, 2] = 2**62 - 9
there = cupy.zeros((2, 216, 3), dtype=np.int32)
there[1, 3, 2] = 2
assert not raises(DisplacementOverflow, start.add, there, [(positions, moment)])
assert raises(DisplacementOverflow, start.add, there, [(positions, moment), (positions, moment)])
"""


def played(script: str, *arguments: str) -> None:
    """Run a script with the stand-in in place of CuPy."""
    stand_in = [] if os.environ.get("MIEC_KMC_REAL_GPU") else [str(ROOT / "tests" / "stand_in")]
    path = os.pathsep.join([*stand_in, str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_frame_takes_few_launches_and_copies_what_the_file_needs(tmp_path):
    """At most ten launches, and beside what the file needs at most 2 kB, whatever the number of replicas."""
    played(COUNTED, str(tmp_path))


def test_files_of_device_runs_equal_those_of_numpy(tmp_path):
    """Extended runs of two halves too: snapshots and moments return to the device."""
    played(EQUAL, str(tmp_path))


def test_limits_of_displacements_are_checked_on_the_device():
    """At the same numbers of images as with NumPy, and for second moments at 2^62."""
    played(LIMITS)
