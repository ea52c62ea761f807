# Every target uses .venv: `make demo` installs what a run needs, the others add the tools of the tests.
PYTHON ?= python3
BIN := .venv/bin
# Processes that run the tests: a number, or auto for one per core.
WORKERS ?= auto

.PHONY: demo test test-quick fuzz docs site venv clean

venv: .venv/.built

.venv/.package: setup.cfg setup.py pyproject.toml $(wildcard kmc/kernels/*)
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.built: .venv/.package
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: .venv/.package
	rm -rf demo
	$(BIN)/kmc run gdc --out demo
	@echo "pictures: demo/arrhenius.png and demo/T1000K/msd.png"

# All checks that a change must pass.
test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

# For use while working: under a minute on two cores. Leaves out the tests marked `slow` and the type check.
test-quick: venv
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow"

# 10 000 inputs of every kind of tests/fuzz instead of 500; the first that is neither accepted nor refused in one line is
# printed in its simplest form.
fuzz: venv
	KMC_FUZZ=10000 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/fuzz

# Rewrite the tables and the picture of the rooms that are generated from the source.
docs: venv
	$(BIN)/python docs/parameter_tables.py
	$(BIN)/python docs/key_pages.py
	$(BIN)/python docs/architecture.py

# The documentation as web pages in docs/_build/html. Its tutorials are executed; a warning is an error.
site: venv
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf .venv demo build dist docs/_build *.egg-info
