// A model may only read what lies in its own folder: the location must be relative, without "..", and the file it
// leads to, links resolved, must be a regular file below the folder. Each file is mapped once and stays mapped,
// since constants borrow from it.
#include "onnx/external.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct ExternalFile {
    const char *path;  // resolved
    File file;
    ExternalFile *next;
};

typedef struct Span {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} Span;

static bool parse_number(const char *text, uint64_t *number) {
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return !errno && !*end;
}

static bool read_span(const TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                      Span *span) {
    *span = (Span){0};
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key, *value = tensor->external_data[i]->value;
        if (!key || !value)
            continue;
        if (!strcmp(key, "location"))
            span->location = value;
        else if (!strcmp(key, "offset") && !parse_number(value, &span->offset))
            return diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': offset '%s' is not a number", name, value);
        else if (!strcmp(key, "length") && !(span->has_length = parse_number(value, &span->length)))
            return diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': length '%s' is not a number", name, value);
    }
    if (!span->location || !*span->location)
        return diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': its external data has no location", name);
    return true;
}

static bool has_parent_step(const char *path) {
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == 0))
            return true;
    }
    return false;
}

static const char *path_of(const TensorSource *source, const char *location) {
    const char *folder = source->folder && *source->folder ? source->folder : ".";
    return arena_printf(source->arena, "%s/%s", folder, location);
}

// The resolved path of `location`, or null if it is not a regular file below the folder.
static const char *resolve(TensorSource *source, const Loc *loc, const char *name, const char *location) {
    const char *folder = source->folder && *source->folder ? source->folder : ".";
    if (location[0] == '/' || has_parent_step(location)) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': '%s' leaves the model's folder", name, location);
        return NULL;
    }
    char root[PATH_MAX], path[PATH_MAX];
    const char *joined = path_of(source, location);
    struct stat info;
    if (!realpath(folder, root) || !realpath(joined, path) || stat(path, &info)) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': cannot open '%s': %s", name, location, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': '%s' is not a regular file", name, location);
        return NULL;
    }
    size_t length = strlen(root);
    if (length > 1 && (strncmp(path, root, length) || path[length] != '/')) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': '%s' is a link that leaves the model's folder", name,
                   location);
        return NULL;
    }
    return arena_string(source->arena, path);
}

static const File *file_of(TensorSource *source, const Loc *loc, const char *name, const char *location) {
    const char *path = resolve(source, loc, name, location);
    if (!path)
        return NULL;
    for (ExternalFile *known = source->external; known; known = known->next)
        if (!strcmp(known->path, path))
            return &known->file;
    ExternalFile *external = ARENA_NEW(source->arena, ExternalFile);
    Diag quiet = {0};
    if (!file_map(&external->file, path, &quiet)) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': cannot read '%s'", name, location);
        return NULL;
    }
    external->path = path;
    external->next = source->external;
    source->external = external;
    if (source->on_read)
        source->on_read(source->context, path_of(source, location));
    return &external->file;
}

const void *external_read(TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                          size_t size) {
    Span span;
    if (!read_span(source, loc, name, tensor, &span))
        return NULL;
    if (span.has_length && span.length != size) {
        diag_error(source->diag, loc, E_EXTERNAL, "tensor '%s': its external data has %llu bytes, its shape needs %zu",
                   name, (unsigned long long)span.length, size);
        return NULL;
    }
    const File *file = file_of(source, loc, name, span.location);
    if (!file)
        return NULL;
    if (span.offset > file->size || file->size - span.offset < size) {
        diag_error(source->diag, loc, E_EXTERNAL,
                   "tensor '%s': %zu bytes from offset %llu reach beyond the end of '%s' (%zu bytes)", name, size,
                   (unsigned long long)span.offset, span.location, file->size);
        return NULL;
    }
    return size ? file->bytes + span.offset : (const void *)"";
}
