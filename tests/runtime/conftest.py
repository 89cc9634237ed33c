"""One compiled module with the functions that the tests of this directory call."""

from __future__ import annotations

import pytest

from eerie_dsl.ir import dtypes

MLIR_TYPES = {
    dtypes.bool_: "i1",
    dtypes.int8: "i8",
    dtypes.int16: "i16",
    dtypes.int32: "i32",
    dtypes.int64: "i64",
    dtypes.uint8: "i8",
    dtypes.uint16: "i16",
    dtypes.uint32: "i32",
    dtypes.uint64: "i64",
    dtypes.float16: "f16",
    dtypes.bfloat16: "bf16",
    dtypes.float32: "f32",
    dtypes.float64: "f64",
    dtypes.complex64: "complex<f32>",
    dtypes.complex128: "complex<f64>",
}


def _module() -> str:
    functions = [
        _add("main", "16x16xf32"),
        _add("scalar", "f32"),
        _add("empty", "0x4xf32"),
        _add("large", "512x512xf32"),
        """func.func @several(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
            %0 = arith.addf %a, %b : tensor<4xf32>
            %1 = arith.subf %a, %b : tensor<4xf32>
            %2 = arith.mulf %a, %b : tensor<4xf32>
            return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
        }""",
        """func.func @flatten(%a: tensor<8x16xf32>) -> tensor<128xf32> {
            %0 = tensor.collapse_shape %a [[0, 1]] : tensor<8x16xf32> into tensor<128xf32>
            return %0 : tensor<128xf32>
        }""",
    ]
    for mlir in sorted(set(MLIR_TYPES.values())):
        name = "same_" + mlir.replace("<", "_").replace(">", "")
        functions.append(
            f"func.func @{name}(%a: tensor<2x3x{mlir}>) -> tensor<3x2x{mlir}> {{\n"
            f"%e = tensor.empty() : tensor<3x2x{mlir}>\n"
            f"%0 = linalg.transpose ins(%a : tensor<2x3x{mlir}>) outs(%e : tensor<3x2x{mlir}>) permutation = [1, 0]\n"
            f"return %0 : tensor<3x2x{mlir}> }}"
        )
    return "module @program {\n" + "\n".join(functions) + "\n}"


def _add(name: str, shape: str) -> str:
    tensor = f"tensor<{shape}>"
    return (
        f"func.func @{name}(%a: {tensor}, %b: {tensor}) -> {tensor} {{\n"
        f"%0 = arith.addf %a, %b : {tensor}\nreturn %0 : {tensor} }}"
    )


def compiled(text: str, *flags: str) -> bytes:
    from iree.compiler.api import Output, Session, Source

    session = Session()
    session.set_flags(
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        "--iree-opt-level=O2",
        "--iree-input-demote-f64-to-f32=false",
        "--iree-input-demote-i64-to-i32=false",
        *flags,
    )
    invocation = session.invocation()
    source = Source.wrap_buffer(session, text.encode() + b"\0")
    assert invocation.parse_source(source)
    assert invocation.execute()
    output = Output.open_membuffer()
    invocation.output_vm_bytecode(output)
    return bytes(output.map_memory())


@pytest.fixture(scope="session")
def program() -> bytes:
    return compiled(_module(), "--iree-llvmcpu-target-cpu=host")


@pytest.fixture(scope="session")
def foreign_program() -> bytes:
    """A program for a processor that is not this one."""
    import platform

    other = "x86_64" if platform.machine() in {"aarch64", "arm64"} else "aarch64"
    text = "module @program {\n" + _add("main", "4xf32") + "\n}"
    return compiled(text, f"--iree-llvmcpu-target-triple={other}-unknown-linux-gnu")
