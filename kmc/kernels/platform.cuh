// What differs between nvcc, NVRTC and a host compiler. Everything else in this folder is plain C++14.
#pragma once

#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

#if defined(__SSE2__) && !defined(__CUDACC__)
#include <emmintrin.h>
#endif

#ifdef __CUDACC__
#define KMC_FN static __device__ __forceinline__
#define KMC_LONG_FN static __device__ __noinline__  // long and called from several places
#define KMC_MEMBER __device__ __forceinline__
#define KMC_CONSTEXPR static __device__ constexpr
#define KMC_PREFETCH(address)
#define KMC_STRIP 4  // limited by the registers of a thread
#else
#define KMC_FN static inline __attribute__((always_inline))
#define KMC_LONG_FN KMC_FN
#define KMC_MEMBER inline __attribute__((always_inline))
#define KMC_CONSTEXPR static constexpr
#define KMC_PREFETCH(address) __builtin_prefetch(address, 1)
#define KMC_STRIP 32
#endif

// High half of a 128-bit product.
KMC_FN uint64_t high64(uint64_t a, uint64_t b)
{
#ifdef __CUDACC__
    return __umul64hi(a, b);
#else
    return (uint64_t)((unsigned __int128)a * b >> 64);
#endif
}

// Bit i is set if byte i of the next 64 equals `value`; at most `readable` bytes are read.
KMC_FN uint64_t equal_bytes(const uint8_t* from, int64_t readable, uint8_t value)
{
    uint64_t found = 0;
#if defined(__SSE2__) && !defined(__CUDACC__)
    if (readable >= 64) {
        const __m128i wanted = _mm_set1_epi8((char)value);
        for (int k = 0; k < 4; ++k) {
            const __m128i bytes = _mm_loadu_si128((const __m128i*)(from + 16 * k));
            found |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << 16 * k;
        }
        return found;
    }
#endif
    for (int i = 0; i < 64 && i < readable; ++i) found |= (uint64_t)(from[i] == value) << i;
    return found;
}

// Add to a counter that several lanes share.
KMC_FN void add_shared(int64_t* counter, int64_t value)
{
#ifdef __CUDACC__
    atomicAdd((unsigned long long*)counter, (unsigned long long)value);
#else
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
#endif
}

// Trailing zeros of a word that is not 0.
KMC_FN int trailing_zeros(uint64_t word)
{
#ifdef __CUDACC__
    return __ffsll((long long)word) - 1;
#else
    return __builtin_ctzll(word);
#endif
}

// Leading zeros of a word that is not 0.
KMC_FN int leading_zeros(uint64_t word)
{
#ifdef __CUDACC__
    return __clzll((long long)word);
#else
    return __builtin_clzll(word);
#endif
}
