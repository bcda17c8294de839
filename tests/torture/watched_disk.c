/* A disk that is watched, and on which something happens at the call that was ordered. Preloaded into a process, it
 * does nothing until disk_watch() names a directory. Then it counts the calls that change what is below that directory,
 * one after the other whatever thread they come from, and writes each of them into a trace, with its data if it is told
 * to. At the call that was ordered it fails, or ends the process by SIGKILL before the call or in the middle of it, or
 * first fails and then ends the process at the next call of any kind.
 *
 * A record of the trace: kind (1 byte), length of the path (2), of the data (4), offset (8), path, data. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL_BEFORE, KILL_WITHIN, FAIL, FAIL_THEN_KILL };
enum { WRITES = 1, SYNCS = 2, NAMES = 4 };

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static char below[4096];
static size_t below_length = 0;
static int trace = -1, with_data = 0, with_syncs = 1;
static int what = NOTHING, kinds = WRITES | SYNCS | NAMES, error_number = 0;
static long first = 0, many = 0, calls = 0, failed = 0;
static int dies_next = 0;

void disk_watch(const char *directory, const char *file, int data, int syncs) {
    snprintf(below, sizeof below, "%s", directory);
    below_length = strlen(below);
    if (trace >= 0) syscall(SYS_close, trace);
    trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    with_data = data;
    with_syncs = syncs;
    calls = failed = 0;
    what = NOTHING;
    kinds = WRITES | SYNCS | NAMES;
}

/* From the `from`-th call of these kinds on, counted from now, so many in a row. */
void disk_order(int order, int of_kinds, long from, long so_many, int error) {
    what = order;
    kinds = of_kinds;
    first = from;
    many = so_many;
    error_number = error;
    calls = failed = 0;
}

long disk_calls(void) { return calls; }

long disk_failed(void) { return failed; }

static void tell(char kind, const char *path, const void *data, size_t length, off_t at) {
    unsigned char head[15];
    uint16_t path_length = (uint16_t)strlen(path);
    uint32_t data_length = (uint32_t)length;
    int64_t offset = at;
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &path_length, 2);
    memcpy(head + 3, &data_length, 4);
    memcpy(head + 7, &offset, 8);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, path_length}, {(void *)data, length}};
    size_t wanted = sizeof head + path_length + length;
    if (trace >= 0 && syscall(SYS_writev, trace, parts, 3) != (long)wanted) abort();
}

void disk_note(const char *text, size_t length) {
    pthread_mutex_lock(&one_at_a_time);
    tell('N', "", text, length, 0);
    pthread_mutex_unlock(&one_at_a_time);
}

static int is_watched(const char *path) { return below_length && strncmp(path, below, below_length) == 0; }

/* The path of an open file that is watched: relative to the directory, "." for that itself; NULL for any other. */
static const char *path_of(int file, char *buffer, size_t size) {
    char name[64];
    if (!below_length) return NULL;
    int before = errno;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    long length = readlink(name, buffer, size - 1);
    errno = before;
    if (length <= 0) return NULL;
    buffer[length] = 0;
    if (length > 10 && strcmp(buffer + length - 10, " (deleted)") == 0) return NULL;
    if (strncmp(buffer, below, below_length - 1) == 0 && buffer[below_length - 1] == 0) return ".";
    return is_watched(buffer) ? buffer + below_length : NULL;
}

/* What happens at this call: the order if it is due. */
static int due(int kind) {
    if (dies_next) return KILL_BEFORE;
    if (!(kinds & kind)) return NOTHING;
    calls++;
    if (what == NOTHING || calls < first || calls >= first + many) return NOTHING;
    if (what != FAIL && what != FAIL_THEN_KILL) return what;
    failed++;
    dies_next = what == FAIL_THEN_KILL && failed == many;
    return FAIL;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static ssize_t watched_write(int file, const void *from, size_t count, off_t at, int positioned) {
    char buffer[4200];
    const char *path = path_of(file, buffer, sizeof buffer);
    if (path == NULL)
        return positioned ? syscall(SYS_pwrite64, file, from, count, at) : syscall(SYS_write, file, from, count);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(WRITES);
    if (happens == KILL_BEFORE) die();
    ssize_t done = -1;
    /* A disk that has just become full takes in the first part of what is written to it. */
    int short_one = happens == FAIL && error_number == ENOSPC && failed == 1 && count > 1;
    if (happens == FAIL && !short_one) {
        errno = error_number;
    } else {
        size_t wanted = happens == KILL_WITHIN || short_one ? count / 2 : count;
        off_t where = at;
        if (!positioned) {
            struct stat found;
            where = fcntl(file, F_GETFL) & O_APPEND ? (fstat(file, &found), found.st_size) : lseek(file, 0, SEEK_CUR);
        }
        done = positioned ? syscall(SYS_pwrite64, file, from, wanted, at) : syscall(SYS_write, file, from, wanted);
        int after = errno;
        if (done > 0) tell('W', path, from, with_data ? (size_t)done : 0, where);
        errno = after;
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

ssize_t write(int file, const void *from, size_t count) { return watched_write(file, from, count, 0, 0); }

ssize_t pwrite(int file, const void *from, size_t count, off_t at) { return watched_write(file, from, count, at, 1); }

ssize_t pwrite64(int file, const void *from, size_t count, off_t at) { return watched_write(file, from, count, at, 1); }

int ftruncate(int file, off_t length) {
    char buffer[4200];
    const char *path = path_of(file, buffer, sizeof buffer);
    if (path == NULL) return (int)syscall(SYS_ftruncate, file, length);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(WRITES), done = -1;
    if (happens == KILL_BEFORE) die();
    if (happens == FAIL) {
        errno = error_number;
    } else {
        done = (int)syscall(SYS_ftruncate, file, length);
        if (done == 0) tell('T', path, NULL, 0, length);
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int ftruncate64(int file, off_t length) { return ftruncate(file, length); }

static int watched_sync(int file, long call) {
    char buffer[4200];
    const char *path = path_of(file, buffer, sizeof buffer);
    if (path == NULL) return (int)syscall(call, file);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(SYNCS), done = -1;
    if (happens == KILL_BEFORE) die();
    if (happens == FAIL) {
        tell('F', path, NULL, 0, 0);
        errno = error_number;
    } else {
        done = with_syncs ? (int)syscall(call, file) : 0;
        if (done == 0) tell('S', path, NULL, 0, 0);
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int fsync(int file) { return watched_sync(file, SYS_fsync); }

int fdatasync(int file) { return watched_sync(file, SYS_fdatasync); }

static int watched_open(const char *path, int flags, mode_t mode) {
    if (!(flags & O_CREAT) || !is_watched(path) || syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0)
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(NAMES), done = -1;
    if (happens == KILL_BEFORE) die();
    if (happens == FAIL) {
        errno = error_number;
    } else {
        done = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        if (done >= 0) tell('C', path + below_length, NULL, 0, 0);
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return watched_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return watched_open(path, flags, mode);
}

int unlink(const char *path) {
    if (!is_watched(path)) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(NAMES), done = -1;
    if (happens == KILL_BEFORE) die();
    if (happens == FAIL) {
        errno = error_number;
    } else {
        done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
        if (done == 0) tell('U', path + below_length, NULL, 0, 0);
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int rename(const char *path, const char *to) {
    if (!is_watched(path) || !is_watched(to)) return (int)syscall(SYS_renameat, AT_FDCWD, path, AT_FDCWD, to);
    pthread_mutex_lock(&one_at_a_time);
    int happens = due(NAMES), done = -1;
    if (happens == KILL_BEFORE) die();
    if (happens == FAIL) {
        errno = error_number;
    } else {
        done = (int)syscall(SYS_renameat, AT_FDCWD, path, AT_FDCWD, to);
        if (done == 0) tell('R', path + below_length, to + below_length, strlen(to + below_length), 0);
    }
    if (happens == KILL_WITHIN) die();
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
