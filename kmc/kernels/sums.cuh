// Summed positions of the carriers of a lane. Twin of CarrierSums in kmc/state/carrier_sums.py.
#pragma once
#include "tables.cuh"

// The species that are summed: C of them, with at most B basis sites.
struct CarrierSums {
    int64_t n_species, n_basis, grid;  // C, B, units of length in a cell
    int64_t period[3];                 // length of the supercell in these units
    const int64_t* first_carrier;      // (C) carrier index
    const int64_t* first_particle;     // (C) particle id
    const int64_t* count;              // (C)
    const int64_t* place;              // (C, B, 3) coordinates of the basis sites within the cell
};

// sum: (C, 3) unwrapped positions summed over each species.
KMC_FN void sum_carriers(const CarrierSums& s, const Lane& lane, int64_t* sum)
{
    const int64_t half = (int64_t)1 << (IMAGE_BITS - 1), mask = 2 * half - 1;
    for (int64_t c = 0; c < s.n_species; ++c, sum += 3) {
        const uint64_t* coordinates = lane.coordinates + s.first_carrier[c];
        const int64_t* image = lane.image + s.first_particle[c];
        const int64_t* place = s.place + 3 * s.n_basis * c;
        int64_t cell[3] = {0, 0, 0}, within[3] = {0, 0, 0}, over[3] = {0, 0, 0};
        for (int64_t i = 0; i < s.count[c]; ++i) {
            const uint64_t where = coordinates[i];
            const int64_t basis = (int64_t)(where >> 48), packed = image[i];
            const int64_t x = ((packed + half) & mask) - half, rest = (packed - x) >> IMAGE_BITS;
            const int64_t y = ((rest + half) & mask) - half;
            over[0] += x;
            over[1] += y;
            over[2] += (rest - y) >> IMAGE_BITS;
            for (int a = 0; a < 3; ++a) {
                cell[a] += (int64_t)(where >> 16 * a & 0xFFFF);
                within[a] += place[3 * basis + a];
            }
        }
        for (int a = 0; a < 3; ++a) sum[a] = cell[a] * s.grid + within[a] + over[a] * s.period[a];
    }
}
