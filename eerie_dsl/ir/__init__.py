"""The typed graph: pure data and what is known about it. No array is computed here, no IREE."""

from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval, Shape, TupleAval, Type
from eerie_dsl.ir.check import check
from eerie_dsl.ir.dtypes import DType, dtype
from eerie_dsl.ir.graph import Graph, Node, placeholder, rebuild, topological
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ir.primitive import Primitive, primitive_at, project
from eerie_dsl.ir.printer import text

__all__ = [
    "Aval",
    "DType",
    "Graph",
    "Node",
    "Primitive",
    "Shape",
    "TupleAval",
    "Type",
    "check",
    "dtype",
    "dtypes",
    "placeholder",
    "primitive_at",
    "project",
    "rebuild",
    "simplify",
    "text",
    "topological",
]
