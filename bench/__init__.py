"""Eerie side by side with JAX, PyTorch and NumPy: ``python -m bench``. One file per subject."""
