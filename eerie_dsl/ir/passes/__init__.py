"""Passes: graph to graph, each a function in a module of its own."""

from eerie_dsl.ir.passes.cse import cse
from eerie_dsl.ir.passes.dce import dce
from eerie_dsl.ir.passes.fold import fold
from eerie_dsl.ir.passes.order import order
from eerie_dsl.ir.passes.simplify import PASSES, simplify

__all__ = ["PASSES", "cse", "dce", "fold", "order", "simplify"]
