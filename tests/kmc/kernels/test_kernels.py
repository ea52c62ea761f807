"""The kernels compile for current GPUs on a machine without one; the host build is clean under sanitizers."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import pytest

from kmc.backends.cuda_device import compiler_options, joined_source
from kmc.backends.cuda_domains import KERNELS as VISITS
from kmc.backends.cuda_frame import KERNELS as FRAMES
from kmc.backends.cuda_grand import KERNEL as GRAND
from kmc.backends.cuda_walk import DRAW
from kmc.backends.cuda_walk import KERNELS as WALKS

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100", "sm_120")
LATTICE = {"NX": 20, "NY": 20, "NZ": 20, "BASIS": 1, "CARRIERS": 400, "DIRECTIONS": 6}
CONSTANTS = tuple((f"KMC_{name}", value) for name, value in LATTICE.items())
SOURCES = {"walk.cu": (), "plain_warp.cu": CONSTANTS, "free_warp.cu": ()}
KERNELS = Path(str(resources.files("kmc") / "kernels"))


def _nvrtc():
    """Path of the NVRTC library in the wheel, or None."""
    spec = find_spec("nvidia")
    folders = list(spec.submodule_search_locations) if spec and spec.submodule_search_locations else []
    found = [path for folder in folders for path in sorted(Path(folder).glob("*/lib/libnvrtc.so.*[0-9]"))]
    return found[0] if found else None


@pytest.mark.slow
@pytest.mark.skipif(_nvrtc() is None, reason="the NVRTC wheel is not installed")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", SOURCES)
def test_the_joined_source_compiles_with_nvrtc(name, architecture):
    library = ctypes.CDLL(str(_nvrtc()))
    program = ctypes.c_void_p()
    source = joined_source(name).encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source, name.encode(), 0, None, None) == 0
    given = (f"--gpu-architecture={architecture}", *compiler_options(SOURCES[name]))
    options = (ctypes.c_char_p * len(given))(*(option.encode() for option in given))
    status = library.nvrtcCompileProgram(program, len(given), options)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value + 1)
    library.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_kernel_file_compiles_with_nvcc(architecture, tmp_path):
    """Eight blocks of 64 threads fit a multiprocessor (128 registers each); single barriers need no spilling."""
    command = ["nvcc", "-cubin", "-O3", f"-arch={architecture}", "-Xptxas", "-v", str(KERNELS / "walk.cu")]
    done = subprocess.run([*command, "-o", str(tmp_path / "walk.cubin")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers", done.stderr, re.DOTALL)
    assert {name for name, _, _ in found} == {*WALKS, DRAW, *FRAMES, *VISITS, GRAND}
    assert max(int(registers) for _, _, registers in found) <= 128
    assert {name: int(spilled) for name, spilled, _ in found}["walk_single_barrier"] == 0


SANITIZED = """
import sys
from pathlib import Path
from kmc.backends.cpu_grand import CpuGrandWalker
from kmc.backends.cpu_walk import CpuWalker
from kmc.carriers.neutral_component import neutral_component
from kmc.state.grand_state import grand_state
from kmc.run.schedule import window_trials
from tests.systems import NOTE, made_up_model, made_up_system, same, walked
polarons = {"barriers": [{"energy_eV": 0.3, **NOTE}]}
pairs = [("V_O", "V_O", 1, 0.1), ("V_O", "electron", 1, -0.1)]
gates = {("M",): 0.4, ("D",): 0.5, ("electron",): 0.45}
two = made_up_model("perovskite", gates, pairs, polarons=polarons)
for model, more in ((two, {"electrons": 4}), (made_up_model(), {})):
    system = made_up_system(model, (4, 4, 4), 5, dopants=4, replicas=3, **more)
    walker = CpuWalker(system.tables, system.initial_state(), system.seed, threads=2, library=Path(sys.argv[1]))
    for window in range(3):
        walker.advance(window_trials(system, window, 500))
    assert same(walked(system, 3, 500), walker.read())
system = made_up_system(two, (4, 4, 4), 5, dopants=4, replicas=3, electrons=4)
component = neutral_component(system.tables, system.model.vacancies)
grand = grand_state(system.tables, component, system.initial_state(), 100_000)
CpuGrandWalker(system.tables, grand, 1, 0, threads=2, library=Path(sys.argv[1])).advance(2000, 0)
assert grand.counters[:, 1].min() > 0
print("clean")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_host_build_is_clean_under_sanitizers(tmp_path):
    """Address and undefined-behaviour sanitizers find nothing in walks with every kind of table."""
    library = tmp_path / "host.so"
    flags = ["-std=c++14", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fopenmp"]
    built = subprocess.run(
        ["g++", *flags, "-shared", "-fPIC", str(KERNELS / "host.cpp"), "-o", str(library)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    asan = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", SANITIZED, str(library)], env=environment, capture_output=True, text=True, cwd=root
    )
    assert done.stdout.strip().endswith("clean"), done.stderr[-2000:]
