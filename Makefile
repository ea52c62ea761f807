# `make demo` and `make test` build the same environment in .venv and use it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test venv clean

venv: .venv/.built

.venv/.built: setup.cfg setup.py pyproject.toml $(wildcard kmc/kernels/*)
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: venv
	rm -rf demo
	$(BIN)/kmc run gdc --out demo
	@echo "pictures: demo/arrhenius.png and demo/T1000K/msd.png"

test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

clean:
	rm -rf .venv demo build dist *.egg-info
