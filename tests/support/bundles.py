"""Bundles for CPUs, run for real: on this machine, and on others with QEMU."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eerie_dsl.export import Bundle
from examples.deploy import machines
from examples.deploy.machines import MACHINES, Machine, run


def machine(target: str) -> Machine:
    """How to run a target; skips the test where a program for it is missing."""
    found = MACHINES[target]
    if found.missing:
        pytest.skip(found.missing)
    return found


def call(bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], results: Sequence[np.ndarray[Any, Any]]) -> str:
    """C that calls a bundle on some arrays and prints bytes of the results; these tell how large they are."""
    import json

    name = bundle.name
    parts = json.loads((Path(bundle.path) / "bundle.json").read_text())
    lines, given = [], []
    for i, array in enumerate(arrays):
        data = ", ".join(map(str, np.ascontiguousarray(array).tobytes())) or "0"
        lines.append(f"static const {name.upper()}_ALIGNED uint8_t in{i}[] = {{{data}}};")
        given.append(f"(const void *)in{i}")
    for i, result in enumerate(results):
        lines.append(f"static {name.upper()}_ALIGNED uint8_t out{i}[{max(1, result.nbytes)}];")
        given.append(f"(void *)out{i}")
    lines.append(f"static {name.upper()}_ALIGNED uint8_t lent[{name.upper()}_WORKSPACE_SIZE + 1];")
    lines.append(f'if ({name}_run({", ".join(given)}, lent, sizeof lent) != {name.upper()}_OK) {{ put("failed"); }}')
    assert len(parts["results"]) == len(results)
    lines += [f"put_bytes(out{i}, {result.nbytes}u);" for i, result in enumerate(results)]
    return "{\n" + "\n".join(lines) + "\n}"


def build(folder: Path, bundles: Sequence[Bundle], calls: str, found: Machine, *more: str) -> Path:
    """Compile a program of these bundles, without a warning."""
    includes = "".join(f'#include "{b.name}.h"\n' for b in bundles)
    main = folder / "main.c"
    main.write_text(f'{includes}#include "machine.h"\n\nint program(void)\n{{\n{calls}\n    return 0;\n}}\n')
    return machines.build(folder, found, main, bundles, *more)


def results(
    folder: Path, bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], like: Sequence[np.ndarray[Any, Any]]
) -> list[np.ndarray[Any, Any]]:
    """What a bundle computes on the machine that it is for."""
    found = machine(bundle.target)
    program = build(folder, [bundle], call(bundle, arrays, like), found)
    lines = run([*found.emulator, str(program)]).splitlines()
    return [np.frombuffer(bytes.fromhex(line), r.dtype).reshape(r.shape) for line, r in zip(lines, like, strict=True)]


def in_node(
    folder: Path, bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], like: Sequence[np.ndarray[Any, Any]]
) -> list[np.ndarray[Any, Any]]:
    """What a bundle for WebAssembly computes in Node."""
    if shutil.which("node") is None:
        pytest.skip("node is missing; Debian's nodejs has it")
    inputs = ", ".join(f"typed({i}, '{np.ascontiguousarray(a).tobytes().hex()}')" for i, a in enumerate(arrays))
    (folder / "main.mjs").write_text(f"""
import {{ load, bundle }} from {str(Path(bundle.path) / f"{bundle.name}.mjs")!r};
const kinds = {{
  bool: Uint8Array, int32: Int32Array, int64: BigInt64Array, float32: Float32Array, float64: Float64Array,
}};
const typed = (i, hex) => new kinds[bundle.arguments[i].dtype](Uint8Array.from(Buffer.from(hex, "hex")).buffer);
const run = await load();
run({inputs});
const found = run({inputs});
for (const part of bundle.results) {{
  const array = bundle.results.length === 1 ? found : found[part.name];
  console.log(Buffer.from(array.buffer).toString("hex"));
}}
""")
    lines = run(["node", str(folder / "main.mjs")]).splitlines()
    return [np.frombuffer(bytes.fromhex(line), r.dtype).reshape(r.shape) for line, r in zip(lines, like, strict=True)]


def network() -> tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A perceptron of 64, 32 and 10 units, an input, and what it should give."""
    import eerie_dsl as eerie

    rng = np.random.default_rng(0)
    shapes = [(32, 64), (32,), (10, 32), (10,)]
    first, bias, second, last = (rng.standard_normal(s, np.float32) / 4 for s in shapes)
    a, b, c, d = map(eerie.asarray, (first, bias, second, last))
    x = rng.standard_normal(64, np.float32)
    want = second.astype(float) @ np.maximum(first.astype(float) @ x + bias, 0) + last
    return lambda x: c @ eerie.maximum(a @ x + b, 0.0) + d, x, want.astype(np.float32)


def medley(x: Any, place: Any, rows: Any, flag: Any) -> dict[str, Any]:
    """Results of many kinds: packed into one buffer, constant, handed on, sorted, of several dtypes."""
    import eerie_dsl as eerie
    from eerie_dsl import nn

    table = eerie.asarray(np.arange(40, dtype=np.int32).reshape(4, 10))
    return {
        "row": x[place],
        "rows": eerie.take(x, rows, axis=0),
        "soft": nn.softmax(x, axis=-1),
        "table": eerie.arange(10) + table,
        "same": x,
        "zeros": eerie.zeros((3,)),
        "gram": x.T @ x,
        "flipped": eerie.where(flag, x, -x),
        "sorted": eerie.sort(x, axis=1),
        "best": eerie.argmax(x, axis=1),
        "curves": eerie.tanh(x) + eerie.exp(x) + eerie.sin(x),
        "power": eerie.pow(eerie.abs(x), 1.7),
        "both": flag & (x[0, 0] > 0),
        "most": eerie.max(x),
    }


MEDLEY = ["f32[4,10]", "i32[]", "i32[3]", "bool[]"]


def medley_case() -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Arguments of `medley`, and its results in the order of a bundle."""
    import eerie_dsl as eerie

    x = np.random.default_rng(1).standard_normal((4, 10), np.float32)
    arrays = [x, np.asarray(2, np.int32), np.asarray([0, 3, 1], np.int32), np.asarray(True)]
    with eerie.config(evaluation="reference"):
        found = medley(*map(eerie.asarray, arrays))
        return arrays, [np.asarray(found[k]) for k in sorted(found)]
