"""Checks that programs make of their arguments."""

from __future__ import annotations

from iree.compiler import ir


def drop_checks(module: ir.Module) -> None:
    """Take out what looks at types and sizes of arguments, from a program whose callers know them."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in ("hal.buffer_view.assert", "hal.buffer.assert"):
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        op.erase()
