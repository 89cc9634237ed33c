"""Graph to MLIR: the only door to ``iree.compiler.ir``."""

from eerie_dsl.lowering.functions import Function, lower_functions
from eerie_dsl.lowering.module import ENTRY, build, lower
from eerie_dsl.lowering.tuned import tunable

__all__ = ["ENTRY", "Function", "build", "lower", "lower_functions", "tunable"]
