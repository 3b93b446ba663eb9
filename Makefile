# Every target sets up what it needs in .venv/ (Python >= 3.11, pip from PyPI, nothing else).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export MPLBACKEND = Agg

.PHONY: demo test test-slow lint format ci docs bench gallery release clean

demo: $(VENV)/.run
	$(BIN)/tutelage demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ci: test lint

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# All figures of all papers, in full size (an hour), onto the page of the documentation; QUICK=1 makes small ones (minutes).
gallery: $(VENV)/.dev
	$(BIN)/tutelage gallery --out docs/gallery $(if $(QUICK),--quick)

# sdist and wheel into dist/, tried in empty environments with the newest and the oldest dependencies.
release:
	tools/check_release.sh $(PYTHON)

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

# The virtual environment alone, then the package with what each target needs on top.
$(VENV)/.base:
	@echo 'Setting up $(VENV) with packages from PyPI; this happens once, and takes some minutes.'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.run: $(VENV)/.base pyproject.toml
	$(BIN)/pip install -q -e '.[images]'
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install -q -e '.[images,dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/pip install -q -e '.[images,dev,docs]'
	touch $@

clean:
	rm -rf $(VENV) docs/_build out build dist
