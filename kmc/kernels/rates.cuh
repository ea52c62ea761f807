// Barriers in half units and their acceptance. Twin of kmc/tables/barriers.py, kmc/tables/pair_energies.py and
// kmc/tables/boltzmann.py.
#pragma once
#include "lattice.cuh"

KMC_FN int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

KMC_FN int64_t kra_barrier2(int64_t twice_e0, int64_t d_energy)
{
    return larger(larger(twice_e0 + d_energy, 2 * d_energy), 0);
}

KMC_FN int64_t marcus_barrier2(int64_t lambda, int64_t twice_coupling, int64_t d_energy)
{
    const int64_t even = (lambda * lambda + d_energy * d_energy) / (2 * lambda);
    return larger(larger(even + d_energy - twice_coupling, 2 * d_energy), 0);
}

// Number of forbidden contacts in a packed energy, and the energy without them.
KMC_FN int64_t contacts_of(int64_t packed) { return (packed + (1 << (CONTACT_BITS - 1))) >> CONTACT_BITS; }

KMC_FN int64_t energy_of(int64_t packed) { return packed - contacts_of(packed) * (1 << CONTACT_BITS); }

// exp(-x/2 kT) in units of 2^-64; x in half units above the reference.
KMC_FN uint64_t threshold(const Tables& t, int64_t x)
{
    const int64_t row = x >> FINE_BITS;
    return row >= t.n_coarse ? 0 : ((uint64_t)t.mantissa[row] * t.fine[x & ((1 << FINE_BITS) - 1)]) >> t.shift[row];
}

// Code of the hop environment: the sum of the weights of the species on the environment sites of a bond.
KMC_FN int64_t environment_code(const Tables& t, const Lane& lane, int64_t family, int64_t bond, uint64_t start)
{
    int64_t code = 0;
    for (int64_t g = 0; g < t.n_environment; ++g) {
        const uint64_t offset = t.environment[bond * t.n_environment + g];
        if (basis_of(offset) == PADDED_BASIS) continue;
        const int64_t s = t.environment_sublattice[family * t.n_environment + g];
        const int64_t site = site_of(t, t.site_offset[s], t.basis_of[s], step(t, start, offset).position);
        code += t.environment_weight[(family * t.n_environment + g) * t.n_species + lane.occupants[site]];
    }
    return code;
}
