"""Elementary functions from additions, multiplications and bits: the same results on every target, and vectors.

Each function takes the scalar emitter and a float32 or float64 element. Nothing branches. Values that float32 or
float64 can only hold as subnormals count as zero, as the CPU runtime has it. The polynomials are minimax fits (Remez,
relative error), one for each format.
"""
