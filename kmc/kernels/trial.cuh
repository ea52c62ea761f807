// One trial of one lane. Twin of NumpyWalker in kmc/backends/numpy_walk.py: same words, same integers.
#pragma once
#include "philox.cuh"
#include "weights.cuh"

// What a trial needs to know about its family; loaded once if there is only one family.
struct Family {
    int64_t number, carrier, partner, site_offset, n_basis, carrier_offset, partner_offset;
    uint32_t carriers, directions;
    bool single_barrier;
};

KMC_FN Family family_of(const Tables& t, int64_t f)
{
    const int64_t carrier = t.carrier[f], partner = t.partner[f], s = t.sublattice[f];
    return Family{f, carrier, partner, t.site_offset[s], t.basis_of[s], t.carrier_offset[carrier],
                  t.carrier_offset[partner], (uint32_t)t.carriers[f], (uint32_t)t.directions[f],
                  t.single_barrier[f] != 0};
}

KMC_FN int64_t pick_family(const Tables& t, uint64_t pick)
{
    int64_t f = 0;
    while (f < t.n_families - 1 && pick >= t.family_limit[f]) ++f;
    return f;
}

// The exchange of a carrier with its neighbour in one direction.
struct Proposal {
    bool possible;  // the partner species occupies the target site
    int64_t carrier_index, bond, site, target;
    uint64_t start;
    Step there;
};

KMC_FN Proposal propose(const Tables& t, const Lane& lane, const Family& family, int64_t carrier_index,
                        uint32_t direction)
{
    Proposal p;
    p.carrier_index = carrier_index;
    p.start = lane.coordinates[carrier_index];
    p.bond = (family.number * t.n_basis + basis_of(p.start)) * t.n_directions + direction;
    const uint64_t offset = t.bond[p.bond];
    p.possible = basis_of(offset) != PADDED_BASIS;
    if (!p.possible) return p;
    p.there = step(t, p.start, offset);
    p.target = site_of(t, family.site_offset, family.n_basis, p.there.position);
    p.possible = lane.occupants[p.target] == family.partner;
    if (p.possible) p.site = site_of(t, family.site_offset, family.n_basis, p.start);
    return p;
}

// 2 Eb of a possible exchange; false if the exchange would create a forbidden contact.
KMC_FN bool barrier_of(const Tables& t, const Lane& lane, const Family& family, const Proposal& p, int64_t& barrier2)
{
    int64_t packed = t.bond_energy[p.bond];
    const int64_t offset = t.potential_offset[family.number];
    if (offset >= 0) {
        const int32_t* potential = lane.potential + (offset - family.site_offset);
        packed += (int64_t)potential[p.target] - (int64_t)potential[p.site];
    }
    if (contacts_of(packed) != 0) return false;
    const int64_t lambda = t.marcus_lambda[family.number];
    barrier2 = lambda ? marcus_barrier2(lambda, t.marcus_coupling2[family.number], packed)
                      : kra_barrier2(t.barrier2[family.number * t.n_codes +
                                                environment_code(t, lane, family.number, p.bond, p.start)],
                                     packed);
    return true;
}

KMC_FN void report_below_bound(const Lane& lane, const Family& family, const Proposal& p, int64_t barrier2)
{
    lane.error[0] = family.number + 1;
    lane.error[1] = p.site;
    lane.error[2] = barrier2;
    *lane.failed = 1;
}

// Whether a possible exchange is accepted, given its barrier and the unused fraction of the random word.
KMC_FN bool judge(const Tables& t, const Lane& lane, const Family& family, const Proposal& p, uint64_t fraction)
{
    int64_t barrier2;
    if (!barrier_of(t, lane, family, p, barrier2)) return false;
    const int64_t x = barrier2 - t.reference2[family.number];
    if (x < 0) {
        report_below_bound(lane, family, p, barrier2);
        return false;
    }
    return x == 0 || fraction < threshold(t, x);
}

// Add the changes of the exchange potentials around the end (+) or the start (-) of a hop. REJECTION_FREE: the
// weights of carriers whose potential changed are recomputed, after each change, so that the last result stays.
template <bool REJECTION_FREE>
KMC_LONG_FN void update_potentials(const Tables& t, const Lane& lane, int64_t source, uint64_t where, int32_t sign)
{
    enum { STRIP = KMC_STRIP };  // addresses first, so that a host compiler vectorizes them
    for (int64_t f = 0; f < t.n_families; ++f) {
        const int64_t row = (source * t.n_families + f) * t.n_basis + basis_of(where), count = t.influence_count[row];
        if (count == 0) continue;
        const int64_t s = t.sublattice[f], n_basis = t.basis_of[s], first = t.site_offset[s];
        const uint64_t* offset = t.influence + row * t.n_influence;
        const int64_t* change = t.influence_delta + row * t.n_influence;
        const uint8_t* occupants = lane.occupants + first;
        const uint8_t carrier = (uint8_t)t.carrier[f];
        int32_t* potential = lane.potential + t.potential_offset[f];
        int32_t site[STRIP];
        for (int64_t begin = 0; begin < count; begin += STRIP, offset += STRIP, change += STRIP) {
            const int n = count - begin < STRIP ? (int)(count - begin) : STRIP;
            for (int e = 0; e < n; ++e) site[e] = site32_of(t, n_basis, step(t, where, offset[e]).position);
            for (int e = 0; e < n; ++e) potential[site[e]] += sign * (int32_t)change[e];
            if (!REJECTION_FREE) continue;
            int found = 0;
            for (int e = 0; e < n; ++e) {
                site[found] = site[e];
                found += occupants[site[e]] == carrier;
            }
            for (int e = 0; e < found; ++e) refresh_site(t, lane, f, first + site[e]);
        }
    }
}

// Exchange the two occupants: species, ids, coordinates and images.
KMC_FN void exchange(const Tables& t, const Lane& lane, const Family& family, const Proposal& p)
{
    lane.occupants[p.site] = (uint8_t)family.partner;
    lane.occupants[p.target] = (uint8_t)family.carrier;
    const int64_t images = t.bond_image[p.bond] + crossed(p.there.over);
    lane.coordinates[p.carrier_index] = p.there.position;
    if (!t.tracked) {
        lane.image[p.carrier_index] += images;
    } else {
        const int32_t mover = lane.particle_at[p.site], other = lane.particle_at[p.target];
        lane.particle_at[p.site] = other;
        lane.particle_at[p.target] = mover;
        if (images) {
            lane.image[mover] += images;
            lane.image[other] -= images;
        }
        if (family.partner_offset >= 0)
            lane.coordinates[family.partner_offset + other - t.first_particle[family.partner]] = p.start;
    }
}

template <bool SINGLE_BARRIER, bool REJECTION_FREE>
KMC_FN void apply(const Tables& t, const Lane& lane, const Family& family, const Proposal& p)
{
    exchange(t, lane, family, p);
    if (!SINGLE_BARRIER && t.n_potential) {
        update_potentials<REJECTION_FREE>(t, lane, family.number, p.there.position, 1);
        update_potentials<REJECTION_FREE>(t, lane, family.number, p.start, -1);
    }
    if (REJECTION_FREE) {
        refresh_carrier(t, lane, family.carrier, p.target);
        if (family.partner_offset >= 0) refresh_carrier(t, lane, family.partner, p.site);
    }
}

// True if the exchange was accepted. SINGLE_BARRIER: every hop of a family has the same barrier.
template <bool SINGLE_BARRIER>
KMC_FN bool trial(const Tables& t, const Lane& lane, const Family& family, uint64_t word)
{
    const int64_t carrier_index = family.carrier_offset + take(word, family.carriers);
    const uint32_t direction = take(word, family.directions);
    const Proposal p = propose(t, lane, family, carrier_index, direction);
    if (!p.possible) return false;
    if (!SINGLE_BARRIER && !family.single_barrier && !judge(t, lane, family, p, word)) return false;
    apply<SINGLE_BARRIER, false>(t, lane, family, p);
    return true;
}
