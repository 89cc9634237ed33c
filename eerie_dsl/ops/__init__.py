"""The primitives, one class each; families in one module each."""
