"""What programs can be compiled for. Adding a target is adding one entry to `TARGETS`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from eerie_dsl.compile.cpu import host_cpu
from eerie_dsl.errors import TargetError

if TYPE_CHECKING:
    from eerie_dsl.ir import Graph

# What every target shares. To look for the dialects of other libraries in a module is to load them, and passes collect
# the rewrites of all dialects that are loaded: tanh(a*b)+a took 271 ms, and 216 without. Without the two of the middle
# f64 and i64 become f32 and i32 in silence; with the default of 32 KiB a gather fused into a layer norm is refused, and
# the workers' stacks hold 128.
BASE = (
    "--iree-opt-level=O2",
    "--iree-input-type=none",
    "--iree-input-demote-f64-to-f32=false",
    "--iree-input-demote-i64-to-i32=false",
    "--iree-llvmcpu-stack-allocation-limit=64KiB",
)


class Target(NamedTuple):
    """A kind of machine to compile for.

    Attributes:
        name: how users call it.
        flags: compiler flags that are its own; see `all_flags`.
        driver: the runtime's driver that runs its programs; empty where there is no runtime.
        description: one line for listings.
        variant: what tells two machines of this target apart, for the cache key.
        needs: what running its programs takes, for people.
        machine: the architecture of a CPU, as in ``x86_64``; empty for what is no CPU, or any.
        features: what the CPU must have beyond that, as Linux calls it.
        system: the operating system that has these CPUs, as `sys.platform` calls it; empty for any.
        lacks: names of dtypes that it cannot compute with.
        backend: what in the compiler emits its code.
        inner: names of dtypes that it computes with, but neither takes nor gives.
    """

    name: str
    flags: tuple[str, ...]
    driver: str
    description: str
    variant: str = ""
    needs: str = ""
    machine: str = ""
    features: tuple[str, ...] = ()
    system: str = ""
    lacks: frozenset[str] = frozenset()
    backend: str = "llvm-cpu"
    inner: frozenset[str] = frozenset()

    @property
    def all_flags(self) -> tuple[str, ...]:
        """Every flag the compiler is given."""
        own = {flag.partition("=")[0] for flag in self.flags}
        return (*(flag for flag in BASE if flag.partition("=")[0] not in own), *self.flags)

    @property
    def machine_flags(self) -> tuple[str, ...]:
        """The flags that describe a CPU, without those that choose a runtime for it."""
        return tuple(flag for flag in self.flags if flag.startswith("--iree-llvmcpu-"))

    def check(self, graph: Graph) -> None:
        """See that it can compute with every dtype of a graph.

        Raises:
            TargetError: naming the dtype and the line that brings it in.
        """
        if not self.lacks:
            return
        for node in (*graph.inputs, *graph.outputs):
            if node.dtype.name in self.inner:
                raise TargetError(
                    f"{self.name} has no {node.dtype.name} in memory, and an argument or a result is {node.aval}",
                    source=node.source,
                    hint="pass and return it as float32 or int32",
                )
        for node in (*graph.inputs, *graph.walk()):
            for aval in getattr(node.aval, "elements", (node.aval,)):
                if aval.dtype.name in self.lacks:
                    what = "an argument" if node.op is None else f"the result of {node.op.name}"
                    raise TargetError(
                        f"{self.name} cannot compute with {aval.dtype.name}, and {what} is {aval}",
                        source=node.source,
                        hint=f"cast to another dtype; {self.name} lacks {', '.join(sorted(self.lacks))}",
                    )

    def __str__(self) -> str:
        return self.name


_LOCAL = "--iree-hal-target-device=local"
_LINUX = "unknown-linux-gnu"
_RUNTIME = "IREE's runtime on it"
_PAGE = "eerie.bundle, a browser or Node"
_NONE: frozenset[str] = frozenset()
_F64 = frozenset({"float64", "complex128"})
# Of narrower ones the last elements of an array came out wrong on Vulkan, where they do not fill a word of 32 bits.
_NOT_WORDS = _F64 | {"complex64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int64", "uint64"}
_BOOL = frozenset({"bool"})


def _cpu(
    name: str,
    triple: str,
    cpu: str,
    description: str,
    *,
    features: str = "",
    abi: str = "",
    floats: str = "",
    requires: str = "",
    machine: str = "",
    system: str = "",
    lacks: frozenset[str] = _NONE,
) -> Target:
    """A CPU; ``features`` are the compiler's names for what it has, ``requires`` those of Linux for the same."""
    flags = (
        _LOCAL,
        "--iree-hal-local-target-device-backends=llvm-cpu",
        *((f"--iree-llvmcpu-target-triple={triple}",) if triple else ()),
        f"--iree-llvmcpu-target-cpu={cpu}",
        *((f"--iree-llvmcpu-target-cpu-features={features}",) if features else ()),
        *((f"--iree-llvmcpu-target-abi={abi}",) if abi else ()),
        *((f"--iree-llvmcpu-target-float-abi={floats}",) if floats else ()),
    )
    return Target(
        name, flags, "local", description, needs=_RUNTIME if triple else "", system=system, lacks=lacks,
        machine=machine or triple.partition("-")[0], features=tuple(requires.split()),
    )  # fmt: skip


def _mcu(name: str, triple: str, cpu: str, description: str, *flags: str, lacks: frozenset[str] = _NONE) -> Target:
    """A microcontroller: code without a runtime, on small vectors and a small stack."""
    all_flags = (
        f"--iree-llvmcpu-target-triple={triple}",
        f"--iree-llvmcpu-target-cpu={cpu}",
        "--iree-llvmcpu-target-vector-width-in-bytes=4",
        "--iree-llvmcpu-stack-allocation-limit=4KiB",
        *flags,
    )
    needs, machine = "eerie.bundle, a C compiler", triple.partition("-")[0]
    return Target(name, all_flags, "", description, needs=needs, machine=machine, lacks=lacks)


def _gpu(
    name: str,
    driver: str,
    flag: str,
    description: str,
    needs: str,
    *,
    backend: str,
    lacks: frozenset[str] = _NONE,
    inner: frozenset[str] = _NONE,
) -> Target:
    flags = (f"--iree-hal-target-device={driver}", *((flag,) if flag else ()))
    return Target(name, flags, driver, description, needs=needs, lacks=lacks, backend=backend, inner=inner)


def _cuda(chip: str, description: str, name: str = "") -> Target:
    name = name or f"cuda-{chip.replace('_', '')}"
    return _gpu(name, "cuda", f"--iree-cuda-target={chip}", description, "an NVIDIA driver", backend="cuda")


def _rocm(chip: str, description: str) -> Target:
    return _gpu(f"rocm-{chip}", "hip", f"--iree-rocm-target={chip}", description, "ROCm's HIP runtime", backend="rocm")


def _metal(name: str, platform: str, description: str) -> Target:
    flag = f"--iree-metal-target-platform={platform}"
    return _gpu(name, "metal", flag, description, "a GPU of Apple's", backend="metal-spirv", lacks=_F64 | {"bfloat16"})


_HARD = "--iree-llvmcpu-target-float-abi=hard"
_V3, _V4 = "avx2 fma bmi2", "avx2 fma bmi2 avx512f avx512bw avx512vl"

# One file per architecture and CPU serves every operating system. The names of GPUs are all that are known to work:
# the compiler crashes on some others.
TARGETS = {
    target.name: target
    for target in (
        _cpu("host", "", "host", "this machine's CPU, with all it can do"),
        _cpu("x86-64", f"x86_64-{_LINUX}", "x86-64", "any 64-bit x86 CPU"),
        _cpu("x86-64-v3", f"x86_64-{_LINUX}", "x86-64-v3", "x86 CPUs with AVX2 (2013 and later)", requires=_V3),
        _cpu("x86-64-v4", f"x86_64-{_LINUX}", "x86-64-v4", "x86 CPUs with AVX-512", requires=_V4),
        _cpu("windows-x86-64", "x86_64-pc-windows-msvc", "x86-64", "Windows; the same code as x86-64"),
        _cpu("aarch64", f"aarch64-{_LINUX}", "generic", "any 64-bit Arm CPU"),
        _cpu("aarch64-neoverse", f"aarch64-{_LINUX}", "neoverse-v1", "Arm servers with SVE", requires="sve"),
        _cpu("aarch64-android", "aarch64-linux-android30", "cortex-a76", "Android phones (2019 and later)",
             requires="asimddp fphp"),
        _cpu("aarch64-macos", "arm64-apple-macos13", "apple-m1", "Macs with Apple silicon", machine="aarch64",
             system="darwin"),
        _cpu("aarch64-ios", "arm64-apple-ios16", "apple-a14", "iPhones (2020 and later)", machine="aarch64",
             system="ios"),
        _cpu("arm32", "armv7a-unknown-linux-gnueabihf", "cortex-a53", "32-bit Arm with NEON", floats="hard",
             machine="arm"),
        _cpu("riscv64", f"riscv64-{_LINUX}", "generic-rv64", "64-bit RISC-V (rv64gc)", features="+m,+a,+f,+d,+c",
             abi="lp64d"),
        _cpu("riscv64-v", f"riscv64-{_LINUX}", "generic-rv64", "64-bit RISC-V with vectors of 256 bits",
             features="+m,+a,+f,+d,+c,+v,+zvl256b", abi="lp64d", requires="v"),
        _cpu("riscv32", "riscv32-unknown-unknown-eabi-elf", "generic-rv32", "32-bit RISC-V with floats (rv32imafc)",
             features="+m,+a,+f,+c", abi="ilp32f", lacks=_F64),
        _mcu("riscv32-imc", "riscv32-unknown-elf", "generic-rv32", "RISC-V microcontrollers without floats (ESP32-C3)",
             "--iree-llvmcpu-target-cpu-features=+m,+c", "--iree-llvmcpu-target-abi=ilp32"),
        _cpu("wasm32", "wasm32-unknown-unknown", "generic", "WebAssembly")._replace(needs=_PAGE),
        _cpu("wasm32-simd", "wasm32-unknown-unknown", "generic", "WebAssembly with vectors (every browser since 2023)",
             features="+simd128")._replace(needs=_PAGE),
        _mcu("cortex-m0", "thumbv6m-none-eabi", "cortex-m0", "Arm microcontrollers without floats",
             "--iree-llvmcpu-target-float-abi=soft"),
        # Their C libraries' functions for doubles take them in other registers than the kernels give them.
        _mcu("cortex-m4f", "thumbv7em-none-eabihf", "cortex-m4", "Arm microcontrollers with single precision", _HARD,
             lacks=_F64),
        _mcu("cortex-m7", "thumbv7em-none-eabihf", "cortex-m7", "fast Arm microcontrollers", _HARD, lacks=_F64),
        _mcu("cortex-m33", "thumbv8m.main-none-eabihf", "cortex-m33", "Arm microcontrollers with TrustZone", _HARD,
             lacks=_F64),
        _cuda("sm_80", "NVIDIA GPUs since Ampere (PTX, which newer ones take too)", name="cuda"),
        _cuda("sm_60", "NVIDIA Pascal (P100) and later"),
        _cuda("sm_70", "NVIDIA Volta (V100) and later"),
        _cuda("sm_75", "NVIDIA Turing (T4, RTX 20) and later"),
        _cuda("sm_80", "NVIDIA Ampere (A100) and later"),
        _cuda("sm_86", "NVIDIA Ampere (A10, RTX 30) and later"),
        _cuda("sm_87", "NVIDIA Jetson Orin"),
        _cuda("sm_89", "NVIDIA Ada (L4, L40, RTX 40) and later"),
        _cuda("sm_120", "NVIDIA Blackwell (RTX 50)"),
        _rocm("gfx90a", "AMD MI200"),
        _rocm("gfx942", "AMD MI300"),
        _rocm("gfx950", "AMD MI350"),
        _rocm("gfx1100", "AMD RDNA 3 (RX 7900)"),
        _rocm("gfx1201", "AMD RDNA 4 (RX 9070)"),
        _gpu("vulkan", "vulkan", "", "any GPU with Vulkan 1.3", "a Vulkan loader and driver", backend="vulkan-spirv",
             lacks=_NOT_WORDS, inner=_BOOL),
        _metal("metal", "macos", "GPUs of Macs"),
        _metal("metal-ios", "ios", "GPUs of iPhones and iPads"),
        _gpu("webgpu", "webgpu", "", "GPUs in browsers", "a browser with WebGPU", backend="webgpu-spirv",
             lacks=_NOT_WORDS, inner=_BOOL),
        _gpu("amd-aie", "xrt", "", "AMD's NPUs (Ryzen AI)", "AMD's XRT", backend="amd-aie", lacks=_F64),
        Target("vmvx", (_LOCAL, "--iree-hal-local-target-device-backends=vmvx"), "local",
               "bytecode for any machine; portable, about 200 times slower", needs=_RUNTIME, backend="vmvx",
               lacks=frozenset({"float16", "bfloat16", "complex64", "complex128"})),
    )
}  # fmt: skip


def get_target(target: str | Target) -> Target:
    """The target of that name; a `Target` is given back as it is. ``host`` is pinned to this very CPU.

    Raises:
        TargetError: no target has that name.

    Example:
        >>> get_target("x86-64-v3").driver
        'local'
    """
    if isinstance(target, Target):
        return _pinned(target) if target.name == "host" and not target.variant else target
    found = TARGETS.get(target)
    if found is None:
        raise _unknown(target)
    return _pinned(found) if found.name == "host" else found


@cache
def _pinned(host: Target) -> Target:
    return host._replace(variant=host_cpu())


def _unknown(name: object) -> TargetError:
    import difflib

    plain = str(name).lower().replace("_", "-")
    near = difflib.get_close_matches(plain, TARGETS, 3, 0.6)
    word = plain.replace("-", "")
    near += [t for t in TARGETS if len(word) > 1 and word in t.replace("-", "") and t not in near]
    if near:
        return TargetError(f"unknown target {name!r}", hint=f"did you mean {' or '.join(map(repr, near[:4]))}?")
    return TargetError(f"unknown target {name!r}; there are {', '.join(TARGETS)}")
