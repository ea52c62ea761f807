// Rejection-free selection: an exchange is picked in proportion to its bound and accepted by true rate over bound.
// Twin of SelectedWalker in kmc/backends/numpy_rejection_free.py.
#pragma once
#include "trial.cuh"

// The child of a node in which `rest` falls; `rest` becomes the place inside it.
KMC_FN int64_t child_of(const uint64_t* sums, int64_t first, uint64_t& rest)
{
    int64_t k = first;
    while (rest >= sums[k]) rest -= sums[k++];
    return k;
}

// Family and true acceptance of one selected exchange; `rest` is below the total of the tree.
KMC_FN void selected_trial(const Tables& t, const Lane& lane, uint64_t rest)
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
    const Proposal p = propose(t, lane, family, family.place_in_list + entry - t.entry_offset[f], direction);
    int64_t barrier2;
    if (!p.possible || !barrier_of(t, lane, family, p, barrier2)) return;
    const uint64_t rate = bond_weight(t, f, barrier2, 0);
    if (rate > weight[direction]) report_below_bound(lane, family, p, barrier2);
    if (rest >= rate) return;
    apply<false, true>(t, lane, family, p);
    lane.accepted[f] += 1;
}

// One window of one lane. horizon: its length in units of 2^-40 over weights. What is left of a waiting time at the
// end of a window is dropped: waiting times have no memory.
template <class RANDOM>
KMC_FN void walk_selected(const Tables& t, const Lane& lane, double horizon, RANDOM& random)
{
    const uint64_t* root = lane.tree + t.level_offset[t.n_levels - 1];
    double now = 0.0;
    for (uint32_t call = 0; *root; ++call) {
        const Pair64 words = random.call(call);
        now += (double)exponential(t, words.second) / (double)*root;
        if (!(now < horizon)) break;
        selected_trial(t, lane, high64(words.first, *root));
    }
}
