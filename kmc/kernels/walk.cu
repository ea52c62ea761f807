// CUDA: a thread per lane, in a grid-stride loop. Launched by kmc/backends/cuda.py.
#include "lane.cuh"
#include "selected.cuh"

// Eight blocks of 64 threads per multiprocessor: enough loads in flight, at 128 registers each.
#define KMC_LAUNCH __launch_bounds__(64, 8)

struct DeviceRandom {
    Key key;
    uint32_t window, replica;
    __device__ __forceinline__ Pair64 call(uint32_t index) const { return philox(index, window, 0u, replica, key); }
};

template <bool PLAIN>
static __device__ void walk_all(const Tables* tables, const Arrays* arrays, const int64_t* trials, int64_t replicas,
                                Key key, uint32_t window)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    for (int64_t r = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; r < replicas; r += (int64_t)gridDim.x * blockDim.x) {
        DeviceRandom random{key, window, (uint32_t)r};
        walk_lane<PLAIN>(t, lane_of(t, a, r), trials[r], random);
    }
}

extern "C" __global__ void KMC_LAUNCH walk_plain(const Tables* tables, const Arrays* arrays, const int64_t* trials,
                                      int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window)
{
    walk_all<true>(tables, arrays, trials, replicas, Key{key0, key1}, window);
}

extern "C" __global__ void KMC_LAUNCH walk_energies(const Tables* tables, const Arrays* arrays, const int64_t* trials,
                                         int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window)
{
    walk_all<false>(tables, arrays, trials, replicas, Key{key0, key1}, window);
}

extern "C" __global__ void KMC_LAUNCH walk_free(const Tables* tables, const Arrays* arrays, const double* horizon,
                                     int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    for (int64_t r = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; r < replicas; r += (int64_t)gridDim.x * blockDim.x) {
        DeviceRandom random{Key{key0, key1}, window, (uint32_t)r};
        walk_selected(t, lane_of(t, a, r), horizon[r], random);
    }
}
