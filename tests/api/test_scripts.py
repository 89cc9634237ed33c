"""Scripts: what is evaluated when, by whom, and what is kept."""

from __future__ import annotations

import gc
import inspect
import resource
import threading
import weakref

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api import evaluation, scripts
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, DonatedError, EerieWarning, ExecutionError, ShapeError, TracerError


@pytest.fixture(autouse=True)
def forgotten():
    scripts._scripts.clear()


def _line():
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def native(array):
    """Whether the last evaluation of this structure was a program's: such values are device buffers."""
    return not isinstance(array.computed().value, (np.ndarray, np.generic))


class TestTiers:
    def test_numpy_first_then_a_program(self, monkeypatch):
        monkeypatch.setattr(scripts, "LONGEST_WAIT", 100.0)
        x = eerie.asarray(np.linspace(0, 1, 7, dtype=np.float32))
        results = [eerie.tanh(x * 2 + 1.5) for _ in range(scripts.PATIENCE)]
        for result in results:
            eerie.eval(result)
        assert not native(results[0])
        assert native(results[-1])
        np.testing.assert_allclose(results[0].numpy(), results[-1].numpy(), rtol=1e-6)

    def test_a_structure_seen_once_is_not_compiled(self, monkeypatch):
        monkeypatch.setattr(scripts._compiler, "submit", lambda job: pytest.fail("compiled"))
        x = eerie.ones((3,))
        eerie.eval(x + 1.25)
        eerie.eval(x - 1.25)

    def test_heavy_work_is_compiled_when_first_seen(self, monkeypatch):
        submitted: list[scripts._Job] = []
        monkeypatch.setattr(scripts._compiler, "submit", submitted.append)
        monkeypatch.setattr(scripts, "find", lambda graph, name: None)
        monkeypatch.setattr(scripts, "HEAVY", 1e-9)
        eerie.eval(eerie.sin(eerie.ones((4096,)) * 1.5))
        assert len(submitted) == 1

    def test_heavy_work_comes_from_disk(self, monkeypatch):
        monkeypatch.setattr(scripts, "HEAVY", 1e-9)
        with config(evaluation="compiled"):
            eerie.eval(eerie.sin(eerie.ones((4096,)) * 3.5))
        scripts._scripts.clear()
        result = eerie.sin(eerie.ones((4096,)) * 4.5)
        assert native(result)

    def test_what_the_compiler_refuses_stays_with_numpy_and_is_said_once(self, monkeypatch):
        def refuse(graph, *, name, mode):
            raise CompileError("no such luck")

        monkeypatch.setattr(scripts, "load", refuse)
        x = eerie.ones((3,))
        eerie.eval(x * 7.5)
        eerie.eval(x * 7.5)
        script = next(iter(scripts._scripts.values()))
        assert script._job is not None
        script._job.done.wait(10)
        with pytest.warns(EerieWarning, match="no such luck"):
            eerie.eval(x * 7.5)
        for _ in range(scripts.PATIENCE):
            np.testing.assert_array_equal((x * 7.5).numpy(), np.full(3, 7.5, np.float32))

    def test_compiled_means_at_once(self):
        with config(evaluation="compiled"):
            assert native(eerie.cos(eerie.ones((5,)) * 0.25))

    def test_compiled_raises_what_the_compiler_says(self, monkeypatch):
        def refuse(graph, *, name, mode):
            raise CompileError("no such luck")

        monkeypatch.setattr(scripts, "load", refuse)
        with config(evaluation="compiled"), pytest.raises(CompileError, match="no such luck"):
            eerie.eval(eerie.ones((5,)) * 0.125)

    def test_reference_never_compiles(self, monkeypatch):
        monkeypatch.setattr(scripts, "load", lambda *a, **k: pytest.fail("compiled"))
        with config(evaluation="reference"):
            for _ in range(2 * scripts.PATIENCE):
                result = eerie.ones((5,)) * 0.375
                assert not native(result)

    def test_jit_compiles_at_its_first_call(self):
        f = eerie.jit(lambda x: eerie.sin(x) * 0.5)
        assert f.explain(eerie.ones((6,))).kernels
        assert native(f(eerie.ones((6,))))

    def test_the_queue_is_bounded_and_the_latest_come_first(self, monkeypatch):
        compiler = scripts._Compiler()
        started = threading.Event()
        go_on = threading.Event()
        done = []

        class Job(scripts._Job):
            def __init__(self, number):
                self.number = number
                self.taken = False

            def run(self):
                started.set()
                go_on.wait(10)
                done.append(self.number)

        monkeypatch.setattr(scripts, "_QUEUE", 3)
        compiler.submit(Job(0))
        assert started.wait(10)
        for k in range(1, 6):
            compiler.submit(Job(k))
        go_on.set()
        for _ in range(1000):
            if len(done) == 4:
                break
            threading.Event().wait(0.01)
        assert done == [0, 5, 4, 3]


class TestWhatIsKept:
    def test_what_somebody_holds_is_computed_on_the_way(self):
        x = eerie.ones((4,))
        middle = eerie.exp(x)
        end = middle + 1
        eerie.eval(end)
        assert middle.node.op is None
        np.testing.assert_allclose(middle.numpy(), np.exp(np.ones(4, np.float32)), rtol=1e-6)

    def test_what_another_pending_graph_needs_is_computed_on_the_way(self):
        x = eerie.ones((4,))
        middle = eerie.exp(x)
        end, other = middle + 1, middle * 2
        node = middle.node
        del middle
        eerie.eval(end)
        assert node.op is None
        np.testing.assert_allclose(other.numpy(), 2 * np.exp(np.ones(4, np.float32)), rtol=1e-6)

    def test_what_nobody_holds_is_not(self):
        node = weakref.ref((eerie.exp(eerie.ones((4,))) + 1).node)
        assert node() is None
        x = eerie.exp(eerie.ones((4,)))
        middle = weakref.ref(x.node)
        x = x + 1
        eerie.eval(x)
        assert middle() is None

    def test_views_are_not(self):
        x = eerie.asarray(np.arange(6))
        turned = x.reshape(2, 3).T
        eerie.eval(turned + 1)
        assert turned.node.op is not None

    @pytest.mark.parametrize("steps", [1, 5])
    def test_what_is_used_twice_is_not_held_for_that(self, steps):
        x, r = eerie.ones((4,)) * 0.5, eerie.ones((4,)) * 0.25
        eerie.eval(x, r)
        for _ in range(steps):
            x = x * x + r
        assert len(evaluation._cut([x.node]).outputs) == 1

    def test_operands_that_appear_twice_are_counted_twice(self):
        x = eerie.exp(eerie.ones((4,)))
        middle = weakref.ref(x.node)
        x = x * x
        eerie.eval(x)
        assert middle() is None

    def test_memory_is_free_once_nobody_refers_to_it(self):
        x = eerie.ones((1 << 20,)) + 0.5
        value = weakref.ref(x.node)
        x = x * 2
        eerie.eval(x)
        assert value() is None

    def test_several_at_once(self):
        x = eerie.asarray(np.arange(4.0, dtype=np.float32))
        total, roots = x.sum(), eerie.sqrt(x)
        eerie.eval({"sum": total, "rest": [roots, 3, "words"]}, x)
        assert total.node.op is None
        assert roots.node.op is None
        np.testing.assert_allclose(roots.numpy(), np.sqrt(np.arange(4.0)), rtol=1e-6)

    def test_eval_of_nothing(self):
        eerie.eval()
        eerie.eval(3, [None])

    def test_eval_inside_jit(self):
        @eerie.jit
        def f(x):
            eerie.eval(x)
            return x

        with pytest.raises(TracerError, match="eval"):
            f(eerie.ones((2,)))


class TestLoops:
    def test_numbers_are_inputs(self):
        x = eerie.ones((8,))
        for k in range(3 * scripts.PATIENCE):
            np.testing.assert_allclose((x * (k + 0.5)).numpy(), np.full(8, k + 0.5))
        assert len(scripts._scripts) == 1

    def test_an_index_that_keeps_changing_is_an_input(self):
        x = eerie.asarray(np.arange(60.0).reshape(30, 2))
        for k in range(-30, 30):
            np.testing.assert_array_equal(x[k].numpy(), x.numpy()[k])
        assert len(scripts._scripts) < 15

    def test_a_few_indices_are_part_of_the_structure(self):
        x = eerie.asarray(np.arange(60.0).reshape(30, 2))
        for _ in range(10):
            columns = [x[:, k] for k in range(2)]
        assert all(len(c.node.inputs[0].inputs) == 1 for c in columns)

    def test_a_number_is_one_input_however_often_it_is_used(self):
        x = eerie.ones((8,))
        eerie.eval(x)
        rate = 0.5
        y = x
        for _ in range(3):
            y = y * rate + 0.25
        assert len(evaluation._cut([y.node]).inputs) == 3
        np.testing.assert_array_equal(y.numpy(), np.full(8, 0.5625, np.float32))

    def test_a_graph_that_nobody_reads_is_evaluated_in_pieces(self):
        x = eerie.ones((3,))
        deepest = 0
        for _ in range(2000):
            x = x * 0.5 + 0.5
            deepest = max(deepest, x.node.depth)
        assert deepest < evaluation.HARD
        assert len(scripts._scripts) <= 4
        np.testing.assert_array_equal(x.numpy(), np.ones(3, np.float32))

    def test_pieces_of_a_longer_body_have_one_structure_too(self):
        position, velocity = eerie.ones((3,)), eerie.zeros((3,))
        for _ in range(600):
            force = -position * 1.5 + eerie.sin(position) * 0.25
            velocity = velocity * 0.99 + force * 0.01
            position = position + velocity * 0.01
        eerie.eval(position, velocity)
        assert len(scripts._scripts) <= 8

    def test_a_hundred_thousand_iterations(self):
        """Memory stays flat and nothing is compiled after the first few."""
        x, rate = eerie.ones((16,)), 0.125
        peak = []
        known = 0
        for k in range(100_000):
            x = x - (x - 3.0) * rate
            if k % 20_000 == 10_000:
                gc.collect()
                peak.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
                known = known or len(scripts._scripts)
        assert len(scripts._scripts) == known <= 4
        assert peak[-1] - peak[0] < 4096  # KiB
        np.testing.assert_allclose(x.numpy(), np.full(16, 3.0), rtol=1e-6)


class TestThreads:
    def test_threads_share_pending_work(self):
        x = eerie.asarray(np.arange(64, dtype=np.float32))
        shared = eerie.sqrt(x) + 1
        wanted = np.sqrt(np.arange(64, dtype=np.float32)) + 1
        wrong = []

        def work(k):
            for _ in range(50):
                result = (shared * k + k).numpy()
                if not np.allclose(result, wanted * k + k):
                    wrong.append(k)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not wrong


class TestErrors:
    def test_an_error_of_evaluation_names_the_line_that_recorded_it(self, monkeypatch):
        x = eerie.ones((3,))
        x.buffer()
        line = _line() + 1
        y = x * 2
        x.donate()
        with pytest.raises(DonatedError) as caught:
            print(y)
        assert caught.value.source is not None
        assert caught.value.source.line == line - 3

    def test_out_of_memory_names_the_line(self, monkeypatch):
        line = _line() + 1
        y = eerie.ones((1 << 45,)) * 2.0 + 1.0
        with config(evaluation="reference"), pytest.raises(ExecutionError, match="memory") as caught:
            y.numpy()
        assert caught.value.source is not None
        assert caught.value.source.line == line

    def test_a_shape_error_is_raised_where_it_is_made(self):
        with pytest.raises(ShapeError):
            eerie.ones((3,)) + eerie.ones((4,))
