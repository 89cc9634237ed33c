"""Graphs: structure, hashing, encoding, checking, printing, passes."""

import subprocess
import sys

import numpy as np
import pytest

from eerie_dsl.errors import GraphError, LeakedTracerError, MissingRuleError, ShapeError
from eerie_dsl.ir import Aval, Graph, Node, Primitive, check, placeholder, simplify, text
from eerie_dsl.ir.dtypes import bool_, float32, int32
from eerie_dsl.ir.passes import PASSES, cse, dce, fold
from eerie_dsl.ir.scope import tracing
from eerie_dsl.ops.arithmetic import add, multiply, negative, subtract
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.constant import constant_of, full
from eerie_dsl.ops.fused import fused
from eerie_dsl.ops.reduction import reduce_sum
from eerie_dsl.ops.shape import reshape, transpose

VEC = Aval((3,), float32)


def sample(lines: int = 0) -> Graph:
    """(x + y) * (x + y) with a constant, all from one line or from two."""
    x, y = placeholder(VEC), placeholder(VEC)
    s = add(x, y)
    if lines:
        s = add(x, y)
    return Graph.of([x, y], [multiply(s, full(VEC, 2.0))])


def test_avals_are_interned() -> None:
    assert Aval((2, 3), float32) is Aval((2, 3), float32)
    assert Aval((2, 3), float32) is not Aval((3, 2), float32)
    assert Aval((), float32).size == 1
    assert Aval((0, 3), float32).nbytes == 0
    assert Aval((5,), bool_).nbytes == 5


def test_digest_does_not_depend_on_lines_but_on_everything_else() -> None:
    assert sample().digest == sample(lines=1).digest
    x, y = placeholder(VEC), placeholder(VEC)
    different = [
        Graph.of([x, y], [add(x, y)]),
        Graph.of([x, y], [add(y, x)]),
        Graph.of([x, y], [subtract(x, y)]),
        Graph.of([x, y], [add(x, x)]),
        Graph.of([x], [add(x, x)]),
        Graph.of([x, y], [add(x, y), x]),
        Graph.of([x], [cast(x, dtype=int32)]),
        Graph.of([x], [cast(x, dtype=bool_)]),
        Graph.of([x], [full(VEC, 0.0)]),
        Graph.of([x], [full(VEC, -0.0)]),
    ]
    assert len({g.digest for g in different}) == len(different)


def test_digest_is_the_same_in_another_process() -> None:
    program = "import sys; sys.path.insert(0, 'tests/ir'); from test_graph import sample; print(sample().digest)"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == sample().digest


def test_decode_gives_back_the_graph_and_its_lines() -> None:
    x = placeholder(VEC)
    inner = Graph.of([x], [multiply(x, x)])
    outer = Graph.of([x], [negative(fused(x, graph=inner))])
    again = check(Graph.decode(outer.encode(), outer.sources))
    assert again.encode() == outer.encode()
    lines = [n.source.line for n in again.walk() if n.source]
    assert lines == [n.source.line for n in outer.walk() if n.source]
    assert len(lines) == 3


def test_evaluate_is_the_reference() -> None:
    x, y = np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)
    (result,) = sample().evaluate([x, y])
    np.testing.assert_array_equal(result, (x + y) * 2)


def test_graph_of_an_unlisted_input() -> None:
    x, y = placeholder(VEC), placeholder(VEC)
    with pytest.raises(GraphError, match="not one of its inputs"):
        Graph.of([x], [add(x, y)])


def test_a_long_chain_needs_no_recursion() -> None:
    x = placeholder(VEC)
    node = x
    for _ in range(5000):
        node = negative(node)
    graph = Graph.of([x], [node])
    assert len(Graph.decode(graph.encode()).nodes) == 5000
    del graph, node


def test_error_is_at_the_line_that_recorded() -> None:
    x, y = placeholder(VEC), placeholder(Aval((4,), float32))
    with pytest.raises(ShapeError) as caught:
        add(x, y)
    assert caught.value.source is not None
    assert caught.value.source.file == __file__
    assert "add(x, y)" in str(caught.value)
    assert "f32[3] and f32[4]" in str(caught.value)


class Broken(Primitive):
    """A primitive without rules."""

    name = "broken"


def test_a_missing_rule_is_named() -> None:
    with pytest.raises(MissingRuleError, match="primitive broken has no type rule"):
        Broken()(placeholder(VEC))


def test_a_value_of_an_ended_trace_is_refused() -> None:
    with tracing("step") as scope:
        x = placeholder(VEC, scope=scope)
        y = negative(x)
    with pytest.raises(LeakedTracerError, match="negative uses a value of step"):
        negative(y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x, n: Graph([x, x], [n], [n]), "listed twice"),
        (lambda x, n: Graph([x], [n, n], [n]), "listed twice"),
        (lambda x, n: Graph([], [n], [n]), "comes before its operand"),
        (lambda x, n: Graph([x], [], [n]), "is not computed"),
        (lambda x, n: Graph([n], [], [n]), "is the result of an operation"),
        (lambda x, n: Graph([x], [x], [x]), "listed twice|in the middle"),
        (
            lambda x, n: Graph([x], [bad := Node(n.op, n.inputs, {}, Aval((7,), float32))], [bad]),
            r"should be f32\[3\]",
        ),
        (lambda x, n: Graph([x], [bad := Node(n.op, n.inputs, {}, Aval((3,), int32))], [bad]), "should be"),
    ],
)
def test_checker_refuses(make: object, words: str) -> None:
    x = placeholder(VEC)
    with pytest.raises(GraphError, match=words):
        check(make(x, negative(x)))  # type: ignore[operator]


def test_text_shows_types_and_lines() -> None:
    shown = text(sample(), "f")
    assert shown.startswith("f(%0: f32[3], %1: f32[3]) {")
    assert "%2: f32[3] = add %0 %1" in shown
    assert "# test_graph.py:" in shown


def test_dce_drops_what_no_result_needs() -> None:
    x = placeholder(VEC)
    used, unused = negative(x), multiply(x, x)
    graph = Graph([x], [used, unused], [used])
    assert [n.op.name for n in dce(graph).nodes if n.op] == ["negative"]


def test_cse_computes_once_and_keeps_zeros_apart() -> None:
    x, y = placeholder(VEC), placeholder(VEC)
    graph = cse(Graph.of([x, y], [multiply(add(x, y), add(y, x))]))
    assert [n.op.name for n in graph.nodes if n.op] == ["add", "multiply"]
    graph = cse(Graph.of([x, y], [subtract(x, y), subtract(y, x)]))
    assert len(graph.nodes) == 2
    graph = cse(Graph.of([x], [full(Aval((), float32), 0.0), full(Aval((), float32), -0.0)]))
    assert len(graph.nodes) == 2


def test_fold_computes_literals_and_drops_what_does_nothing() -> None:
    x = placeholder(Aval((2, 2), float32))
    two = constant_of(np.full((2, 2), 2, np.float32), float32)
    graph = fold(Graph.of([x], [multiply(x, add(two, two))]))
    assert [n.op.name for n in graph.nodes if n.op] == ["constant", "multiply"]
    (result,) = graph.evaluate([np.ones((2, 2), np.float32)])
    assert result.tolist() == [[4, 4], [4, 4]]
    same = fold(Graph.of([x], [reshape(transpose(cast(x, dtype=float32), axes=(0, 1)), shape=(2, 2))]))
    assert same.nodes == ()


def test_every_pass_keeps_types_and_values() -> None:
    x = placeholder(Aval((4, 3), float32))
    y = add(multiply(x, x), multiply(x, full(x.aval, 3.0)))
    graph = Graph.of([x], [reduce_sum(y, axes=(1,)), negative(negative(y)), x])
    value = np.arange(12, dtype=np.float32).reshape(4, 3)
    expected = graph.evaluate([value])
    for run in (*PASSES, simplify):
        after = check(run(graph))
        assert after.out_avals == graph.out_avals
        for a, b in zip(after.evaluate([value]), expected, strict=True):
            np.testing.assert_array_equal(a, b)
