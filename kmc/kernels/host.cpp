// The compiled CPU backend: lanes distributed over threads. Called through ctypes by kmc/backends/cpu_walk.py,
// kmc/backends/cpu_domains.py and kmc/backends/cpu_grand.py; the
// module object exists only so that setuptools can build and find the library.
#include "lane.cuh"
#include "layout.cuh"
#include "rejection_free.cuh"
#include "sums.cuh"

#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define KMC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define KMC_CLONES
#endif

enum { BATCH = 64 };

// A batch of consecutive calls, written as loops that the compiler vectorizes.
KMC_CLONES static void fill(Pair64* out, uint32_t first, uint32_t window, uint32_t lane, uint32_t replica, Key key)
{
    uint32_t c0[BATCH], c1[BATCH], c2[BATCH], c3[BATCH];
    for (int i = 0; i < BATCH; ++i) {
        c0[i] = first + (uint32_t)i;
        c1[i] = window;
        c2[i] = lane;
        c3[i] = replica;
    }
    uint32_t k0 = key.k0, k1 = key.k1;
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < BATCH; ++i) {
            const uint64_t p0 = (uint64_t)PHILOX_M0 * c0[i], p1 = (uint64_t)PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += (uint32_t)PHILOX_W0;
        k1 += (uint32_t)PHILOX_W1;
    }
    for (int i = 0; i < BATCH; ++i) {
        out[i].first = (uint64_t)c1[i] << 32 | c0[i];
        out[i].second = (uint64_t)c3[i] << 32 | c2[i];
    }
}

struct HostRandom {
    Key key;
    uint32_t window, lane, replica;
    Pair64 batch[BATCH];
    inline Pair64 call(uint32_t index)
    {
        const uint32_t slot = index % BATCH;
        if (slot == 0) fill(batch, index, window, lane, replica, key);
        return batch[slot];
    }
};

// One window of one lane; a separate function, so that it is compiled for several instruction sets.
KMC_CLONES static void walk_one(const Tables& t, const Lane& lane, int64_t trials, double horizon, int64_t kind,
                                HostRandom& random)
{
    if (kind == WALK_REJECTION_FREE)
        walk_rejection_free(t, lane, horizon, random);
    else if (kind == WALK_SINGLE_BARRIER)
        walk_lane<true>(t, lane, trials, random);
    else
        walk_lane<false>(t, lane, trials, random);
}

KMC_CLONES static void visit_one(const Tables& t, const Domains& d, const Lane& lane, const Block& b, int64_t kind,
                                 HostRandom& random)
{
    if (kind == WALK_SINGLE_BARRIER)
        visit<true>(t, d, lane, b, random);
    else
        visit<false>(t, d, lane, b, random);
}

KMC_CLONES static void grand_one(const Tables& t, const Arrays& a, const Grand& g, int64_t r, int64_t trials,
                                 HostRandom& random)
{
    walk_grand(t, a, g, r, trials, random);
}

extern "C" {

// Try `trials` grand-canonical moves in every replica. stage: index of the chemical potential, or of a search step.
void kmc_grand(const Tables* tables, const Arrays* arrays, const Grand* grand, int64_t trials, int64_t replicas,
               uint32_t key0, uint32_t key1, uint32_t window, uint32_t stage, int64_t threads)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Grand g = *grand;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads)
#endif
    for (int64_t r = 0; r < replicas; ++r) {
        HostRandom random;
        random.key = Key{key0, key1};
        random.window = window;
        random.lane = stage;
        random.replica = (uint32_t)r;
        grand_one(t, a, g, r, trials, random);
    }
    (void)threads;
}

// Walk one window of every lane, in the given order. kind: WALK_ENERGIES, WALK_SINGLE_BARRIER or WALK_REJECTION_FREE,
// which uses `horizon` instead of `trials`. threads: 0 means all cores.
void kmc_walk(const Tables* tables, const Arrays* arrays, const int64_t* trials, const double* horizon,
              const int64_t* order, int64_t replicas, uint32_t key0, uint32_t key1, uint32_t window, int64_t kind,
              int64_t threads)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
#ifdef _OPENMP
    const int team = threads > 0 ? (int)threads : omp_get_num_procs();
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
#endif
    for (int64_t i = 0; i < replicas; ++i) {
        const int64_t r = order[i];
        HostRandom random;
        random.key = Key{key0, key1};
        random.window = window;
        random.lane = 0;
        random.replica = (uint32_t)r;
        walk_one(t, lane_of(t, a, r), trials[r], horizon[r], kind, random);
    }
    (void)threads;
}

// Walk `windows` windows of every lane, and sum the positions of its carriers after each. trials, horizon: (windows,
// replicas); sum: (windows, replicas, n_species, 3); otherwise as kmc_walk.
void kmc_walk_windows(const Tables* tables, const Arrays* arrays, const CarrierSums* sums, const int64_t* trials,
                      const double* horizon, int64_t* sum, int64_t windows, const int64_t* order, int64_t replicas,
                      uint32_t key0, uint32_t key1, uint32_t window, int64_t kind, int64_t threads)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const CarrierSums s = *sums;
#ifdef _OPENMP
    const int team = threads > 0 ? (int)threads : omp_get_num_procs();
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
#endif
    for (int64_t i = 0; i < replicas; ++i) {
        const int64_t r = order[i];
        const Lane lane = lane_of(t, a, r);
        HostRandom random;
        random.key = Key{key0, key1};
        random.lane = 0;
        random.replica = (uint32_t)r;
        for (int64_t w = 0; w < windows; ++w) {
            random.window = window + (uint32_t)w;
            walk_one(t, lane, trials[w * replicas + r], horizon[w * replicas + r], kind, random);
            sum_carriers(s, lane, sum + 3 * s.n_species * (w * replicas + r));
        }
    }
    (void)threads;
}

// Walk `sweeps` sweeps of every replica, window by window. origin: (sweeps, 3) first cell of block 0; colours:
// (sweeps, COLOURS) their order; order: in which the lanes of a colour (blocks times replicas) are walked;
// scratch: (threads, capacity). kind: WALK_ENERGIES or WALK_SINGLE_BARRIER.
void kmc_sweeps(const Tables* tables, const Arrays* arrays, const Domains* domains, const int64_t* origin,
                const int64_t* colours, int64_t sweeps, const int64_t* order, int64_t replicas, uint32_t key0,
                uint32_t key1, uint32_t window, int64_t kind, uint64_t* scratch, int64_t threads)
{
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Domains d = *domains;
    const int64_t blocks = d.blocks[0] * d.blocks[1] * d.blocks[2] / COLOURS;
#ifdef _OPENMP
#pragma omp parallel num_threads((int)threads)
#endif
    {
        HostRandom random;
        random.key = Key{key0, key1};
        uint64_t* mine = scratch;
#ifdef _OPENMP
        mine += omp_get_thread_num() * d.capacity;
#endif
        for (int64_t s = 0; s < sweeps; ++s)
            for (int64_t c = 0; c < COLOURS; ++c) {
#ifdef _OPENMP
#pragma omp for schedule(dynamic, 4)
#endif
                for (int64_t i = 0; i < blocks * replicas; ++i) {
                    const int64_t r = order[i] / blocks;
                    const Block b = block_of(t, d, origin + 3 * s, colours[COLOURS * s + c], order[i] % blocks);
                    random.window = window + (uint32_t)s;
                    random.lane = (uint32_t)b.number + 1;
                    random.replica = (uint32_t)r;
                    Lane lane = lane_of(t, a, r);
                    lane.coordinates = mine;
                    visit_one(t, d, lane, b, kind, random);
                }
            }
    }
    (void)threads;
}

// Compared with the hash of kmc/backends/layout.py when the library is opened.
uint64_t kmc_abi(void)
{
    constexpr uint64_t hash = layout_hash();  // computed by the compiler
    return hash;
}

}  // extern "C"

#ifdef KMC_PYTHON_MODULE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
static struct PyModuleDef kmc_module = {PyModuleDef_HEAD_INIT, "_host", "Compiled CPU backend.", -1, 0, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit__host(void) { return PyModule_Create(&kmc_module); }
#endif
