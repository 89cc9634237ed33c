"""The digits that are taken everywhere: the same function on each machine, and a page that names what is drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.config import config
from tests.support import browser


def example(name):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed; `make test` installs it")
    return import_module(f"examples.{name}")


@pytest.fixture(scope="module")
def trained():
    """A network that has learnt for a moment, and digits that it has not seen."""
    training = example("digits_training")
    model = training.convolutional(eerie.random.key(0))
    history, _ = training.learn(model, eerie.random.key(1), epochs=15)
    return history.state["model"], training.examples()[1]


@pytest.fixture(scope="module")
def case(trained):
    """The function, images, and what NumPy makes of them."""
    deploy = example("deploy.digits")
    digits = deploy.reader(deploy.quantised(trained[0]))
    images = trained[1]["image"][:4, ..., 0]
    with config(evaluation="reference"):
        return deploy, digits, images, np.stack([digits(image) for image in images])


def test_eight_bits_are_enough(trained, case):
    deploy, digits, *_ = case
    model, tested = trained
    images = tested["image"][..., 0]
    with config(evaluation="reference"):
        whole, small = (
            np.argmax(eerie.vmap(f)(images).numpy(), axis=1) == tested["label"] for f in (deploy.reader(model), digits)
        )
    assert np.mean(whole) > 0.94
    assert np.mean(small) > np.mean(whole) - 0.01


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear.init(eerie.random.key(0), 6, 5), (3, 6)),
                         (nn.Conv2d.init(eerie.random.key(0), 2, 5, 3), (1, 4, 4, 2))],
)  # fmt: skip
def test_a_quantised_layer_is_off_by_half_a_step_at_most(layer, shape):
    quantised = example("deploy.digits").Quantised.of
    layer = replace(layer, bias=eerie.arange(5, dtype=eerie.float32))
    small = quantised(layer)
    assert small.layer.weight.dtype == eerie.int8
    assert small.scale.shape == (5,)
    x = eerie.random.normal(shape, key=eerie.random.key(1))
    with config(evaluation="reference"):
        ones = replace(layer, weight=eerie.ones(layer.weight.shape), bias=None)(eerie.abs(x)).numpy()
        apart = np.abs(small(x).numpy() - layer(x).numpy())
    assert (apart <= 0.501 * ones * small.scale.numpy()).all()
    assert apart.max() > 0
    assert np.abs(small.layer.weight.numpy()).max() == 127


def checked(row, expected, most):
    if not len(row.results):
        pytest.skip(row.time)
    np.testing.assert_allclose(row.results, expected, atol=1e-5, rtol=0)
    assert row.size < most
    return row


def test_on_this_cpu(case, tmp_path):
    deploy, digits, images, expected = case
    assert checked(deploy.on_cpu(digits, images, tmp_path), expected, 1 << 16).time.endswith(" us")


def test_in_javascript(case, tmp_path):
    deploy, digits, images, expected = case
    assert checked(deploy.in_javascript(digits, images, tmp_path), expected, 30_000).ram < 10_000


@pytest.mark.parametrize("target", ["cortex-m4f", "riscv32"])
def test_in_c(case, target, tmp_path):
    deploy, digits, images, expected = case
    row = checked(deploy.in_c(digits, images, tmp_path, target), expected, 30_000)
    assert row.ram < 10_000
    if target == "cortex-m4f":
        assert row.size < 12_000
        assert 0.1 < float(row.time.removesuffix(" M instructions")) < 2  # an instruction is a nanosecond there


def test_without_its_tools_a_target_is_compiled_all_the_same(case, tmp_path, monkeypatch):
    deploy, digits, images, _ = case
    monkeypatch.setattr("shutil.which", lambda name: None)
    row = deploy.in_c(digits, images, tmp_path, "cortex-m4f")
    assert "Debian's gcc-arm-none-eabi" in row.time
    assert 6_500 < row.size < 12_000
    assert not len(row.results)
    assert (tmp_path / "cortex-m4f" / "digits.c").is_file()


def arc(x, y, width, height, start, end):
    turns = np.radians(np.linspace(start, end, 17))
    return list(zip(x + width * np.cos(turns), y + height * np.sin(turns), strict=True))


DRAWN = {
    0: [arc(0.5, 0.5, 0.25, 0.35, -90, 270)],
    1: [[(0.4, 0.3), (0.52, 0.15), (0.52, 0.85)]],
    2: [[*arc(0.5, 0.35, 0.22, 0.2, -180, 30), (0.3, 0.85), (0.75, 0.85)]],
    3: [arc(0.48, 0.32, 0.2, 0.17, -150, 90) + arc(0.48, 0.67, 0.23, 0.18, -90, 150)],
    4: [[(0.6, 0.85), (0.6, 0.15), (0.28, 0.6), (0.78, 0.6)]],
    5: [[(0.7, 0.15), (0.36, 0.15), (0.34, 0.45), *arc(0.5, 0.63, 0.22, 0.22, -130, 140)]],
    6: [[(0.62, 0.13), (0.4, 0.4), *arc(0.5, 0.66, 0.2, 0.2, 200, 560)]],
    7: [[(0.28, 0.17), (0.72, 0.17), (0.45, 0.85)], [(0.35, 0.5), (0.68, 0.5)]],
}


def test_the_page_names_digits_that_are_drawn(case, tmp_path):
    digits = case[1]
    eerie.bundle(digits, [eerie.spec((8, 8))], target="wasm32-simd", out=tmp_path / "page", name="digits")
    with browser.opened(tmp_path / "page", tmp_path / "profile") as page:
        page.wait("!document.getElementById('run').disabled")
        named = {}
        for digit, lines in DRAWN.items():
            page.click("#clear")
            left, top, width, height = page.box(".board")
            for line in lines:
                # Small, and to the side of the middle: the page fits drawings to the frame.
                page.draw([(left + width * (0.3 + 0.6 * x), top + height * (0.1 + 0.6 * y)) for x, y in line])
            named[digit] = int(page.value("document.querySelector('.answer').innerText"))
        assert sum(digit == name for digit, name in named.items()) >= 7, named
        shares = [float(t) for t in page.value("[...document.querySelectorAll('.bar')].map((bar) => bar.title)")]
        assert len(shares) == 10
        assert math.isclose(sum(shares), 1, abs_tol=1e-5)


@pytest.mark.slow
def test_the_table(tmp_path, capsys):
    example("deploy.digits").main(tmp_path / "out")
    first, _, _, *rows, _, last = capsys.readouterr().out.splitlines()
    before, after = (float(word.removesuffix("%")) for word in first.split() if word.endswith("%"))
    assert before > 97
    assert after > 97
    assert [row.split()[0] for row in rows] == ["host", "wasm32-simd", "cortex-m4f", "riscv32"]
    assert all(int(row.split()[1]) < 30_000 for row in rows[1:])
    assert "python -m http.server" in last
    assert (tmp_path / "out" / "page" / "index.html").is_file()
