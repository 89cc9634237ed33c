"""Sizes that the models share."""

WIDTH = 256
HEADS = 8
LAYERS = 4
VOCABULARY = 256
LENGTH = 128
BATCH = 8
ROOM = 512
"""Tokens that a cache has room for."""

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
