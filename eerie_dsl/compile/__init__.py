"""From graph to native code: targets, cache, and the compiler in a process of its own."""

from eerie_dsl.compile.cache import Cache, CacheInfo, Entry, default_cache
from eerie_dsl.compile.functions import Function, absence, backends, compile_functions
from eerie_dsl.compile.key import Key, make_key
from eerie_dsl.compile.program import Kernel, Program
from eerie_dsl.compile.service import (
    CacheStatus,
    compile_graph,
    compile_module,
    lower_graph,
    prewarm,
    shutdown,
    stored_program,
)
from eerie_dsl.compile.target import TARGETS, Target, get_target

__all__ = [
    "TARGETS",
    "Cache",
    "CacheInfo",
    "CacheStatus",
    "Entry",
    "Function",
    "Kernel",
    "Key",
    "Program",
    "Target",
    "absence",
    "backends",
    "compile_functions",
    "compile_graph",
    "compile_module",
    "default_cache",
    "get_target",
    "lower_graph",
    "make_key",
    "prewarm",
    "shutdown",
    "stored_program",
]
