"""Layers: modules that are trees of arrays, called like functions; losses, and the state that layers keep.

See the guide in ``docs/layers.md``.
"""

from eerie_dsl.nn import initializers
from eerie_dsl.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from eerie_dsl.nn.attention import KVCache, MultiHeadAttention, attention
from eerie_dsl.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from eerie_dsl.nn.ctc import ctc_loss
from eerie_dsl.nn.dropout import Dropout
from eerie_dsl.nn.embedding import Embedding
from eerie_dsl.nn.linear import Linear
from eerie_dsl.nn.losses import (
    binary_cross_entropy,
    cosine_loss,
    cosine_similarity,
    cross_entropy,
    huber_loss,
    kl_divergence,
    l1_loss,
    mse_loss,
)
from eerie_dsl.nn.module import module
from eerie_dsl.nn.normalization import BatchNorm, BatchNormState, GroupNorm, LayerNorm, RMSNorm
from eerie_dsl.nn.pooling import AvgPool, MaxPool, adaptive_avg_pool, avg_pool, global_avg_pool, max_pool
from eerie_dsl.nn.recurrent import GRU, LSTM, GRUCell, LSTMCell
from eerie_dsl.nn.rotary import RotaryEmbedding
from eerie_dsl.nn.sequential import Sequential
from eerie_dsl.tree import static

__all__ = [
    "GRU",
    "LSTM",
    "AvgPool",
    "BatchNorm",
    "BatchNormState",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "GRUCell",
    "GroupNorm",
    "KVCache",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "MultiHeadAttention",
    "RMSNorm",
    "RotaryEmbedding",
    "Sequential",
    "adaptive_avg_pool",
    "attention",
    "avg_pool",
    "binary_cross_entropy",
    "cosine_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "elu",
    "gelu",
    "global_avg_pool",
    "huber_loss",
    "initializers",
    "kl_divergence",
    "l1_loss",
    "leaky_relu",
    "log_softmax",
    "max_pool",
    "module",
    "mse_loss",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "static",
    "tanh",
]
