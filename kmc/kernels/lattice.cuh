// Periodic addressing. A position is four 16-bit fields (x, y, z, basis) in one word, so that one addition shifts it.
#pragma once
#include "tables.cuh"

struct Step {
    uint64_t position;  // where the step ends, inside the supercell
    uint64_t over;      // 1 in the field of each axis on which the step leaves the supercell through its upper end
};

// `offset` is already wrapped into the supercell, so one subtraction of the repeats is enough.
KMC_FN Step step(const Tables& t, uint64_t from, uint64_t offset)
{
    const uint64_t axes = 0x0000FFFFFFFFFFFFu;
    const uint64_t sum = (from & axes) + (offset & axes);
    const uint64_t over = ((sum + t.below) >> 15) & 0x0000000100010001u;
    const uint64_t all_ones = (over << 16) - over;
    return Step{(sum - (all_ones & t.repeats)) | (offset & ~axes), over};
}

// Periodic images that a step crosses, packed in fields as in kmc/tables/event_tables.py.
KMC_FN int64_t crossed(uint64_t over)
{
    return (int64_t)((over & 1u) | (over >> 16 & 1u) << IMAGE_BITS | (over >> 32 & 1u) << 2 * IMAGE_BITS);
}

KMC_FN uint32_t basis_of(uint64_t position) { return (uint32_t)(position >> 48); }

// Index of a position among all sites; `first` and `n_basis` belong to its sublattice.
KMC_FN int64_t site_of(const Tables& t, int64_t first, int64_t n_basis, uint64_t position)
{
    const int64_t x = position & 0xFFFF, y = position >> 16 & 0xFFFF, z = position >> 32 & 0xFFFF;
    return first + ((x * t.ny + y) * t.nz + z) * n_basis + (int64_t)basis_of(position);
}

// The same counted from the first site of the sublattice, in 32 bits.
KMC_FN int32_t site32_of(const Tables& t, int64_t n_basis, uint64_t position)
{
    const int32_t x = (int32_t)(position & 0xFFFF), y = (int32_t)(position >> 16 & 0xFFFF);
    const int32_t z = (int32_t)(position >> 32 & 0xFFFF);
    return ((x * (int32_t)t.ny + y) * (int32_t)t.nz + z) * (int32_t)n_basis + (int32_t)basis_of(position);
}
