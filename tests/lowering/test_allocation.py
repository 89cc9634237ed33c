"""Memory that a program needs, for what it computes in between and for its results, is kept from call to call."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int8
from eerie_dsl.ir.passes import simplify
from eerie_dsl.lowering import build
from eerie_dsl.lowering.allocation import WORKSPACE, has_workspace
from eerie_dsl.runtime import Executable, from_numpy, to_numpy
from eerie_dsl.runtime.buffer import allocate
from eerie_dsl.runtime.executable import function_of, loaded, workspace_of
from eerie_dsl.runtime.workspace import KEPT, give_back, lend, trim

ROWS = 3200


@eerie.jit
def chain(x, w):
    """Between its two products lie 40 MB."""
    y = eerie.tanh(x @ w)
    return (y @ w.T).sum(axis=1), eerie.max(y)


def arguments(rows=ROWS):
    return np.full((rows, 4), 0.25, np.float32), np.full((4, 3200), 0.5, np.float32)


def graph_of(function, *args):
    return eerie.jit(function).trace(*args).graph


def test_only_what_pays_has_one():
    x = np.zeros((128, 128), np.float32)
    assert x.nbytes >= WORKSPACE
    assert has_workspace(graph_of(lambda x: x @ x, x))
    assert not has_workspace(graph_of(lambda x: x + x, x[:16]))
    assert not has_workspace(graph_of(lambda x: eerie.fori_loop(0, 9, lambda i, c: c @ c, x), x))
    assert not has_workspace(eerie.jit(lambda x: x @ x.T, dims={"x": (eerie.Dim("n", max=512), None)}).trace(x).graph)


def test_its_size_is_what_lies_in_between():
    compiled = chain.trace(*arguments()).compile()
    module = loaded(compiled.program.vmfb)
    workspace = workspace_of(function_of(module, "main"))
    assert workspace is not None
    assert 1 <= workspace / (ROWS * 3200 * 4) < 2


def test_several_threads_have_one_each():
    x, w = arguments()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda k: chain(x * k, w)[0].numpy(), range(12)))
    for k, result in enumerate(found):
        np.testing.assert_allclose(result, np.tanh(0.5 * k) * 6400, rtol=1e-4)  # sums of 3200 equal numbers


def fresh_pages() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_later_calls_take_no_fresh_memory_of_the_system():
    kept = [allocate(Aval((4096 + i,), int8)) for i in range(1100)]
    del kept  # the allocator's list of free blocks is full, as it is in a process that has run many programs
    x, w = map(eerie.asarray, arguments())
    for _ in range(12):
        chain(x, w)[0].numpy()
    before = fresh_pages()
    for _ in range(5):
        chain(x, w)[0].numpy()
    pages = (fresh_pages() - before) / 5
    trim()
    assert pages < ROWS * 3200 * 4 / 4096 / 10


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_large_results_of_worker_threads_take_none_either():
    x = eerie.full((18, 1 << 20), 1.5)  # 72 MB
    program = eerie.jit(lambda x: x + x).trace(x).compile().program
    executable = Executable(program.vmfb, pooled=True)
    trim()
    argument = from_numpy(x.numpy(), eerie.float32)
    executable([argument])
    before = fresh_pages()
    (result,) = executable([argument])
    assert fresh_pages() - before < x.nbytes / 4096 / 10
    assert (to_numpy(result, Aval(x.shape, eerie.float32)) == 3).all()


def text_of(function, *args):
    return str(build(simplify(graph_of(function, *args)), allocates=True))


def test_results_are_written_where_the_allocator_says_unless_something_else_reads_them():
    x = np.ones((64, 64), np.float32)
    assert text_of(lambda x: x + 1, x).count("hal.tensor.alias") == 1
    assert text_of(lambda x: (x + 1, eerie.sum(x)), x).count("hal.tensor.alias") == 2
    assert text_of(lambda x: eerie.sort(x, axis=0), x).count("hal.tensor.alias") == 1
    assert text_of(lambda x: (lambda y: (y, y @ y))(eerie.tanh(x)), x).count("hal.tensor.alias") == 1
    assert text_of(lambda x: (lambda y: (y, y))(x @ x), x).count("hal.tensor.alias") == 0
    assert text_of(lambda x: eerie.concat([x @ x, x]), x).count("hal.tensor.alias") == 0
    assert text_of(lambda x: x[:0] + 1, x).count("hal.tensor.alias") == 0
    assert text_of(lambda x: eerie.fori_loop(0, 9, lambda i, c: c @ c, x), x).count("hal.tensor.alias") == 0


def test_a_block_is_as_large_as_the_largest_program_needs():
    trim()
    first = lend(1000)
    give_back(first)
    assert lend(500) is first
    assert lend(500) is not first  # which is in use
    give_back(first)
    larger = lend(1001)
    assert larger[0] == 1001
    assert larger[1] is not first[1]
    give_back((KEPT + 1, larger[1]))
    assert lend(1)[1] is not larger[1]


def test_results_are_computed_where_their_operands_are_there():
    """A gradient by a weight that waits for the end of the program keeps what it reads for so long."""
    x = np.zeros((128, 128), np.float32)

    def loss(weights):
        y = eerie.asarray(x)
        for w in weights:
            y = eerie.tanh(y @ w)
        return (y * y).sum()

    compiled = eerie.jit(eerie.grad(loss)).trace([x] * 8).compile()
    module = loaded(compiled.program.vmfb)
    workspace = workspace_of(function_of(module, "main"))
    assert workspace is not None
    assert workspace <= 11 * x.nbytes  # eight activations, and what the step at hand needs
