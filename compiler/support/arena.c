// A chain of chunks; each allocation takes the front of the newest one. Under AddressSanitizer the rest of a
// chunk stays poisoned, so that running past an allocation is seen.
#include "support/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 32 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { CHUNK_SIZE = 256 * 1024 };

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *next;
    size_t size, used;  // of data
    unsigned char *data;
};

struct Arena {
    Chunk *chunk;
};

static _Noreturn void out_of_memory(size_t size) {
    fprintf(stderr, "sqzc: out of memory (%zu bytes more were needed)\n", size);
    abort();
}

static Chunk *chunk_new(size_t size) {
    Chunk *chunk = malloc(sizeof *chunk + size + 64);
    if (!chunk)
        out_of_memory(size);
    uintptr_t start = ((uintptr_t)(chunk + 1) + 63) & ~(uintptr_t)63;
    *chunk = (Chunk){.size = size, .data = (unsigned char *)start};
    ASAN_POISON_MEMORY_REGION(chunk->data, size);
    return chunk;
}

static void chunk_free(Chunk *chunk) {
    ASAN_UNPOISON_MEMORY_REGION(chunk->data, chunk->size);
    free(chunk);
}

Arena *arena_new(void) {
    Arena *arena = malloc(sizeof *arena);
    if (!arena)
        out_of_memory(sizeof *arena);
    arena->chunk = NULL;
    return arena;
}

void arena_reset(Arena *arena) {
    while (arena->chunk) {
        Chunk *next = arena->chunk->next;
        chunk_free(arena->chunk);
        arena->chunk = next;
    }
}

void arena_free(Arena *arena) {
    if (!arena)
        return;
    arena_reset(arena);
    free(arena);
}

void *arena_alloc(Arena *arena, size_t size) {
    if (size > SIZE_MAX / 2)
        out_of_memory(size);
    size_t align = size >= 64 ? 64 : 16;
    Chunk *chunk = arena->chunk;
    size_t start = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;
    if (!chunk || start > chunk->size || chunk->size - start < size + RED_ZONE) {
        size_t need = size + RED_ZONE;
        chunk = chunk_new(need > CHUNK_SIZE ? need : CHUNK_SIZE);
        chunk->next = arena->chunk;
        arena->chunk = chunk;
        start = 0;
    }
    chunk->used = start + size + RED_ZONE;
    ASAN_UNPOISON_MEMORY_REGION(chunk->data + start, size);
    return memset(chunk->data + start, 0, size);
}

char *arena_copy(Arena *arena, const char *text, size_t length) {
    char *copy = arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_string(Arena *arena, const char *text) {
    return arena_copy(arena, text, strlen(text));
}

char *arena_vprintf(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void *arena_grow(Arena *arena, void *items, int count, int *capacity, size_t size) {
    if (count < *capacity)
        return items;
    int bigger = *capacity ? 2 * *capacity : 8;
    void *moved = arena_alloc(arena, (size_t)bigger * size);
    if (count)
        memcpy(moved, items, (size_t)count * size);
    *capacity = bigger;
    return moved;
}
