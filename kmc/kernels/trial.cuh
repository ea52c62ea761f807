// One trial of one lane. Twin of ReferenceWalker in kmc/backends/reference.py: same words, same integers.
#pragma once
#include "philox.cuh"
#include "rates.cuh"

// What a trial needs of its family; loaded once where there is only one.
struct Family {
    int64_t number, carrier, partner, site_offset, n_basis, place_in_list, first_particle, place_of_partner;
    uint32_t carriers, directions;
    bool plain;
};

KMC_FN Family family_of(const Tables& t, int64_t f)
{
    const int64_t carrier = t.carrier[f], partner = t.partner[f], s = t.sublattice[f];
    return Family{f, carrier, partner, t.site_offset[s], t.basis_of[s], t.list_offset[carrier],
                  t.first_particle[carrier], t.list_offset[partner], (uint32_t)t.carriers[f],
                  (uint32_t)t.directions[f], t.plain[f] != 0};
}

KMC_FN int64_t pick_family(const Tables& t, uint64_t pick)
{
    int64_t f = 0;
    while (f < t.n_families - 1 && pick >= t.family_limit[f]) ++f;
    return f;
}

// Whether a possible exchange happens, judged by energies and the fraction that is left of the random word.
KMC_FN bool judge(const Tables& t, const Lane& lane, const Family& family, int64_t bond, uint64_t start, int64_t site,
                  int64_t target, uint64_t fraction)
{
    int64_t packed = t.bond_energy[bond];
    const int64_t offset = t.potential_offset[family.number];
    if (offset >= 0) {
        const int32_t* potential = lane.potential + (offset - family.site_offset);
        packed += (int64_t)potential[target] - (int64_t)potential[site];
    }
    const int64_t contacts = contacts_of(packed);
    if (contacts != 0) return false;
    const int64_t lambda = t.marcus_lambda[family.number];
    const int64_t barrier2 =
        lambda ? marcus_barrier2(lambda, t.marcus_coupling2[family.number], packed)
               : kra_barrier2(t.barrier2[family.number * t.n_codes + gate_code(t, lane, family.number, bond, start)],
                              packed);
    const int64_t x = barrier2 - t.reference2[family.number];
    if (x < 0) {
        lane.error[0] = family.number + 1;
        lane.error[1] = site;
        lane.error[2] = barrier2;
        return false;
    }
    return x == 0 || fraction < threshold(t, x);
}

// Add the change of the exchange potentials around the end (+) or the start (-) of a hop.
KMC_FN void spread(const Tables& t, const Lane& lane, int64_t source, uint64_t where, int64_t sign)
{
    for (int64_t f = 0; f < t.n_families; ++f) {
        if (t.potential_offset[f] < 0) continue;
        const int64_t s = t.sublattice[f];
        const int64_t first = t.potential_offset[f], n_basis = t.basis_of[s];
        const int64_t row = ((source * t.n_families + f) * t.n_basis + basis_of(where)) * t.n_influence;
        for (int64_t e = 0; e < t.n_influence; ++e) {
            const uint64_t offset = t.influence[row + e];
            if (basis_of(offset) == 0xFFFF) break;
            const int64_t site = site_of(t, first, n_basis, step(t, where, offset).place);
            lane.potential[site] += (int32_t)(sign * t.influence_delta[row + e]);
        }
    }
}

template <bool PLAIN>
KMC_FN void apply(const Tables& t, const Lane& lane, const Family& family, int64_t listed, int64_t site,
                  int64_t target, uint64_t start, uint64_t end, int64_t images)
{
    lane.occupants[site] = (uint8_t)family.partner;
    lane.occupants[target] = (uint8_t)family.carrier;
    const int64_t mover = listed - family.place_in_list + family.first_particle;
    const int64_t other = lane.particle_at[target];
    lane.particle_at[site] = (int32_t)other;
    lane.particle_at[target] = (int32_t)mover;
    if (images) {
        lane.image[mover] += images;
        lane.image[other] -= images;
    }
    lane.coordinates[listed] = end;
    if (family.place_of_partner >= 0)
        lane.coordinates[family.place_of_partner + other - t.first_particle[family.partner]] = start;
    if (!PLAIN && t.n_potential) {
        spread(t, lane, family.number, end, 1);
        spread(t, lane, family.number, start, -1);
    }
}

// True if the exchange happened. PLAIN: no family has energies, gates that differ, or work in a field.
template <bool PLAIN>
KMC_FN bool trial(const Tables& t, const Lane& lane, const Family& family, uint64_t word)
{
    const int64_t listed = family.place_in_list + take(word, family.carriers);
    const uint32_t direction = take(word, family.directions);
    const uint64_t start = lane.coordinates[listed];
    const int64_t bond = (family.number * t.n_basis + basis_of(start)) * t.n_directions + direction;
    const uint64_t offset = t.bond[bond];
    if (basis_of(offset) == 0xFFFF) return false;
    const Step there = step(t, start, offset);
    const int64_t target = site_of(t, family.site_offset, family.n_basis, there.place);
    if (lane.occupants[target] != family.partner) return false;
    const int64_t site = site_of(t, family.site_offset, family.n_basis, start);
    if (!PLAIN && !family.plain && !judge(t, lane, family, bond, start, site, target, word)) return false;
    apply<PLAIN>(t, lane, family, listed, site, target, start, there.place, t.bond_image[bond] + crossed(there.over));
    return true;
}
