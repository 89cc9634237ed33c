"""The example scripts compute with Eerie what they compute with NumPy, and it is right."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from examples import black_scholes, nbody


def example(name):
    for package in ("PIL", "sklearn"):
        pytest.importorskip(package, reason=f"{package} is not installed; `make test` installs it")
    return import_module(f"examples.{name}")


@pytest.fixture(params=["reference", "compiled"])
def evaluated(request):
    """Runs a program on Eerie's arrays, gives NumPy's."""

    def run(program, *inputs, **options):
        with config(evaluation=request.param):
            results = program(*map(eerie.asarray, inputs), **options)
            return tuple(map(np.asarray, results)) if isinstance(results, tuple) else np.asarray(results)

    return run


def test_black_scholes(evaluated):
    options = black_scholes.market(500)
    call, put = evaluated(black_scholes.prices, *options)
    for ours, theirs in zip((call, put), black_scholes.prices(*options, xp=np), strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)

    for spot, strike, years, volatility, price in zip(*(x.astype(float) for x in options), call, strict=True):
        spread = volatility * math.sqrt(years)
        upper = (math.log(spot / strike) + (black_scholes.RATE + volatility**2 / 2) * years) / spread
        below = [0.5 * math.erfc(-x / math.sqrt(2)) for x in (upper, upper - spread)]
        expected = spot * below[0] - strike * math.exp(-black_scholes.RATE * years) * below[1]
        assert price == pytest.approx(expected, rel=1e-5, abs=2e-4)


def test_nbody(evaluated):
    stars = nbody.cloud(48)
    position, velocity = evaluated(nbody.fall, *stars, steps=3)
    for ours, theirs in zip((position, velocity), nbody.fall(*stars, steps=3, xp=np), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert np.abs(velocity).max() > 1e-3
    assert np.abs(velocity.mean(axis=0)).max() < 1e-6
    before, after = nbody.energy(*stars, xp=np), nbody.energy(position, velocity, stars[2], xp=np)
    assert after == pytest.approx(before, rel=1e-4)


def test_a_star_is_pulled_towards_another():
    position = np.array([[0, 0, 0], [2, 0, 0]], np.float32)
    pull = nbody.acceleration(position, np.array([1, 3], np.float32), np)
    strength = 2 / (4 + nbody.SOFTENING**2) ** 1.5
    np.testing.assert_allclose(pull, [[3 * strength, 0, 0], [-strength, 0, 0]], rtol=1e-6)


def test_mandelbrot(evaluated):
    mandelbrot = example("mandelbrot")
    grid = mandelbrot.grid(48, 30)
    values, expected = evaluated(mandelbrot.escape, *grid, steps=40), mandelbrot.escape(*grid, steps=40, xp=np)
    assert values.shape == (30, 48)
    assert np.mean(np.abs(values - expected) > 0.01) < 0.01
    assert np.mean(values == 40) > 0.1
    assert np.ptp(values) > 10


def test_mandelbrot_of_known_points():
    mandelbrot = example("mandelbrot")
    right, up = np.array([[0, -1, -2, 1]], np.float32), np.zeros((1, 1), np.float32)
    *stay, leaves = mandelbrot.escape(right, up, steps=20, xp=np)[0]
    assert stay == [20, 20, 20]
    assert 3 < leaves < 4  # 0 1 2 5 26


def test_heat(evaluated):
    heat = example("heat")
    plate, coil = heat.coiled(40)
    assert 0.05 < coil.mean() < 0.2
    warm = evaluated(heat.heat, plate, coil, steps=12)
    np.testing.assert_allclose(warm, heat.heat(plate, coil, steps=12, xp=np), rtol=1e-5, atol=1e-6)
    assert (warm[coil] == 1).all()
    assert warm[[0, -1]].max() == warm[:, [0, -1]].max() == 0
    assert 0 < warm[1:-1, 1:-1][~coil[1:-1, 1:-1]].mean() < 1


def test_heat_spreads_evenly():
    heat = example("heat")
    plate = np.zeros((5, 5), np.float32)
    plate[2, 2] = 1
    plate = heat.step(plate, np.zeros((5, 5), bool), np)
    assert plate[2].tolist() == pytest.approx([0, 0.24, 0.04, 0.24, 0])
    assert plate[:, 2].tolist() == plate[2].tolist()
    assert plate.sum() == pytest.approx(1)


def test_kmeans(evaluated):
    kmeans = example("kmeans")
    photo = kmeans.load_sample_image("flower.jpg")[100:160, 200:280]
    start = kmeans.start(photo, 5)
    colours = evaluated(kmeans.cluster, *start, steps=4)
    np.testing.assert_allclose(colours, kmeans.cluster(*start, steps=4, xp=np), atol=1e-3)
    assert np.ptp(colours, axis=0).min() > 0.1


def test_kmeans_finds_colours_and_keeps_one_that_nothing_is_near_to(evaluated):
    kmeans = example("kmeans")
    pixels = np.array([[0, 0.2, 0.9, 0.7], [0, 0, 1, 1], [0, 0, 1, 1]], np.float32)
    start = np.array([[0.3, 0, 0], [0.5, 1, 1], [-9, -9, -9]], np.float32)
    colours = evaluated(kmeans.cluster, pixels, start, steps=2)
    np.testing.assert_allclose(colours, np.array([[0.1, 0, 0], [0.8, 1, 1], [-9, -9, -9]]), rtol=1e-6)


def test_digits(evaluated):
    digits = example("digits")
    from sklearn.decomposition import PCA

    samples = digits.load_digits().data[:400].astype(np.float32)
    places, shares = evaluated(digits.principal, samples, count=3)
    expected = digits.principal(samples, count=3, xp=np)
    np.testing.assert_allclose(places, expected[0], atol=1e-2)
    np.testing.assert_allclose(shares, expected[1], rtol=1e-4)

    reference = PCA(3).fit(samples)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=1e-4)
    np.testing.assert_allclose(np.abs(places), np.abs(reference.transform(samples)), atol=1e-2)


@pytest.mark.parametrize(
    ("name", "sizes", "size"),
    [
        ("black_scholes", {"COUNT": 100}, None),
        ("nbody", {"STARS": 16}, None),
        ("mandelbrot", {"SIZE": (48, 30)}, (48, 30)),
        ("heat", {"SIZE": 40, "ROUNDS": 2}, (40, 40)),
        ("kmeans", {"COLOURS": 5}, (640, 473)),
        ("digits", {}, (960, 960)),
    ],
)
def test_scripts_print_their_time_and_save_their_picture(name, sizes, size, monkeypatch, tmp_path, capsys):
    module = example(name)
    for constant, value in sizes.items():
        monkeypatch.setattr(module, constant, value)
    with config(evaluation="reference"):
        module.main(*[tmp_path / "out"] * (size is not None))
    printed = capsys.readouterr().out
    assert "times as fast" in printed
    assert "apart" in printed
    if size is not None:
        from PIL import Image

        with Image.open(tmp_path / "out" / f"{name}.png") as picture:
            assert picture.size == size
            colours = picture.getcolors(1 << 20)
        assert len(colours) > 5  # kmeans: its palette and the white between
