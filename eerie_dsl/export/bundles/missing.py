"""Functions that kernels call and some C libraries lack: a bundle has them, for programs that do not."""

from __future__ import annotations

from collections.abc import Iterable

# What kernels call and C libraries lack, as type, parameters and statements. Maximum and minimum are those of IEEE 754:
# NaN if any is.
_CHOOSE = "return ((a != a) || (b != b)) ? (a + b) : (((a == b) && (a == 0)) ? ({zeros}) : (({first}) ? a : b));"
_ALL = {
    f"f{name}imum{end}": (kind, f"{kind} a, {kind} b", _CHOOSE.format(zeros=zeros, first=first))
    for name, zeros, first in (("max", "a + b", "a > b"), ("min", "-((-a) - b)", "a < b"))
    for end, kind in (("f", "float"), ("", "double"))
}
# Arm's own names for these are __aeabi_fadd and so on, and some of its libraries have no others.
_ARM = {
    f"__{name}{end}3": (kind, f"{kind} a, {kind} b", f"return a {sign} b;")
    for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"))
    for end, kind in (("sf", "float"), ("df", "double"))
} | {
    "__extendsfdf2": ("double", "float a", "return (double)a;"),
    "__truncdfsf2": ("float", "double a", "return (float)a;"),
    "__floatsisf": ("float", "int32_t a", "return (float)a;"),
    "__floatunsisf": ("float", "uint32_t a", "return (float)a;"),
    "__floatsidf": ("double", "int32_t a", "return (double)a;"),
    "__floatunsidf": ("double", "uint32_t a", "return (double)a;"),
    "__fixsfsi": ("int32_t", "float a", "return (int32_t)a;"),
    "__fixdfsi": ("int32_t", "double a", "return (int32_t)a;"),
    "__unordsf2": ("int", "float a, float b", "return ((a != a) || (b != b)) ? 1 : 0;"),
    "__unorddf2": ("int", "double a, double b", "return ((a != a) || (b != b)) ? 1 : 0;"),
}


def provided(undefined: Iterable[str], machine: str) -> list[str]:
    """Those of some functions that the C file defines, unless the program does."""
    return sorted(set(undefined) & (_ALL | (_ARM if machine.startswith(("thumb", "arm")) else {})).keys())


def definition(name: str) -> str:
    """The C of one of them."""
    kind, parameters, statement = (_ALL | _ARM)[name]
    return f"""
#if defined(__GNUC__)
__attribute__((weak))
#endif
{kind} {name}({parameters});
{kind} {name}({parameters})
{{
    {statement}
}}
"""
