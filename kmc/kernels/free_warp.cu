// Rejection-free selection with a warp per replica: the lanes share the work of one exchange. Launched by
// kmc/backends/cuda_compact.py. Weights and their tree are in shared memory during a window. They are functions of the
// state, and sums of integers do not depend on their order, so that the result is that of walk_rejection_free.
#include "rejection_free.cuh"

#define KMC_WARP_LAUNCH __launch_bounds__(32, 10)
#define KMC_ALL_LANES 0xFFFFFFFFu

static __device__ __forceinline__ uint64_t of_lane(uint64_t value, uint32_t lane)
{
    return __shfl_sync(KMC_ALL_LANES, value, (int)lane);
}

// As `child_of`, of at most 32 intervals, one of each lane.
static __device__ __forceinline__ uint32_t child_of_warp(uint64_t sum, uint64_t& rest)
{
    uint64_t end = sum;
    for (uint32_t by = 1; by < 32; by *= 2) {
        const uint64_t lower = __shfl_up_sync(KMC_ALL_LANES, end, by);
        end += threadIdx.x >= by ? lower : 0;
    }
    const uint32_t child = (uint32_t)__ffs((int)__ballot_sync(KMC_ALL_LANES, rest < end)) - 1;
    rest -= of_lane(end - sum, child);
    return child;
}

// Random numbers of 32 consecutive calls, one of each lane: where an exchange is selected, and waiting times.
struct WarpEvents {
    Key key;
    uint32_t window, replica;
    uint64_t pick, waiting;
    __device__ __forceinline__ void prepare(const Tables& t, uint32_t call)
    {
        if (call % 32 != 0) return;
        const Pair64 words = philox(call + threadIdx.x, window, 0u, replica, key);
        pick = words.first;
        waiting = exponential(t, words.second);
    }
};

// Add the changes of the potentials of family f around one end of a hop of family `source`, and append the sites of its
// carriers to touched[found ...]; returns their new number.
static __device__ uint32_t move_potentials(const Tables& t, const Lane& lane, int64_t source, int64_t f, uint64_t where,
                                           int32_t sign, int32_t* touched, uint32_t found)
{
    const int64_t row = (source * t.n_families + f) * t.n_basis + basis_of(where), count = t.influence_count[row];
    const int64_t s = t.sublattice[f], n_basis = t.basis_of[s], first = t.site_offset[s];
    for (int64_t begin = 0; begin < count; begin += 32) {
        const int64_t e = begin + threadIdx.x;
        bool here = false;
        int32_t site = 0;
        if (e < count) {
            site = site32_of(t, n_basis, step(t, where, t.influence[row * t.n_influence + e]).position);
            atomicAdd(lane.potential + t.potential_offset[f] + site,
                      sign * (int32_t)t.influence_delta[row * t.n_influence + e]);
            here = lane.occupants[first + site] == t.carrier[f];
        }
        const uint32_t mask = __ballot_sync(KMC_ALL_LANES, here);
        if (here) touched[found + __popc(mask & ((1u << threadIdx.x) - 1))] = site;
        found += __popc(mask);
    }
    return found;
}

// Recompute the weights of the carriers of family f on several sites, which may repeat; `width` lanes take a carrier.
static __device__ void refresh_sites(const Tables& t, const Lane& lane, int64_t f, const int32_t* sites, uint32_t number,
                                     uint32_t width)
{
    const int64_t species = t.carrier[f], first = t.site_offset[t.sublattice[f]], directions = t.directions[f];
    const uint32_t groups = 32 / width, group = threadIdx.x / width, d = threadIdx.x % width;
    for (uint32_t begin = 0; begin < number; begin += groups) {
        const bool mine = begin + group < number;
        int64_t node = -1;
        uint64_t weight = 0;
        if (mine) {
            const int64_t local = sites[begin + group], offset = t.potential_offset[f];
            node = t.entry_offset[f] + lane.particle_at[first + local] - t.first_particle[species];
            if (d < directions) {
                const int64_t energy = offset < 0 ? 0 : energy_of(lane.potential[offset + local]);
                weight = bond_weight(t, f, lane.base2[t.base_offset[f] + local * directions + d], energy);
                lane.weight[node * t.n_directions + d] = weight;
            }
        }
        uint64_t sum = weight;
        for (uint32_t by = width / 2; by > 0; by /= 2) sum += __shfl_xor_sync(KMC_ALL_LANES, sum, (int)by);
        bool repeated = false;
        for (uint32_t other = 0; other + 1 < groups; ++other)
            repeated |= (int64_t)of_lane((uint64_t)node, other * width) == node && other < group;
        if (mine && d == 0 && !repeated) {
            const uint64_t change = sum - lane.tree[node];
            for (int64_t level = 0; change && level < t.n_levels; ++level, node /= FAN)
                atomicAdd((unsigned long long*)lane.tree + t.level_offset[level] + node, (unsigned long long)change);
        }
        __syncwarp();
    }
}

// Carry out an exchange, and bring potentials and weights up to date.
static __device__ void apply_warp(const Tables& t, const Lane& lane, const Family& family, const Proposal& p,
                                  int32_t* touched, uint32_t width)
{
    if (threadIdx.x == 0) exchange(t, lane, family, p);
    __syncwarp();
    for (int64_t f = 0; f < t.n_families; ++f) {
        uint32_t found = 0;
        if (t.potential_offset[f] >= 0) {
            found = move_potentials(t, lane, family.number, f, p.there.position, 1, touched, found);
            found = move_potentials(t, lane, family.number, f, p.start, -1, touched, found);
        }
        const bool mover = t.carrier[f] == family.carrier, other = t.carrier[f] == family.partner;
        if ((mover || other) && threadIdx.x == 0)
            touched[found] = (int32_t)((mover ? p.target : p.site) - t.site_offset[t.sublattice[f]]);
        __syncwarp();
        refresh_sites(t, lane, f, touched, found + (mover || other), width);
    }
}

// One selected exchange, as `rejection_free_trial`; returns whether it was accepted. f: its family.
static __device__ bool warp_trial(const Tables& t, const Lane& lane, uint64_t rest, int32_t* touched, uint32_t width,
                                  int64_t& f)
{
    int64_t entry = 0;
    for (int64_t level = t.n_levels - 2; level >= 0; --level)
        entry = entry * FAN + child_of_warp(lane.tree[t.level_offset[level] + entry * FAN + threadIdx.x], rest);
    for (f = 0; f < t.n_families - 1 && entry >= t.entry_offset[f + 1];) ++f;
    const uint64_t* weight = lane.weight + entry * t.n_directions;
    const uint32_t direction = child_of_warp(threadIdx.x < t.n_directions ? weight[threadIdx.x] : 0, rest);
    const Family family = family_of(t, f);
    const Proposal p = propose(t, lane, family, family.carrier_offset + entry - t.entry_offset[f], direction);
    int64_t barrier2;
    if (!p.possible || !barrier_of(t, lane, family, p, barrier2)) return false;
    const uint64_t rate = bond_weight(t, f, barrier2, 0);
    if (rate > weight[direction] && threadIdx.x == 0) report_below_bound(lane, family, p, barrier2);
    if (rest >= rate) return false;
    __syncwarp();
    apply_warp(t, lane, family, p, touched, width);
    return true;
}

static __device__ void copy_words(const uint64_t* from, uint64_t* to, int64_t words)
{
    for (int64_t k = threadIdx.x; k < words; k += 32) to[k] = from[k];
}

// horizon: as for walk_rejection_free. width: lanes for the directions of a carrier, a power of two. Shared memory: tree,
// weights, and the sites that one hop touches.
extern "C" __global__ void KMC_WARP_LAUNCH walk_free_warp(const Tables* tables, const Arrays* arrays,
                                                          const double* horizon, int64_t replicas, uint32_t width,
                                                          uint32_t key0, uint32_t key1, uint32_t window)
{
    extern __shared__ uint64_t room[];
    const Tables t = *tables;
    const Arrays a = *arrays;
    const int64_t n_weights = t.n_entries * t.n_directions;
    for (int64_t r = blockIdx.x; r < replicas; r += gridDim.x) {
        const Lane kept = lane_of(t, a, r);
        Lane lane = kept;
        lane.tree = room;
        lane.weight = room + t.n_tree;
        copy_words(kept.tree, lane.tree, t.n_tree);
        copy_words(kept.weight, lane.weight, n_weights);
        __syncwarp();
        int32_t* touched = (int32_t*)(lane.weight + n_weights);
        const uint64_t* root = lane.tree + t.level_offset[t.n_levels - 1];
        WarpEvents events{Key{key0, key1}, window, (uint32_t)r, 0, 0};
        int64_t trials = 0, accepted = 0;  // of the family with the number of the lane
        double now = 0.0;
        for (uint32_t call = 0; *root; ++call) {
            events.prepare(t, call);
            now += (double)of_lane(events.waiting, call % 32) / (double)*root;
            if (!(now < horizon[r])) break;
            int64_t f;
            const uint64_t rest = high64(of_lane(events.pick, call % 32), *root);
            const bool hit = warp_trial(t, lane, rest, touched, width, f);
            trials += f == threadIdx.x;
            accepted += hit && f == threadIdx.x;
            __syncwarp();
        }
        __syncwarp();
        copy_words(lane.tree, kept.tree, t.n_tree);
        copy_words(lane.weight, kept.weight, n_weights);
        if (threadIdx.x < t.n_families) {
            lane.trials[threadIdx.x] += trials;
            lane.accepted[threadIdx.x] += accepted;
        }
        __syncwarp();
    }
}
