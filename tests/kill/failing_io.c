// Preloaded into a process: ends it, or fails its calls, at the n-th call that changes a file. Used by tests/kill.
//
// failing_io_arm(n, mode): the n-th call from now on (1, 2, ...) is cut short. mode 0: only count; 1: write half of the
// bytes, then SIGKILL; 2: ENOSPC, from there on at every call that needs room; 3: EIO, once.
// failing_io_count(): calls so far.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

static long calls, target;
static int mode, armed;

void failing_io_arm(long n, int how) { calls = 0, target = n, mode = how, armed = 1; }
long failing_io_count(void) { return calls; }

// Whether this call fails; errno is set. needs_room: whether it fails on a full disk.
static int fails(int needs_room) {
    if (!armed) return 0;
    calls++;
    if (mode == 2 && calls >= target && needs_room) { errno = ENOSPC; return 1; }
    if (mode == 3 && calls == target) { errno = EIO; return 1; }
    return 0;
}

static int dies(void) { return armed && mode == 1 && calls == target; }

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t n) {
    REAL(write);
    if (fd <= 2) return real(fd, bytes, n);
    if (fails(1)) return -1;
    if (dies()) { real(fd, bytes, n / 2); raise(SIGKILL); }
    return real(fd, bytes, n);
}

#define PWRITE(name, offset_type)                                              \
    ssize_t name(int fd, const void *bytes, size_t n, offset_type at) {        \
        REAL(name);                                                            \
        if (fails(1)) return -1;                                               \
        if (dies()) { real(fd, bytes, n / 2, at); raise(SIGKILL); }            \
        return real(fd, bytes, n, at);                                         \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define CALL(name, needs_room, parameters, ...)                                \
    int name parameters {                                                      \
        REAL(name);                                                            \
        if (fails(needs_room)) return -1;                                      \
        if (dies()) raise(SIGKILL);                                            \
        return real(__VA_ARGS__);                                              \
    }
CALL(rename, 0, (const char *from, const char *to), from, to)
CALL(unlink, 0, (const char *path), path)
CALL(fsync, 1, (int fd), fd)
CALL(fdatasync, 1, (int fd), fd)
CALL(ftruncate, 0, (int fd, off_t size), fd, size)
CALL(ftruncate64, 0, (int fd, off64_t size), fd, size)
