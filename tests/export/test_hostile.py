"""Files that are damaged, cut short or something else are refused by name, and end no process."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import InvalidValueError
from eerie_dsl.export import container, load
from eerie_dsl.export.container import packed


def refused(path, data, words="x.vmfb"):
    path.write_bytes(data)
    with pytest.raises(InvalidValueError, match=words) as caught:
        load(path)
    return str(caught.value)


def test_every_cut_is_noticed(files, tmp_path):
    data = files["stateful"].read_bytes()
    rng = random.Random(1)
    lengths = {0, 1, 7, 8, 45, *(len(data) - n for n in range(1, 60)), *(rng.randrange(len(data)) for _ in range(60))}
    for length in sorted(lengths):
        refused(tmp_path / "x.vmfb", data[:length])


def test_every_flipped_bit_is_noticed(files, tmp_path):
    data = files["stateful"].read_bytes()
    rng = random.Random(2)
    ends = [len(data) - 1 - n for n in range(60)]
    for place in [0, 1, 3, *ends, *(rng.randrange(len(data)) for _ in range(200))]:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        refused(tmp_path / "x.vmfb", bytes(changed))


def test_bytes_before_behind_and_within_are_noticed(files, tmp_path):
    data = files["stateful"].read_bytes()
    for changed in (
        b"\0" + data,
        data + b"\0",
        data + data[-45:],
        data[:100] + data[101:],
        data[:100] + b"x" + data[100:],
    ):
        refused(tmp_path / "x.vmfb", changed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\x7fELF" + bytes(500), "not a file that eerie.export wrote"),
        (b"{}", "not a file that eerie.export wrote"),
        (b"\x89EERIE\r\n" + bytes(200), "it is damaged"),
    ],
)
def test_foreign_files_are_named(tmp_path, data, words):
    assert "Fix: write it with eerie.export" in refused(tmp_path / "x.vmfb", data, words)


def test_a_module_without_signature_is_named(files, tmp_path):
    program = eerie.jit(lambda x: x + 1).trace(eerie.ones(2)).compile().program.vmfb
    refused(tmp_path / "x.vmfb", program, "an IREE module without Eerie's signature")


def test_a_later_format_is_named(files, tmp_path, monkeypatch):
    monkeypatch.setattr(container, "FORMAT", 2)
    data = _packed({})
    monkeypatch.undo()
    refused(tmp_path / "x.vmfb", data, "it is of format 2, and this version of Eerie reads 1")


def _packed(manifest, programs=(("host", b"PK\x03\x04"),)):
    base: dict[str, Any] = {"programs": [{} for _ in programs], "state": None}
    return packed([("a", b"not a module") for _ in programs], b"", base | manifest)


def test_a_manifest_that_makes_no_sense_is_refused(files, tmp_path):
    """The checksum is right here: what was signed is nonsense."""
    content = container.read(files["stateful"])
    good = content.manifest
    place = good["programs"][0]["place"]
    program = bytes(content.part(place))
    rng = random.Random(3)

    def places(value, path=()):
        yield path
        if isinstance(value, dict | list):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from places(value[key], (*path, key))

    everywhere = [p for p in places(good) if p]
    refusals = opened = 0
    junk: list[Any] = [None, -1, 10**30, "x", [], {}, ["$", []], [["tuple", "", [None]]], True, 1.5]
    for _ in range(300):
        changed = json.loads(json.dumps(good))
        *way, last = rng.choice(everywhere)
        inner = changed
        for key in way:
            inner = inner[key]
        inner[last] = rng.choice(junk)
        path = tmp_path / "x.vmfb"
        try:
            data = packed([("host", program)], b"\1" * 64, changed)
        except (AttributeError, TypeError, ValueError):
            continue  # the writer refused it
        path.write_bytes(data)
        try:
            load(path).session()
            opened += 1
        except eerie.EerieError:
            refusals += 1
    # Some changes are to texts that nobody reads.
    assert refusals > 50
    assert opened > 50


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.vmfb")
    with pytest.raises(OSError, match="directory"):
        load(tmp_path)
