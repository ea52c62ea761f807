// Positions in four bytes (x, y, z, basis), for supercells of at most 128 cells along an axis: one 32-bit addition
// shifts them. The sizes of the lattice are constants of the compilation, set by kmc/backends/cuda_compact.py.
#pragma once
#include "lattice.cuh"

enum : uint32_t {
    COMPACT_REPEATS = KMC_NX | KMC_NY << 8 | KMC_NZ << 16,
    COMPACT_BELOW = (0x80 - KMC_NX) | (0x80 - KMC_NY) << 8 | (0x80 - KMC_NZ) << 16,
    COMPACT_PADDED = 0xFF,  // basis byte of a missing bond
    COMPACT_SITES = KMC_NX * KMC_NY * KMC_NZ * KMC_BASIS
};

struct CompactStep {
    uint32_t position, over;  // as in `Step`
};

KMC_FN CompactStep compact_step(uint32_t from, uint32_t offset)
{
    const uint32_t axes = 0x00FFFFFFu, sum = (from & axes) + (offset & axes);
    const uint32_t over = ((sum + COMPACT_BELOW) >> 7) & 0x00010101u, all_ones = (over << 8) - over;
    return CompactStep{(sum - (all_ones & COMPACT_REPEATS)) | (offset & ~axes), over};
}

// Periodic images that a step crosses, as `crossed`.
KMC_FN int64_t compact_crossed(uint32_t over)
{
    return (int64_t)((uint64_t)(over & 1) | (uint64_t)(over >> 8 & 1) << IMAGE_BITS |
                     (uint64_t)(over >> 16 & 1) << 2 * IMAGE_BITS);
}

// Index of a site on its sublattice.
KMC_FN uint32_t compact_site(uint32_t position)
{
    const uint32_t x = position & 0xFF, y = position >> 8 & 0xFF, z = position >> 16 & 0xFF;
    return ((x * KMC_NY + y) * KMC_NZ + z) * KMC_BASIS + (position >> 24);
}

KMC_FN uint32_t compact(uint64_t position)
{
    return (uint32_t)(position & 0xFF) | (uint32_t)(position >> 8 & 0xFF00) | (uint32_t)(position >> 16 & 0xFF0000) |
           (uint32_t)(position >> 24 & 0xFF000000);
}

KMC_FN uint64_t wide(uint32_t position)
{
    return (uint64_t)(position & 0xFF) | (uint64_t)(position & 0xFF00) << 8 | (uint64_t)(position & 0xFF0000) << 16 |
           (uint64_t)(position & 0xFF000000) << 24;
}
