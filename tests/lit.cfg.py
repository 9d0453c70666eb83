# The configuration of lit for all tests. A test is a file with RUN lines: .sqz, .test, .sh or .py; what tests share
# lies in folders named Inputs. Run one with `scripts/test tests/lit/opt/fuse-fire.sqz`.
import os
import shutil

import lit.formats

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
build = os.environ.get("SQZC_BUILD", os.path.join(root, "build"))
shared = os.environ.get("SQZC_SHARED", os.path.join(os.path.dirname(root), "shared"))
llvm = "/usr/lib/llvm-22/bin"
python = os.path.join(root, "build", "venv", "bin", "python")

config.name = "sqzc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".sqz", ".test", ".sh", ".py"]
config.excludes = ["Inputs", "lit.cfg.py", "models", "fuzz", "bench", "bochs", "conformance"]
config.test_source_root = os.path.join(root, "tests")
config.test_exec_root = os.path.join(build, "test")

config.environment.update(PATH=os.pathsep.join([os.path.join(build, "bin"), llvm, os.environ["PATH"]]),
                          SQZC=os.path.join(build, "bin", "sqzc"), SQZC_BUILD=build, SQZC_SHARED=shared,
                          PYTHONPATH=os.path.join(root, "tests", "models"))
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# Longer names first: lit replaces in this order.
config.substitutions += [
    ("%sqzc-unit", os.path.join(build, "bin", "sqzc-unit")),
    ("%sqzc", os.path.join(build, "bin", "sqzc")),
    ("%python", python),
    ("%make_models", f"{python} {root}/tests/models/make.py"),
    ("%compare", f"{python} {root}/tests/models/compare.py"),
    ("%models", os.path.join(root, "build", "models")),
    ("%shared", shared if os.path.isdir(shared) else ""),
    ("%build", build),
    ("%root", root),
    ("%cc_arm64", "clang-22 --target=aarch64-unknown-linux-gnu -fuse-ld=lld -static"),
    ("%run_arm64", "qemu-aarch64"),
    ("%cc_armv7", "clang-22 --target=armv7a-unknown-linux-gnueabihf -fuse-ld=lld -static"),
    ("%run_armv7", "qemu-arm"),
    ("%cxx", "c++"),
    ("%cc", "cc"),
]

# What a test may ask for by REQUIRES.
if os.path.isdir(os.path.join(shared, "data")):
    config.available_features.add("shared")
if lit_config.params.get("full"):
    config.available_features.add("slow")
for name, emulator in (("arm64-qemu", "qemu-aarch64"), ("armv7-qemu", "qemu-arm")):
    if shutil.which(emulator) and shutil.which("clang-22"):
        config.available_features.add(name)
if shutil.which("bochs") and os.uname().machine == "x86_64":
    config.available_features.add("bochs")
with open("/proc/cpuinfo") as file:
    cpu = set(file.read().split())
if {"avx2", "fma", "bmi2"} <= cpu:
    config.available_features.add("avx2")
if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= cpu:
    config.available_features.add("avx512")
if os.uname().machine == "x86_64":
    config.available_features.add("x86")
if "address" in os.environ.get("SQZC_SANITIZE", ""):
    config.available_features.add("asan")
