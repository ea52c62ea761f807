// The grand-canonical walk. A neutral move swaps the species of one ion site (forward: partner -> carrier) and of the
// electronic sites that keep the cell neutral. Twin of kmc/backends/numpy_grand.py: same words, same integers.
#pragma once
#include "trial.cuh"

// Filled by kmc/backends/layout.py; every member is eight bytes wide.
struct Grand {
    int64_t ion_family, electronic_family;      // electronic_family is -1 without electronic carriers
    int64_t electronic, creates_electrons;      // electronic carriers per ion; 1 if a forward move creates them, else 0
    int64_t ion_sites, electronic_sites, bins;  // row lengths of the lists and of the histogram
    int32_t* ion_order;                         // (R, ion_sites) carriers first, then partners
    int32_t* electronic_order;                  // (R, electronic_sites)
    int64_t* number;                            // (R, 4) ion carriers, with their partners; electronic likewise
    const int64_t* field2;                      // (R) energy of an ion carrier in the reservoir, in half units
    int64_t* histogram;                         // (R, bins) trials that ended with each number of ion carriers
    int64_t* counters;                          // (R, 2) trials, accepted
};

// One list of sites of one lane.
struct Sites {
    int64_t family, first;
    int32_t* order;
    int64_t* count;  // carriers, then carriers and partners
};

struct Wide {
    uint64_t high, low;
};

KMC_FN Wide product(uint64_t a, uint64_t b) { return Wide{high64(a, b), a * b}; }

KMC_FN Wide shifted(Wide a, uint64_t by)
{
    if (by == 0) return a;
    if (by >= 64) return Wide{0, by >= 128 ? 0 : a.high >> (by - 64)};
    return Wide{a.high >> by, a.low >> by | a.high << (64 - by)};
}

KMC_FN bool below(Wide a, Wide b) { return a.high < b.high || (a.high == b.high && a.low < b.low); }

// Metropolis: u < forward_weight/reverse_weight exp(-x/2 kT), u being word/2^64; x in half units, of either sign.
KMC_FN bool accept_weighted(const Tables& t, int64_t x, uint64_t forward_weight, uint64_t reverse_weight,
                            uint64_t word)
{
    const int64_t size = x < 0 ? -x : x, row = size >> FINE_BITS;
    if (row >= t.n_coarse) return x < 0;
    const uint64_t mantissa = (uint64_t)t.mantissa[row] * t.fine[size & ((1 << FINE_BITS) - 1)], shift = t.shift[row];
    if (x >= 0) return below(product(word, reverse_weight), shifted(product(mantissa, forward_weight), shift));
    return below(shifted(product(high64(word, mantissa), reverse_weight), shift), Wide{forward_weight, 0});
}

KMC_FN uint64_t position_of(const Tables& t, int64_t n_basis, int64_t local)
{
    const int64_t cell = local / n_basis, row = cell / t.nz;
    return (uint64_t)(row / t.ny) | (uint64_t)(row % t.ny) << 16 | (uint64_t)(cell % t.nz) << 32 |
           (uint64_t)(local % n_basis) << 48;
}

// Swap the species of the site at `pick` of the list; forward puts a carrier there. Adds the changes of forbidden
// contacts and of energy. The site moves to the border between carriers and partners, where the reverse swap finds it.
KMC_FN void swap_species(const Tables& t, const Lane& lane, const Sites& s, int64_t pick, bool forward,
                         int64_t* contacts, int64_t* energy)
{
    const int64_t f = s.family, local = s.order[pick], border = forward ? s.count[0] : s.count[0] - 1;
    if (t.potential_offset[f] >= 0) {
        const int64_t packed = lane.potential[t.potential_offset[f] + local], sign = forward ? 1 : -1;
        *contacts += sign * contacts_of(packed);
        *energy += sign * energy_of(packed);
    }
    lane.occupants[s.first + local] = (uint8_t)(forward ? t.carrier[f] : t.partner[f]);
    if (t.n_potential) {
        const uint64_t position = position_of(t, t.basis_of[t.sublattice[f]], local);
        update_potentials<false>(t, lane, f, position, forward ? 1 : -1);
    }
    s.order[pick] = s.order[border];
    s.order[border] = (int32_t)local;
    s.count[0] += forward ? 1 : -1;
}

// One move of one lane from the 256 random bits of two calls; true if it was accepted.
KMC_FN bool grand_trial(const Tables& t, const Grand& g, const Lane& lane, const Sites& ions, const Sites& electrons,
                        int64_t field2, Pair64 one, Pair64 two)
{
    uint64_t word = one.first;
    const bool forward = take(word, 2) == 0, create = forward == (g.creates_electrons != 0);
    const int64_t ion_choices = forward ? ions.count[1] - ions.count[0] : ions.count[0];
    const int64_t electron_choices = create ? electrons.count[1] - electrons.count[0] : electrons.count[0];
    if (ion_choices == 0 || (g.electronic && electron_choices < g.electronic)) return false;
    uint64_t forward_weight = (uint64_t)ion_choices, reverse_weight = (uint64_t)(ions.count[1] - ion_choices + 1);
    for (int64_t m = 0; m < g.electronic; ++m) {
        forward_weight *= (uint64_t)(electron_choices - m);
        reverse_weight *= (uint64_t)(electrons.count[1] - electron_choices + m + 1);
    }
    int64_t contacts = 0, energy = 0;
    const int64_t ion = take(word, (uint32_t)ion_choices) + (forward ? ions.count[0] : 0);
    swap_species(t, lane, ions, ion, forward, &contacts, &energy);
    for (int64_t m = 0; m < g.electronic; ++m) {
        uint64_t pick = m ? two.first : one.second;
        const int64_t chosen = take(pick, (uint32_t)(electron_choices - m)) + (create ? electrons.count[0] : 0);
        swap_species(t, lane, electrons, chosen, create, &contacts, &energy);
    }
    const int64_t x = 2 * energy + (forward ? field2 : -field2);
    if (contacts == 0 && accept_weighted(t, x, forward_weight, reverse_weight, two.second)) return true;
    for (int64_t m = 0; m < g.electronic; ++m)
        swap_species(t, lane, electrons, create ? electrons.count[0] - 1 : electrons.count[0], !create, &contacts,
                     &energy);
    swap_species(t, lane, ions, forward ? ions.count[0] - 1 : ions.count[0], !forward, &contacts, &energy);
    return false;
}

// `trials` trials of one replica, two calls each.
template <class RANDOM>
KMC_FN void walk_grand(const Tables& t, const Arrays& a, const Grand& g, int64_t r, int64_t trials, RANDOM& random)
{
    Lane lane{};
    lane.occupants = a.occupants + r * t.n_sites;
    lane.potential = a.potential + r * t.n_potential;
    const int64_t f = g.ion_family, e = g.electronic_family;
    const Sites ions{f, t.site_offset[t.sublattice[f]], g.ion_order + r * g.ion_sites, g.number + 4 * r};
    const Sites electrons{e, e < 0 ? 0 : t.site_offset[t.sublattice[e]], g.electronic_order + r * g.electronic_sites,
                          g.number + 4 * r + 2};
    int64_t accepted = 0;
    for (int64_t i = 0; i < trials; ++i) {
        const Pair64 one = random.call((uint32_t)(2 * i)), two = random.call((uint32_t)(2 * i + 1));
        accepted += grand_trial(t, g, lane, ions, electrons, g.field2[r], one, two);
        g.histogram[r * g.bins + ions.count[0]] += 1;
    }
    g.counters[2 * r] += trials;
    g.counters[2 * r + 1] += accepted;
}
