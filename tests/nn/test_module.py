"""The decorator: modules are trees, and their errors say where in the model they happened."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

import eerie_dsl as eerie
from eerie_dsl import nn, tree
from eerie_dsl.errors import ArgumentError, EerieError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")


@nn.module
class Product:
    weight: Any
    power: int = nn.static(default=1)
    bias: Any = None

    def __call__(self, x):
        return self.plain(x) if self.bias is None else self.plain(x) + self.bias

    def plain(self, x):
        return x @ self.weight**self.power


@nn.module
class Block:
    parts: tuple[Product, ...]
    named: dict[str, list[Product]]

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        for part in self.named["last"]:
            x = part(x)
        return x


@nn.module
class Model:
    block: Block
    scale: Any

    def __call__(self, x):
        return self.encode(x) * self.scale

    def encode(self, x):
        return self.block(x)

    def rows(self, x):
        return eerie.vmap(lambda row: self.block(row[None]))(x)

    def many(self, x):
        return eerie.scan(lambda x, part: (part(x), None), x, self.block)[0]

    def elsewhere(self, x):
        return Product(eerie.ones((9, 2)))(x)


def model(*sizes):
    parts = [Product(eerie.ones((a, b))) for a, b in sizes]
    return Model(Block(tuple(parts[:-1]), {"last": [parts[-1]]}), 2.0)


RIGHT = ((2, 3), (3, 3), (3, 2))


def test_a_module_is_a_tree_of_its_fields():
    product = Product(eerie.ones((2, 2)), 3, eerie.zeros(2))
    leaves, structure = tree.flatten(product)
    assert leaves == [product.weight, product.bias]
    doubled = tree.map(lambda x: 2 * x, product)
    assert doubled.weight.tolist() == [[2, 2], [2, 2]]
    assert doubled.power == 3
    assert structure != tree.flatten(dataclasses.replace(product, power=2))[1]
    assert tree.paths(model(*RIGHT), "m") == [
        "m.block.parts[0].weight",
        "m.block.parts[1].weight",
        "m.block.named['last'][0].weight",
        "m.scale",
    ]


def test_modules_are_frozen_and_equal_by_identity():
    product = Product(eerie.ones(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        product.weight = 1  # type: ignore[misc]  # what is tested
    assert product != Product(product.weight)
    assert len({product, product}) == 1


def test_modules_go_through_jit_and_grad():
    m = model(*RIGHT)
    x = eerie.ones((1, 2))
    assert eerie.jit(lambda m, x: m(x))(m, x).tolist() == m(x).tolist() == [[36, 36]]
    gradient = eerie.grad(lambda m: eerie.sum(m(x)))(m)
    assert isinstance(gradient, Model)
    assert float(gradient.scale) == 36
    assert gradient.block.parts[0].weight.tolist() == [[12] * 3] * 2


def test_modules_survive_pickling():
    product = pickle.loads(pickle.dumps(Product(eerie.ones((2, 2)), 3)))
    assert product.power == 3
    assert product.weight.tolist() == [[1, 1], [1, 1]]


def test_text_has_types_in_place_of_values():
    assert repr(Product(eerie.ones((2, 2)))) == "Product(weight=f32[2,2], power=1, bias=None)"
    assert repr(model((2, 3), (3, 2))) == "\n".join(
        [
            "Model(",
            "  block=Block(",
            "    parts=(Product(weight=f32[2,3], power=1, bias=None),),",
            "    named={'last': [Product(weight=f32[3,2], power=1, bias=None)]},",
            "  ),",
            "  scale=2.0,",
            ")",
        ]
    )


def test_a_class_keeps_its_own_text():
    @nn.module
    class Named:
        weight: Any

        def __repr__(self):
            return "mine"

    assert repr(Named(1)) == "mine"


@pytest.mark.parametrize(
    ("sizes", "where"),
    [
        (((4, 3), (3, 3), (3, 2)), "Model.block.parts[0] (Product)"),
        (((2, 4), (3, 3), (3, 2)), "Model.block.parts[1] (Product)"),
        (((2, 3), (3, 4), (3, 2)), "Model.block.named['last'][0] (Product)"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["script", "jit"])
def test_errors_say_where(sizes, where, wrapped):
    call = eerie.jit(lambda m, x: m(x)) if wrapped else lambda m, x: m(x)
    with pytest.raises(ShapeError) as caught:
        call(model(*sizes), eerie.ones((1, 2)))
    assert caught.value.message.startswith(f"{where}: matmul of f32[1,")
    assert caught.value.args == (caught.value.message,)
    assert "return x @ self.weight" in str(caught.value)
    assert caught.value.hint


def test_of_the_outermost_module_only_the_class_is_said():
    with pytest.raises(ShapeError) as caught:
        Product(eerie.ones((3, 2)))(eerie.ones((1, 2)))
    assert caught.value.message.startswith("Product: matmul of")


def test_other_methods_say_where_too():
    with pytest.raises(ShapeError, match=r"Model\.block\.parts\[0\] \(Product\): matmul"):
        model((9, 3), (3, 2)).encode(eerie.ones((1, 2)))


def test_a_module_called_on_one_example_of_many_is_found():
    with pytest.raises(ShapeError, match=r"Model\.block\.parts\[0\] \(Product\): matmul"):
        model((9, 3), (3, 2)).rows(eerie.ones((4, 2)))


def test_modules_that_are_no_part_come_after_their_caller():
    with pytest.raises(ShapeError, match=r"Model > Product: matmul"):
        model(*RIGHT).elsewhere(eerie.ones((1, 2)))
    stacked = tree.map(lambda w: eerie.ones((5, *w.shape)), model((3, 3), (3, 3)).block)
    with pytest.raises(ShapeError, match=r"Model > Block\.parts\[0\] \(Product\): matmul"):
        Model(stacked, 1.0).many(eerie.ones((1, 2)))


def test_other_errors_pass():
    @nn.module
    class Strange:
        def __call__(self, x):
            raise KeyError("x")

    with pytest.raises(KeyError) as caught:
        Strange()(1)
    assert caught.value.args == ("x",)


def test_an_error_that_was_caught_keeps_its_words():
    @nn.module
    class Careful:
        inner: Product

        def __call__(self, x):
            try:
                return self.inner(x)
            except EerieError as error:
                raise ArgumentError("other words") from error

    with pytest.raises(ArgumentError, match=r"Careful: other words"):
        Careful(Product(eerie.ones((3, 2))))(eerie.ones((1, 2)))


def test_a_static_field_has_to_be_hashable():
    with pytest.raises(ArgumentError, match=r"Product\.power is a static field"):
        tree.flatten(Product(eerie.ones(2), [1]))  # type: ignore[arg-type]  # what is tested
