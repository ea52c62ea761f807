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

// Sums over some carriers of one species.
struct CarrierTotal {
    int64_t cell[3], within[3], over[3];
    KMC_MEMBER int64_t along(const CarrierSums& s, int axis) const  // unwrapped positions
    {
        return cell[axis] * s.grid + within[axis] + over[axis] * s.period[axis];
    }
};

// Of every `step`-th carrier of species c from number `first` on.
KMC_FN CarrierTotal carriers_total(const CarrierSums& s, const Lane& lane, int64_t c, int64_t first, int64_t step)
{
    const int64_t half = (int64_t)1 << (IMAGE_BITS - 1), mask = 2 * half - 1;
    const uint64_t* coordinates = lane.coordinates + s.first_carrier[c];
    const int64_t* image = lane.image + s.first_particle[c];
    const int64_t* place = s.place + 3 * s.n_basis * c;
    CarrierTotal total{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    for (int64_t i = first; i < s.count[c]; i += step) {
        const uint64_t where = coordinates[i];
        const int64_t basis = (int64_t)(where >> 48), packed = image[i];
        const int64_t x = ((packed + half) & mask) - half, rest = (packed - x) >> IMAGE_BITS;
        const int64_t y = ((rest + half) & mask) - half;
        total.over[0] += x;
        total.over[1] += y;
        total.over[2] += (rest - y) >> IMAGE_BITS;
        for (int a = 0; a < 3; ++a) {
            total.cell[a] += (int64_t)(where >> 16 * a & 0xFFFF);
            total.within[a] += place[3 * basis + a];
        }
    }
    return total;
}

// sum: (C, 3) unwrapped positions summed over each species.
KMC_FN void sum_carriers(const CarrierSums& s, const Lane& lane, int64_t* sum)
{
    for (int64_t c = 0; c < s.n_species; ++c) {
        const CarrierTotal total = carriers_total(s, lane, c, 0, 1);
        for (int a = 0; a < 3; ++a) sum[3 * c + a] = total.along(s, a);
    }
}
