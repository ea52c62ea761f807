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

#ifdef __CUDACC__
#define KMC_FN static __device__ __forceinline__
#define KMC_LONG_FN static __device__ __noinline__  // long and called from several places
#define KMC_STRIP 4                                 // a thread's share of registers
#else
#define KMC_FN static inline __attribute__((always_inline))
#define KMC_LONG_FN KMC_FN
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

// Leading zeros of a word that is not 0.
KMC_FN int leading_zeros(uint64_t word)
{
#ifdef __CUDACC__
    return __clzll((long long)word);
#else
    return __builtin_clzll(word);
#endif
}
