"""What users call: arrays, functions of them, and jit."""
