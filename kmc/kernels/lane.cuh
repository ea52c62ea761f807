// One window of one lane. RANDOM returns the 128 random bits of calls 0, 1, ... of the window.
#pragma once
#include "trial.cuh"

// One family: two trials share a call.
template <bool SINGLE_BARRIER, class RANDOM>
KMC_FN void walk_one_family(const Tables& t, const Lane& lane, int64_t trials, RANDOM& random)
{
    const Family family = family_of(t, 0);
    int64_t accepted = 0;
    for (int64_t done = 0; done < trials; done += 2) {
        const Pair64 words = random.call((uint32_t)(done >> 1));
        accepted += trial<SINGLE_BARRIER>(t, lane, family, words.first);
        if (done + 1 < trials) accepted += trial<SINGLE_BARRIER>(t, lane, family, words.second);
    }
    lane.trials[0] += trials;
    lane.accepted[0] += accepted;
}

// Several families: the first word of a call selects the family, the second one carrier and direction.
template <bool SINGLE_BARRIER, class RANDOM>
KMC_FN void walk_several_families(const Tables& t, const Lane& lane, int64_t trials, RANDOM& random)
{
    for (int64_t done = 0; done < trials; ++done) {
        const Pair64 words = random.call((uint32_t)done);
        const Family family = family_of(t, pick_family(t, words.first));
        lane.trials[family.number] += 1;
        lane.accepted[family.number] += trial<SINGLE_BARRIER>(t, lane, family, words.second);
    }
}

template <bool SINGLE_BARRIER, class RANDOM>
KMC_FN void walk_lane(const Tables& t, const Lane& lane, int64_t trials, RANDOM& random)
{
    if (t.n_families == 1)
        walk_one_family<SINGLE_BARRIER>(t, lane, trials, random);
    else
        walk_several_families<SINGLE_BARRIER>(t, lane, trials, random);
}
