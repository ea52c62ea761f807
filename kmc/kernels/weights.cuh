// Weights of the rejection-free selection and the tree of their sums. Twin of Weights in
// kmc/backends/numpy_rejection_free.py. Sums are integers, so that the tree is a function of the state alone, whatever
// the order of updates.
#pragma once
#include "rates.cuh"

// An upper bound of the rate of one exchange, from the fixed part of its barrier and the carrier's own potential.
KMC_FN uint64_t bond_weight(const Tables& t, int64_t f, int64_t base2, int64_t energy)
{
    const int64_t x = larger(base2 - energy - t.reference2[f], 0);
    return high64(x == 0 ? ~(uint64_t)0 : threshold(t, x), t.scale[f]);
}

// Recompute the weights of all directions of one carrier of family f on `site`.
KMC_LONG_FN void refresh(const Tables& t, const Lane& lane, int64_t f, int64_t carrier_index, int64_t site)
{
    const int64_t local = site - t.site_offset[t.sublattice[f]], directions = t.directions[f];
    int64_t node = t.entry_offset[f] + carrier_index - t.carrier_offset[t.carrier[f]];
    const int64_t offset = t.potential_offset[f];
    const int64_t energy = offset < 0 ? 0 : energy_of(lane.potential[offset + local]);
    const int32_t* base2 = lane.base2 + t.base_offset[f] + local * directions;
    uint64_t* weight = lane.weight + node * t.n_directions;
    uint64_t sum = 0;
    for (int64_t d = 0; d < directions; ++d) {
        weight[d] = bond_weight(t, f, base2[d], energy);
        sum += weight[d];
    }
    const uint64_t change = sum - lane.tree[node];
    if (change == 0) return;
    for (int64_t level = 0; level < t.n_levels; ++level, node /= FAN) lane.tree[t.level_offset[level] + node] += change;
}

// As `refresh`, for the carrier of family f on a site, if there is one.
KMC_FN void refresh_site(const Tables& t, const Lane& lane, int64_t f, int64_t site)
{
    const int64_t species = t.carrier[f];
    if (lane.occupants[site] != species) return;
    refresh(t, lane, f, t.carrier_offset[species] + lane.particle_at[site] - t.first_particle[species], site);
}

// As `refresh_site`, for every family of a carrier species.
KMC_FN void refresh_carrier(const Tables& t, const Lane& lane, int64_t species, int64_t site)
{
    for (int64_t f = 0; f < t.n_families; ++f)
        if (t.carrier[f] == species) refresh_site(t, lane, f, site);
}

// -ln of a uniform word, in units of 2^-LOG_BITS, accurate to about 1e-10: a table for the leading byte, a series for
// the rest.
KMC_FN uint64_t exponential(const Tables& t, uint64_t word)
{
    word |= 1;
    const int zeros = leading_zeros(word);
    const uint64_t mantissa = word << zeros;
    const uint64_t row = mantissa >> 55 & 255;
    const uint64_t y = (mantissa >> 15 & 0xFFFFFFFFFFu) / (256 + row);
    const uint64_t y2 = y * y >> 40;
    const uint64_t log = t.log_table[row] + y - (y2 >> 1) + (y2 * y >> 40) / 3;
    const uint64_t whole = (uint64_t)(zeros + 1) * (uint64_t)LN2;
    return whole > log ? whole - log : 1;
}
