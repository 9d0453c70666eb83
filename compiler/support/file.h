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

// Writes beside `path` and renames, so that no half file is ever seen. Devices such as /dev/null and
// /dev/stdout are written in place, and "-" is the standard output.
bool file_write(const char *path, const void *bytes, size_t size, Diag *diag);

#endif
