/* A disk that fails on order: preloaded into a process, it fails calls on what is below SICK_DIR with the error that
 * the file SICK_ORDER names: lines of "write 28", "sync 5" or "open 30". Without that file the disk is well. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int ordered(const char *call) {
    const char *order = getenv("SICK_ORDER");
    char text[256];
    if (order == NULL) return 0;
    long file = syscall(SYS_openat, AT_FDCWD, order, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (length <= 0) return 0;
    text[length] = 0;
    const char *found = strstr(text, call);
    return found == NULL ? 0 : atoi(found + strlen(call));
}

static int is_below(const char *path) {
    const char *directory = getenv("SICK_DIR");
    return directory != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

/* Whether the call fails; errno says why, and is left alone otherwise. */
static int fails(int file, const char *call) {
    int before = errno, error = 0;
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    long length = readlink(name, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        if (is_below(path)) error = ordered(call);
    }
    errno = error ? error : before;
    return error != 0;
}

ssize_t write(int file, const void *from, size_t count) {
    return fails(file, "write ") ? -1 : syscall(SYS_write, file, from, count);
}

ssize_t pwrite(int file, const void *from, size_t count, off_t at) {
    return fails(file, "write ") ? -1 : syscall(SYS_pwrite64, file, from, count, at);
}

ssize_t pwrite64(int file, const void *from, size_t count, off_t at) { return pwrite(file, from, count, at); }

int ftruncate(int file, off_t length) { return fails(file, "write ") ? -1 : (int)syscall(SYS_ftruncate, file, length); }

int ftruncate64(int file, off_t length) { return ftruncate(file, length); }

int fsync(int file) { return fails(file, "sync ") ? -1 : (int)syscall(SYS_fsync, file); }

int fdatasync(int file) { return fails(file, "sync ") ? -1 : (int)syscall(SYS_fdatasync, file); }

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && is_below(path)) {
        int error = ordered("open ");
        if (error) {
            errno = error;
            return -1;
        }
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open(path, flags, mode);
}
