"""Models and tensors from and to the files of others."""

from eerie_dsl.interop import gguf, safetensors

__all__ = ["gguf", "safetensors"]
