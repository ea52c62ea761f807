// Philox4x32-10 (Salmon et al., SC11, 2011). Twin of kmc/rng/philox.py, which fixes the layout of key and counter.
#pragma once
#include "constants.cuh"

struct Key {
    uint32_t k0, k1;
};

struct Pair64 {
    uint64_t first, second;  // (word 1, word 0) and (word 3, word 2), high half first
};

KMC_FN Pair64 philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, Key key)
{
    uint32_t k0 = key.k0, k1 = key.k1;
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += (uint32_t)PHILOX_W0;
        k1 += (uint32_t)PHILOX_W1;
    }
    return Pair64{(uint64_t)c1 << 32 | c0, (uint64_t)c3 << 32 | c2};
}

// A number below `count`; the unused rest of the word becomes a new word. Twin of `multiply` in
// kmc/backends/numpy_events.py.
KMC_FN uint32_t take(uint64_t& word, uint32_t count)
{
    const uint64_t low = (word & 0xFFFFFFFFu) * count;
    const uint64_t high = (word >> 32) * count + (low >> 32);
    word = high << 32 | (low & 0xFFFFFFFFu);
    return (uint32_t)(high >> 32);
}

// First of `rows` ascending numbers that is above the word, the last one if none is: a number distributed as in a table
// of cumulative probabilities.
KMC_FN int64_t row_of(const uint64_t* cumulative, int64_t rows, uint64_t word)
{
    int64_t low = 0, high = rows - 1;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (word < cumulative[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
