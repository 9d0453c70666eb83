// Joins relocatable ELF objects, as `ld -r` would, so that what was compiled on several threads is one object.
//
// Sections are not merged: each keeps its bytes and gets a new number, and several have one name, which a linker puts
// together anyway. So no address changes, and only numbers are rewritten: of sections in symbols and headers, of
// symbols in relocations. The string tables are laid end to end, and so are the symbol tables, private ones first.
//
//     header | sections of object 0, 1, ... | relocations with them | symbols | strings | section headers
#include "codegen/join.h"

#include <elf.h>
#include <string.h>

#include "support/checked.h"

typedef struct Input {
    const unsigned char *bytes;
    const Elf64_Ehdr *header;
    const Elf64_Shdr *sections;
    const Elf64_Sym *symbols;
    int nsymbols;
    const Elf64_Shdr *strings;  // of the symbols' names and the sections'
    Elf64_Word strings_base;    // where they begin in the result's
    int *section;      // by number: the number in the result; 0: left out
    unsigned *symbol;  // the same
} Input;

typedef struct Join {
    Arena *arena;
    Input *inputs;
    int n;
    struct {
        Elf64_Shdr *item;
        int n, capacity;
    } sections;
    struct {
        Elf64_Sym *item;
        int n, capacity;
    } symbols;
    Str *out;
} Join;

// ---- Reading

// What the result takes over: not the tables that are made anew, nor what has no bytes in a further object (a note).
static bool is_taken(const Elf64_Shdr *section, bool first) {
    switch (section->sh_type) {
    case SHT_PROGBITS:
    case SHT_NOBITS: return first || section->sh_size;
    case SHT_RELA: return true;
    default: return false;
    }
}

static bool is_known(const Elf64_Shdr *section) {
    return is_taken(section, true) || section->sh_type == SHT_NULL || section->sh_type == SHT_SYMTAB ||
           section->sh_type == SHT_STRTAB;
}

static bool input_open(Join *join, Input *input, const ObjectBytes *object, Elf64_Word strings_base) {
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)object->bytes;
    *input = (Input){.bytes = object->bytes, .header = header, .strings_base = strings_base};
    if (object->size < sizeof *header || header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_REL)
        return false;
    input->sections = (const Elf64_Shdr *)(const void *)(object->bytes + header->e_shoff);
    input->strings = &input->sections[header->e_shstrndx];
    input->section = ARENA_ARRAY(join->arena, int, header->e_shnum);
    for (int i = 0; i < header->e_shnum; i++) {
        const Elf64_Shdr *section = &input->sections[i];
        if (!is_known(section))
            return false;
        if (section->sh_type != SHT_SYMTAB)
            continue;
        input->symbols = (const Elf64_Sym *)(const void *)(object->bytes + section->sh_offset);
        input->nsymbols = (int)(section->sh_size / sizeof(Elf64_Sym));
        if (section->sh_link != header->e_shstrndx)
            return false;
    }
    input->symbol = ARENA_ARRAY(join->arena, unsigned, input->nsymbols + 1);
    return true;
}

static const char *name_of(const Input *input, const Elf64_Sym *symbol) {
    return (const char *)input->bytes + input->strings->sh_offset + symbol->st_name;
}

// ---- Numbers

static void number_sections(Join *join) {
    int next = 1;
    for (int k = 0; k < join->n; k++)
        for (int i = 1; i < join->inputs[k].header->e_shnum; i++) {
            const Elf64_Shdr *section = &join->inputs[k].sections[i];
            bool relocates = section->sh_type == SHT_RELA;
            if (is_taken(section, k == 0) &&
                (!relocates || is_taken(&join->inputs[k].sections[section->sh_info], k == 0)))
                join->inputs[k].section[i] = next++;
        }
}

static bool is_private(const Elf64_Sym *symbol) {
    bool hidden = ELF64_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN && symbol->st_shndx != SHN_UNDEF;
    return ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || hidden;
}

static unsigned add_symbol(Join *join, const Input *input, Elf64_Sym symbol) {
    if (symbol.st_name)
        symbol.st_name += input->strings_base;
    if (symbol.st_shndx < SHN_LORESERVE)
        symbol.st_shndx = (Elf64_Section)input->section[symbol.st_shndx];
    if (is_private(&symbol)) {
        symbol.st_info = ELF64_ST_INFO(STB_LOCAL, ELF64_ST_TYPE(symbol.st_info));
        symbol.st_other = STV_DEFAULT;
    }
    LIST_PUSH(join->arena, &join->symbols, symbol);
    return (unsigned)join->symbols.n - 1;
}

static void add_privates(Join *join, Input *input, bool first) {
    for (int i = 1; i < input->nsymbols; i++) {
        const Elf64_Sym *symbol = &input->symbols[i];
        bool of_file = symbol->st_shndx >= SHN_LORESERVE;  // its name, and what else is in no section
        if (is_private(symbol) && (of_file ? first : input->section[symbol->st_shndx] != 0))
            input->symbol[i] = add_symbol(join, input, *symbol);
    }
}

// The number of a private function of any object; 0: there is none of that name.
static unsigned find_private(const Join *join, const char *name) {
    for (int k = 0; k < join->n; k++)
        for (int i = 1; i < join->inputs[k].nsymbols; i++) {
            const Elf64_Sym *symbol = &join->inputs[k].symbols[i];
            if (ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL && is_private(symbol) &&
                !strcmp(name_of(&join->inputs[k], symbol), name))
                return join->inputs[k].symbol[i];
        }
    return 0;
}

// Returns how many are private.
static int number_symbols(Join *join) {
    LIST_PUSH(join->arena, &join->symbols, (Elf64_Sym){0});
    for (int k = 0; k < join->n; k++)
        add_privates(join, &join->inputs[k], k == 0);
    int privates = join->symbols.n;
    for (int k = 0; k < join->n; k++)
        for (int i = 1; i < join->inputs[k].nsymbols; i++) {
            Input *input = &join->inputs[k];
            const Elf64_Sym *symbol = &input->symbols[i];
            if (is_private(symbol))
                continue;
            unsigned found = symbol->st_shndx == SHN_UNDEF ? find_private(join, name_of(input, symbol)) : 0;
            input->symbol[i] = found ? found : add_symbol(join, input, *symbol);
        }
    return privates;
}

// ---- Writing

// The place of the next section, with the bytes up to it.
static Elf64_Off align_out(Join *join, Elf64_Xword alignment) {
    static const char zeros[64] = {0};
    size_t end = (size_t)align_up((int64_t)join->out->length, max_i64((int64_t)alignment, 1));
    while (join->out->length < end)
        str_add_bytes(join->out, zeros, (size_t)min_i64((int64_t)(end - join->out->length), sizeof zeros));
    return end;
}

static void add_section(Join *join, Elf64_Shdr section, const void *bytes) {
    section.sh_offset = align_out(join, section.sh_addralign);
    if (section.sh_type != SHT_NOBITS)
        str_add_bytes(join->out, bytes, section.sh_size);
    LIST_PUSH(join->arena, &join->sections, section);
}

static void add_relocations(Join *join, const Input *input, Elf64_Shdr section, const Elf64_Shdr *from, int symbols) {
    int n = (int)(from->sh_size / sizeof(Elf64_Rela));
    Elf64_Rela *entries = ARENA_ARRAY(join->arena, Elf64_Rela, n + 1);
    if (n)
        memcpy(entries, input->bytes + from->sh_offset, from->sh_size);
    for (int i = 0; i < n; i++)
        entries[i].r_info =
            ELF64_R_INFO((Elf64_Xword)input->symbol[ELF64_R_SYM(entries[i].r_info)], ELF64_R_TYPE(entries[i].r_info));
    section.sh_link = (Elf64_Word)symbols;
    section.sh_info = (Elf64_Word)input->section[from->sh_info];
    add_section(join, section, entries);
}

static void add_sections(Join *join, const Input *input, int symbols) {
    for (int i = 1; i < input->header->e_shnum; i++) {
        const Elf64_Shdr *from = &input->sections[i];
        if (!input->section[i])
            continue;
        Elf64_Shdr section = *from;
        section.sh_name += input->strings_base;
        if (section.sh_type == SHT_RELA)
            add_relocations(join, input, section, from, symbols);
        else
            add_section(join, section, input->bytes + from->sh_offset);
    }
}

static const Elf64_Shdr *symbols_of(const Input *input) {
    const Elf64_Shdr *section = input->sections;
    while (section->sh_type != SHT_SYMTAB)
        section++;
    return section;
}

static void add_tables(Join *join, int privates) {
    Elf64_Shdr symbols = *symbols_of(&join->inputs[0]), strings = *join->inputs[0].strings;
    symbols.sh_size = (Elf64_Xword)join->symbols.n * sizeof(Elf64_Sym);
    symbols.sh_info = (Elf64_Word)privates;
    symbols.sh_link = (Elf64_Word)join->sections.n + 1;
    add_section(join, symbols, join->symbols.item);
    Str text = {.arena = join->arena};
    for (int k = 0; k < join->n; k++)
        str_add_bytes(&text, (const char *)join->inputs[k].bytes + join->inputs[k].strings->sh_offset,
                      join->inputs[k].strings->sh_size);
    strings.sh_size = text.length;
    add_section(join, strings, text.text);
}

static void write_joined(Join *join, int privates) {
    Elf64_Ehdr header = *join->inputs[0].header;
    str_add_bytes(join->out, (const char *)&header, sizeof header);
    LIST_PUSH(join->arena, &join->sections, (Elf64_Shdr){0});
    int symbols = 1;
    for (int k = 0; k < join->n; k++)
        for (int i = 1; i < join->inputs[k].header->e_shnum; i++)
            symbols += join->inputs[k].section[i] != 0;
    for (int k = 0; k < join->n; k++)
        add_sections(join, &join->inputs[k], symbols);
    add_tables(join, privates);
    header.e_shoff = align_out(join, 8);
    header.e_shnum = (Elf64_Half)join->sections.n;
    header.e_shstrndx = (Elf64_Half)(symbols + 1);
    str_add_bytes(join->out, (const char *)join->sections.item, (size_t)join->sections.n * sizeof(Elf64_Shdr));
    memcpy(join->out->text, &header, sizeof header);
}

bool join_objects(Arena *arena, const ObjectBytes *objects, int count, Str *out) {
    Join join = {.arena = arena, .inputs = ARENA_ARRAY(arena, Input, count), .n = count, .out = out};
    Elf64_Word strings = 0;
    for (int k = 0; k < count; k++) {
        if (!input_open(&join, &join.inputs[k], &objects[k], strings))
            return false;
        strings += (Elf64_Word)join.inputs[k].strings->sh_size;
    }
    number_sections(&join);
    write_joined(&join, number_symbols(&join));
    return join.sections.n < SHN_LORESERVE;
}
