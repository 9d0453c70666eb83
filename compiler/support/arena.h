// Memory that lives as long as a compilation, or as long as a pass: allocate at will, free all at once.
#ifndef SUPPORT_ARENA_H
#define SUPPORT_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *arena);
void arena_reset(Arena *arena);

// Zeroed and 64-aligned for blocks of 64 bytes and more, 16-aligned below. Never null: running out of memory
// ends the process with a message, since nothing of a compilation could be finished then.
void *arena_alloc(Arena *arena, size_t size);
char *arena_copy(Arena *arena, const char *text, size_t length);  // adds the final 0
char *arena_string(Arena *arena, const char *text);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args);

// Room for one more item behind `count` items of `size` bytes; returns the (possibly moved) items.
void *arena_grow(Arena *arena, void *items, int count, int *capacity, size_t size);

#define ARENA_NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define ARENA_ARRAY(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))
#define LIST_PUSH(arena, list, value)                                                                   \
    ((list)->item = arena_grow((arena), (list)->item, (list)->n, &(list)->capacity, sizeof *(list)->item), \
     (list)->item[(list)->n++] = (value))

#endif
