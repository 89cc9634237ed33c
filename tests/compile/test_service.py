from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from eerie_dsl.compile import Cache, Target, compile_graph, compile_module, get_target, prewarm, service, shutdown
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, MissingRuleError, Source

from .graphs import slow, small, without_lowering

HERE = str(Path(__file__).resolve())
LOCAL = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")

# IREE has no sine of f64 to link with.
UNLINKABLE = f"""
func.func @main(%a: tensor<4xf64>) -> tensor<4xf64> {{
  %0 = math.sin %a : tensor<4xf64> loc("n3"("{HERE}":12:0))
  return %0 : tensor<4xf64>
}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[Cache]:
    with config(cache_dir=str(tmp_path / "cache"), compile_workers=2):
        yield Cache(config.cache_dir)


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    shutdown()


def worker_pids(parent: int | None = None) -> list[int]:
    """Processes of compiler workers that this process, or ``parent``, started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes()
                stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if b"compile.worker" in words and int(stat[1]) == (parent or os.getpid()) and stat[0] != "Z":
                found.append(int(entry))
    return found


def wait_until(condition: object, seconds: float = 20.0) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def at_work(pid: int) -> bool:
    """Whether the worker has used more processor time than it takes to start."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 0.8


def folder_of(pid: int) -> Path:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return Path(next(w for w in words if b"eerie-compile-" in w).decode())


def test_a_graph_is_compiled_once_and_then_found(monkeypatch: pytest.MonkeyPatch) -> None:
    program, status = compile_graph(small(), name="first")
    assert not status.hit
    assert status.reason == "nothing like it has been compiled yet"
    assert (program.name, program.target, program.rung) == ("first", "host", "")
    (kernel,) = program.kernels
    assert (kernel.nodes, kernel.dispatches) == ((0, 1), 1)
    assert (kernel.bytes_read, kernel.bytes_written) == (2 * 8 * 4, 8 * 4)
    assert kernel.workgroups == (1, 1, 1)

    monkeypatch.setattr(service, "_service", None)
    again, status = compile_graph(small(), name="second")
    assert (status.hit, status.reason) == (True, "")
    assert again.vmfb == program.vmfb
    assert again.kernels == program.kernels


def test_a_program_carries_the_flags_of_its_target_and_misses_name_the_target() -> None:
    compile_graph(small(), name="f")
    program, status = compile_graph(small(), "x86-64-v3", name="f")
    assert program.flags == get_target("x86-64-v3").all_flags
    assert re.fullmatch(r"target changed \(host \S+ -> x86-64-v3\)", status.reason)


def test_a_refusal_has_the_compilers_words_at_the_users_line() -> None:
    with pytest.raises(CompileError, match=r"refused wave for host") as caught:
        compile_module(UNLINKABLE.encode(), name="wave")
    assert caught.value.source is not None
    assert (caught.value.source.file, caught.value.source.line) == (HERE, 12)
    assert "undefined symbol: sin" in str(caught.value)


def test_ill_formed_input_and_unknown_flags_are_refused() -> None:
    with pytest.raises(CompileError, match="custom op 'nonsense' is unknown"):
        compile_module(b"nonsense")
    with pytest.raises(CompileError, match="iree-no-such-flag"):
        compile_module(b"module {}", Target("odd", (*LOCAL, "--iree-no-such-flag=1"), "local", ""))
    assert compile_graph(small())[0].vmfb


def test_what_lowering_raises_arrives_as_itself_with_its_line() -> None:
    source = Source(HERE, 7, "f")
    with pytest.raises(MissingRuleError, match="unlowerable has no lowering rule"):
        compile_graph(without_lowering(source))


MAIN_PRIMITIVE = """
from eerie_dsl.ir import Aval, Graph, Primitive, dtypes, placeholder
class Mine(Primitive):
    name = "mine"
    def infer(self, operand): return operand
mine = Mine()
x = placeholder(Aval((4,), dtypes.float32))
compile_graph(Graph.of([x], [mine(x)]))
"""


def test_a_primitive_of_a_script_is_refused_with_the_fix(cache: Cache) -> None:
    _, errors = start(MAIN_PRIMITIVE, cache.directory).communicate(timeout=60)
    assert "CompileError" in errors
    assert "Fix: define primitives in a module" in errors


def test_an_abort_of_the_compiler_is_an_error_and_the_next_compilation_works() -> None:
    xtensa = Target("xtensa", (*LOCAL, "--iree-llvmcpu-target-triple=xtensa-unknown-elf"), "local", "")
    with pytest.raises(CompileError, match=r"died of SIG(SEGV|ABRT) while compiling f for xtensa \(") as caught:
        compile_graph(small(), xtensa, name="f")
    assert "createTargetMachine(xtensa" in str(caught.value)
    assert compile_graph(small())[0].vmfb


def test_a_killed_worker_is_an_error_and_an_idle_one_is_replaced() -> None:
    shutdown()
    caught: list[BaseException] = []

    def run() -> None:
        with config(cache_bytes=0):
            try:
                compile_graph(slow(), name="long")
            except CompileError as error:
                caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert wait_until(worker_pids)
    (pid,) = worker_pids()
    folder = folder_of(pid)
    assert wait_until(lambda: at_work(pid))
    os.kill(pid, signal.SIGKILL)
    thread.join(20)
    assert "died of SIGKILL while compiling long for host (" in str(caught[0])
    assert not folder.exists()

    compile_graph(small())
    (idle,) = worker_pids()
    os.kill(idle, signal.SIGKILL)
    assert wait_until(lambda: gone(idle))
    assert not compile_graph(small(9))[1].hit


def test_a_compilation_out_of_time_is_stopped() -> None:
    compile_graph(small())
    (pid,) = worker_pids()
    with config(compile_timeout=0.4), pytest.raises(CompileError, match=r"stopped after 0.4 seconds") as caught:
        compile_graph(slow(), name="long")
    assert caught.value.hint is not None
    assert "EERIE_COMPILE_TIMEOUT" in caught.value.hint
    assert gone(pid)


def test_threads_compile_at_once() -> None:
    failed: list[BaseException] = []
    directory = config.cache_dir

    def run(number: int) -> None:
        try:
            with config(cache_dir=directory, compile_workers=2):
                program, status = compile_graph(small(16 + number % 3), name=f"f{number}")
                assert program.kernels[0].bytes_written == 4 * (16 + number % 3)
                misses.append(not status.hit)
        except BaseException as error:  # noqa: BLE001 (told to the main thread)
            failed.append(error)

    misses: list[bool] = []
    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert sum(misses) == 3
    assert len(worker_pids()) <= 2


def test_prewarm_starts_one_worker() -> None:
    shutdown()
    prewarm()
    prewarm()
    (pid,) = worker_pids()
    compile_graph(small())
    assert worker_pids() == [pid]


SCRIPT = """
import os, sys, threading, time
from eerie_dsl.compile import compile_graph, service, shutdown
from eerie_dsl.config import config
from tests.compile.graphs import slow, small
config.update(cache_dir=sys.argv[1])
"""


def start(body: str, directory: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + body, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compiling_worker(process: subprocess.Popen[str]) -> int:
    """The worker of that process, once it is compiling."""
    assert wait_until(lambda: worker_pids(process.pid))
    (pid,) = worker_pids(process.pid)
    assert wait_until(lambda: at_work(pid))
    return pid


def test_ctrl_c_ends_the_compilation_and_leaves_nothing(cache: Cache) -> None:
    process = start("compile_graph(slow())", cache.directory)
    pid = compiling_worker(process)
    folder = folder_of(pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert wait_until(lambda: gone(pid), 2)
    assert not folder.exists()
    assert cache.info().entries == 0
    assert not list(Path(cache.directory).rglob("*.lock"))


def test_a_worker_does_not_outlive_its_parent(cache: Cache) -> None:
    process = start("compile_graph(slow())", cache.directory)
    pid = compiling_worker(process)
    folder = folder_of(pid)
    process.kill()
    process.communicate(timeout=20)
    assert wait_until(lambda: gone(pid), 5)
    assert wait_until(lambda: not folder.exists(), 2)


FORK = """
import warnings
compile_graph(small(8))
with warnings.catch_warnings():
    # Python 3.12 and later warn of a fork while there are threads; the child is to work all the same.
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
if child == 0:
    os._exit(int(compile_graph(small(9))[1].hit))
_, status = os.waitpid(child, 0)
print(status, compile_graph(small(9))[1].hit, compile_graph(small(10))[1].hit)
"""


def test_a_forked_child_has_workers_of_its_own(cache: Cache) -> None:
    out, errors = start(FORK, cache.directory).communicate(timeout=60)
    assert (out.split(), errors) == (["0", "True", "False"], "")


RACE = """
sys.stdin.readline()
program, status = compile_graph(small(100))
print(len(program.vmfb), status.hit, "iree.compiler" in sys.modules)
"""


def test_processes_that_want_the_same_program_compile_it_once(cache: Cache) -> None:
    processes = [start(RACE, cache.directory) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [errors for _, errors in answers] == [""] * 4
    sizes, hits, compilers = zip(*(out.split() for out, _ in answers), strict=True)
    assert len(set(sizes)) == 1
    assert sorted(hits) == ["False", "True", "True", "True"]
    assert set(compilers) == {"False"}


def test_a_lock_that_is_never_given_up_does_not_stop_anyone(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    _, status = compile_graph(small(11))
    cache.clear()
    lock = cache.lock(status.key)
    assert lock is not None
    assert lock.acquire()
    monkeypatch.setattr(service, "_LONGEST_WAIT", 0.2)
    assert not compile_graph(small(11))[1].hit
    lock.release()


def test_without_the_cache_programs_are_compiled_each_time() -> None:
    with config(cache_bytes=0):
        assert [compile_graph(small())[1].hit for _ in range(2)] == [False, False]


def test_a_missing_compiler_is_named(tmp_path: Path, cache: Cache) -> None:
    hide = tmp_path / "iree" / "compiler"
    hide.mkdir(parents=True)
    (hide / "__init__.py").write_text("raise ImportError('no compiler here')")
    body = f"sys.path.insert(0, {str(tmp_path)!r})\ncompile_graph(small())"
    _, errors = start(body, cache.directory).communicate(timeout=60)
    assert "CompileError" in errors
    assert "the compiler cannot be loaded: no compiler here" in errors
    project = tomllib.loads((Path(HERE).parents[2] / "pyproject.toml").read_text())["project"]
    (wanted,) = (d for d in project["dependencies"] if d.startswith("iree-base-compiler"))
    assert f'Fix: pip install "{wanted}"' in errors
