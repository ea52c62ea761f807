// CUDA: a thread per lane, in a grid-stride loop. Launched by kmc/backends/cuda_walk.py, kmc/backends/cuda_frame.py,
// kmc/backends/cuda_domains.py and kmc/backends/cuda_grand.py. KMC_ABI is the hash of kmc/backends/layout.py.
#include "frame.cuh"
#include "lane.cuh"
#include "layout.cuh"
#include "rejection_free.cuh"
#include "sums.cuh"

// Eight blocks of 64 threads per multiprocessor keep enough loads in flight, with 128 registers per thread.
#define KMC_LAUNCH __launch_bounds__(64, 8)

#ifdef KMC_ABI
static_assert(layout_hash() == KMC_ABI, "the kernels and kmc/backends/layout.py differ: reinstall miec-kmc");
#endif

static __device__ __forceinline__ int64_t first_lane() { return blockIdx.x * (int64_t)blockDim.x + threadIdx.x; }

static __device__ __forceinline__ int64_t lane_stride() { return (int64_t)gridDim.x * blockDim.x; }

struct DeviceRandom {
    Key key;
    uint32_t window, lane, replica;
    __device__ __forceinline__ Pair64 call(uint32_t index) const { return philox(index, window, lane, replica, key); }
};

template <bool SINGLE_BARRIER>
static __device__ void walk_all(const Tables* tables, const Arrays* arrays, const int64_t* trials, int64_t replicas,
                                Key key, uint32_t window)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    for (int64_t r = first_lane(); r < replicas; r += lane_stride()) {
        DeviceRandom random{key, window, 0u, (uint32_t)r};
        walk_lane<SINGLE_BARRIER>(t, lane_of(t, a, r), trials[r], random);
    }
}

extern "C" __global__ void KMC_LAUNCH walk_single_barrier(const Tables* tables, const Arrays* arrays,
                                                          const int64_t* trials, int64_t replicas, uint32_t key0,
                                                          uint32_t key1, uint32_t window)
{
    walk_all<true>(tables, arrays, trials, replicas, Key{key0, key1}, window);
}

extern "C" __global__ void KMC_LAUNCH walk_energies(const Tables* tables, const Arrays* arrays, const int64_t* trials,
                                         int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window)
{
    walk_all<false>(tables, arrays, trials, replicas, Key{key0, key1}, window);
}

extern "C" __global__ void KMC_LAUNCH walk_rejection_free(const Tables* tables, const Arrays* arrays,
                                                          const double* horizon, int64_t replicas, uint32_t key0,
                                                          uint32_t key1, uint32_t window)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    for (int64_t r = first_lane(); r < replicas; r += lane_stride()) {
        DeviceRandom random{Key{key0, key1}, window, 0u, (uint32_t)r};
        walk_rejection_free(t, lane_of(t, a, r), horizon[r], random);
    }
}

// One colour of one sweep: a thread per block and replica. scratch: (blocks of a colour x replicas, capacity).
template <bool SINGLE_BARRIER>
static __device__ void visit_all(const Tables* tables, const Arrays* arrays, const Domains* domains,
                                 const int64_t* origin, int64_t colour, int64_t replicas, Key key, uint32_t window,
                                 uint64_t* scratch)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Domains d = *domains;
    const int64_t blocks = d.blocks[0] * d.blocks[1] * d.blocks[2] / COLOURS;
    for (int64_t i = first_lane(); i < blocks * replicas; i += lane_stride()) {
        const Block b = block_of(t, d, origin, colour, i % blocks);
        DeviceRandom random{key, window, (uint32_t)b.number + 1u, (uint32_t)(i / blocks)};
        Lane lane = lane_of(t, a, i / blocks);
        lane.coordinates = scratch + i * d.capacity;
        visit<SINGLE_BARRIER>(t, d, lane, b, random);
    }
}

extern "C" __global__ void KMC_LAUNCH visit_single_barrier(const Tables* tables, const Arrays* arrays,
                                                           const Domains* domains, const int64_t* origin,
                                                           int64_t colour, int64_t replicas, uint32_t key0,
                                                           uint32_t key1, uint32_t window, uint64_t* scratch)
{
    visit_all<true>(tables, arrays, domains, origin, colour, replicas, Key{key0, key1}, window, scratch);
}

extern "C" __global__ void KMC_LAUNCH visit_energies(const Tables* tables, const Arrays* arrays,
                                                     const Domains* domains, const int64_t* origin, int64_t colour,
                                                     int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window,
                                                     uint64_t* scratch)
{
    visit_all<false>(tables, arrays, domains, origin, colour, replicas, Key{key0, key1}, window, scratch);
}

// Grand-canonical moves: a thread per replica.
extern "C" __global__ void KMC_LAUNCH walk_neutral(const Tables* tables, const Arrays* arrays, const Grand* grand,
                                                   int64_t trials, int64_t replicas, uint32_t key0, uint32_t key1,
                                                   uint32_t window, uint32_t stage)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Grand g = *grand;
    for (int64_t r = first_lane(); r < replicas; r += lane_stride()) {
        DeviceRandom random{Key{key0, key1}, window, stage, (uint32_t)r};
        walk_grand(t, a, g, r, trials, random);
    }
}

// Numbers of trials of a window by replica, as in kmc/rng/poisson.py.
extern "C" __global__ void KMC_LAUNCH draw_trials(const uint64_t* cumulative, int64_t rows, int64_t first_count,
                                                  int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window,
                                                  int64_t* trials)
{
    for (int64_t r = first_lane(); r < replicas; r += lane_stride())
        trials[r] = first_count + row_of(cumulative, rows, philox(0u, window, 0u, (uint32_t)r, Key{key0, key1}).first);
}

// A warp per piece of a replica.
extern "C" __global__ void KMC_LAUNCH unwrap_positions(const Tables* tables, const Arrays* arrays, const Frame* frame,
                                                       int64_t replicas, int32_t* positions)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Frame f = *frame;
    const int64_t pieces = (t.n_particles + PIECE - 1) / PIECE;
    for (int64_t k = first_lane() / 32; k < replicas * pieces; k += lane_stride() / 32)
        unwrap_piece(t, f, lane_of(t, a, k / pieces), k % pieces * PIECE, positions + k / pieces * t.n_particles * 3);
}

extern "C" __global__ void KMC_LAUNCH measure_frame(const Tables* tables, const Frame* frame, int64_t replicas,
                                                    const int32_t* positions, const uint64_t* ended, int64_t n_ended,
                                                    int64_t* summed)
{
    const Tables t = *tables;
    const Frame f = *frame;
    const int64_t pieces = (t.n_particles + PIECE - 1) / PIECE;
    for (int64_t k = first_lane() / 32; k < replicas * pieces; k += lane_stride() / 32)
        measure_piece(t, f, k / pieces, k % pieces * PIECE, positions, ended, n_ended, summed);
}

// Summed positions of the carriers, (R, n_species, 3): a warp per replica.
extern "C" __global__ void KMC_LAUNCH sample_carriers(const Tables* tables, const Arrays* arrays,
                                                      const CarrierSums* sums, int64_t replicas, int64_t* samples)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const CarrierSums s = *sums;
    for (int64_t r = first_lane() / 32; r < replicas; r += lane_stride() / 32)
        for (int64_t c = 0; c < s.n_species; ++c) {
            CarrierTotal total = carriers_total(s, lane_of(t, a, r), c, threadIdx.x & 31, 32);
            for (int axis = 0; axis < 3; ++axis) {
                const int64_t sum = sum_of_warp(total.along(s, axis));
                if ((threadIdx.x & 31) == 0) samples[3 * (r * s.n_species + c) + axis] = sum;
            }
        }
}

// Copy `words` numbers to several places.
extern "C" __global__ void KMC_LAUNCH keep_positions(const int32_t* positions, const uint64_t* places, int64_t n_places,
                                                     int64_t words)
{
    for (int64_t i = first_lane(); i < words; i += lane_stride()) {
        const int32_t value = positions[i];
        for (int64_t k = 0; k < n_places; ++k) ((int32_t*)places[k])[i] = value;
    }
}
