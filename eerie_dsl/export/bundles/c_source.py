"""The C of a bundle: plain C99 in the manner of MISRA, without heap, global state or a runtime."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from eerie_dsl.compile.static_library import Copy, Dispatch, Fill, Span
from eerie_dsl.export.bundles import missing
from eerie_dsl.export.bundles.plan import Part, Plan
from eerie_dsl.version import __version__

ALIGNMENT = 64
"""What kernels assume of every buffer."""

CTYPES = {
    "bool": "uint8_t", "float16": "uint16_t", "bfloat16": "uint16_t", "float32": "float", "float64": "double",
    "complex64": "float", "complex128": "double", **{f"int{n}": f"int{n}_t" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"uint{n}_t" for n in (8, 16, 32, 64)},
}  # fmt: skip
_NOTES = {
    "bool": "0 or 1 each",
    "float16": "the bits of a half-precision number each",
    "bfloat16": "the upper 16 bits of a float each",
    "complex64": "real part, imaginary part, and so on",
    "complex128": "real part, imaginary part, and so on",
}


def elements(part: Part) -> int:
    """How many numbers of its C type a part has."""
    return part.size * (2 if part.aval.dtype.kind == "complex" else 1)


def header(plan: Plan) -> str:
    """The header: sizes, the errors, the function."""
    p, big = plan.name, plan.name.upper()
    counts = "\n".join(f"#define {big}_{x.name.upper()}_COUNT {elements(x)}" for x in (*plan.arguments, *plan.results))
    return f"""\
/* {p}.h: made by Eerie {__version__} for {plan.target}. */
#ifndef {big}_H
#define {big}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* Every buffer, the workspace too, has to start at a multiple of this: {big}_ALIGNED static float x[64]; */
#define {big}_ALIGNMENT {ALIGNMENT}
#if defined(__GNUC__)
#define {big}_ALIGNED __attribute__((aligned({ALIGNMENT})))
#elif defined(__cplusplus)
#define {big}_ALIGNED alignas({ALIGNMENT})
#else
#define {big}_ALIGNED _Alignas({ALIGNMENT})
#endif

/* Bytes of workspace that a call needs. Nothing in it has to be kept from call to call. */
#define {big}_WORKSPACE_SIZE {plan.library.workspace}

/* Elements of the arguments and results. */
{counts}

typedef enum {{
    {big}_OK = 0,
    {big}_NULL_POINTER = 1,        /* a buffer is missing */
    {big}_UNALIGNED = 2,           /* a buffer does not start at a multiple of {big}_ALIGNMENT */
    {big}_WORKSPACE_TOO_SMALL = 3, /* fewer bytes than {big}_WORKSPACE_SIZE */
    {big}_WRONG_KERNELS = 4,       /* {p}_kernels.o is of another version */
    {big}_KERNEL_FAILED = 5
}} {p}_status;

/* Compilers then warn of arrays that are too short. */
#if defined(__STDC_VERSION__) && (__STDC_VERSION__ >= 199901L) && !defined(__cplusplus)
#define {big}_LENGTH(count) static (count)
#else
#define {big}_LENGTH(count) count
#endif

/*
 * Run it. It may be called from several threads at a time, with a workspace for each.
 *
{_described(plan)} *
 * No two buffers may overlap. Where the status is not {big}_OK, the results mean nothing.
 */
{_declaration(plan, checked=True)};

#ifdef __cplusplus
}}
#endif

#endif
"""


def source(plan: Plan, kernels: Sequence[str], weak: Iterable[str], pointer: int) -> str:
    """The function.

    Args:
        plan: the bundle.
        kernels: the names of the kernels in the order in which the library has them.
        weak: what `missing.provided` gave.
        pointer: bytes of an address on the target.
    """
    p = plan.name
    steps = list(_steps(plan, kernels))
    text = [
        f'/* {p}.c: made by Eerie {__version__} for {plan.target}. */\n#include "{p}.h"\n',
        f"\n/* Refused where types differ from what {plan.target} has. */\n",
        *(f"typedef char {p}_check_{name}[({condition}) ? 1 : -1];\n" for name, condition in _checks(plan, pointer)),
    ]
    if plan.library.weights:
        text.append(f"\nextern const uint32_t {p}_weights[];\n")
    text += map(missing.definition, weak)
    text.append(_interface(plan))
    text += [
        _HELPERS[kind].replace("NAME", p)
        for kind in (Copy, Fill)
        if any(isinstance(s, kind) for s in plan.library.steps)
    ]
    text.append(_function(plan, steps))
    return "".join(text)


def weights(plan: Plan) -> str:
    """The weights as an array that lies where constants do."""
    p, data = plan.name, plan.library.weights
    data += bytes(-len(data) % 4)
    words = [f"0x{w:08x}u" for (w,) in struct.iter_unpack("<I", data)]
    lines = ",\n    ".join(", ".join(words[i : i + 8]) for i in range(0, len(words), 8))
    return f"""\
/* {p}_weights.c: made by Eerie {__version__} for {plan.target}; {len(plan.library.weights)} bytes, little-endian. */
#include "{p}.h"

extern const uint32_t {p}_weights[{len(words)}];

{p.upper()}_ALIGNED const uint32_t {p}_weights[{len(words)}] = {{
    {lines}
}};
"""


def prototype(plan: Plan) -> str:
    """The function as a README shows it."""
    return _declaration(plan, checked=False) + ";"


def _described(plan: Plan) -> str:
    lines = []
    for what, found in (("in", plan.arguments), ("out", plan.results)):
        for part in found:
            note = _NOTES.get(part.aval.dtype.name)
            lines.append(f" * {what:3} {part.name}: {part.label}, {part.aval}{f'; {note}' if note else ''}\n")
    return "".join(lines)


def _declaration(plan: Plan, *, checked: bool) -> str:
    def array(part: Part) -> str:
        count = max(1, elements(part))
        return f"{part.name}[{plan.name.upper()}_LENGTH({count})]" if checked else f"{part.name}[{count}]"

    given = [f"const {CTYPES[x.aval.dtype.name]} {array(x)}" for x in plan.arguments]
    given += [f"{CTYPES[x.aval.dtype.name]} {array(x)}" for x in plan.results]
    given += ["void *workspace", "size_t workspace_size"]
    start = f"{plan.name}_status {plan.name}_run("
    joined = ", ".join(given)
    if len(start) + len(joined) < 110:
        return f"{start}{joined})"
    return start + "\n    " + ",\n    ".join(given) + ")"


def _checks(plan: Plan, pointer: int) -> Iterator[tuple[str, str]]:
    yield "address", f"sizeof(void *) == {pointer}u"
    names = {CTYPES[x.aval.dtype.name] for x in (*plan.arguments, *plan.results)}
    if "float" in names:
        yield "float", "sizeof(float) == 4u"
    if "double" in names:
        yield "double", "sizeof(double) == 8u"


def _interface(plan: Plan) -> str:
    p = plan.name
    return f"""
/* The binary interface of the kernels: version 6 of IREE's static libraries. */
typedef struct {{
    const uint32_t *constants;
    int (*import_thunk)(void);
    int (*const *import_functions)(void);
    const void **import_contexts;
    uint64_t processor[8];
}} {p}_environment;

typedef struct {{
    uint32_t size_x;
    uint32_t size_y;
    uint16_t size_z;
    uint16_t constant_count;
    uint32_t count_x;
    uint32_t count_y;
    uint16_t count_z;
    uint8_t concurrency;
    uint8_t binding_count;
    const uint32_t *constants;
    void *const *bindings;
    const size_t *lengths;
}} {p}_dispatch;

typedef struct {{
    uint32_t x;
    uint32_t y;
    uint16_t z;
    uint16_t reserved;
    uint32_t processor;
    void *memory;
    uint32_t memory_size;
}} {p}_workgroup;

typedef int (*{p}_kernel)(const {p}_environment *, const {p}_dispatch *, const {p}_workgroup *);

typedef struct {{
    const uint32_t *header; /* the version first */
    uint32_t import_count;
    const void *imports;
    uint32_t kernel_count;
    const {p}_kernel *kernels;
}} {p}_library;

extern const {p}_library *{plan.library.name}_library_query(uint32_t version, const {p}_environment *environment);

static const {p}_environment {p}_nothing = {{NULL, NULL, NULL, NULL, {{0u}}}};

/* Run one kernel, for every workgroup that the call has. */
static {p}_status {p}_launch(const {p}_library *library, uint32_t kernel, const {p}_dispatch *call)
{{
    {p}_workgroup group = {{0u, 0u, 0u, 0u, 0u, NULL, 0u}};
    int failed = 0;
    for (group.z = 0u; group.z < call->count_z; ++group.z) {{
        for (group.y = 0u; group.y < call->count_y; ++group.y) {{
            for (group.x = 0u; group.x < call->count_x; ++group.x) {{
                failed |= library->kernels[kernel](&{p}_nothing, call, &group);
            }}
        }}
    }}
    return (failed == 0) ? {p.upper()}_OK : {p.upper()}_KERNEL_FAILED;
}}
"""


_HELPERS = {
    Copy: """
static void NAME_copy(void *target, const void *source, size_t size)
{
    uint8_t *const to = (uint8_t *)target;
    const uint8_t *const from = (const uint8_t *)source;
    for (size_t i = 0u; i < size; ++i) {
        to[i] = from[i];
    }
}
""",
    Fill: """
/* The width is a power of two. */
static void NAME_fill(void *target, size_t size, const uint8_t *pattern, size_t width)
{
    uint8_t *const to = (uint8_t *)target;
    for (size_t i = 0u; i < size; ++i) {
        to[i] = pattern[i & (width - 1u)];
    }
}
""",
}


def _function(plan: Plan, steps: Sequence[str]) -> str:
    p, big = plan.name, plan.name.upper()
    buffers = [x.name for x in (*plan.arguments, *plan.results)]
    needed = [*buffers, *(["workspace"] if plan.library.workspace else [])]
    absent = " || ".join(f"({b} == NULL)" for b in needed)
    addresses = [*needed, *([f"{p}_weights"] if plan.library.weights else [])]
    bits = " | ".join(f"(uintptr_t){b}" for b in addresses)
    most = max((len(s.spans) for s in plan.library.steps if isinstance(s, Dispatch)), default=0)
    lines = [f"{p}_status status = {big}_OK;"]
    if any("arena" in s for s in steps):
        lines.append("uint8_t *const arena = (uint8_t *)workspace;")
    lines += [
        f"const {p}_library *const library = {plan.library.name}_library_query(6u, &{p}_nothing);",
        f"void *bindings[{most}];",
        f"{p}_dispatch call = {{1u, 1u, 1u, 0u, 1u, 1u, 1u, 1u, 0u, NULL, NULL, NULL}};",
        "",
        "call.bindings = bindings;",
    ]
    small = unused = ""
    if plan.library.workspace:
        small = f"""\
 else if (workspace_size < (size_t){big}_WORKSPACE_SIZE) {{
        status = {big}_WORKSPACE_TOO_SMALL;
    }}"""
    else:
        unused = "\n    (void)workspace;\n    (void)workspace_size;"
    start = "\n    ".join(lines).replace("\n    \n", "\n\n")
    return f"""
{_declaration(plan, checked=False)}
{{
    {start}{unused}

    if ({absent}) {{
        status = {big}_NULL_POINTER;
    }} else if ((({bits}) & ({ALIGNMENT}u - 1u)) != 0u) {{
        status = {big}_UNALIGNED;
    }}{small} else if ((library == NULL) || (library->header[0] != 6u)) {{
        status = {big}_WRONG_KERNELS;
    }} else {{
        /* The arguments are good. */
    }}

{"".join(steps)}    return status;
}}
"""


def _steps(plan: Plan, kernels: Sequence[str]) -> Iterator[str]:
    for step in plan.library.steps:
        body = "\n".join(f"        {line}" for line in _lines(plan, step, kernels))
        yield f"    if (status == {plan.name.upper()}_OK) {{\n{body}\n    }}\n"


def _lines(plan: Plan, step: Dispatch | Copy | Fill, kernels: Sequence[str]) -> Iterator[str]:
    match step:
        case Copy(source, target):
            yield f"{plan.name}_copy({_address(plan, target)}, {_address(plan, source)}, {source.length}u);"
        case Fill(target, pattern):
            yield f"static const uint8_t pattern[{len(pattern)}] = {{{', '.join(f'{b}u' for b in pattern)}}};"
            yield f"{plan.name}_fill({_address(plan, target)}, {target.length}u, pattern, {len(pattern)}u);"
        case Dispatch(kernel, workgroups, constants, spans):
            lengths = ", ".join(f"{s.length}u" for s in spans)
            yield f"static const size_t lengths[{len(spans)}] = {{{lengths}}};"
            if constants:
                values = ", ".join(f"{c}u" for c in constants)
                yield f"static const uint32_t constants[{len(constants)}] = {{{values}}};"
                yield "call.constants = constants;"
            yield f"call.constant_count = {len(constants)}u;"
            for axis, count in zip("xyz", workgroups, strict=True):
                if any(d.workgroups != (1, 1, 1) for d in plan.library.steps if isinstance(d, Dispatch)):
                    yield f"call.count_{axis} = {count}u;"
            for i, span in enumerate(spans):
                yield f"bindings[{i}] = {_address(plan, span)};"
            yield f"call.binding_count = {len(spans)}u;"
            yield "call.lengths = lengths;"
            yield f"status = {plan.name}_launch(library, {kernels.index(kernel)}u, &call); /* {kernel} */"


def _address(plan: Plan, span: Span) -> str:
    offset = f" + {span.offset}u" if span.offset else ""
    match span.place:
        case "workspace":
            return f"(void *)(arena{offset})" if offset else "arena"
        case "weights":
            # Kernels take all addresses alike and only read these.
            base = f"(void *)(uintptr_t){plan.name}_weights"
        case "argument":
            base = f"(void *)(uintptr_t){plan.arguments[span.which].name}"
        case _:
            base = plan.results[span.which].name
    return f"((uint8_t *){base}{offset})" if offset else base
