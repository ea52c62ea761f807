// One family of hops with a single barrier: a warp per replica, whose lattice is in shared memory. Launched by
// kmc/backends/cuda_compact.py. Every lane prepares one trial; the trials up to the first one that an earlier trial
// changes are carried out together, so that the result is that of one trial after another, bit for bit.
#include "compact.cuh"
#include "philox.cuh"

#define KMC_WARP_LAUNCH __launch_bounds__(32, 16)
#define KMC_ALL_LANES 0xFFFFFFFFu

enum : uint32_t {
    CLAIMS = 512,  // of carriers, and as many of sites, by their low bits: two of the same entry only end a batch early
    ID_WORDS = (COMPACT_SITES + 1) / 2
};

// Ids on the sites of the sublattice; carriers and partners have consecutive ones. Where ions have none, 0 stands for
// any partner, 1 for another species, 2 for the first carrier.
struct Ids {
    uint32_t first_carrier, first_partner, partners;
    KMC_MEMBER bool is_carrier(uint32_t id) const { return id - first_carrier < KMC_CARRIERS; }
    KMC_MEMBER bool is_partner(uint32_t id) const { return id - first_partner < partners; }
};

KMC_FN Ids ids_of(const Tables& t, uint32_t partners)
{
    const int64_t first = t.site_offset[t.sublattice[0]];
    if (!t.tracked) return Ids{2, 0, 1};
    return Ids{(uint32_t)(t.first_particle[t.carrier[0]] - first), (uint32_t)(t.first_particle[t.partner[0]] - first),
               partners};
}

struct PlainReplica {
    uint16_t* ids;              // (sites)
    uint32_t* places;           // (carriers)
    uint32_t *taken, *entered;  // (CLAIMS) earliest trial of the newest batch that moves a carrier, or enters a site
};

static __device__ __forceinline__ void load_plain(const Tables& t, const Lane& lane, const Ids& ids,
                                                  const PlainReplica& p)
{
    const int64_t first = t.site_offset[t.sublattice[0]];
    for (uint32_t i = threadIdx.x; i < COMPACT_SITES; i += 32) {
        const int64_t species = lane.occupants[first + i];
        p.ids[i] = (uint16_t)(t.tracked ? lane.particle_at[first + i] - first : species != t.partner[0]);
    }
    __syncwarp();
    for (uint32_t k = threadIdx.x; k < KMC_CARRIERS; k += 32) {
        p.places[k] = compact(lane.coordinates[t.carrier_offset[t.carrier[0]] + k]);
        p.ids[compact_site(p.places[k])] = (uint16_t)(ids.first_carrier + k);
    }
    for (uint32_t k = threadIdx.x; k < CLAIMS; k += 32) p.taken[k] = p.entered[k] = 0xFFFFFFFFu;
    __syncwarp();
}

static __device__ __forceinline__ void store_plain(const Tables& t, const Lane& lane, const Ids& ids,
                                                   const PlainReplica& p)
{
    const int64_t first = t.site_offset[t.sublattice[0]];
    __syncwarp();
    for (uint32_t i = threadIdx.x; i < COMPACT_SITES; i += 32) {
        const uint32_t id = p.ids[i];
        if (t.tracked) lane.particle_at[first + i] = (int32_t)(id + first);
        if (ids.is_carrier(id)) lane.occupants[first + i] = (uint8_t)t.carrier[0];
        if (ids.is_partner(id)) lane.occupants[first + i] = (uint8_t)t.partner[0];
    }
    for (uint32_t k = threadIdx.x; k < KMC_CARRIERS; k += 32)
        lane.coordinates[t.carrier_offset[t.carrier[0]] + k] = wide(p.places[k]);
    __syncwarp();
}

// The words of 64 consecutive trials in the registers of a warp: lane k holds those of trials base + 2k and base + 2k + 1.
struct WarpWords {
    Key key;
    uint32_t window, replica;
    int64_t base;
    Pair64 held;

    // The word of trial first + lane; first never decreases.
    __device__ __forceinline__ uint64_t of(int64_t first)
    {
        if (base < 0 || first + 32 > base + 64) {
            base = first & ~(int64_t)1;
            held = philox((uint32_t)(base >> 1) + threadIdx.x, window, 0u, replica, key);
        }
        const uint32_t index = (uint32_t)(first - base) + threadIdx.x;
        const uint64_t even = __shfl_sync(KMC_ALL_LANES, held.first, (int)(index >> 1));
        const uint64_t odd = __shfl_sync(KMC_ALL_LANES, held.second, (int)(index >> 1));
        return index & 1 ? odd : even;
    }
};

// Carry out trials one after another, up to 32 at once; returns the number of accepted ones.
static __device__ __forceinline__ int64_t walk_plain(const Tables& t, const Lane& lane, const Ids& ids,
                                                     const PlainReplica& p, const uint32_t* bond, WarpWords& words,
                                                     int64_t trials)
{
    int64_t accepted = 0;
    const int64_t first_particle = t.first_particle[t.carrier[0]], first_id = t.site_offset[t.sublattice[0]];
    uint32_t batch = 0x07FFFFFFu;  // counts down, so that the claims of older batches are larger
    for (int64_t done = 0; done < trials; --batch) {
        uint64_t word = words.of(done);
        const uint32_t carrier = take(word, KMC_CARRIERS), direction = take(word, KMC_DIRECTIONS);
        const uint32_t from = p.places[carrier], row = (from >> 24) * KMC_DIRECTIONS + direction;
        const uint32_t offset = bond[row];
        const bool bonded = offset >> 24 != COMPACT_PADDED && done + threadIdx.x < trials;
        const CompactStep to = compact_step(from, offset);
        const uint32_t site = compact_site(from), target = bonded ? compact_site(to.position) : site;
        const uint32_t other = p.ids[target];
        const bool hit = bonded && ids.is_partner(other);
        // A hop moves its carrier, which empties the target of others, and enters its site.
        const uint32_t claim = batch << 5 | threadIdx.x;
        if (hit) {
            atomicMin(p.taken + carrier % CLAIMS, claim);
            atomicMin(p.entered + target % CLAIMS, claim);
        }
        __syncwarp();
        const bool changed = p.taken[carrier % CLAIMS] < claim || p.entered[target % CLAIMS] < claim ||
                             (ids.is_carrier(other) && p.taken[(other - ids.first_carrier) % CLAIMS] < claim);
        const uint32_t stop = __ballot_sync(KMC_ALL_LANES, changed || done + threadIdx.x >= trials);
        const uint32_t together = stop ? (uint32_t)__ffs((int)stop) - 1 : 32;
        const bool moves = hit && threadIdx.x < together;
        if (moves) {
            p.ids[target] = (uint16_t)(ids.first_carrier + carrier);
            p.ids[site] = (uint16_t)other;
            p.places[carrier] = to.position;
            const int64_t images = t.bond_image[row] + compact_crossed(to.over);
            if (images) {
                add_shared(lane.image + first_particle + carrier, images);
                if (t.tracked) add_shared(lane.image + first_id + other, -images);
            }
        }
        accepted += __popc(__ballot_sync(KMC_ALL_LANES, moves));
        done += together;
        __syncwarp();
    }
    return accepted;
}

// bond: (basis, directions) compact offsets. partners: number of partners of a replica. Shared memory: ids, places and
// claims of one replica.
extern "C" __global__ void KMC_WARP_LAUNCH walk_plain_warp(const Tables* tables, const Arrays* arrays,
                                                           const uint32_t* bond, const int64_t* trials,
                                                           int64_t replicas, uint32_t partners, uint32_t key0,
                                                           uint32_t key1, uint32_t window)
{
    extern __shared__ uint32_t room[];
    const Tables t = *tables;
    const Arrays a = *arrays;
    const Ids ids = ids_of(t, partners);
    const PlainReplica p{(uint16_t*)room, room + ID_WORDS, room + ID_WORDS + KMC_CARRIERS,
                         room + ID_WORDS + KMC_CARRIERS + CLAIMS};
    for (int64_t r = blockIdx.x; r < replicas; r += gridDim.x) {
        const Lane lane = lane_of(t, a, r);
        load_plain(t, lane, ids, p);
        WarpWords words{Key{key0, key1}, window, (uint32_t)r, -1, Pair64{0, 0}};
        const int64_t accepted = walk_plain(t, lane, ids, p, bond, words, trials[r]);
        store_plain(t, lane, ids, p);
        if (threadIdx.x == 0) {
            lane.trials[0] += trials[r];
            lane.accepted[0] += accepted;
        }
    }
}
