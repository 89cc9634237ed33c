"""`fit`: epochs of steps, with metrics, snapshots, early stop and a progress bar."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import tree as trees
from eerie_dsl.errors import ArgumentError, InvalidValueError
from eerie_dsl.train.bar import Bar
from eerie_dsl.train.history import Curves, History, Place
from eerie_dsl.train.snapshot import Snapshots

S = TypeVar("S")


def fit(
    step: Callable[[S, Any, Any], tuple[S, Mapping[str, Any]]],
    state: S,
    batches: Callable[[int], Iterable[tuple[Any, Any]]],
    *,
    epochs: int,
    evaluate: Callable[[S], Mapping[str, Any]] | None = None,
    snapshots: Snapshots | None = None,
    progress: bool = True,
    patience: int | None = None,
) -> History:
    """Train: for each epoch ``state, metrics = step(state, batch, weight)`` for each of its batches.

    With ``snapshots`` the state is saved after each epoch, and when the run is interrupted by Ctrl-C, which ends the
    step that is running first; a second Ctrl-C does not wait. Called again, `fit` goes on where the last snapshot was
    made, in the middle of an epoch too, and comes to the very same numbers as a run that was not interrupted,
    provided that all randomness comes from keys in the state and that ``batches`` gives the same for the same epoch.

    Args:
        step: from the state, a batch and the weights of its examples to the next state and a dict of metrics, numbers
            or 0-d arrays. It should be jitted with the state donated: ``@eerie.jit(donate_argnums=0)``.
        state: a tree with all that changes: parameters, state of the optimiser, a random key. Python numbers in it
            become arrays, so that all steps are of one type. If ``step`` donates it, it cannot be used afterwards.
        batches: from the number of an epoch to its pairs of batch and weights, as `train.batches` makes it.
        epochs: epochs in all, those before a resumption included.
        evaluate: called with the state after each epoch; gives a dict of metrics.
        snapshots: where to save the state, and to resume from.
        progress: show a bar for each epoch, with tqdm if it is installed, otherwise a line, on standard error.
        patience: stop when ``loss`` has not been lower for so many epochs: that of ``evaluate`` if it is given,
            otherwise the mean of the steps'.

    Returns:
        The trained state and the curves. A metric of an epoch is the mean over its batches, which count as much as
        their weights sum up to: with means over weighted examples, it is the mean over all examples.

    Raises:
        ArgumentError: what a function gives is not as said above.
        InvalidValueError: a snapshot does not fit ``state``, or ``epochs`` or ``patience`` make no sense.
        KeyboardInterrupt: after Ctrl-C; with snapshots, the state is saved then.

    >>> import numpy as np
    >>> from eerie_dsl import train
    >>> @eerie.jit
    ... def step(w, batch, weight):
    ...     loss, slope = eerie.value_and_grad(lambda w: eerie.average((w - batch) ** 2, weights=weight))(w)
    ...     return w - 0.25 * slope, {"loss": loss}
    >>> data = train.batches(np.array([1.0, 2.0, 3.0], np.float32), 2, shuffle=False)
    >>> history = train.fit(step, eerie.asarray(0.0), data, epochs=2, progress=False)
    >>> [round(loss, 4) for loss in history.train["loss"]]
    [3.3542, 0.8346]
    >>> history.state
    Array(2.34375, dtype=float32, device=cpu)
    """
    if epochs < 0 or (patience is not None and patience < 1):
        raise InvalidValueError(f"train.fit: epochs={epochs}, patience={patience}: 0 or more, and 1 or more or None")
    if not callable(batches):
        raise ArgumentError(
            f"train.fit: batches is a {type(batches).__name__}, not a function of an epoch's number",
            hint="use train.batches(...), or lambda epoch: ...",
        )
    state = trees.map(lambda leaf: leaf if isinstance(leaf, eerie.Array) else eerie.asarray(leaf), state)
    place, history = _start(state, snapshots)
    del state  # a resumed run has another one
    with _interrupts(hold=snapshots is not None) as interrupted:
        while place.epoch < epochs and not _stalled(history, place.epoch, evaluate is not None, patience):
            with Bar(progress, f"epoch {place.epoch + 1}/{epochs}", batches, place.position) as bar:
                for pair in islice(batches(place.epoch), place.position, None):
                    batch, weight = _two("batches", pair)
                    history.state, metrics = _two("step", step(history.state, batch, weight))
                    history.steps += 1
                    place.position += 1
                    bar.step(place.means, place.means.add(_named("step", metrics), _total(weight)))
                    if interrupted.is_set():
                        _save(snapshots, place, history)
                        raise KeyboardInterrupt
                _append(history.train, place.means.values())
                if evaluate is not None:
                    metrics = _named("evaluate", evaluate(history.state))
                    _append(history.evaluation, {name: float(value) for name, value in metrics.items()})
                bar.end(history)
            place = Place(place.epoch + 1)
            _save(snapshots, place, history)
            if interrupted.is_set():
                raise KeyboardInterrupt
    return history


def _start(state: Any, snapshots: Snapshots | None) -> tuple[Place, History]:
    found = None if snapshots is None else snapshots.latest(like={"state": state, "fit": ""})
    return (Place(), History(state)) if found is None else Place.decode(found[1]["fit"], found[1]["state"])


def _save(snapshots: Snapshots | None, place: Place, history: History) -> None:
    if snapshots is not None:
        snapshots.save(history.steps, {"state": history.state, "fit": place.encode(history)})


@contextmanager
def _interrupts(*, hold: bool) -> Iterator[threading.Event]:
    """Note the first Ctrl-C instead of raising it wherever the program is: in a step the state may be donated
    already, and the next one not there yet."""
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if (
        not hold
        or before is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield asked
        return

    def note(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _stalled(history: History, epoch: int, evaluated: bool, patience: int | None) -> bool:
    if patience is None or not epoch:
        return False
    curves = history.evaluation if evaluated else history.train
    if "loss" not in curves:
        raise ArgumentError(
            f"train.fit: patience watches 'loss', and {'evaluate' if evaluated else 'step'} gives "
            + (", ".join(map(repr, curves)) or "nothing"),
            hint="give the number to watch that name; lower is better",
        )
    losses = [math.inf if math.isnan(loss) else loss for loss in curves["loss"]]
    return len(losses) - 1 - losses.index(min(losses)) >= patience


def _append(curves: Curves, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        curves.setdefault(name, []).append(value)


def _two(name: str, pair: Any) -> tuple[Any, Any]:
    if not isinstance(pair, tuple) or len(pair) != 2:
        wanted = {"batches": "pairs of batch and weights", "step": "the next state and a dict of metrics"}[name]
        raise ArgumentError(f"train.fit: {name} gave a {type(pair).__name__}, and not {wanted}")
    return pair


def _named(name: str, metrics: Any) -> Mapping[str, Any]:
    if not isinstance(metrics, Mapping):
        raise ArgumentError(f"train.fit: the metrics of {name} are a {type(metrics).__name__}, not a dict")
    for metric, value in metrics.items():
        shape = getattr(value, "shape", ())
        if shape:
            raise ArgumentError(f"train.fit: metric {metric!r} of {name} has shape {shape}, and is no number")
    return metrics


def _total(weight: Any) -> float:
    return float(np.asarray(weight, np.float64).sum())
