"""A network that reads digits, with weights of eight bits, taken to other machines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import Array, nn
from examples import digits_training
from examples.deploy import machines
from examples.reporting import milliseconds

Function: TypeAlias = Callable[[Any], Array]
Images: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

TRIED = 20


class Row(NamedTuple):
    """What came of a target.

    Attributes:
        target: name of it.
        size: bytes of all that has to be there: code, glue, weights.
        ram: bytes that a call needs; None where nobody counts them.
        time: of a digit, for people; the reason where it was not run.
        results: for each image; empty where it was not run.
    """

    target: str
    size: int
    ram: int | None
    time: str
    results: Images


@nn.module
class Quantised:
    """A convolution or a linear layer whose weight has eight bits, with a scale for each channel of the result."""

    layer: nn.Conv2d | nn.Linear
    scale: Array
    bias: Array | None

    @classmethod
    def of(cls, layer: nn.Conv2d | nn.Linear) -> Quantised:
        weight = layer.weight
        inner = 1 if weight.ndim == 2 else tuple(range(weight.ndim - 1))  # in Linear, those channels are the first axis
        scale = eerie.maximum(eerie.max(eerie.abs(weight), axis=inner, keepdims=True), 1e-9) / 127
        whole = eerie.astype(eerie.round(weight / scale), eerie.int8)
        return cls(replace(layer, weight=whole, bias=None), scale.reshape(-1), layer.bias)

    def __call__(self, x: Array) -> Array:
        weight = eerie.astype(self.layer.weight, eerie.float32)
        y = replace(self.layer, weight=weight)(x) * self.scale
        return y if self.bias is None else y + self.bias


def quantised(model: nn.Sequential) -> nn.Sequential:
    """The model with weights of eight bits, which are numbers again when they are used."""
    return nn.Sequential(*(Quantised.of(x) if isinstance(x, nn.Conv2d | nn.Linear) else x for x in model.layers))


def reader(model: nn.Sequential) -> Function:
    """The function that goes everywhere: from an image (8, 8) to the probability of each digit, (10,)."""

    def digits(image: Array) -> Array:
        return eerie.softmax(model(image[None, :, :, None])[0])

    return digits


def on_cpu(digits: Function, images: Images, out: Path) -> Row:
    """In a file that needs IREE's runtime."""
    done = eerie.export(digits, [eerie.spec((8, 8))], out=out / "digits.vmfb")
    loaded = eerie.load(done.path)
    time = milliseconds(lambda: loaded(images[0]).numpy())
    return Row("host", done.size, None, f"{1e3 * time:.0f} us", np.stack([loaded(image) for image in images]))


def in_javascript(digits: Function, images: Images, out: Path) -> Row:
    """As WebAssembly, with a page to draw on."""
    done = eerie.bundle(digits, [eerie.spec((8, 8))], target="wasm32-simd", out=out / "page", name="digits")
    size = sum((out / "page" / f"digits{end}").stat().st_size for end in (".wasm", ".mjs", "_weights.bin"))
    row = Row(done.target, size, done.sizes.workspace, "node is missing; Debian's nodejs has it", images[:0])
    if shutil.which("node"):
        images.tofile(out / "images.bin")
        script = machines.HERE / "main.mjs"
        printed = machines.run(["node", *map(str, (script, out / "page" / "digits.mjs", out / "images.bin"))])
        time, results = parsed(printed)
        row = row._replace(time=f"{time / 1e3:.0f} us in Node", results=results)
    return row


def in_c(digits: Function, images: Images, out: Path, target: str) -> Row:
    """As C, compiled and run in an emulator."""
    done = eerie.bundle(digits, [eerie.spec((8, 8))], target=target, out=out / target, name="digits")
    machine, sizes = machines.MACHINES[target], done.sizes
    size = sizes.beyond + sizes.parameters
    row = Row(target, size, sizes.workspace + (sizes.stack or 0), machine.missing, images[:0])
    if not machine.missing:
        folder = out / "programs" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "images.h").write_text(header(images))
        program = machines.build(folder, machine, machines.HERE / "main.c", [done])
        time, results = parsed(machines.run([*machine.emulator, str(program)]))
        clock = f"{time / 1e3:.0f} us{' emulated' if machine.emulator else ''}"
        if "-icount" in machine.emulator:
            clock = f"{time / 1e6:.2f} M instructions"
        row = row._replace(size=size + machines.size(machine, folder / "digits.o"), time=clock, results=results)
    return row


def header(images: Images) -> str:
    """Images as C."""
    rows = ",\n".join("{" + ", ".join(f"{x.hex()}f" for x in image.ravel().tolist()) + "}" for image in images)
    return f"DIGITS_ALIGNED static const float images[{len(images)}][DIGITS_IMAGE_COUNT] = {{\n{rows}\n}};\n"


def parsed(printed: str) -> tuple[int, Images]:
    """The shortest time and all results of what main.c and main.mjs print."""
    lines = [bytes.fromhex(line) for line in printed.split()]
    times = [int.from_bytes(line, "little") for line in lines[::2]]
    return min(times), np.stack([np.frombuffer(line, np.float32) for line in lines[1::2]])


def deployed(digits: Function, images: Images, out: Path) -> Iterator[Row]:
    """The function on each machine."""
    out.mkdir(parents=True, exist_ok=True)
    yield on_cpu(digits, images, out)
    yield in_javascript(digits, images, out)
    for target in ("cortex-m4f", "riscv32"):
        yield in_c(digits, images, out, target)


def main(out: Path = Path("out/deploy"), *, epochs: int = 40) -> None:
    model = digits_training.convolutional(eerie.random.key(0))
    history, _ = digits_training.learn(model, eerie.random.key(1), epochs=epochs)
    model = quantised(history.state["model"])
    weights = sum(leaf.nbytes for leaf in eerie.tree.leaves(model))
    _, tested = digits_training.examples()
    digits, images = reader(model), tested["image"][..., 0]
    right = np.mean(np.argmax(eerie.vmap(digits)(images).numpy(), axis=1) == tested["label"])
    print(f"{history.evaluation['accuracy'][-1]:.1%} of {len(images)} digits are read rightly, ", end="")
    print(f"{right:.1%} with weights of eight bits, {weights} bytes\n")

    images = images[:TRIED]
    with eerie.config(evaluation="reference"):  # which is NumPy
        expected = np.stack([digits(image) for image in images])
    print(f"{'target':12} {'in all':>8} {'without weights':>16} {'RAM':>6} {'difference':>11}  time of a digit")
    for row in deployed(digits, images, out):
        apart = f"{np.abs(row.results - expected).max():.1e}" if len(row.results) else ""
        ram = "" if row.ram is None else row.ram
        print(f"{row.target:12} {row.size:8} {row.size - weights:16} {ram:>6} {apart:>11}  {row.time}")
    print(f"\nDraw a digit: python -m http.server --directory {out / 'page'}, then http://localhost:8000/")
