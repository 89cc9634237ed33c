"""A variational autoencoder dreams up handwritten digits: ``python -m examples.autoencoder [DIRECTORY]``.

Kingma and Welling, Auto-encoding variational Bayes, 2014. Sizes in the comments: n images of p = 64 pixels, each
described by z = 8 numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import eerie_dsl as eerie
from eerie_dsl import Array, nn, optim, train
from examples.pictures import save

BATCH = 128
TESTED = 256


@nn.module
class Autoencoder:
    encoder: nn.Sequential  # (n, p) -> (n, 2z), means and logarithms of variances
    decoder: nn.Sequential  # (n, z) -> (n, p), logits of how dark a pixel is

    @classmethod
    def init(cls, key: Array, *, pixels: int = 64, hidden: int = 256, latent: int = 8) -> Autoencoder:
        keys = eerie.random.split(key, 4)

        def network(first: Array, second: Array, inputs: int, outputs: int) -> nn.Sequential:
            expand, contract = nn.Linear.init(first, inputs, hidden), nn.Linear.init(second, hidden, outputs)
            return nn.Sequential(expand, eerie.silu, contract)

        return cls(network(keys[0], keys[1], pixels, 2 * latent), network(keys[2], keys[3], latent, pixels))

    def encode(self, images: Array) -> tuple[Array, Array]:
        """Means and logarithms of the variances of what describes each image, both (n, z)."""
        mean, log_variance = eerie.split(self.encoder(images), 2, axis=-1)
        return mean, log_variance

    def decode(self, latents: Array) -> Array:
        """Images, (n, p) from 0 to 1."""
        return eerie.sigmoid(self.decoder(latents))

    def bound(self, images: Array, key: Array) -> Array:
        """Of each image, (n,), what its logarithmic likelihood is at least: the evidence lower bound, in nats."""
        mean, log_variance = self.encode(images)
        noise = eerie.random.normal(mean.shape, key=key)
        logits = self.decoder(mean + eerie.exp(log_variance / 2) * noise)
        likelihood = -eerie.sum(nn.binary_cross_entropy(logits, images, reduction="none"), axis=-1)
        divergence = eerie.sum(eerie.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1) / 2
        return likelihood - divergence


optimizer = optim.adam(2e-3)


@eerie.jit(donate_argnums=0)
def step(state: dict[str, Any], images: Array, weight: Array) -> tuple[dict[str, Any], dict[str, Array]]:
    key, noise = eerie.random.split(state["key"])

    def loss(model: Autoencoder) -> Array:
        return -eerie.average(model.bound(images, noise), weights=weight)

    value, gradient = eerie.value_and_grad(loss)(state["model"])
    updates, moments = optimizer.update(gradient, state["moments"], state["model"])
    return {"model": optim.apply(state["model"], updates), "moments": moments, "key": key}, {"loss": value}


@eerie.jit
def judge(model: Autoencoder, images: Any, key: Array) -> Array:
    """The evidence lower bound, mean of the images."""
    return eerie.mean(model.bound(images, key))


def images() -> tuple[np.ndarray, np.ndarray]:
    """Digits to learn from and digits to be tested with, (n, 64) from 0 to 1."""
    data = load_digits().data[np.random.default_rng(0).permutation(1797)].astype(np.float32) / 16.0
    return data[TESTED:], data[:TESTED]


def learn(key: Array, *, epochs: int) -> train.History:
    """A trained model, and how far below 0 the evidence lower bound was meanwhile, as ``loss``."""
    training, testing = images()
    drawn, shuffled, noise, judged = eerie.random.split(key, 4)
    model = Autoencoder.init(drawn)
    state = {"model": model, "moments": optimizer.init(model), "key": noise}
    batches = train.batches(training, BATCH, shuffled)

    def evaluate(state: dict[str, Any]) -> dict[str, Array]:
        return {"loss": -judge(state["model"], testing, judged)}

    return train.fit(step, state, batches, epochs=epochs, evaluate=evaluate, progress=False)


def sheet(images: Any, *, scale: int = 4) -> np.ndarray:
    """Sixty-four images, (64, 64), in rows of eight, as dark ink on paper: (height, width, 3) uint8."""
    tiles = np.pad(np.asarray(images).reshape(8, 8, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    plane = np.pad(tiles.transpose(0, 2, 1, 3).reshape(80, 80), 4)
    grey = (255.0 * (1.0 - plane)).round().astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
    return np.stack([grey] * 3, axis=-1)


def main(out: Path = Path("out"), *, epochs: int = 150) -> None:
    history = learn(eerie.random.key(0), epochs=epochs)
    losses = history.evaluation["loss"]
    print(f"Autoencoder  {epochs} epochs, {history.steps} steps of {step.traces} program")
    print(f"  a new digit has at least {-losses[0]:.1f} nats after the first epoch, {-losses[-1]:.1f} after the last")
    model, seen = history.state["model"], images()[1][:64]
    again = model.decode(model.encode(eerie.asarray(seen))[0])
    dreamt = model.decode(eerie.random.normal((64, 8), key=eerie.random.key(1)))
    print("  digits that were not learnt from, what 8 numbers keep of each, and digits that nobody wrote:")
    save(np.concat([sheet(seen), sheet(again), sheet(dreamt)], axis=1), out / "autoencoder.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
