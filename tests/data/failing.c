/* Makes calls of the C library fail, for tests that load this before it (LD_PRELOAD).
 *
 * FAIL_CALL names the call, FAIL_PATH a part of its path (all of it behind a =), FAIL_ERRNO the error; with -1, the call ends the
 * process, and with -2 it never returns. FAIL_FROM is the first such call that
 * fails, counted from 1; for readdir64 it is counted in each folder. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int number(const char *name) {
    const char *value = getenv(name);
    return value ? atoi(value) : 1;
}

static int is_meant(const char *call, const char *path) {
    const char *wanted = getenv("FAIL_CALL"), *part = getenv("FAIL_PATH");
    if (!wanted || !part || !path || strcmp(wanted, call)) return 0;
    return part[0] == '=' ? !strcmp(path, part + 1) : strstr(path, part) != NULL;
}

static int fails(int seen) {
    if (seen < number("FAIL_FROM")) return 0;
    if (number("FAIL_ERRNO") == -1) abort();
    while (number("FAIL_ERRNO") == -2) pause();
    errno = number("FAIL_ERRNO");
    return 1;
}

static int fails_at(const char *call, const char *path) {
    static int seen;
    return is_meant(call, path) && fails(__sync_add_and_fetch(&seen, 1));
}

/* Folders that are read and are to fail. Only one thread at a time lists, and folders are closed in their turn. */
static struct { DIR *folder; int seen; } reading[16];

DIR *opendir(const char *path) {
    if (fails_at("opendir", path)) return NULL;
    DIR *folder = NEXT(opendir)(path);
    if (folder && is_meant("readdir64", path)) {
        for (int i = 0; i < 16; i++) {
            if (__sync_bool_compare_and_swap(&reading[i].folder, NULL, folder)) {
                reading[i].seen = 0;
                break;
            }
        }
    }
    return folder;
}

struct dirent64 *readdir64(DIR *folder) {
    for (int i = 0; i < 16; i++) {
        if (reading[i].folder == folder && fails(++reading[i].seen)) return NULL;
    }
    return NEXT(readdir64)(folder);
}

int closedir(DIR *folder) {
    for (int i = 0; i < 16; i++) {
        if (reading[i].folder == folder) reading[i].folder = NULL;
    }
    return NEXT(closedir)(folder);
}

int statx(int at, const char *path, int flags, unsigned mask, struct statx *found) {
    return fails_at("statx", path) ? -1 : NEXT(statx)(at, path, flags, mask, found);
}

int fsync(int file) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return fails_at("fsync", path) ? -1 : NEXT(fsync)(file);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return fails_at("open64", path) ? -1 : NEXT(open64)(path, flags, mode);
}
