// Mapping and atomic writing, on POSIX.
#define _POSIX_C_SOURCE 200809L
#include "support/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_map(File *file, const char *path, Diag *diag) {
    *file = (File){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_error(diag, NULL, E_IO, "cannot open %s: %s", path, strerror(errno));
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
        close(fd);
        return diag_error(diag, NULL, E_IO, "cannot read %s: not a regular file", path);
    }
    file->size = (size_t)info.st_size;
    if (file->size) {
        void *bytes = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) {
            close(fd);
            return diag_error(diag, NULL, E_IO, "cannot map %s: %s", path, strerror(errno));
        }
        file->bytes = bytes;
        file->mapped = true;
    }
    close(fd);
    return true;
}

void file_unmap(File *file) {
    if (file->mapped)
        munmap((void *)file->bytes, file->size);
    *file = (File){0};
}

static bool write_all(int fd, const unsigned char *bytes, size_t size) {
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_in_place(const char *path, const void *bytes, size_t size, Diag *diag) {
    int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CLOEXEC) : dup(STDOUT_FILENO);
    bool ok = fd >= 0 && write_all(fd, bytes, size);
    int error = errno;
    if (fd >= 0)
        close(fd);
    return ok || diag_error(diag, NULL, E_IO, "cannot write %s: %s", path, strerror(error));
}

bool file_write(const char *path, const void *bytes, size_t size, Diag *diag) {
    struct stat info;
    if (!strcmp(path, "-") || (!stat(path, &info) && !S_ISREG(info.st_mode)))
        return write_in_place(path, bytes, size, diag);
    size_t length = strlen(path) + 8;
    char *temporary = malloc(length);
    if (!temporary)
        return diag_error(diag, NULL, E_IO, "cannot write %s: out of memory", path);
    snprintf(temporary, length, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    mode_t mask = umask(0);
    umask(mask);
    bool ok = fd >= 0 && write_all(fd, bytes, size) && !fchmod(fd, 0666 & ~mask);
    int error = errno;
    if (fd >= 0 && close(fd))
        ok = false;
    ok = ok && !rename(temporary, path);
    if (!ok && fd >= 0) {
        error = errno ? errno : error;
        unlink(temporary);
    }
    free(temporary);
    return ok || diag_error(diag, NULL, E_IO, "cannot write %s: %s", path, strerror(error));
}
