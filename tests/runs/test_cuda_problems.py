"""Messages on a machine without a usable GPU: one line for each cause. A stand-in replaces CuPy."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from kmc.backends import Work, choose_backend, cuda_device, cuda_memory, cuda_walk
from lattices.errors import InputError
from runs.cli import main
from tests.systems import made_up_model, made_up_system


def _fake(devices=1, capability="90", compile_error=None, nvrtc=12, line_error=None):
    """The part of CuPy that is used before the first array is created."""

    def count():
        if isinstance(devices, Exception):
            raise devices
        return devices

    class Module:
        def __init__(self, **_):
            pass

        def compile(self):
            if compile_error:
                raise compile_error

        def get_function(self, name):
            if line_error:
                raise line_error
            return name

    class Device:
        compute_capability, mem_info = capability, (10_000_000, 80_000_000_000)

        def __init__(self, number=0):
            self.id = number

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDeviceCount=count),
        Device=Device,
        nvrtc=SimpleNamespace(getVersion=lambda: (nvrtc, 0)),
    )
    pool = SimpleNamespace(free_bytes=lambda: 500_000)
    return SimpleNamespace(cuda=cuda, RawModule=Module, arange=np.arange, get_default_memory_pool=lambda: pool)


@pytest.fixture
def play(monkeypatch):
    """Install a stand-in for CuPy and the names of the wheels that provide it; None: CuPy is missing."""

    def install(module, wheels=("cupy-cuda13x",)):
        found = importlib.machinery.ModuleSpec("cupy", None) if module else None
        real = importlib.util.find_spec
        monkeypatch.setattr(cuda_device, "_installed", lambda name: name in wheels)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found if name == "cupy" else real(name))
        monkeypatch.setitem(sys.modules, "cupy", module)
        forget()

    yield install
    forget()


def forget():
    """As in a new process."""
    for cached in (cuda_device._compiler_problem, cuda_device._kernel_of, cuda_device._module_of):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("module", "wheels", "line"),
    [
        (None, (), r"CuPy is missing; install miec-kmc\[cuda12\] or miec-kmc\[cuda13\]"),
        (_fake(), ("cupy-cuda12x", "cupy-cuda13x"), "both cupy-cuda12x and cupy-cuda13x are installed; uninstall"),
        (_fake(devices=0), ("cupy-cuda13x",), "no NVIDIA GPU found; check nvidia-smi"),
        (
            _fake(devices=RuntimeError("cudaErrorInsufficientDriver: driver too old\nmore")),
            ("cupy-cuda13x",),
            r"no usable NVIDIA GPU or driver \(cudaErrorInsufficientDriver: driver too old\); check nvidia-smi",
        ),
        (_fake(devices=ImportError("")), ("cupy-cuda13x",), r"no usable NVIDIA GPU or driver \(ImportError\)"),
        (_fake(capability="61"), ("cupy-cuda12x",), "compute capability 6.1; 7.0 or newer is needed"),
        (_fake(capability="70", nvrtc=13), ("cupy-cuda13x",), "capability 7.0; 7.5 or newer is needed with NVRTC 13"),
        (
            _fake(line_error=RuntimeError("libnvrtc.so: cannot open shared object file\nmore")),
            ("cupy-cuda13x",),
            r"kernels do not compile or run \(libnvrtc.so: cannot open shared object file\); install miec-kmc",
        ),
    ],
)
def test_an_unusable_gpu_gives_one_line_and_exit_code_2(play, module, wheels, line, tmp_path, capsys):
    play(module, wheels)
    with pytest.raises(InputError, match="backend cuda cannot be used: .*" + line):
        choose_backend("cuda")
    assert main(["run", "smallest", "--backend", "cuda", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "Traceback" not in said.err
    assert not (tmp_path / "run").exists()
    assert choose_backend("auto")[0] != "cuda" and "cuda: " in choose_backend("auto")[1]


def test_a_usable_gpu_is_preferred(play):
    play(_fake())
    assert choose_backend("auto") == ("cuda", "cuda is usable")
    play(_fake(capability="70"))
    assert choose_backend("auto") == ("cuda", "cuda is usable")


def test_a_device_by_number(play, tmp_path, capsys):
    play(_fake(devices=2))
    assert choose_backend("cuda", devices=(1,)) == choose_backend("cuda", devices=(0, 1)) == ("cuda", "asked for")
    with pytest.raises(InputError, match="there is no device 2; the devices of this machine are 0 to 1"):
        choose_backend("cuda", devices=(2,))
    with pytest.raises(InputError, match=r"backend numpy cannot be used: it has no devices, \[1\] were given"):
        choose_backend("numpy", devices=(1,))
    assert choose_backend("auto", Work(1), devices=(1,))[0] != "cuda"  # it does not pay
    cases = {"2": "no device 2", "0,0": "listed twice", "0,1": "a run uses one device"}
    for given, line in (*cases.items(), ("x", "run.devices"), ("-1", "run.devices")):
        argv = ["run", "smallest", "--backend", "cuda", f"--device={given}", "--out", str(tmp_path / "run")]
        assert main(argv) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and line in said, said


def test_short_device_memory_names_the_largest_number_of_replicas(play):
    play(_fake())
    needed = lambda number: number * 10_000  # noqa: E731
    most = cuda_memory.largest_replicas(needed, 3_000_000_000)
    assert most == 285_000  # 95 % of it
    cuda_memory.check_memory(needed, most, 3_000_000_000)
    with pytest.raises(InputError, match=f"replicas = {most + 1}: .* 3.00 GB are free; at most {most} replicas fit"):
        cuda_memory.check_memory(needed, most + 1, 3_000_000_000)
    many = made_up_system(made_up_model(), (4, 4, 4), vacancies=9, replicas=2000)
    with pytest.raises(InputError, match=r"0\.01 GB are free; at most \d\d\d+ replicas fit"):
        cuda_walk.CudaWalker(many.tables, many.initial_state(), seed=1)


def test_a_kernel_that_does_not_compile_gives_a_one_line_error(play):
    play(_fake(compile_error=RuntimeError("nvrtc says\ntrial.cuh(3): error: identifier is undefined\n1 error")))
    with pytest.raises(InputError, match=r"do not compile on this machine: trial.cuh\(3\): error: identifier is un"):
        cuda_device.kernel("walk_single_barrier")
