"""The page of a bundle, used in Chromium as a person would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.export import bundle
from tests.support import browser, bundles


def lines(image):
    """How much an image (8, 8) looks like a line that lies, stands, falls and rises."""
    rows, columns = eerie.sum(image, axis=1), eerie.sum(image, axis=0)
    turned = eerie.flip(image, axis=1)
    sums = [eerie.max(rows), eerie.max(columns), eerie.sum(eerie.diagonal(image)), eerie.sum(eerie.diagonal(turned))]
    return eerie.softmax(eerie.stack(sums))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    out = tmp_path_factory.mktemp("lines") / "lines"
    bundle(lines, "f32[8,8]", target="wasm32", out=out, name="lines")
    with browser.opened(out, tmp_path_factory.mktemp("profile")) as page:
        page.wait("!document.getElementById('run').disabled")
        yield page


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ((0.1, 0.4), (0.9, 0.4), 0),
        ((0.6, 0.9), (0.6, 0.2), 1),
        ((0.1, 0.1), (0.8, 0.8), 2),
        ((0.2, 0.8), (0.8, 0.2), 3),
    ],
)
@pytest.mark.parametrize("fit", [True, False])
def test_a_line_that_is_drawn_is_named(page, start, end, name, fit):
    page.click("#clear")
    assert page.value("document.getElementById('outputs').innerText") == ""
    if page.value("document.querySelector('input[type=checkbox]').checked") != fit:
        page.click("input[type=checkbox]")
    left, top, width, height = page.box(".board")
    steps = np.linspace(start, end, 9).tolist()
    page.draw([(left + x * width, top + y * height) for x, y in steps])
    assert int(page.wait("document.querySelector('.answer')?.innerText")) == name
    shares = [float(title) for title in page.value("[...document.querySelectorAll('.bar')].map((bar) => bar.title)")]
    assert shares[name] == max(shares) > 0.3
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert page.value("document.getElementById('error').innerText") == ""


def test_what_the_function_sees_is_what_was_drawn(page):
    page.click("#clear")
    if page.value("document.querySelector('input[type=checkbox]').checked"):
        page.click("input[type=checkbox]")
    left, top, width, height = page.box(".board")
    page.draw([(left + width * 0.25, top + height * y) for y in (0.3, 0.5, 0.7)])
    pixels = page.value("""Array.from(document.querySelector(".options canvas").getContext("2d")
        .getImageData(0, 0, 8, 8).data.filter((_, i) => i % 4 === 0))""")
    seen = np.reshape(pixels, (8, 8))
    assert (seen[3:5, 1:3] > 80).all()  # the line is on the edge between these
    assert seen[:, 4:].max() == seen[0].max() == seen[7].max() == 0


def test_the_page_fits_a_phone(page):
    page.resize(360, 640)
    try:
        assert page.value("document.documentElement.scrollWidth") <= 360
        left, _, width, _ = page.box("#outputs")
        assert left >= 0
        assert 300 < left + width <= 360
    finally:
        page.resize(900, 700)


def test_the_module_computes_in_the_page_what_numpy_does(tmp_path):
    function, x, want = bundles.network()
    done = bundle(function, "f32[64]", target="wasm32-simd", out=tmp_path / "mlp", name="mlp")
    with browser.opened(Path(done.path), tmp_path / "profile") as page:
        page.wait("!document.getElementById('run').disabled")
        call = f"run(new Float32Array({json.dumps(x.tolist())}))"
        found = page.value(f"import('./mlp.mjs').then((m) => m.load()).then((run) => Array.from({call}))")
        np.testing.assert_allclose(np.asarray(found, np.float32), want, atol=1e-5)
        typed = f"document.querySelector('textarea').value = {json.dumps(' '.join(map(str, x.tolist())))}"
        page.value(typed)
        page.click("#run")
        assert int(page.wait("document.querySelector('.answer')?.innerText")) == want.argmax()
        page.value(f"{typed}.slice(0, -20)")
        page.click("#run")
        said = page.wait("document.getElementById('error').innerText")
        assert said.startswith("x has to be a Float32Array of 64, not Float32Array of 6")


def test_a_page_without_its_weights_says_so(tmp_path):
    function, _, _ = bundles.network()
    done = bundle(function, "f32[64]", target="wasm32", out=tmp_path / "mlp", name="mlp")
    (tmp_path / "mlp" / "mlp_weights.bin").unlink()
    with browser.opened(Path(done.path), tmp_path / "profile") as page:
        said = page.wait("document.getElementById('error').innerText")
        assert "mlp_weights.bin: 404" in said
        assert page.value("document.getElementById('run').disabled")
