"""How bundles are made: the C files, the WebAssembly files, what is said of them."""

from eerie_dsl.export.bundles.making import make

__all__ = ["make"]
