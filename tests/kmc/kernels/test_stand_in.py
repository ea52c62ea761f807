"""The stand-in for a GPU runs the lanes of a warp in lockstep: scans over a warp and a block, and what it refuses.

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
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

SOURCE = r"""
#define BOUNDED __launch_bounds__(256, 2)
static __device__ unsigned warp_scan(unsigned value)
{
    const unsigned lane = threadIdx.x & 31;
    for (int by = 1; by < 32; by *= 2) {
        const unsigned lower = __shfl_up_sync(0xFFFFFFFFu, value, by);
        if (lane >= by) value += lower;
    }
    return value;
}
extern "C" __global__ void BOUNDED scan(const uint32_t* from, uint32_t* to, uint32_t* order, int32_t barrier)
{
    extern __shared__ unsigned sums[];
    __shared__ unsigned last;
    const unsigned own = warp_scan(from[blockIdx.x * blockDim.x + threadIdx.x]), warp = threadIdx.x >> 5;
    if ((threadIdx.x & 31) == 31) sums[warp] = own;
    if (barrier) __syncthreads();
    unsigned before = 0;
    for (unsigned k = 0; k < warp; ++k) before += sums[k];
    to[blockIdx.x * blockDim.x + threadIdx.x] = own + before;
    order[atomicAdd(order + gridDim.x * blockDim.x, 1u)] = threadIdx.x;
    __syncthreads();
    if (threadIdx.x == 0) last = 7;
}
extern "C" __global__ void missing(uint32_t* to)
{
    if (threadIdx.x != 5) to[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, threadIdx.x & 1);
}
extern "C" __global__ void different(uint32_t* to)
{
    to[threadIdx.x] = threadIdx.x < 16 ? __shfl_sync(0xFFFFFFFFu, 1u, 0) : __ballot_sync(0xFFFFFFFFu, 1);
}
extern "C" __global__ void half(uint32_t* to)
{
    const unsigned mask = threadIdx.x < 16 ? 0xFFFFu : 0xFFFF0000u;
    to[threadIdx.x] = __match_any_sync(mask, threadIdx.x % 3);
}
extern "C" __global__ void outside(uint32_t* to)
{
    extern __shared__ unsigned sums[];
    sums[threadIdx.x] = 1;
    __syncwarp();
}
"""
SCRIPT = (
    "SOURCE = r'''"
    + SOURCE
    + """'''
import numpy as np, cupy
module = cupy.RawModule(code=SOURCE, options=("--std=c++14",))
def launch(name, *arguments, blocks=1, threads=32, shared=0):
    module.get_function(name)((blocks,), (threads,), arguments, shared_mem=shared)
def refused(name, *arguments, **more):
    try:
        launch(name, *arguments, **more)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(name)
values = np.random.default_rng(1).integers(0, 1000, 1024).astype(np.uint32)
to, order = cupy.zeros(1024, dtype=np.uint32), cupy.zeros(1025, dtype=np.uint32)
launch("scan", cupy.asarray(values), to, order, np.int32(1), blocks=4, threads=256, shared=32)
assert (to.get().reshape(4, 256) == np.cumsum(values.reshape(4, 256), axis=1)).all()
first = order.get()[:256]
assert sorted(first) == list(range(256)) and (first != np.arange(256)).any(), "threads go on in random order"
launch("scan", cupy.asarray(values), to, order, np.int32(0), blocks=4, threads=256, shared=32)
assert (to.get().reshape(4, 256) != np.cumsum(values.reshape(4, 256), axis=1)).any(), "a missing barrier shows"
launch("half", to)
lanes = np.arange(32)
same = (lanes[:, None] % 3 == lanes % 3) & (lanes[:, None] // 16 == lanes // 16)
assert (to.get()[:32] == (same * (1 << lanes)).sum(axis=1)).all()
said = refused("missing", to)
assert "threads 0 to 4 wait at __ballot_sync with mask ffffffff; threads 5 to 5 wait at its end;" in said, said
said = refused("different", to)
assert "threads 0 to 15 wait at __shfl_sync" in said and "threads 16 to 31 wait at __ballot_sync" in said, said
assert "outside its shared memory" in refused("outside", to, shared=124)
launch("outside", to, shared=128)
assert "bytes of shared memory" in refused("outside", to, shared=50_000)
assert "invalid argument" in refused("scan", to, to, order, np.int32(1), threads=257)
module.get_function("half").max_dynamic_shared_size_bytes = 100_000
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["-O1", "-O2 -fsanitize=undefined -fno-sanitize-recover=all"])
def test_lanes_of_a_warp_run_in_lockstep_and_a_missing_lane_is_reported(flags):
    path = os.pathsep.join([str(ROOT / "tests" / "stand_in"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "FAKE_CUPY_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
