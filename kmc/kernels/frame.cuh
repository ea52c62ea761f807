// What a frame needs from the state: unwrapped positions, their sums, and squared displacements since earlier frames.
// Twin of kmc/state/replicas.py and kmc/measure/msd.py; launched by kmc/backends/cuda_frame.py. A warp takes a piece of
// one replica. Sums are integers, so that the order in which pieces are added does not matter.
#pragma once
#include "rates.cuh"

enum { PIECE = 2048, PRODUCTS = 6 };  // particles of a piece; products of two components: xx yy zz xy xz yz

// Filled by kmc/backends/layout.py; every member is eight bytes wide. Groups: the species whose particles have ids.
struct Frame {
    int64_t n_species, n_groups, n_sublattices;  // n_sublattices: the mobile ones
    int64_t grid;               // of the crystal's coordinates
    int64_t period[3];          // edges of the supercell on the grid
    const int64_t* first;       // (groups) first particle
    const int64_t* count;       // (groups)
    const int64_t* species;     // (groups) code
    const int64_t* sublattice;  // (groups)
    const int64_t* basis;       // (sites of a cell, 3) on the grid, sublattice after sublattice
    const int64_t* basis_row;   // (L) first row of each sublattice
    int64_t* flags;             // as in kmc/backends/cuda_frame.py
};

// Entries of `flags`: a barrier below its bound; the largest numbers of periodic images, displacement component and
// second moment since the walker was made.
enum { FLAG_BELOW_BOUND, FLAG_IMAGES, FLAG_FARTHEST = FLAG_IMAGES + 3, FLAG_MOMENT, FLAGS };

struct Three {
    int64_t x, y, z;
};

KMC_FN int64_t absolute(int64_t value) { return value < 0 ? -value : value; }

KMC_FN Three unpack_image(int64_t packed)
{
    const int64_t half = 1 << (IMAGE_BITS - 1), mask = (1 << IMAGE_BITS) - 1;
    const int64_t x = ((packed + half) & mask) - half, rest = (packed - x) >> IMAGE_BITS;
    const int64_t y = ((rest + half) & mask) - half;
    return Three{x, y, (rest - y) >> IMAGE_BITS};
}

KMC_FN Three on_grid(const Frame& f, int64_t sublattice, uint64_t position)
{
    const int64_t* basis = f.basis + 3 * (f.basis_row[sublattice] + (int64_t)(position >> 48));
    return Three{(int64_t)(position & 0xFFFF) * f.grid + basis[0], (int64_t)(position >> 16 & 0xFFFF) * f.grid + basis[1],
                 (int64_t)(position >> 32 & 0xFFFF) * f.grid + basis[2]};
}

// Position of a site counted from the first of its sublattice.
KMC_FN uint64_t position_in(const Tables& t, int64_t sublattice, uint32_t local)
{
    const uint32_t n_basis = (uint32_t)t.basis_of[sublattice], ny = (uint32_t)t.ny, nz = (uint32_t)t.nz;
    const uint32_t cell = local / n_basis, row = cell / nz;
    return (uint64_t)(row / ny) | (uint64_t)(row % ny) << 16 | (uint64_t)(cell % nz) << 32 |
           (uint64_t)(local % n_basis) << 48;
}

struct Particle {
    int64_t id;
    Three place;  // inside the supercell
};

// The particle on mobile site i, or carrier i where only the carriers have ids.
KMC_FN Particle particle_of(const Tables& t, const Frame& f, const Lane& lane, int64_t i)
{
    int64_t k = 0;
    if (!t.tracked) {
        while (i < f.first[k] || i >= f.first[k] + f.count[k]) ++k;
        return Particle{i, on_grid(f, f.sublattice[k], lane.coordinates[i])};
    }
    while (k + 1 < f.n_sublattices && i >= t.site_offset[k + 1]) ++k;
    return Particle{lane.particle_at[i], on_grid(f, k, position_in(t, k, (uint32_t)(i - t.site_offset[k])))};
}

// A coordinate on the grid; 32 bits suffice unless a flag says otherwise.
KMC_FN int32_t unwrapped(int64_t place, int64_t images, int64_t period) { return (int32_t)(place + images * period); }

#ifdef __CUDACC__
static __device__ __forceinline__ int64_t sum_of_warp(int64_t value)
{
    for (int by = 16; by > 0; by /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, by);
    return value;
}

static __device__ __forceinline__ int64_t largest_of_warp(int64_t value)
{
    for (int by = 16; by > 0; by /= 2) value = larger(value, __shfl_xor_sync(0xFFFFFFFFu, value, by));
    return value;
}

// The largest of non-negative numbers.
static __device__ __forceinline__ void raise_flag(int64_t* flag, int64_t value)
{
    if (value > *(volatile int64_t*)flag) atomicMax((unsigned long long*)flag, (unsigned long long)value);
}

static __device__ __forceinline__ int64_t add_to(int64_t* sum, int64_t value)  // returns the new sum
{
    return (int64_t)atomicAdd((unsigned long long*)sum, (unsigned long long)value) + value;
}

static __device__ __forceinline__ int64_t piece_end(const Tables& t, int64_t begin)
{
    return begin + PIECE < t.n_particles ? begin + PIECE : t.n_particles;
}

// Unwrapped positions (n_particles, 3) of one piece of a replica.
static __device__ void unwrap_piece(const Tables& t, const Frame& f, const Lane& lane, int64_t begin, int32_t* positions)
{
    Three most{0, 0, 0};
    for (int64_t i = begin + (threadIdx.x & 31), end = piece_end(t, begin); i < end; i += 32) {
        const Particle p = particle_of(t, f, lane, i);
        const Three image = unpack_image(lane.image[p.id]);
        int32_t* to = positions + 3 * p.id;
        to[0] = unwrapped(p.place.x, image.x, f.period[0]);
        to[1] = unwrapped(p.place.y, image.y, f.period[1]);
        to[2] = unwrapped(p.place.z, image.z, f.period[2]);
        most = Three{larger(most.x, absolute(image.x)), larger(most.y, absolute(image.y)),
                     larger(most.z, absolute(image.z))};
    }
    most = Three{largest_of_warp(most.x), largest_of_warp(most.y), largest_of_warp(most.z)};
    if ((threadIdx.x & 31) != 0) return;
    raise_flag(f.flags + FLAG_IMAGES, most.x);
    raise_flag(f.flags + FLAG_IMAGES + 1, most.y);
    raise_flag(f.flags + FLAG_IMAGES + 2, most.z);
}

// Add the sums of the positions of particles begin ... end - 1, all of one species, to sum (3).
static __device__ void sum_positions(const int32_t* positions, int64_t begin, int64_t end, int64_t* sum)
{
    Three total{0, 0, 0};
    for (int64_t i = begin + (threadIdx.x & 31); i < end; i += 32)
        total = Three{total.x + positions[3 * i], total.y + positions[3 * i + 1], total.z + positions[3 * i + 2]};
    total = Three{sum_of_warp(total.x), sum_of_warp(total.y), sum_of_warp(total.z)};
    if ((threadIdx.x & 31) != 0) return;
    add_to(sum, total.x);
    add_to(sum + 1, total.y);
    add_to(sum + 2, total.z);
}

// Add the sums of products of displacement components of the same particles to moment (PRODUCTS).
static __device__ void sum_products(const Frame& f, const int32_t* positions, const int32_t* reference, int64_t begin,
                                    int64_t end, int64_t* moment)
{
    int64_t sum[PRODUCTS] = {0}, farthest = 0;
    for (int64_t i = begin + (threadIdx.x & 31); i < end; i += 32) {
        const int64_t x = positions[3 * i] - reference[3 * i], y = positions[3 * i + 1] - reference[3 * i + 1];
        const int64_t z = positions[3 * i + 2] - reference[3 * i + 2];
        farthest = larger(farthest, larger(absolute(x), larger(absolute(y), absolute(z))));
        sum[0] += x * x, sum[1] += y * y, sum[2] += z * z;
        sum[3] += x * y, sum[4] += x * z, sum[5] += y * z;
    }
    farthest = largest_of_warp(farthest);
    int64_t most = 0;
    for (int k = 0; k < PRODUCTS; ++k) {
        const int64_t all = sum_of_warp(sum[k]);
        if ((threadIdx.x & 31) == 0) most = larger(most, absolute(add_to(moment + k, all)));
    }
    if ((threadIdx.x & 31) != 0) return;
    raise_flag(f.flags + FLAG_FARTHEST, farthest);
    raise_flag(f.flags + FLAG_MOMENT, most);
}

// Sums over the particles of one piece of replica r. ended: for each window that ends, the addresses of the positions
// where it began, (R, n_particles, 3), and of the second moments to add to, (R, n_species, PRODUCTS).
static __device__ void measure_piece(const Tables& t, const Frame& f, int64_t r, int64_t piece, const int32_t* positions,
                                     const uint64_t* ended, int64_t n_ended, int64_t* summed)
{
    const int64_t first = 3 * r * t.n_particles, last = piece_end(t, piece);
    for (int64_t g = 0; g < f.n_groups; ++g) {
        const int64_t begin = larger(f.first[g], piece);
        const int64_t end = f.first[g] + f.count[g] < last ? f.first[g] + f.count[g] : last;
        if (begin >= end) continue;
        const int64_t row = r * f.n_species + f.species[g];
        sum_positions(positions + first, begin, end, summed + 3 * row);
        for (int64_t k = 0; k < n_ended; ++k)
            sum_products(f, positions + first, (const int32_t*)ended[2 * k] + first, begin, end,
                         (int64_t*)ended[2 * k + 1] + PRODUCTS * row);
    }
}
#endif
