// One visit of one block of a large supercell. Twin of kmc/backends/numpy_domains.py; the rules are stated in
// kmc/state/domains.py.
#pragma once
#include "lane.cuh"

// Filled by kmc/backends/layout.py; every member is eight bytes wide.
struct Domains {
    int64_t blocks[3];           // per axis, even
    int64_t rim[3];              // cells that bonds reach beyond a block
    int64_t n_levels;            // Poisson tables of a family, for 1, 2, 4, ... carriers
    int64_t capacity;            // carriers that a visit can hold
    const uint64_t* back;        // (F, B, Z) cells that a bond reaches back, one 16-bit field per axis
    const uint64_t* weight;      // (F) trials of one carrier, relative
    const int64_t* first_count;  // (F, n_levels)
    const int64_t* row;          // (F, n_levels + 1) begin of each table, and the end of the last one
    const uint64_t* cumulative;
};

// The block of one lane during a sweep.
struct Block {
    uint64_t minus_start, edge;  // 16-bit fields
    int64_t start[3], cells[3];  // first cell, and number of cells including the rim
    int64_t number;              // among all blocks
};

KMC_FN int64_t repeats_of(const Tables& t, int axis) { return (int64_t)(t.repeats >> 16 * axis & 0xFFFF); }

// Block `lane` of a colour; bit a of the colour is the parity along axis a.
KMC_FN Block block_of(const Tables& t, const Domains& d, const int64_t* origin, int64_t colour, int64_t lane)
{
    Block b;
    b.minus_start = b.edge = 0;
    int64_t index[3];
    for (int axis = 2; axis >= 0; --axis) {
        const int64_t half = d.blocks[axis] / 2, n = repeats_of(t, axis);
        index[axis] = 2 * (lane % half) + (colour >> axis & 1);
        lane /= half;
        const int64_t begin = index[axis] * n / d.blocks[axis], end = (index[axis] + 1) * n / d.blocks[axis];
        b.start[axis] = (origin[axis] + begin) % n;
        b.cells[axis] = end - begin + d.rim[axis];
        b.minus_start |= (uint64_t)((n - b.start[axis]) % n) << 16 * axis;
        b.edge |= (uint64_t)(end - begin) << 16 * axis;
    }
    b.number = (index[0] * d.blocks[1] + index[1]) * d.blocks[2] + index[2];
    return b;
}

// Whether the componentwise minimum of the two cells of a bond lies in the block. position: the end with the carrier.
KMC_FN bool owned(const Tables& t, const Block& b, uint64_t position, uint64_t back)
{
    const uint64_t high = 0x0000800080008000u, ones = 0x0000000100010001u;
    const uint64_t local = step(t, position, b.minus_start).position;
    const uint64_t lower = (local | high) - back, upper = ((b.edge + back) | high) - local - ones;
    return (lower & upper & high) == high;
}

// Fields z and basis of a site of a row. inverse: 2^32 over the number of basis sites, rounded up; exact for any row.
KMC_FN uint64_t in_row(uint64_t site, uint64_t n_basis, uint64_t inverse)
{
    const uint64_t z = site * inverse >> 32;
    return z << 32 | (site - z * n_basis) << 48;
}

// Append the positions of a species in a row of cells; `position` is that of the first cell. readable: number of bytes
// that may be read.
KMC_FN int64_t scan_row(const uint8_t* occupants, int64_t sites, int64_t readable, uint64_t n_basis, uint64_t inverse,
                        uint8_t species, uint64_t position, uint64_t* list, int64_t count)
{
    for (int64_t i = 0; i < sites; i += 64) {
        const int64_t left = sites - i;
        uint64_t found = equal_bytes(occupants + i, readable - i, species);
        if (left < 64) found &= ((uint64_t)1 << left) - 1;
        for (; found; found &= found - 1)
            list[count++] = position + in_row((uint64_t)(i + trailing_zeros(found)), n_basis, inverse);
    }
    return count;
}

// Places of all carriers of a species in the block and its rim, by x, y, z and basis from the block's start.
KMC_FN int64_t scan(const Tables& t, const Lane& lane, const Block& b, int64_t species, int64_t sublattice,
                    uint64_t* list)
{
    const int64_t nx = repeats_of(t, 0), n_basis = t.basis_of[sublattice];
    const uint8_t *occupants = lane.occupants + t.site_offset[sublattice], *end = lane.occupants + t.n_sites;
    const uint64_t inverse = (((uint64_t)1 << 32) + (uint64_t)n_basis - 1) / (uint64_t)n_basis;
    int64_t count = 0;
    for (int64_t i = 0; i < b.cells[0]; ++i)
        for (int64_t j = 0; j < b.cells[1]; ++j) {
            int64_t x = b.start[0] + i, y = b.start[1] + j, z = b.start[2], left = b.cells[2];
            x -= x >= nx ? nx : 0;
            y -= y >= t.ny ? t.ny : 0;
            while (left > 0) {  // a row that leaves the supercell continues at its beginning
                const int64_t cells = left < t.nz - z ? left : t.nz - z;
                const uint64_t position = (uint64_t)x | (uint64_t)y << 16 | (uint64_t)z << 32;
                const uint8_t* row = occupants + ((x * t.ny + y) * t.nz + z) * n_basis;
                const int32_t* ids = lane.particle_at + (row - lane.occupants);
                for (int64_t i = 0; i < cells * n_basis; i += 16) KMC_PREFETCH(ids + i);
                count = scan_row(row, cells * n_basis, end - row, n_basis, inverse, (uint8_t)species, position, list,
                                 count);
                left -= cells;
                z = 0;
            }
        }
    return count;
}

// The words of a RANDOM one after another.
template <class RANDOM>
struct WordStream {
    RANDOM& random;
    uint32_t used;
    Pair64 words;
    KMC_MEMBER uint64_t next()
    {
        if ((used & 1) == 0) words = random.call(used >> 1);
        return used++ & 1 ? words.second : words.first;
    }
    KMC_MEMBER uint32_t calls() const { return (used + 1) >> 1; }
};

KMC_FN int64_t poisson(const Domains& d, int64_t f, int64_t level, uint64_t word)
{
    const int64_t begin = d.row[f * (d.n_levels + 1) + level], end = d.row[f * (d.n_levels + 1) + level + 1];
    return d.first_count[f * d.n_levels + level] + row_of(d.cumulative + begin, end - begin, word);
}

// Poisson number of trials of a number of carriers of one family, as a sum over powers of two.
template <class RANDOM>
KMC_FN int64_t count_trials(const Domains& d, int64_t f, int64_t carriers, WordStream<RANDOM>& words)
{
    int64_t trials = 0, level = 0;
    for (; level < d.n_levels - 1; ++level, carriers >>= 1)
        if (carriers & 1) trials += poisson(d, f, level, words.next());
    for (; carriers > 0; --carriers) trials += poisson(d, f, level, words.next());
    return trials;
}

template <bool SINGLE_BARRIER>
KMC_FN void visit_trial(const Tables& t, const Domains& d, const Lane& lane, const Block& b, const Family& family,
                        uint64_t word, int64_t& trials, int64_t& accepted)
{
    if (family.carriers == 0) return;
    const int64_t carrier_index = family.carrier_offset + take(word, family.carriers);
    const uint32_t direction = take(word, family.directions);
    const uint64_t position = lane.coordinates[carrier_index];
    const int64_t bond = (family.number * t.n_basis + basis_of(position)) * t.n_directions + direction;
    if (!owned(t, b, position, d.back[bond])) return;
    ++trials;
    const Proposal p = propose(t, lane, family, carrier_index, direction);
    if (!p.possible) return;
    if (!SINGLE_BARRIER && !family.single_barrier && !judge(t, lane, family, p, word)) return;
    apply<SINGLE_BARRIER, false>(t, lane, family, p);
    ++accepted;
}

// lane: that of the replica, its coordinates replaced by scratch of `capacity` words.
template <bool SINGLE_BARRIER, class RANDOM>
KMC_FN void visit(const Tables& t, const Domains& d, const Lane& lane, const Block& b, RANDOM& random)
{
    int64_t begin[MAX_FAMILIES], carriers[MAX_FAMILIES], filled = 0;
    for (int64_t f = 0; f < t.n_families; ++f) {
        int64_t g = 0;
        while (t.carrier[g] != t.carrier[f]) ++g;
        begin[f] = g < f ? begin[g] : filled;
        carriers[f] = g < f ? carriers[g] : scan(t, lane, b, t.carrier[f], t.sublattice[f], lane.coordinates + filled);
        filled += g < f ? 0 : carriers[f];
    }
    if (filled == 0) return;
    WordStream<RANDOM> words{random, 0, Pair64()};
    int64_t trials = 0;
    uint64_t total = 0;
    for (int64_t f = 0; f < t.n_families; ++f) {
        trials += count_trials(d, f, carriers[f], words);
        total += d.weight[f] * (uint64_t)carriers[f];
    }
    const uint32_t first = words.calls();
    if (t.n_families == 1) {
        Family family = family_of(t, 0);
        family.carrier_offset = 0;
        family.carriers = (uint32_t)carriers[0];
        int64_t tried = 0, accepted = 0;
        for (int64_t done = 0; done < trials; done += 2) {
            const Pair64 pair = random.call(first + (uint32_t)(done >> 1));
            visit_trial<SINGLE_BARRIER>(t, d, lane, b, family, pair.first, tried, accepted);
            if (done + 1 < trials) visit_trial<SINGLE_BARRIER>(t, d, lane, b, family, pair.second, tried, accepted);
        }
        add_shared(lane.trials, tried);
        add_shared(lane.accepted, accepted);
        return;
    }
    int64_t tried[MAX_FAMILIES] = {0}, accepted[MAX_FAMILIES] = {0};
    for (int64_t done = 0; done < trials; ++done) {
        const Pair64 pair = random.call(first + (uint32_t)done);
        uint64_t rest = high64(pair.first, total);
        int64_t f = 0;
        for (; rest >= d.weight[f] * (uint64_t)carriers[f]; ++f) rest -= d.weight[f] * (uint64_t)carriers[f];
        Family family = family_of(t, f);
        family.carrier_offset = begin[f];
        family.carriers = (uint32_t)carriers[f];
        visit_trial<SINGLE_BARRIER>(t, d, lane, b, family, pair.second, tried[f], accepted[f]);
    }
    for (int64_t f = 0; f < t.n_families; ++f) {
        add_shared(lane.trials + f, tried[f]);
        add_shared(lane.accepted + f, accepted[f]);
    }
}
