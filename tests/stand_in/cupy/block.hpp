// Device code on the host: the threads of a block are coroutines, one block after another. A coroutine runs until it
// meets a warp intrinsic, an atomic operation or __syncthreads; which one goes on next is random, so that a missing barrier changes the
// result. Threads that wait for one another for ever are reported in `failure`, with what each of them waits for.
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __global__
#define __device__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ __attribute__((section("block_shared"))) static
enum { warpSize = 32 };
typedef unsigned long long block_word;
struct uint3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace block {
enum { STACK = 256 * 1024, MOST = 1024, GUARD = 512, POISON = 0xAB };
enum Call { NONE, SHUFFLE, BALLOT, SYNCWARP, MATCH, SYNCTHREADS, ENDED };
static const char* const NAMES[] = {
    "nothing", "__shfl_sync", "__ballot_sync", "__syncwarp", "__match_any_sync", "__syncthreads", "its end"};

struct Thread {
    ucontext_t begin;
    jmp_buf here;
    bool started;
    int call;              // what it waits for; NONE if it can go on
    unsigned mask;
    uint64_t given;        // its own value, and those of all lanes once everyone has come
    uint64_t all[32];
};

static Thread threads[MOST];
static unsigned count, current;
static jmp_buf scheduler;
static void (*kernel)(void**);
static void** arguments;
static char* dynamic_shared;
static unsigned long dynamic_bytes;
static uint64_t random_state;  // 0: threads go on in order
static char failure[2000];

static uint64_t random_word()
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static __attribute__((noinline)) void leave()
{
    if (_setjmp(threads[current].here) == 0) _longjmp(scheduler, 1);
}

// Before an atomic operation another thread may come first, as between any two accesses on a device.
static inline void pause()
{
    if (random_state && (random_word() & 1)) leave();
}

static void body()
{
    for (;;) {  // a block per pass
        kernel(arguments);
        threads[current].call = ENDED;
        leave();
    }
}

static void fail(const char* what)
{
    if (!failure[0])
        snprintf(failure, sizeof failure, "block %u, thread %u: %s", blockIdx.x, threadIdx.x, what);
    threads[current].call = ENDED;
    leave();
}

// Wait for all lanes of the mask at the same call, and return their values.
static __attribute__((noinline)) const uint64_t* meet(int call, unsigned mask, uint64_t given)
{
    Thread& me = threads[current];
    const unsigned first = current & ~31u;
    if (!(mask >> (current & 31) & 1)) fail("the mask of a warp intrinsic leaves out the calling lane");
    me.call = call, me.mask = mask, me.given = given;
    bool everyone = true;
    for (unsigned lane = 0; lane < 32; ++lane) {
        if (!(mask >> lane & 1)) continue;
        const Thread& other = threads[first + lane];
        everyone &= first + lane < count && other.call == call && other.mask == mask;
    }
    if (everyone)
        for (unsigned lane = 0; lane < 32; ++lane) {
            if (!(mask >> lane & 1)) continue;
            for (unsigned from = 0; from < 32; ++from) threads[first + lane].all[from] = threads[first + from].given;
            threads[first + lane].call = NONE;
        }
    leave();
    return threads[current].all;
}

static void meet_block()
{
    threads[current].call = SYNCTHREADS, threads[current].mask = 0;
    bool everyone = true;
    for (unsigned k = 0; k < count; ++k) everyone &= threads[k].call == SYNCTHREADS;
    if (everyone)
        for (unsigned k = 0; k < count; ++k) threads[k].call = NONE;
    leave();
}

static __attribute__((noinline)) void resume(unsigned k)
{
    current = k, threadIdx.x = k;
    if (_setjmp(scheduler) != 0) return;
    if (threads[k].started) _longjmp(threads[k].here, 1);
    threads[k].started = true;
    setcontext(&threads[k].begin);
}

static void report_deadlock()
{
    int at = snprintf(failure, sizeof failure, "block %u never ends:", blockIdx.x);
    for (unsigned k = 0, next; k < count && at < (int)sizeof failure - 200; k = next) {
        for (next = k + 1; next < count && threads[next].call == threads[k].call && threads[next].mask == threads[k].mask;)
            ++next;
        at += snprintf(failure + at, sizeof failure - at, " threads %u to %u wait at %s", k, next - 1,
                       NAMES[threads[k].call]);
        if (threads[k].call > NONE && threads[k].call < SYNCTHREADS)
            at += snprintf(failure + at, sizeof failure - at, " with mask %08x", threads[k].mask);
        at += snprintf(failure + at, sizeof failure - at, ";");
    }
}

// Run the threads of one block to their end; false if they wait for one another for ever.
static bool run_block()
{
    static unsigned ready[MOST];
    for (unsigned k = 0; k < count; ++k) threads[k].call = NONE;
    for (;;) {
        unsigned number = 0, ended = 0;
        for (unsigned k = 0; k < count; ++k) {
            if (threads[k].call == NONE) ready[number++] = k;
            ended += threads[k].call == ENDED;
        }
        if (ended == count) return true;
        if (number == 0) {
            report_deadlock();
            return false;
        }
        unsigned some = number;
        if (random_state) {
            for (unsigned k = number - 1; k > 0; --k) {
                const unsigned other = random_word() % (k + 1), swapped = ready[k];
                ready[k] = ready[other], ready[other] = swapped;
            }
            some = 1 + random_word() % number;  // so that warps do not stay abreast
        }
        for (unsigned k = 0; k < some && !failure[0]; ++k) resume(ready[k]);
        if (failure[0]) return false;
    }
}

static char *stacks;

static bool make_threads()
{
    const size_t page = 4096;
    stacks = (char*)mmap(0, count * (size_t)STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED) return false;
    for (unsigned k = 0; k < count; ++k) {
        char* low = stacks + k * (size_t)STACK;
        mprotect(low, page, PROT_NONE);  // a stack that overflows ends the process
        getcontext(&threads[k].begin);
        threads[k].begin.uc_stack.ss_sp = low + page;
        threads[k].begin.uc_stack.ss_size = STACK - page;
        makecontext(&threads[k].begin, body, 0);
        threads[k].started = false;
    }
    return true;
}
}  // namespace block

extern "C" {
extern char __start_block_shared[] __attribute__((weak)), __stop_block_shared[] __attribute__((weak));
}

// A launch. order: (blocks) in which the blocks run. seed: of the order of threads, 0 for one after another.
// Returns "" or what went wrong.
static const char* block_launch(void (*kernel)(void**), unsigned blocks, unsigned threads, unsigned long shared,
                                void** arguments, const unsigned* order, unsigned long seed)
{
    using namespace block;
    failure[0] = 0;
    gridDim = uint3{blocks, 1, 1}, blockDim = uint3{threads, 1, 1}, blockIdx = threadIdx = uint3{0, 0, 0};
    count = threads, block::kernel = kernel, block::arguments = arguments, random_state = seed, dynamic_bytes = shared;
    char* room = (char*)aligned_alloc(GUARD, (shared + 3 * GUARD - 1) / GUARD * GUARD);
    if (!room || !make_threads()) return "no memory for the threads of a block";
    dynamic_shared = room + GUARD;
    for (unsigned k = 0; k < blocks && !failure[0]; ++k) {
        blockIdx.x = order[k];
        memset(room, POISON, shared + 2 * GUARD);
        if (__start_block_shared) memset(__start_block_shared, POISON, __stop_block_shared - __start_block_shared);
        if (!run_block()) break;
        for (unsigned at = 0; at < GUARD; ++at)
            if ((unsigned char)room[at] != POISON || (unsigned char)room[GUARD + shared + at] != POISON) {
                snprintf(failure, sizeof failure, "block %u wrote outside its shared memory", blockIdx.x);
                break;
            }
    }
    munmap(stacks, count * (size_t)STACK);
    free(room);
    return failure;
}

static inline unsigned block_lane() { return block::current & 31; }

template <class T>
static inline T block_value(uint64_t word)
{
    T value;
    memcpy(&value, &word, sizeof(T));
    return value;
}
template <class T>
static inline const uint64_t* block_shuffle(unsigned mask, T value)
{
    uint64_t word = 0;
    memcpy(&word, &value, sizeof(T));
    return block::meet(block::SHUFFLE, mask, word);
}
// A lane outside the mask has no defined value.
template <class T>
static inline T block_from(unsigned mask, const uint64_t* all, unsigned lane)
{
    if (!(mask >> lane & 1)) block::fail("a shuffle reads from a lane that its mask leaves out");
    return block_value<T>(all[lane]);
}
template <class T>
static T __shfl_sync(unsigned mask, T value, int from, int width = 32)
{
    const uint64_t* all = block_shuffle(mask, value);
    const unsigned first = block_lane() & ~(width - 1u);
    return block_from<T>(mask, all, first + (from & (width - 1u)));
}
template <class T>
static T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    const uint64_t* all = block_shuffle(mask, value);
    const unsigned inside = block_lane() & (width - 1u);
    return inside < by ? value : block_from<T>(mask, all, block_lane() - by);
}
template <class T>
static T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    const uint64_t* all = block_shuffle(mask, value);
    const unsigned inside = block_lane() & (width - 1u);
    return inside + by >= (unsigned)width ? value : block_from<T>(mask, all, block_lane() + by);
}
template <class T>
static T __shfl_xor_sync(unsigned mask, T value, int by, int width = 32)
{
    const uint64_t* all = block_shuffle(mask, value);
    const unsigned from = block_lane() ^ (unsigned)by;
    return (from & ~(width - 1u)) > (block_lane() & ~(width - 1u)) ? value : block_from<T>(mask, all, from);
}
static inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    const uint64_t* all = block::meet(block::BALLOT, mask, predicate != 0);
    unsigned found = 0;
    for (unsigned lane = 0; lane < 32; ++lane) found |= (mask >> lane & 1 && all[lane]) ? 1u << lane : 0;
    return found;
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
static inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }
static inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { block::meet(block::SYNCWARP, mask, 0); }
template <class T>
static unsigned __match_any_sync(unsigned mask, T value)
{
    uint64_t word = 0;
    memcpy(&word, &value, sizeof(T));
    const uint64_t* all = block::meet(block::MATCH, mask, word);
    unsigned found = 0;
    for (unsigned lane = 0; lane < 32; ++lane) found |= (mask >> lane & 1 && all[lane] == word) ? 1u << lane : 0;
    return found;
}
static inline void __syncthreads() { block::meet_block(); }

template <class T>
static inline T atomicAdd(T* to, T by)
{
    block::pause();
    return __atomic_fetch_add(to, by, __ATOMIC_RELAXED);
}
template <class T>
static inline T atomicOr(T* to, T by)
{
    block::pause();
    return __atomic_fetch_or(to, by, __ATOMIC_RELAXED);
}
template <class T>
static inline T atomicMin(T* to, T by)
{
    block::pause();
    const T old = *to;
    if (by < old) *to = by;
    return old;
}
template <class T>
static inline T atomicMax(T* to, T by)
{
    block::pause();
    const T old = *to;
    if (by > old) *to = by;
    return old;
}
static inline block_word __umul64hi(block_word a, block_word b) { return (block_word)((unsigned __int128)a * b >> 64); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((block_word)a * b >> 32); }
static inline int __ffs(int word) { return __builtin_ffs(word); }
static inline int __ffsll(long long word) { return __builtin_ffsll(word); }
static inline int __popc(unsigned word) { return __builtin_popcount(word); }
static inline int __clz(int word) { return word ? __builtin_clz((unsigned)word) : 32; }
static inline int __clzll(long long word) { return word ? __builtin_clzll((block_word)word) : 64; }

// The widths of NVRTC: 64 bits are long long, whereas <stdint.h> of the host may take long.
typedef signed char device_int8_t;
typedef short device_int16_t;
typedef int device_int32_t;
typedef long long device_int64_t;
typedef unsigned char device_uint8_t;
typedef unsigned short device_uint16_t;
typedef unsigned int device_uint32_t;
typedef unsigned long long device_uint64_t;
#define int8_t device_int8_t
#define int16_t device_int16_t
#define int32_t device_int32_t
#define int64_t device_int64_t
#define uint8_t device_uint8_t
#define uint16_t device_uint16_t
#define uint32_t device_uint32_t
#define uint64_t device_uint64_t
