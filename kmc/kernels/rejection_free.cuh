// Rejection-free selection: an exchange is selected in proportion to a bound of its rate and accepted with the ratio of
// rate and bound.
// Twin of NumpyRejectionFreeWalker in kmc/backends/numpy_rejection_free.py.
#pragma once
#include "trial.cuh"

// The child whose interval holds `rest`; `rest` becomes the position inside that interval.
KMC_FN int64_t child_of(const uint64_t* sums, int64_t first, uint64_t& rest)
{
    int64_t k = first;
    while (rest >= sums[k]) rest -= sums[k++];
    return k;
}

// One selected exchange; `rest` is below the total of the tree.
KMC_FN void rejection_free_trial(const Tables& t, const Lane& lane, uint64_t rest)
{
    int64_t entry = 0;
    for (int64_t level = t.n_levels - 2; level >= 0; --level)
        entry = child_of(lane.tree + t.level_offset[level], entry * FAN, rest);
    int64_t f = 0;
    while (f < t.n_families - 1 && entry >= t.entry_offset[f + 1]) ++f;
    const uint64_t* weight = lane.weight + entry * t.n_directions;
    const uint32_t direction = (uint32_t)child_of(weight, 0, rest);
    const Family family = family_of(t, f);
    lane.trials[f] += 1;
    const Proposal p = propose(t, lane, family, family.carrier_offset + entry - t.entry_offset[f], direction);
    int64_t barrier2;
    if (!p.possible || !barrier_of(t, lane, family, p, barrier2)) return;
    const uint64_t rate = bond_weight(t, f, barrier2, 0);
    if (rate > weight[direction]) report_below_bound(lane, family, p, barrier2);
    if (rest >= rate) return;
    apply<false, true>(t, lane, family, p);
    lane.accepted[f] += 1;
}

// One window of one lane. horizon: its length in units of 2^-LOG_BITS over weights. The part of a waiting time that
// reaches beyond the window is dropped, because waiting times have no memory.
template <class RANDOM>
KMC_FN void walk_rejection_free(const Tables& t, const Lane& lane, double horizon, RANDOM& random)
{
    const uint64_t* root = lane.tree + t.level_offset[t.n_levels - 1];
    double now = 0.0;
    for (uint32_t call = 0; *root; ++call) {
        const Pair64 words = random.call(call);
        now += (double)exponential(t, words.second) / (double)*root;
        if (!(now < horizon)) break;
        rejection_free_trial(t, lane, high64(words.first, *root));
    }
}
