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

void file_begin(FileWriter *writer, const char *path) {
    struct stat info;
    *writer = (FileWriter){.path = path, .fd = -1};
    if (!strcmp(path, "-")) {
        writer->fd = dup(STDOUT_FILENO);
    } else if (!stat(path, &info) && !S_ISREG(info.st_mode)) {
        writer->fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        size_t length = strlen(path) + 8;
        writer->temporary = malloc(length);
        if (writer->temporary) {
            snprintf(writer->temporary, length, "%s.XXXXXX", path);
            writer->fd = mkstemp(writer->temporary);
        }
    }
    if (writer->fd < 0)
        writer->error = errno;
}

void file_add(void *context, const void *bytes, size_t size) {
    FileWriter *writer = context;
    for (const unsigned char *at = bytes; size && !writer->error;) {
        ssize_t n = write(writer->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            writer->error = n ? errno : EIO;
            return;
        }
        at += n;
        size -= (size_t)n;
    }
}

static void check(FileWriter *writer, int result) {
    if (result && !writer->error)
        writer->error = errno;
}

bool file_finish(FileWriter *writer, Diag *diag) {
    mode_t mask = umask(0);
    umask(mask);
    if (writer->temporary && writer->fd >= 0)
        check(writer, fchmod(writer->fd, 0666 & ~mask));
    if (writer->fd >= 0)
        check(writer, close(writer->fd));
    if (writer->temporary && writer->fd >= 0 && !writer->error)
        check(writer, rename(writer->temporary, writer->path));
    bool ok = !writer->error;
    if (!ok)
        diag_error(diag, NULL, E_IO, "cannot write %s: %s", writer->path, strerror(writer->error));
    if (ok || writer->fd < 0) {
        free(writer->temporary);
        writer->temporary = NULL;
    }
    writer->fd = -1;
    file_drop(writer);
    return ok;
}

void file_drop(FileWriter *writer) {
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->temporary)
        unlink(writer->temporary);
    free(writer->temporary);
    writer->temporary = NULL;
    writer->fd = -1;
}

bool file_write(const char *path, const void *bytes, size_t size, Diag *diag) {
    FileWriter writer;
    file_begin(&writer, path);
    file_add(&writer, bytes, size);
    return file_finish(&writer, diag);
}
