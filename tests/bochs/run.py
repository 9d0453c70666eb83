#!/usr/bin/env python3
"""Runs a statically linked x86-64 Linux program in Bochs, which emulates CPUs that this machine is not:

    run.py [--cpu MODEL] [--states XCR0] PROGRAM ARGUMENT...

as `qemu-x86_64 PROGRAM ARGUMENT...` would if that knew AVX-512. Arguments that name files are there to be read; files that
the program writes appear here; its exit code is ours. The CPU models are those of `bochs --help cpu`; `--states` is what
the operating system saves (7: not the registers of AVX-512). The kernel underneath is kernel.c, which is built into
$SQZC_BUILD/bochs."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.environ.get("SQZC_BUILD", os.path.join(HERE, "..", "..", "build")), "bochs")
CPU, STATES = "corei7_icelake_u", 0xE7
KERNEL, BLOCK, STACK, HEAP, END = 0x100000, 0x180000, 0x3C0000, 64 << 20, 0x3F000000
MARKER = struct.pack("<I", 0x5A515301)
OPEN, WRITE, EXIT, FAULT = range(4)
SETTINGS = """\
romimage: file={rom}
cpu: model={cpu}, count=1, ips=1000000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=1024, host=1024
display_library: rfb, options="timeout=0"
port_e9_hack: enabled=1
log: {folder}/log
panic: action=fatal
error: action=ignore
info: action=report
debug: action=ignore
boot: floppy
sound: driver=dummy
speaker: enabled=0
optramimage1: file={folder}/image, address={KERNEL:#x}
"""


def build():
    """The kernel and its ROM, made anew where a source is newer."""
    os.makedirs(BUILD, exist_ok=True)
    sources = [os.path.join(HERE, name) for name in ("boot.S", "kernel.c")]
    kernel, rom = os.path.join(BUILD, "kernel"), os.path.join(BUILD, "rom")
    with open(os.path.join(BUILD, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(rom) or os.path.getmtime(rom) < max(map(os.path.getmtime, [*sources, __file__])):
            subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-ffreestanding", "-mgeneral-regs-only", "-mno-red-zone",
                            "-fno-pic", "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
                            "-nostdlib", "-static", "-no-pie", f"-Wl,-Ttext={KERNEL:#x},--build-id=none,-z,norelro",
                            *sources, "-o", kernel + ".elf"], check=True)
            subprocess.run(["objcopy", "-O", "binary", "-R", ".rom", kernel + ".elf", kernel], check=True)
            subprocess.run(["objcopy", "-O", "binary", "-j", ".rom", kernel + ".elf", rom], check=True)
    return kernel, rom


class Elf:
    """A static program as it lies in memory."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        (kind,), (self.entry, header) = struct.unpack_from("<H", data, 16), struct.unpack_from("<QQ", data, 24)
        size, self.count = struct.unpack_from("<HH", data, 54)
        rows = [struct.unpack_from("<IIQQQQQQ", data, header + i * size) for i in range(self.count)]
        loads = [(offset, address, file_bytes, bytes_) for type_, _, offset, address, _, file_bytes, bytes_, _ in rows if type_ == 1]
        if data[:4] != b"\x7fELF" or kind != 2 or any(row[0] == 3 for row in rows):
            sys.exit(f"run.py: {path} is no statically linked program of fixed addresses")
        self.base = min(address for _, address, _, _ in loads) & -4096
        self.end = max(address + bytes_ for _, address, _, bytes_ in loads) + 4095 & -4096
        self.image = bytearray(self.end - self.base)
        for offset, address, file_bytes, _ in loads:
            self.image[address - self.base:address - self.base + file_bytes] = data[offset:offset + file_bytes]
            if offset <= header < offset + file_bytes:
                self.headers = address + header - offset


def stack_of(arguments, elf, at):
    """argc, argv, no environment and the auxiliary vector, as a program finds them at address `at`; then the texts."""
    words = 1 + len(arguments) + 1 + 1 + 2 * 7
    texts, addresses = bytearray(b"sixteen of bytes"), []
    for argument in arguments:
        addresses.append(at + 8 * words + len(texts))
        texts += os.fsencode(argument) + b"\0"
    auxiliary = [(3, elf.headers), (4, 56), (5, elf.count), (6, 4096), (9, elf.entry), (25, at + 8 * words), (0, 0)]
    values = [len(arguments), *addresses, 0, 0, *(n for pair in auxiliary for n in pair)]
    return struct.pack(f"<{words}Q", *values) + texts


def lay_out(kernel, arguments, states):
    """The memory from KERNEL on: the kernel, the Block of kernel.c, the program with room for its stack and heap, files."""
    elf, memory = Elf(arguments[0]), bytearray()

    def place(address, data):
        memory.extend(bytes(max(0, address - KERNEL + len(data) - len(memory))))
        memory[address - KERNEL:address - KERNEL + len(data)] = data

    with open(kernel, "rb") as file:
        place(KERNEL, file.read())
    place(elf.base, elf.image)
    names, rows, at = [a for a in arguments[1:] if os.path.isfile(a)], [], elf.end
    for name in names:
        with open(name, "rb") as file:
            content = file.read()
        place(at, content)
        rows.append((at, len(content)))
        at = at + len(content) + 127 & -64
    heap = at + 4095 & -4096
    texts = stack_of(arguments, elf, STACK)
    block = struct.pack("<7Q", elf.entry, STACK, states, heap, heap + HEAP, END, len(names))
    for name, row in zip(names, rows):
        block += struct.pack("<3Q", STACK + len(texts), *row)
        texts += os.fsencode(name) + b"\0"
    place(BLOCK, block)
    place(STACK, texts)
    return memory


def replay(output):
    """Does what the records in Bochs's output say; the exit code."""
    at, files = output.find(MARKER), {1: sys.stdout.buffer, 2: sys.stderr.buffer}
    while at >= 0 and at + 16 <= len(output):
        marker, kind, number, size = struct.unpack_from("<4I", output, at)
        data = output[at + 16:at + 16 + size]
        if kind == OPEN:
            files[number] = open(data, "wb")
        elif kind == WRITE:
            files[number].write(data)
            files[number].flush()
        elif kind == FAULT:
            print("run.py: exception %d; error code or address %#x, then %#x; CR2 %#x" % struct.unpack("<4Q", data), file=sys.stderr)
        else:
            return number
        at += 16 + size
    return None


def main():
    arguments, cpu, states = sys.argv[1:], CPU, STATES
    while arguments and arguments[0].startswith("--"):
        if arguments[0] == "--cpu":
            cpu = arguments[1]
        else:
            states = int(arguments[1], 0)
        del arguments[:2]
    kernel, rom = build()
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "image"), "wb") as file:
            file.write(lay_out(kernel, arguments, states))
        with open(os.path.join(folder, "bochsrc"), "w") as file:
            file.write(SETTINGS.format(rom=rom, cpu=cpu, folder=folder, KERNEL=KERNEL))
        done = subprocess.run(["bochs", "-q", "-f", os.path.join(folder, "bochsrc")], input=b"c\n",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        code = replay(done.stdout)
        if code is None:
            sys.stderr.buffer.write(done.stdout)
            with open(os.path.join(folder, "log")) as file:
                print(file.read(), file=sys.stderr)
            code = 125
    finally:
        shutil.rmtree(folder)
    sys.exit(code & 255)


if __name__ == "__main__":
    main()
