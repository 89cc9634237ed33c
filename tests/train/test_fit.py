"""The loop: metrics, early stop, interruptions, and runs that go on as if nothing had happened."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import train, tree
from eerie_dsl.errors import ArgumentError, InvalidValueError
from eerie_dsl.train.history import Means

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(21, 4)).astype(np.float32)
Y = np.sin(X.sum(1))
DATA = train.batches({"x": X, "y": Y}, 8, eerie.random.key(1))


def start(seed=0):
    first, second, key = eerie.random.split(eerie.random.key(seed), 3)
    w = {"in": eerie.random.normal((4, 8), key=first), "out": eerie.random.normal(8, key=second)}
    return {"w": w, "momentum": tree.map(eerie.zeros_like, w), "key": key, "step": 0}


def losses(w, x, y):
    return (eerie.tanh(x @ w["in"]) @ w["out"] - y) ** 2


def make_step():
    """A noisy gradient step, with all that a state may hold."""

    @eerie.jit(donate_argnums=0)
    def step(state, batch, weight):
        key, now = eerie.random.split(state["key"])
        x = batch["x"] + 0.1 * eerie.random.normal(batch["x"].shape, key=now)
        loss, slope = eerie.value_and_grad(lambda w: eerie.average(losses(w, x, batch["y"]), weights=weight))(
            state["w"]
        )
        momentum = tree.map(lambda m, g: 0.9 * m + g, state["momentum"], slope)
        w = tree.map(lambda w, m: w - 0.01 * m, state["w"], momentum)
        return {"w": w, "momentum": momentum, "key": key, "step": state["step"] + 1}, {"loss": loss}

    return step


def evaluate(state):
    return {"loss": eerie.mean(losses(state["w"], X, Y)), "step": state["step"]}


def bits(state):
    return [np.asarray(leaf).tobytes() for leaf in tree.leaves(state)]


def test_it_trains_with_one_trace_whatever_the_last_batch():
    step = make_step()
    before = evaluate(start())["loss"].item()
    history = train.fit(step, start(), DATA, epochs=15, evaluate=evaluate, progress=False)
    assert step.traces == 1
    assert history.steps == history.state["step"].item() == 45
    assert history.evaluation["step"] == [3.0 * (n + 1) for n in range(15)]
    assert len(history.train["loss"]) == len(history.evaluation["loss"]) == 15
    assert history.evaluation["loss"][-1] == evaluate(history.state)["loss"].item() < 0.3 * before


def test_an_epochs_metric_is_the_mean_over_its_examples():
    def step(state, batch, weight):
        return state, {"y": eerie.average(batch["y"], weights=weight), "one": 1}

    history = train.fit(step, {}, DATA, epochs=2, progress=False)
    np.testing.assert_allclose(history.train["y"], [Y.mean()] * 2, rtol=1e-6)
    assert history.train["one"] == [1, 1]


def test_means_read_values_rarely_and_count_weights():
    class Value(float):
        read = 0

        def __float__(self):
            Value.read += 1
            return float.__add__(self, 0.0)

    means = Means()
    assert [means.add({"a": Value(n)}, 1.0) for n in range(64)] == [False] * 63 + [True]
    assert Value.read == 64
    means.add({"a": Value(5), "b": Value(7)}, 3.0)
    assert Value.read == 64
    assert means.values() == {"a": (sum(range(64)) + 15) / 67, "b": 7.0}
    nothing = Means()
    nothing.add({"a": 1.0}, 0.0)
    assert math.isnan(nothing.values()["a"])


# Resuming.


@pytest.mark.parametrize(("mode", "evaluate"), [("reference", evaluate), ("compiled", None)])
def test_a_resumed_run_is_bitwise_that_without_a_stop(tmp_path, mode, evaluate):
    def run(state, **options):
        eerie.eval(state)
        with eerie.config(evaluation=mode):
            return train.fit(step, state, DATA, evaluate=evaluate, progress=False, **options)

    step = make_step()
    want = run(start(), epochs=4)
    run(start(), epochs=2, snapshots=train.Snapshots(tmp_path))
    found = run(start(seed=9), epochs=4, snapshots=train.Snapshots(tmp_path))
    assert step.traces == 1
    assert bits(found.state) == bits(want.state)
    assert (found.train, found.evaluation, found.steps) == (want.train, want.evaluation, want.steps)
    assert train.Snapshots(tmp_path).steps() == [6, 9, 12]


class Interrupting:
    """Steps, of which one is interrupted once by Ctrl-C."""

    def __init__(self, at):
        self.step, self.count, self.at = make_step(), 0, at

    def __call__(self, state, batch, weight):
        self.count += 1
        if self.count == self.at:
            signal.raise_signal(signal.SIGINT)
        return self.step(state, batch, weight)


@pytest.mark.parametrize("at", [1, 4, 5, 6])
def test_an_interrupted_epoch_goes_on_where_it_stopped(tmp_path, at):
    want = train.fit(make_step(), start(), DATA, epochs=3, evaluate=evaluate, progress=False)
    snapshots, step = train.Snapshots(tmp_path), Interrupting(at)
    with pytest.raises(KeyboardInterrupt):
        train.fit(step, start(), DATA, epochs=3, evaluate=evaluate, snapshots=snapshots, progress=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert snapshots.steps()[-1] == step.count == at
    found = train.fit(step, start(), DATA, epochs=3, evaluate=evaluate, snapshots=snapshots, progress=False)
    assert step.count == 9
    assert bits(found.state) == bits(want.state)
    assert (found.train, found.evaluation) == (want.train, want.evaluation)


def test_an_interruption_while_evaluating(tmp_path):
    def interrupted(state):
        signal.raise_signal(signal.SIGINT)
        return {}

    snapshots = train.Snapshots(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train.fit(make_step(), start(), DATA, epochs=3, evaluate=interrupted, snapshots=snapshots, progress=False)
    assert snapshots.steps() == [3]


def test_a_second_interruption_does_not_wait(tmp_path):
    def step(state, batch, weight):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("unreachable")

    snapshots = train.Snapshots(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train.fit(step, start(), DATA, epochs=1, snapshots=snapshots, progress=False)
    assert snapshots.steps() == []


def test_without_snapshots_ctrl_c_is_left_alone():
    step = Interrupting(2)
    with pytest.raises(KeyboardInterrupt):
        train.fit(step, start(), DATA, epochs=1, progress=False)
    assert step.count == 2


_RUN = """
import sys
import eerie_dsl as eerie
from eerie_dsl import train
from tests.train.test_fit import DATA, make_step, start

eerie.config.update(evaluation="reference")
print("ready", flush=True)
train.fit(make_step(), start(), DATA, epochs=4000, snapshots=train.Snapshots(sys.argv[1]), progress=False)
"""


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_last_epoch(tmp_path):
    with subprocess.Popen([sys.executable, "-c", _RUN, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        snapshots = train.Snapshots(tmp_path)
        while snapshots.steps()[-1:] < [9]:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    done = snapshots.steps()[-1] // 3
    want = train.fit(make_step(), start(), DATA, epochs=done + 1, progress=False)
    found = train.fit(make_step(), start(), DATA, epochs=done + 1, snapshots=snapshots, progress=False)
    assert bits(found.state) == bits(want.state)


def test_a_snapshot_of_another_model_is_an_error(tmp_path):
    snapshots = train.Snapshots(tmp_path)
    train.fit(make_step(), start(), DATA, epochs=1, snapshots=snapshots, progress=False)
    other = {**start(), "w": {"in": eerie.zeros((4, 9))}}
    with pytest.raises(InvalidValueError, match=r"(?s)extra: .*\['out'\].*shape of .*\(4, 8\) in the file, \(4, 9\)"):
        train.fit(make_step(), other, DATA, epochs=1, snapshots=snapshots, progress=False)


def test_a_finished_run_is_not_run_again(tmp_path):
    snapshots, step = train.Snapshots(tmp_path), Interrupting(0)
    first = train.fit(step, start(), DATA, epochs=2, snapshots=snapshots, progress=False)
    again = train.fit(step, start(), DATA, epochs=2, snapshots=snapshots, progress=False)
    assert step.count == 6
    assert bits(first.state) == bits(again.state)
    assert again.train == first.train


# Early stop.


def run_with(losses, patience, snapshots=None, epochs=None):
    """A run whose evaluation gives these losses."""
    return train.fit(
        lambda state, batch, weight: (state + 1, {}),
        0,
        lambda epoch: [(None, np.ones(1))],
        epochs=epochs or len(losses),
        evaluate=lambda state: {"loss": losses[int(state) - 1]},
        patience=patience,
        snapshots=snapshots,
        progress=False,
    )


@pytest.mark.parametrize(
    ("losses", "patience", "epochs"),
    [
        ([3, 2, 2, 1, 1, 1, 0], 2, 6),
        ([3, 2, 2, 1, 1, 1, 0], 3, 7),
        ([1, 2, 0], 1, 2),
        ([3, 2, 1, 0], 1, 4),
        ([math.nan, 5, math.nan, math.nan, 1], 2, 4),
        ([math.nan, math.nan, math.nan, 1], 2, 3),
    ],
)
def test_patience(tmp_path, losses, patience, epochs):
    assert len(run_with(losses, patience).evaluation["loss"]) == epochs
    snapshots = train.Snapshots(tmp_path)
    run_with(losses, patience, snapshots, epochs=2)
    assert run_with(losses, patience, snapshots).steps == epochs


def test_patience_of_the_training_loss():
    flat = train.fit(lambda state, batch, weight: (state, {"loss": 1.0}), 0, DATA, epochs=9, patience=3, progress=False)
    assert flat.train["loss"] == [1.0] * 4


def test_patience_without_a_loss():
    with pytest.raises(ArgumentError, match=r"patience watches 'loss', and evaluate gives 'accuracy'"):
        train.fit(
            lambda state, batch, weight: (state, {"loss": 1.0}),
            0,
            DATA,
            epochs=3,
            evaluate=lambda state: {"accuracy": 1.0},
            patience=1,
            progress=False,
        )


# What is shown.


@pytest.fixture
def shown(monkeypatch, capfd):
    def run(tqdm):
        if not tqdm:
            monkeypatch.setattr("eerie_dsl.train.bar.find_spec", lambda name: None)
        train.fit(make_step(), start(), DATA, epochs=2, evaluate=evaluate)
        return capfd.readouterr().err

    return run


def test_a_line_for_each_epoch_without_tqdm(shown):
    first, second = shown(tqdm=False).splitlines()
    assert first.startswith("epoch 1/2: loss ")
    assert second.startswith("epoch 2/2: loss ")
    assert second.endswith(", evaluation step 6")


def test_a_bar_with_tqdm(shown):
    pytest.importorskip("tqdm")
    text = shown(tqdm=True)
    assert "epoch 1/2" in text
    assert "epoch 2/2: 100%" in text
    assert "3/3" in text
    assert "evaluation step=6" in text


def test_tqdm_and_matplotlib_are_not_imported_unasked():
    program = (
        "import sys, numpy as np, eerie_dsl as eerie\n"
        "from eerie_dsl import train, interop\n"
        "train.fit(lambda s, b, w: (s, {}), 0, lambda epoch: [(0, np.ones(1))], epochs=1, progress=False)\n"
        "print([m for m in ('tqdm', 'matplotlib', 'safetensors', 'gguf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_picture_of_the_curves(tmp_path):
    pytest.importorskip("matplotlib")
    history = train.History(None, {"loss": [3, 2, 1]}, {"loss": [3, 2.5, 2], "accuracy": [0.1, 0.5, 0.7]})
    history.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    history.plot(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text.count("<!-- epoch -->") == 2
    assert all(f"<!-- {words} -->" in text for words in ("loss", "accuracy", "training", "evaluation"))


def test_a_picture_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'eerie-dsl\[train\]'"):
        train.History(None).plot(tmp_path / "a.png")


# Mistakes.


def fine(state, batch, weight):
    return state, {}


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((fine, 0, DATA), {"epochs": -1}, InvalidValueError, "epochs=-1"),
        ((fine, 0, DATA), {"epochs": 1, "patience": 0}, InvalidValueError, "patience=0"),
        ((fine, 0, [(1, 2)]), {"epochs": 1}, ArgumentError, "batches is a list, not a function"),
        ((fine, 0, lambda epoch: [1]), {"epochs": 1}, ArgumentError, "batches gave a int, and not pairs of batch"),
        ((lambda s, b, w: s, 0, DATA), {"epochs": 1}, ArgumentError, "step gave a Array, and not the next state"),
        ((lambda s, b, w: (s, 1.0), 0, DATA), {"epochs": 1}, ArgumentError, "metrics of step are a float"),
        ((fine, 0, DATA), {"epochs": 1, "evaluate": lambda s: 1.0}, ArgumentError, "metrics of evaluate are a float"),
        ((lambda s, b, w: (s, {"y": b["y"]}), 0, DATA), {"epochs": 1}, ArgumentError, r"metric 'y' .* shape \(8,\)"),
        ((fine, {"a": object()}, DATA), {"epochs": 1}, ArgumentError, "not array-like"),
    ],
)
def test_mistakes(arguments, options, error, words):
    with pytest.raises(error, match=words):
        train.fit(*arguments, **options, progress=False)
