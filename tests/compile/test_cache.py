from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eerie_dsl.compile import Cache, Kernel, Key, Program
from eerie_dsl.errors import EerieWarning

KEY = Key("ab" * 20, "host cpu", "flags", "0.1.0+0", "3.13.0")
KERNEL = Kernel("k", ((0, 1), (2, 3)), 64, 32, (1, 1, 1))


def program(code: bytes = b"machine code", name: str = "f") -> Program:
    return Program(
        code,
        {
            "name": name,
            "target": "host",
            "flags": ("--a", "--b"),
            "rung": "",
            "kernels": (tuple(KERNEL),),
            "warnings": (),
            "seconds": 0.25,
        },
    )


def key(number: int) -> Key:
    return KEY._replace(graph=f"{number:02x}" * 20)


def path_of(cache: Cache, entry_key: Key = KEY) -> Path:
    (found,) = Path(cache.directory).glob(f"{entry_key.graph[:2]}/{entry_key.graph[:20]}*.eerie")
    return found


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), limit=1 << 20)


def test_what_is_stored_comes_back(cache: Cache) -> None:
    assert cache.get(KEY) is None
    assert cache.put(KEY, program())
    found = cache.get(KEY)
    assert found is not None
    assert found.vmfb == b"machine code"
    assert found.kernels == (KERNEL,)
    assert (found.name, found.target, found.flags, found.rung) == ("f", "host", ("--a", "--b"), "")
    assert cache.get(KEY._replace(compiler="3.14.0")) is None


def test_directories_and_entries_are_private(cache: Cache) -> None:
    cache.put(KEY, program())
    path = path_of(cache)
    assert [p.stat().st_mode & 0o777 for p in (path.parent.parent, path.parent, path)] == [0o700, 0o700, 0o600]


def test_a_flipped_bit_anywhere_makes_a_miss_and_removes_the_entry(cache: Cache) -> None:
    cache.put(KEY, program())
    path = path_of(cache)
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert cache.get(KEY) is None, f"byte {place}"
        assert not path.exists(), f"byte {place}"
    path.write_bytes(good)
    assert cache.get(KEY) is not None


def test_an_entry_cut_short_or_grown_makes_a_miss(cache: Cache) -> None:
    cache.put(KEY, program())
    path = path_of(cache)
    good = path.read_bytes()
    for bad in (*(good[:n] for n in range(len(good))), good + b"x", b"something else entirely"):
        path.write_bytes(bad)
        assert cache.get(KEY) is None
        assert not path.exists()


def test_an_entry_of_another_key_is_not_loaded(cache: Cache) -> None:
    cache.put(KEY, program())
    stolen = path_of(cache).read_bytes()
    other = KEY._replace(target="another cpu")
    cache.put(other, program(b"other"))
    (path,) = set(Path(cache.directory).glob("ab/*.eerie")) - {
        p for p in Path(cache.directory).glob("ab/*.eerie") if p.read_bytes() == stolen
    }
    path.write_bytes(stolen)
    assert cache.get(other) is None
    assert not path.exists()


def _group_writable(path: Path) -> None:
    path.chmod(0o660)


def _link(path: Path) -> None:
    elsewhere = path.with_suffix(".elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("spoil", [_group_writable, _link, _pipe])
def test_an_entry_that_others_could_have_written_is_dropped(cache: Cache, spoil: Callable[[Path], None]) -> None:
    cache.put(KEY, program())
    path = path_of(cache)
    spoil(path)
    assert cache.get(KEY) is None
    assert not path.is_symlink()
    assert not path.exists()


def test_a_directory_that_others_can_write_to_is_refused_once(cache: Cache) -> None:
    directory = Path(cache.directory)
    directory.mkdir(mode=0o700)
    directory.chmod(0o777)
    with pytest.warns(EerieWarning, match=r"others can write to .*chmod 700") as caught:
        answers = cache.get(KEY), cache.put(KEY, program()), cache.lock(KEY)
    assert answers == (None, False, None)
    assert [warning.filename for warning in caught] == [__file__]
    assert list(directory.iterdir()) == []
    assert "others can write" in (cache.info().problem or "")
    assert "not used" in cache.explain_miss(KEY)


def test_another_users_directory_is_refused(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(cache.directory).mkdir()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.warns(EerieWarning, match="belongs to another user"):
        assert cache.get(KEY) is None


def test_a_directory_that_cannot_be_made_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(str(tmp_path / "file" / "cache"), limit=1 << 20)
    with pytest.warns(EerieWarning, match=r"EERIE_CACHE_DIR") as caught:
        answers = [(cache.get(KEY), cache.put(KEY, program())) for _ in range(2)]
    assert answers == [(None, False)] * 2
    assert len(caught) == 1


def test_a_full_disk_leaves_nothing_behind_and_is_told_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def full(fd: int, data: bytes) -> int:
        # The disk takes a first piece and is then full.
        if not written:
            written.append(real(fd, data[:10]))
            return written[0]
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    cache.put(key(1), program())
    monkeypatch.setattr(os, "write", full)
    with pytest.warns(EerieWarning, match="No space left on device") as caught:
        stored = [cache.put(KEY, program()) for _ in range(2)]
    monkeypatch.undo()
    assert stored == [False, False]
    assert len(caught) == 1
    assert [p for p in Path(cache.directory).rglob("*") if p.is_file()] == [path_of(cache, key(1))]
    assert cache.get(key(1)) is not None


KILLED_HALFWAY = """
import os, signal, sys
from tests.compile.test_cache import KEY, Cache, program
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
Cache(sys.argv[1], limit=1 << 20).put(KEY, program())
"""


def test_a_process_killed_halfway_through_a_write_does_no_harm(cache: Cache) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED_HALFWAY, cache.directory], check=False)
    assert ended.returncode == -9
    (left,) = Path(cache.directory).rglob("*.tmp")
    assert cache.get(KEY) is None
    assert cache.put(KEY, program())
    assert cache.get(KEY) is not None
    assert left.exists()
    notes = left.with_name("notes.tmp")
    notes.write_text("mine")
    assert cache.clear() == 1
    assert not left.exists()
    assert notes.exists()


def test_what_a_killed_process_left_goes_in_time(cache: Cache) -> None:
    cache.put(KEY, program())
    left = path_of(cache).with_suffix(".eerie.1-0.tmp")
    left.write_bytes(b"half")
    assert Cache(cache.directory, limit=1 << 20).put(KEY, program())
    assert left.exists()
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    # The next process looks the directory over at its first write.
    Cache(cache.directory, limit=1 << 20).put(key(1), program())
    assert not left.exists()
    assert cache.get(KEY) is not None


def test_the_entries_used_longest_ago_go_first(cache: Cache) -> None:
    size = 20000
    for number in range(4):
        cache.put(key(number), program(bytes(size)))
    now = time.time()
    for age, number in enumerate((2, 0, 3, 1)):
        when = now - 60 * age
        os.utime(path_of(cache, key(number)), (when, when))
    bounded = Cache(cache.directory, limit=4 * size)
    assert bounded.put(key(4), program(bytes(size)))
    left = [n for n in range(5) if bounded.get(key(n)) is not None]
    assert left == [0, 2, 4]
    assert bounded.info().bytes <= 4 * size


def test_a_program_above_the_bound_is_not_kept(cache: Cache) -> None:
    bounded = Cache(cache.directory, limit=1000)
    assert not bounded.put(KEY, program(bytes(2000)))
    assert bounded.get(KEY) is None


def test_a_bound_of_zero_keeps_and_makes_nothing(cache: Cache) -> None:
    off = Cache(cache.directory, limit=0)
    assert not off.put(KEY, program())
    assert off.get(KEY) is None
    assert "off" in off.explain_miss(KEY)
    assert not os.path.exists(off.directory)


def test_use_is_noted_to_the_hour(cache: Cache) -> None:
    cache.put(KEY, program())
    path = path_of(cache)
    for age, noted in ((1800, False), (7200, True)):
        when = time.time() - age
        os.utime(path, (when, when))
        assert cache.get(KEY) is not None
        assert (path.stat().st_mtime > when + 60) is noted


def test_without_a_compiler_any_compilers_program_will_do(cache: Cache) -> None:
    cache.put(KEY, program(b"old"))
    cache.put(KEY._replace(compiler="3.14.0"), program(b"new"))
    an_hour_ago = time.time() - 3000
    for path in Path(cache.directory).glob("ab/*.eerie"):
        if path.read_bytes().endswith(b"old"):
            os.utime(path, (an_hour_ago, an_hour_ago))
    found = cache.get(KEY._replace(compiler=None))
    assert found is not None
    assert found.vmfb == b"new"
    assert cache.get(KEY._replace(compiler=None, target="vmvx")) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"compiler": "3.14.0"}, "compiler changed (3.13.0 -> 3.14.0)"),
        ({"eerie": "0.2.0+1"}, "eerie changed (0.1.0+0 -> 0.2.0+1)"),
        ({"flags": "other"}, "flags changed"),
        ({"target": "vmvx", "flags": "other"}, "target changed (host cpu -> vmvx)"),
        ({"graph": "cd" * 20}, "graph changed"),
    ],
)
def test_a_miss_names_the_part_that_changed(cache: Cache, changes: dict[str, str], reason: str) -> None:
    assert cache.explain_miss(KEY, "f") == "nothing like it has been compiled yet"
    cache.put(KEY, program())
    cache.put(key(1), program(name="g"))
    assert cache.explain_miss(KEY._replace(**changes), "f") == reason


def test_the_nearest_entry_is_the_one_with_fewest_changes(cache: Cache) -> None:
    cache.put(KEY._replace(target="vmvx", flags="other", compiler="3.12.0"), program())
    cache.put(KEY, program())
    assert cache.explain_miss(KEY._replace(eerie="0.2.0"), "f") == "eerie changed (0.1.0+0 -> 0.2.0)"


def test_verify_removes_what_cannot_be_used(cache: Cache) -> None:
    for number in range(3):
        cache.put(key(number), program())
    damaged = path_of(cache, key(0))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    moved = path_of(cache, key(1))
    moved.rename(moved.with_name("f" + moved.name[1:]))
    listed = {e.path: e.problem for e in cache.entries()}
    assert len(listed) == 3
    problems = sorted(e.problem or "" for e in cache.verify())
    assert problems == ["cut short or too long", "it belongs to another key"]
    assert [e.header and e.header["key"]["graph"] for e in cache.entries()] == [key(2).graph]
    assert cache.verify() == []


def test_a_write_may_be_cleared_away(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def replace(source: str, to: str) -> None:
        Cache(cache.directory).clear()
        real(source, to)

    monkeypatch.setattr(os, "replace", replace)
    assert not cache.put(KEY, program())
    monkeypatch.undo()
    assert cache.put(KEY, program())


def test_clear_leaves_other_files_alone(cache: Cache) -> None:
    for number in range(3):
        cache.put(key(number), program())
    notes = Path(cache.directory) / "notes.txt"
    notes.write_text("mine")
    assert cache.info().entries == 3
    assert cache.clear() == 3
    assert cache.info()[1:3] == (0, 0)
    assert notes.exists()


HAMMER = """
import random, sys
from tests.compile.test_cache import Cache, key, program
cache = Cache(sys.argv[1], limit=30000)
choose = random.Random(int(sys.argv[2]))
for _ in range(300):
    number = choose.randrange(12)
    found = cache.get(key(number))
    assert found is None or found.vmfb == bytes([number]) * 4000, number
    if found is None:
        cache.put(key(number), program(bytes([number]) * 4000))
"""


def test_many_processes_may_write_read_and_evict_at_once(cache: Cache) -> None:
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", HAMMER, cache.directory, str(seed)]) for seed in range(3)
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert cache.verify() == []
    assert not list(Path(cache.directory).rglob("*.tmp"))
    assert 0 < cache.info().bytes <= 2 * 30000
