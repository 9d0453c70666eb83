# RUN: %python %s
"""Who may include whom: the folders of ARCHITECTURE.md form layers."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import files, finish, read

# Folder -> what its files may include besides their own folder: a folder, or one header of it.
ALLOWED = {
    "compiler/support": [],
    "compiler/target": ["support/"],
    "compiler/ir": ["support/"],
    "onnx": ["support/", "ir/"],
    "compiler/codegen": ["support/", "target/", "ir/", "runtime/sqz.h"],
    "compiler/ops": ["support/", "target/", "ir/", "codegen/"],
    "passes": ["support/", "target/", "ir/", "codegen/kernel.h", "codegen/jit.h"],
    "compiler/driver": ["support/", "target/", "ir/", "onnx/", "codegen/", "ops/", "passes/", "runtime/sqz.h"],
    "runtime": [],
}

# Headers of libraries -> the only files that may include them.
LIBRARIES = {r"llvm-c/": r"compiler/codegen/[^/]*\.c", r"onnx\.pb-c\.h": r"onnx/.*", r"protobuf-c/": r"onnx/.*",
             r"ffi\.h": r"compiler/(codegen|driver)/[^/]*\.c", r"pthread\.h": r"(runtime|compiler/driver|compiler/codegen)/.*"}

complaints = []
for folder, allowed in ALLOWED.items():
    own = os.path.basename(folder) + "/"
    for path in files(folder + "/**/*.c", folder + "/**/*.h", folder + "/**/*.def"):
        for kind, name in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', read(path), re.MULTILINE):
            if kind == '"' and not name.startswith((own, *allowed)) and "/" in name:
                complaints.append(f"{path}: {folder} may not include {name}")
            if kind == '"' and "/" not in name and folder != "runtime":
                complaints.append(f'{path}: write "{own}{name}" instead of "{name}"')
            for library, users in LIBRARIES.items():
                if re.match(library, name) and not re.fullmatch(users, path):
                    complaints.append(f"{path}: may not include <{name}>")
finish(complaints)
