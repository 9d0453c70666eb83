// Files: read by mapping, written whole or not at all.
#ifndef SUPPORT_FILE_H
#define SUPPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "support/diag.h"

typedef struct File {
    const unsigned char *bytes;
    size_t size;
    bool mapped;
} File;

bool file_map(File *file, const char *path, Diag *diag);  // read only; an empty file has size 0
void file_unmap(File *file);

// A file on its way: written beside `path` and renamed at the end, so that no half file is ever seen. Devices such as
// /dev/null and /dev/stdout are written in place, and "-" is the standard output. Errors are reported at the end.
typedef struct FileWriter {
    const char *path;
    char *temporary;  // null: in place
    int fd, error;    // -1: not open; errno of the first failure
} FileWriter;

void file_begin(FileWriter *writer, const char *path);
void file_add(void *writer, const void *bytes, size_t size);
bool file_finish(FileWriter *writer, Diag *diag);
void file_drop(FileWriter *writer);  // the temporary file; nothing where it is finished

// All of it at once.
bool file_write(const char *path, const void *bytes, size_t size, Diag *diag);

#endif
