// As much of an operating system as a statically linked Linux program needs that computes: memory, files that are there
// from the start, files that are written, an end. It runs in Bochs; run.py builds it, and says by a Block at a fixed
// address what to run. What the program writes leaves through port 0xE9, which Bochs copies to its standard output, as
// records: a marker, kind, number of the file, bytes, and the bytes.
//
// Everything is in ring 0 and lies where it says, in one gigabyte; a page that may not be accessed is not present.
// Memory is handed out upwards and never taken back.
#include <stdint.h>

#define TABLES 0x3f800000u
enum { PAGE = 4096, PRESENT = 3, FILES = 64, FIRST_FILE = 3 };
enum { ENOENT = 2, EBADF = 9, ENOMEM = 12, EACCES = 13, ENOTTY = 25, ENOSYS = 38 };
enum { RECORD_OPEN, RECORD_WRITE, RECORD_EXIT, RECORD_FAULT };

typedef struct File {
    uint64_t name, address, size;
} File;

typedef struct Block {  // run.py writes it
    uint64_t entry, stack, states;  // where the program begins; its stack; XCR0
    uint64_t heap, mappings, end;   // brk's memory, then that of mmap
    uint64_t count;
    File file[];  // readable ones
} Block;

typedef struct Handle {
    const File *file;  // null: written
    uint64_t at;
    int open;
} Handle;

static const Block *block;
static uint64_t heap, mappings;
static Handle handles[FILES];
static struct Gate {
    uint16_t low, selector, flags, middle;
    uint32_t high, reserved;
} gates[32];

extern char system_call_entry[], exception_entries[];

static void out(const void *bytes, uint64_t size) {
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(size) : "d"(0xE9) : "memory");
}

static void record(uint32_t kind, uint32_t number, const void *bytes, uint64_t size) {
    const uint32_t head[4] = {0x5a515301, kind, number, (uint32_t)size};
    out(head, sizeof head);
    out(bytes, size);
}

static void stop(int code) {
    static const char word[] = "Shutdown";
    const char *at = word;
    uint64_t left = 8;
    record(RECORD_EXIT, (uint32_t)code, word, 0);
    __asm__ volatile("rep outsb" : "+S"(at), "+c"(left) : "d"(0x8900) : "memory");
    for (;;)
        __asm__ volatile("hlt");
}

void exception(uint64_t number, uint64_t first, uint64_t second, uint64_t address);
void exception(uint64_t number, uint64_t first, uint64_t second, uint64_t address) {
    const uint64_t what[4] = {number, first, second, address};
    record(RECORD_FAULT, 0, what, sizeof what);
    stop(128 + 11);
}

static void write_msr(uint32_t which, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(which), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void flush_tables(void) {
    __asm__ volatile("mov %0, %%cr3" : : "r"((uint64_t)TABLES) : "memory");
}

// From pages of 2 MB to pages of 4 KB.
static void map(void) {
    uint64_t *directory = (uint64_t *)(uintptr_t)(TABLES + 0x2000), *entry = (uint64_t *)(uintptr_t)(TABLES + 0x3000);
    for (uint64_t page = 0; page < 512 * 512; page++)
        entry[page] = page * PAGE | PRESENT;
    for (uint64_t i = 0; i < 512; i++)
        directory[i] = (uint64_t)(uintptr_t)(entry + i * 512) | PRESENT;
    flush_tables();
}

uint64_t kernel_start(const Block *given);
uint64_t kernel_start(const Block *given) {
    block = given;
    heap = block->heap;
    mappings = block->mappings;
    map();
    for (int i = 0; i < 32; i++) {
        const uint64_t entry = (uint64_t)(uintptr_t)exception_entries + 16 * (uint64_t)i;
        gates[i] = (struct Gate){(uint16_t)entry, 16, 0x8E00, (uint16_t)(entry >> 16), 0, 0};
    }
    const struct __attribute__((packed)) {
        uint16_t size;
        uint64_t address;
    } table = {sizeof gates - 1, (uint64_t)(uintptr_t)gates};
    __asm__ volatile("lidt %0" : : "m"(table));
    uint32_t states = 13, b, c = 0, d;  // those that the CPU has
    __asm__ volatile("cpuid" : "+a"(states), "=b"(b), "+c"(c), "=d"(d));
    __asm__ volatile("xsetbv" : : "c"(0), "a"(states & (uint32_t)block->states), "d"(0));
    write_msr(0xC0000081, (uint64_t)16 << 32);                      // STAR: SYSCALL goes to segments 16 and 24
    write_msr(0xC0000082, (uint64_t)(uintptr_t)system_call_entry);  // LSTAR
    write_msr(0xC0000084, 0);                                       // of the flags it changes none
    for (int i = 0; i < FIRST_FILE; i++)
        handles[i].open = 1;
    return block->stack;
}

static int same(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static int64_t open_file(const char *name, uint64_t flags) {
    int number = FIRST_FILE;
    while (number < FILES && handles[number].open)
        number++;
    if (number == FILES)
        return -ENOMEM;
    Handle *handle = &handles[number];
    *handle = (Handle){0, 0, 1};
    if (flags & 3) {
        uint64_t length = 0;
        while (name[length])
            length++;
        record(RECORD_OPEN, (uint32_t)number, name, length);
        return number;
    }
    for (uint64_t i = 0; i < block->count; i++)
        if (same(name, (const char *)(uintptr_t)block->file[i].name))
            handle->file = &block->file[i];
    handle->open = handle->file != 0;
    return handle->open ? number : -ENOENT;
}

static int64_t read_file(Handle *handle, char *to, uint64_t size) {
    if (!handle->file)
        return handle < handles + FIRST_FILE ? 0 : -EBADF;
    const uint64_t left = handle->file->size - handle->at;
    const uint64_t count = size < left ? size : left;
    const char *from = (const char *)(uintptr_t)(handle->file->address + handle->at);
    uint64_t counter = count;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(counter) : : "memory");
    handle->at += count;
    return (int64_t)count;
}

static int64_t seek(Handle *handle, int64_t offset, uint64_t whence) {
    if (!handle->file)
        return whence == 1 ? 0 : -EACCES;
    const uint64_t base[3] = {0, handle->at, handle->file->size};
    if (whence > 2 || (uint64_t)offset + base[whence] > handle->file->size)
        return -EACCES;
    handle->at = base[whence] + (uint64_t)offset;
    return (int64_t)handle->at;
}

// Of struct stat what the C library's buffers ask for: the mode, and the size of a block.
static int64_t status(uint32_t *to) {
    for (int i = 0; i < 36; i++)
        to[i] = 0;
    to[6] = 0100644;
    to[14] = PAGE;
    return 0;
}

static int64_t protect(uint64_t address, uint64_t size, uint64_t protection) {
    uint64_t *entry = (uint64_t *)(uintptr_t)(TABLES + 0x3000);
    for (uint64_t page = address / PAGE; page < (address + size + PAGE - 1) / PAGE && page < 512 * 512; page++)
        entry[page] = protection ? page * PAGE | PRESENT : 0;
    flush_tables();
    return 0;
}

static int64_t new_mapping(uint64_t size, uint64_t protection) {
    const uint64_t address = mappings;
    size = (size + PAGE - 1) / PAGE * PAGE;
    if (size > block->end - address)
        return -ENOMEM;
    mappings += size;
    protect(address, size, protection);
    return (int64_t)address;
}

static int64_t set_break(uint64_t address) {
    if (address >= block->heap && address <= block->mappings)
        heap = address;
    return (int64_t)heap;
}

static int64_t write_vector(uint32_t number, const uint64_t *part, uint64_t count) {
    int64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        record(RECORD_WRITE, number, (const void *)(uintptr_t)part[2 * i], part[2 * i + 1]);
        sum += (int64_t)part[2 * i + 1];
    }
    return sum;
}

// Calls that need not do anything succeed; those that glibc can do without are not known.
int64_t system_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t number);
int64_t system_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t number) {
    enum {
        READ,
        WRITE,
        CLOSE = 3,
        FSTAT = 5,
        LSEEK = 8,
        MMAP,
        MPROTECT,
        MUNMAP,
        BRK,
        SIGACTION,
        SIGPROCMASK,
        IOCTL = 16,
        WRITEV = 20,
        EXIT = 60,
        ARCH_PRCTL = 158,
        SET_TID_ADDRESS = 218,
        EXIT_GROUP = 231,
        OPENAT = 257,
        NEWFSTATAT = 262,
        SET_ROBUST_LIST = 273
    };
    Handle *handle = a < FILES && handles[a].open ? &handles[a] : 0;
    (void)d, (void)e;
    switch (number) {
    case READ: return handle ? read_file(handle, (char *)(uintptr_t)b, c) : -EBADF;
    case WRITE:
        if (handle)
            record(RECORD_WRITE, (uint32_t)a, (const void *)(uintptr_t)b, c);
        return handle ? (int64_t)c : -EBADF;
    case CLOSE:
        if (handle)
            handle->open = 0;
        return handle ? 0 : -EBADF;
    case FSTAT: return handle ? status((uint32_t *)(uintptr_t)b) : -EBADF;
    case NEWFSTATAT: return handle ? status((uint32_t *)(uintptr_t)c) : -ENOENT;
    case LSEEK: return handle ? seek(handle, (int64_t)b, c) : -EBADF;
    case MMAP: return new_mapping(b, c);
    case MPROTECT: return protect(a, b, c);
    case BRK: return set_break(a);
    case IOCTL: return -ENOTTY;
    case WRITEV: return handle ? write_vector((uint32_t)a, (const uint64_t *)(uintptr_t)b, c) : -EBADF;
    case OPENAT: return open_file((const char *)(uintptr_t)b, c);
    case ARCH_PRCTL:
        if (a == 0x1002)
            write_msr(0xC0000100, b);
        return a == 0x1002 ? 0 : -ENOSYS;
    case MUNMAP: case SIGACTION: case SIGPROCMASK: case SET_ROBUST_LIST: return 0;
    case SET_TID_ADDRESS: return 1;
    case EXIT: case EXIT_GROUP: stop((int)a); return 0;
    default: return -ENOSYS;
    }
}
