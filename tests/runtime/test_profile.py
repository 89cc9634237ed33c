"""What becomes of the records of a profiler."""

from __future__ import annotations

import pytest

from eerie_dsl.runtime.profile import _fastest, _timing


def record(op, start, end, key=None, busy=None, number=0):
    return {
        "op": op, "key": key, "event_id": number, "duration_ns": end - start,
        "start_host_time_ns": start, "end_host_time_ns": end,
        "tile_duration_sum_ns": end - start if busy is None else busy,
    }  # fmt: skip


def test_kernels_that_run_side_by_side_count_once():
    rows = [
        record("alloca", 1000, 1100),
        record("dispatch", 2500, 4500, "b", busy=4000, number=2),
        record("dispatch", 2000, 3000, "a", number=1),
        record("execute", 1500, 5000),
    ]
    timing = _timing(rows, 1.0)
    assert [e.kernel for e in timing.events] == ["a", "b"]
    assert [e.start for e in timing.events] == pytest.approx([1000e-9, 1500e-9])
    assert [e.seconds for e in timing.events] == pytest.approx([1000e-9, 2000e-9])
    assert [e.threads for e in timing.events] == pytest.approx([1.0, 2.0])
    assert timing.kernels == pytest.approx(2500e-9)
    assert timing.commands == pytest.approx(3500e-9)


def test_lost_records_count_as_those_that_were_kept():
    timing = _timing([record("dispatch", 0, 1000, "a")], 5.0)
    assert timing.weight == 5.0
    assert timing.kernels == pytest.approx(5e-6)


def call(first, second, end):
    """A call of two kernels, of these lengths."""
    rows = [record("dispatch", 100, 100 + first, "a", number=1), record("dispatch", 5000, 5000 + second, "b", number=2)]
    return _timing([*rows, record("execute", 0, end)], 1.0)


def test_of_each_kernel_the_fastest_run_counts():
    found = _fastest([call(900, 3000, 9000), call(1000, 2000, 8000), call(400, 2500, 8500)])
    assert [e.kernel for e in found.events] == ["a", "b"]
    assert [e.start for e in found.events] == pytest.approx([1e-7, 5e-6])
    assert [e.seconds for e in found.events] == pytest.approx([400e-9, 2000e-9])
    assert found.kernels == pytest.approx(2400e-9)
    assert found.commands == pytest.approx((2400 + 5000) * 1e-9)
    assert found.disturbance == pytest.approx((8000 - 7400) * 1e-9)


def test_a_call_without_kernels():
    assert _fastest([_timing([], 1.0)]) == ((), 1.0, 0.0, 0.0, 0.0)
