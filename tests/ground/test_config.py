from __future__ import annotations

import os
import threading

import pytest

from eerie_dsl.config import SETTINGS, Config
from eerie_dsl.errors import ConfigError


def test_defaults_without_environment():
    config = Config({})
    assert os.path.isabs(config.cache_dir)
    assert os.path.basename(config.cache_dir) == "eerie"
    assert config.progress == "auto"
    assert config.target == "host"
    assert 1 <= config.compile_workers <= 4


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("EERIE_CACHE_DIR", "/tmp/x/../y", "cache_dir", os.path.abspath("/tmp/y")),
        ("EERIE_CACHE_BYTES", "512 MiB", "cache_bytes", 512 << 20),
        ("EERIE_CACHE_BYTES", "0", "cache_bytes", 0),
        ("EERIE_CACHE_BYTES", "1000b", "cache_bytes", 1000),
        ("EERIE_COMPILE_TIMEOUT", "inf", "compile_timeout", float("inf")),
        ("EERIE_COMPILE_TIMEOUT", "1.5", "compile_timeout", 1.5),
        ("EERIE_COMPILE_WORKERS", " 3 ", "compile_workers", 3),
        ("EERIE_EVALUATION", "compiled", "evaluation", "compiled"),
        ("EERIE_TARGET", "aarch64", "target", "aarch64"),
        ("EERIE_PROGRESS", "never", "progress", "never"),
        ("EERIE_TRACEBACK", "full", "traceback", "full"),
    ],
)
def test_environment(variable, text, name, value):
    assert getattr(Config({variable: text}), name) == value


def test_empty_variable_is_unset():
    assert Config({"EERIE_PROGRESS": ""}).progress == "auto"


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("EERIE_PROGRESS", "often", "expected one of auto, always, never"),
        ("EERIE_COMPILE_WORKERS", "0", "from 1 to 256"),
        ("EERIE_COMPILE_WORKERS", "2.5", "from 1 to 256"),
        ("EERIE_COMPILE_TIMEOUT", "-1", "above 0"),
        ("EERIE_COMPILE_TIMEOUT", "nan", "above 0"),
        ("EERIE_COMPILE_TIMEOUT", "soon", "above 0"),
        ("EERIE_CACHE_BYTES", "2GB", "2GiB"),
        ("EERIE_CACHE_BYTES", "-1", "0 or more"),
        ("EERIE_TARGET", "  ", "a name"),
    ],
)
def test_bad_variable_names_itself_its_value_and_what_is_allowed(variable, text, words):
    with pytest.raises(ConfigError) as caught:
        _ = Config({variable: text}).cache_dir
    assert f"{variable}={text}" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("evaluation", None),
        ("compile_workers", True),
        ("compile_workers", 10**9),
        ("compile_timeout", 10**400),
        ("cache_bytes", 1.5),
        ("cache_bytes", "1e400"),
        ("cache_dir", b"bytes"),
        ("cache_dir", ""),
        ("cache_dir", "a\0b"),
        ("target", 3),
    ],
)
def test_bad_value_in_python_changes_nothing(name, value):
    config = Config({})
    before = str(config)
    with pytest.raises(ConfigError, match=name):
        config(**{name: value})
    with pytest.raises(ConfigError, match=name):
        config.update(**{"target": "other", name: value})
    assert str(config) == before


def test_unknown_setting_lists_the_known():
    with pytest.raises(ConfigError, match=r"no setting 'cachedir'.*cache_dir"):
        Config({})(cachedir="x")


def test_blocks_nest_and_end_with_an_error_too():
    config = Config({"EERIE_TARGET": "outer"})
    with config(target="a", progress="never"):
        with config(target="b"):
            assert (config.target, config.progress) == ("b", "never")
        assert config.target == "a"
    with pytest.raises(RuntimeError), config(target="c"):
        raise RuntimeError
    assert config.target == "outer"


def test_block_holds_for_its_own_thread_and_update_for_all():
    config = Config({})
    seen = []

    def look():
        seen.append((config.target, config.progress))

    with config(target="mine"):
        config.update(progress="never")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        look()  # a block keeps the view it was entered with
    look()
    assert seen == [("host", "never"), ("mine", "auto"), ("host", "never")]


def test_snapshot_is_one_object_until_a_setting_changes():
    config = Config({})
    first = config.snapshot()
    assert config.snapshot() is first
    with config(target="other"):
        assert config.snapshot()["target"] == ("other", "config")
    assert config.snapshot() is first
    config.update(target="third")
    assert config.snapshot() is not first


def test_show_says_where_each_value_came_from(capsys):
    config = Config({"EERIE_TARGET": "aarch64", "EERIE_CACHEDIR": "/x", "OTHER": "1"})
    config.update(progress="never")
    with config(evaluation="reference"):
        config.show()
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(SETTINGS) <= set(lines)
    assert lines["target"].split()[1:] == ["aarch64", "EERIE_TARGET"]
    assert lines["progress"].endswith("config.update")
    assert lines["evaluation"].split()[1:] == ["reference", "config"]
    assert lines["traceback"].endswith("default")
    assert "names no setting" in lines["EERIE_CACHEDIR"]
    assert "OTHER" not in lines


def test_a_setting_cannot_be_assigned():
    with pytest.raises(AttributeError):
        Config({}).target = "x"


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_documented(name):
    assert getattr(Config, name).__doc__.endswith(".")


def test_account_without_a_home(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert os.path.isabs(Config({}).cache_dir)
