// Numbers that the kernels share with Python. The same names and values stand in kmc/backends/layout.py; both sides
// fold them into the hash that is compared when a library is opened or a kernel is compiled (layout.cuh).
#pragma once
#include "platform.cuh"

#define KMC_CONSTANTS(C)                                                             \
    C(ERROR_WORDS, 4)          /* words of a replica's error record */               \
    C(WALK_ENERGIES, 0)        /* kinds of walk: barriers are computed, */           \
    C(WALK_SINGLE_BARRIER, 1)  /* every hop of a family has the same barrier, */     \
    C(WALK_REJECTION_FREE, 2)  /* exchanges are selected in proportion to a bound */ \
    C(PADDED_BASIS, 0xFFFF)    /* basis field of a missing table entry */            \
    C(IMAGE_BITS, 21)          /* field of one axis in packed periodic images */     \
    C(CONTACT_BITS, 26)        /* energies lie below forbidden contacts in a packed energy */ \
    C(FINE_BITS, 12)           /* rows of the fine acceptance table: 2^12 */         \
    C(FAN, 32)                 /* children of a node of the tree of weights */       \
    C(LOG_BITS, 40)            /* logarithms are in units of 2^-40 */                \
    C(LN2, 762123384786)       /* round(2^40 ln 2) */                                \
    C(COLOURS, 8)              /* of the blocks of a supercell divided into domains */ \
    C(MAX_FAMILIES, 8)         /* hop families of a walk in domains */               \
    C(PHILOX_M0, 0xD2511F53)   /* Philox4x32: multipliers and increments of the key */ \
    C(PHILOX_M1, 0xCD9E8D57)                                                         \
    C(PHILOX_W0, 0x9E3779B9)                                                         \
    C(PHILOX_W1, 0xBB67AE85)

#define KMC_ENUMERATOR(name, value) name = value,
enum : int64_t { KMC_CONSTANTS(KMC_ENUMERATOR) };
