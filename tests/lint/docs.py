# RUN: %python %s %sqzc
"""What the documents promise is true: links and paths lead to files, commands have the flags they show, lists of
operators, types, targets, passes, kernels and files are complete, and the program of the README is the one we build."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import ROOT, files, finish, read

SQZC = sys.argv[1]
COMMANDS = ("opt", "run", "bench", "list", "explain")
TOP = "compiler|onnx|passes|runtime|scripts|tests|examples|cmake"
PROGRAM = "examples/minimal/main.c"
# Folder -> the files whose names its paragraphs in ARCHITECTURE.md must give.
DESCRIBED = {folder: ("*.c", "*.h", "*.def") for folder in (
    "compiler/support", "compiler/target", "compiler/ir", "compiler/codegen", "compiler/codegen/kernels", "compiler/ops",
    "compiler/driver", "onnx", "passes", "runtime")}

complaints = []


def sqzc(*words):
    return subprocess.run([SQZC, *words], capture_output=True, text=True, check=True).stdout


def first_words(text):
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def section(path, title):
    """The text under a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(title)}$", read(path), re.MULTILINE)
    if not found:
        complaints.append(f"{path}: no section '{title}'")
        return ""
    end = re.compile(rf"^#{{1,{len(found.group(1))}}} ", re.MULTILINE).search(read(path), found.end())
    return read(path)[found.end():end.start() if end else None]


def must_name(path, title, names):
    words = set(re.findall(r"[\w.-]*\w", section(path, title)))
    complaints.extend(f"{path}: section '{title}' does not name {name}" for name in names if name not in words)


def check_links(path, text):
    folder = os.path.dirname(path)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http:", "https:")) and not os.path.exists(os.path.join(ROOT, folder, target)):
            complaints.append(f"{path}: link to {target}, which is not there")
    for name in re.findall(rf"`((?:{TOP})/[^`\s]*)`", text):
        if not re.search(r"[A-Z<]{2}", name) and not files(name, name.rstrip("/") + "/**"):
            complaints.append(f"{path}: `{name}` is not there")


def flags_of(text):
    return set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))


def check_command(path, line, known):
    """`sqzc [COMMAND] FLAG...`: each flag must stand in the help of that command."""
    line = re.split(r"\s(?:[|&>]|&&)\s?|\s#\s", line)[0]
    words = line.split()
    command = words[1] if len(words) > 1 and words[1] in COMMANDS else ""
    complaints.extend(f"{path}: `{line}`: no flag {flag}" for flag in flags_of(" ".join(words[1:])) - known[command])


def check_commands(path, text, known):
    for line in re.findall(r"^ *\$ (sqzc\b.*)$", text, re.MULTILINE) + re.findall(r"`(sqzc [^`]*)`", text):
        check_command(path, line, known)
    everything = set().union(*known.values())
    for flags in re.findall(r"^\| (`-[^|]*) \|", text, re.MULTILINE):  # tables of flags
        complaints.extend(f"{path}: sqzc has no flag {flag}" for flag in flags_of(flags) - everything)


def composites():
    tables = "\n".join(read(path) for path in files("onnx/*.c"))
    return re.findall(r'^    \{"(\w+)", make_\w+\}', tables, re.MULTILINE)


def described():
    """Each file has its sentence: the paragraphs of its folder name it, a pair of .c and .h by either."""
    for folder, patterns in DESCRIBED.items():
        words = set(re.findall(r"\w+", section("ARCHITECTURE.md", f"`{folder}/`")))
        names = {os.path.splitext(os.path.basename(p))[0] for p in files(*[f"{folder}/{x}" for x in patterns])}
        complaints.extend(f"ARCHITECTURE.md: section '`{folder}/`' does not name {n}" for n in sorted(names - words))


def program():
    blocks = re.findall(r"^```c\n(.*?)^```$", read("README.md"), re.MULTILINE | re.DOTALL)
    code = re.sub(r"\A(//.*\n)+", "", read(PROGRAM))
    if code not in blocks:
        complaints.append(f"README.md: the program is not that of {PROGRAM}")


documents = files("*.md", "examples/**/README.md")
known = {command: flags_of(sqzc(*filter(None, (command, "--help")))) for command in ("", *COMMANDS)}
for document in documents:
    check_links(document, read(document))
    check_commands(document, read(document), known)
operators = first_words(sqzc("list", "ops"))
must_name("README.md", "Operators", [name for name in operators if not name.startswith("sqz.")] + composites())
must_name("README.md", "Targets", [line.split()[1] for line in sqzc("list", "targets").splitlines()])
must_name("ARCHITECTURE.md", "Passes", [line.split()[0] for line in sqzc("list", "passes").splitlines() if line[0] != "-"])
must_name("ARCHITECTURE.md", "Kernels", first_words(sqzc("list", "kernels")))
must_name("ARCHITECTURE.md", "Operators of sqzc's own", [name for name in operators if name.startswith("sqz.")])
must_name("README.md", "Types", first_words(sqzc("list", "dtypes")))
must_name("ARCHITECTURE.md", "Types and layouts", first_words(sqzc("list", "dtypes")))
described()
program()
finish(complaints)
