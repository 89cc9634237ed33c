"""Eerie side by side with JAX, PyTorch, NumPy, Numba and ONNX Runtime: ``python -m bench``. One file per subject."""
