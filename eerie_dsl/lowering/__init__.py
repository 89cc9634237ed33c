"""Graph to MLIR: the only door to ``iree.compiler.ir``."""

from eerie_dsl.lowering.module import ENTRY, build, lower

__all__ = ["ENTRY", "build", "lower"]
