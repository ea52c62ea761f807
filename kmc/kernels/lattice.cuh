// Periodic addressing. A place is four 16-bit fields (x, y, z, basis) in one word, so that one addition moves it.
#pragma once
#include "tables.cuh"

struct Step {
    uint64_t place;  // where the step ends, inside the supercell
    uint64_t over;   // 1 in the field of each axis that was left through its upper end
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

// Images that a step crosses, packed in fields as in kmc/tables/event_tables.py.
KMC_FN int64_t crossed(uint64_t over)
{
    return (int64_t)((over & 1u) | (over >> 16 & 1u) << IMAGE_BITS | (over >> 32 & 1u) << 2 * IMAGE_BITS);
}

KMC_FN uint32_t basis_of(uint64_t place) { return (uint32_t)(place >> 48); }

// Index of a place among all sites; `first` and `n_basis` belong to its sublattice.
KMC_FN int64_t site_of(const Tables& t, int64_t first, int64_t n_basis, uint64_t place)
{
    const int64_t x = place & 0xFFFF, y = place >> 16 & 0xFFFF, z = place >> 32 & 0xFFFF;
    return first + ((x * t.ny + y) * t.nz + z) * n_basis + (int64_t)basis_of(place);
}

// The same within a sublattice, in 32 bits.
KMC_FN int32_t site32_of(const Tables& t, int64_t n_basis, uint64_t place)
{
    const int32_t x = (int32_t)(place & 0xFFFF), y = (int32_t)(place >> 16 & 0xFFFF), z = (int32_t)(place >> 32 & 0xFFFF);
    return ((x * (int32_t)t.ny + y) * (int32_t)t.nz + z) * (int32_t)n_basis + (int32_t)basis_of(place);
}
