// The grand-canonical walk: neutral moves only. Twin of kmc/backends/numpy_grand.py: same words, same integers.
#pragma once
#include "trial.cuh"

// Filled by kmc/backends/grand_native.py. "ion" and "electronic": the two lists of sites that moves turn.
struct Grand {
    int64_t ion_family, electronic_family;      // -1: no electronic carriers
    int64_t electronic, made;                   // carriers per ion; 1: a forward move makes them, 0: takes them away
    int64_t ion_sites, electronic_sites, bins;  // lengths of the rows of the lists and of the histogram
    int32_t* ion_order;                         // (R, ion_sites) carriers first, then partners
    int32_t* electronic_order;                  // (R, electronic_sites)
    int64_t* number;                            // (R, 4) ion carriers, both; electronic carriers, both
    const int64_t* field2;                      // (R) energy of an ion carrier in the reservoir, in half units
    int64_t* histogram;                         // (R, bins) trials that ended with so many ion carriers
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

// Metropolis: u < forth/back exp(-x/2 kT), u being word/2^64; x in half units of either sign.
KMC_FN bool accept_ways(const Tables& t, int64_t x, uint64_t forth, uint64_t back, uint64_t word)
{
    const int64_t size = x < 0 ? -x : x, row = size >> 12;
    if (row >= t.n_coarse) return x < 0;
    const uint64_t mantissa = t.mantissa[row] * t.fine[size & 4095], shift = t.shift[row];
    if (x >= 0) return below(product(word, back), shifted(product(mantissa, forth), shift));
    return below(shifted(product(high64(word, mantissa), back), shift), Wide{forth, 0});
}

KMC_FN uint64_t place_of(const Tables& t, int64_t n_basis, int64_t local)
{
    const int64_t cell = local / n_basis, row = cell / t.nz;
    return (uint64_t)(row / t.ny) | (uint64_t)(row % t.ny) << 16 | (uint64_t)(cell % t.nz) << 32 |
           (uint64_t)(local % n_basis) << 48;
}

// Turn the site at `pick` of the list: forward puts the carrier there. Adds the change of contacts and energy. The
// site ends on the border between carriers and partners, where turning it back finds it.
KMC_FN void turn(const Tables& t, const Lane& lane, const Sites& s, int64_t pick, bool forward, int64_t* contacts,
                 int64_t* energy)
{
    const int64_t f = s.family, local = s.order[pick], border = forward ? s.count[0] : s.count[0] - 1;
    if (t.potential_offset[f] >= 0) {
        const int64_t packed = lane.potential[t.potential_offset[f] + local], sign = forward ? 1 : -1;
        *contacts += sign * contacts_of(packed);
        *energy += sign * energy_of(packed);
    }
    lane.occupants[s.first + local] = (uint8_t)(forward ? t.carrier[f] : t.partner[f]);
    if (t.n_potential) spread<false>(t, lane, f, place_of(t, t.basis_of[t.sublattice[f]], local), forward ? 1 : -1);
    s.order[pick] = s.order[border];
    s.order[border] = (int32_t)local;
    s.count[0] += forward ? 1 : -1;
}

// One move of one lane from the 256 random bits of two calls; true if it was carried out.
KMC_FN bool grand_trial(const Tables& t, const Grand& g, const Lane& lane, const Sites& ions, const Sites& electrons,
                        int64_t field2, Pair64 one, Pair64 two)
{
    uint64_t word = one.first;
    const bool forward = take(word, 2) == 0, make = forward == (g.made != 0);
    const int64_t there = forward ? ions.count[1] - ions.count[0] : ions.count[0];
    const int64_t free = make ? electrons.count[1] - electrons.count[0] : electrons.count[0];
    if (there == 0 || (g.electronic && free < g.electronic)) return false;
    uint64_t forth = (uint64_t)there, back = (uint64_t)(ions.count[1] - there + 1);
    for (int64_t m = 0; m < g.electronic; ++m) {
        forth *= (uint64_t)(free - m);
        back *= (uint64_t)(electrons.count[1] - free + m + 1);
    }
    int64_t contacts = 0, energy = 0;
    turn(t, lane, ions, take(word, (uint32_t)there) + (forward ? ions.count[0] : 0), forward, &contacts, &energy);
    for (int64_t m = 0; m < g.electronic; ++m) {
        uint64_t pick = m ? two.first : one.second;
        const int64_t place = take(pick, (uint32_t)(free - m)) + (make ? electrons.count[0] : 0);
        turn(t, lane, electrons, place, make, &contacts, &energy);
    }
    const int64_t x = 2 * energy + (forward ? field2 : -field2);
    if (contacts == 0 && accept_ways(t, x, forth, back, two.second)) return true;
    for (int64_t m = 0; m < g.electronic; ++m)
        turn(t, lane, electrons, make ? electrons.count[0] - 1 : electrons.count[0], !make, &contacts, &energy);
    turn(t, lane, ions, forward ? ions.count[0] - 1 : ions.count[0], !forward, &contacts, &energy);
    return false;
}

// So many trials of one replica; two calls each.
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
