// Every .sqz file of the tests that parses prints to a text that reads back to the same text.
#include <dirent.h>
#include <string.h>

#include "ir/parse.h"
#include "ir/print.h"
#include "support/file.h"
#include "support/str.h"
#include "tests/unit/unit.h"

static int files;

static void check_text(const char *path, const char *text, size_t length) {
    Arena *arena = arena_new();
    Diag diag = {.file = path};
    Str first = {.arena = arena}, second = {.arena = arena}, third = {.arena = arena};
    const Module *module = parse_module(arena, text, length, NULL, &diag), *copy;
    if (module) {
        files++;
        print_module(&first, module, NULL);
        copy = parse_module(arena, first.text, first.length, NULL, &diag);
        if (CHECK(copy != NULL)) {
            print_module(&second, copy, NULL);
            CHECK_TEXT(second.text, first.text);
        }
        size_t size;
        const void *sidecar = print_sidecar_bytes(arena, module, &size);
        print_module(&second, module, "s");
        const char *with = second.text + (copy ? first.length : 0);
        copy = parse_module_with(arena, with, strlen(with), sidecar, size, &diag);
        if (CHECK(copy != NULL)) {
            print_module(&third, copy, NULL);
            CHECK_TEXT(third.text, first.text);
        }
    }
    arena_free(arena);
}

static void check_file(const char *path) {
    File file;
    Diag diag = {.file = path};
    if (CHECK(file_map(&file, path, &diag)) && file.size)
        check_text(path, (const char *)file.bytes, file.size);
    file_unmap(&file);
}

static void check_folder(Arena *arena, const char *path) {
    DIR *folder = opendir(path);
    if (!CHECK(folder != NULL))
        return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const char *inside = arena_printf(arena, "%s/%s", path, entry->d_name);
        if (str_ends_with(inside, ".sqz"))
            check_file(inside);
        else if (!strchr(entry->d_name, '.'))  // a folder
            check_folder(arena, inside);
    }
    closedir(folder);
}

void test_ir_round_trip(void) {
    Arena *arena = arena_new();
    const char *end = strstr(__FILE__, "unit/");
    const char *lit = arena_printf(arena, "%.*slit", (int)(end - __FILE__), __FILE__);
    check_folder(arena, lit);
    CHECK(files > 20);
    arena_free(arena);
}
