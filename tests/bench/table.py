"""Markdown tables, and what the machine is: shared by all of tests/bench."""

import os
import platform
import subprocess


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def head(cells):
    row(cells)
    row(["---"] * len(cells))


def split_flags(arguments):
    """The words before `--`, and the flags of sqzc behind it (default: for this CPU)."""
    if "--" not in arguments:
        return arguments, ["--mcpu=native"]
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1:]


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def vectors():
    try:
        with open("/proc/cpuinfo") as file:
            words = set(file.read().split())
    except OSError:
        return ""
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    return next((f", {name}" for flag, name in known.items() if flag in words), "")


def virtual():
    """Whether the kernel sees a hypervisor: clocks and caches are shared with others then."""
    try:
        with open("/proc/cpuinfo") as file:
            return " under virtualisation" if " hypervisor " in file.read() else ""
    except OSError:
        return ""


def machine():
    """One line: CPU, how many, vectors, system, and the commit that is measured."""
    here = os.path.dirname(os.path.abspath(__file__))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True).stdout.strip()
    cpus = len(os.sched_getaffinity(0))
    return (f"{cpus} core{'s' if cpus > 1 else ''} of {cpu_name()}{vectors()}{virtual()}, {platform.system()} "
            f"{platform.machine()}, commit {commit or 'unknown'}")
