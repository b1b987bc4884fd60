# Everything that a fresh machine needs is installed by the target that needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
FLOOR := scikit-learn==1.6.1 numpy==1.26.4 scipy==1.14.1 pandas==2.2.3 numba==0.60.0 pyarrow==17.0.0
unexport PYTHONDONTWRITEBYTECODE  # the machine that sets it would compile every module at each start
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-floor lint format bench docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) found; install Python 3.11 or newer, or call make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: crosstask needs Python 3.11 or newer, $(PYTHON) is older; call make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing crosstask into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "installing the developer's tools into $(VENV) ..."
	@$(PIP) -e ".[dev,neural]"
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@echo "installing the documentation tools into $(VENV) ..."
	@$(PIP) -e ".[dev,neural,docs]"
	@touch $@

demo: $(VENV)/.core  ## four real hospitals: who helps whom? prints a verdict, writes report.html
	@$(BIN)/crosstask demo heart --report report.html --force

test: $(VENV)/.dev  ## the whole test suite, doctests included
	@$(BIN)/python -m pytest -n 2 -q $(PYTEST_ARGS)

test-floor: .venv-floor/.ready  ## the check suites and the doors on the oldest packages that are supported
	@.venv-floor/bin/python -m pytest -q -p no:cacheprovider -W ignore::pytest.PytestRemovedIn10Warning tests/test_check_suites.py tests/testing tests/tasks tests/model_selection tests/metrics $(PYTEST_ARGS)

.venv-floor/.ready: pyproject.toml | $(BIN)/python
	@echo "installing the oldest supported packages into .venv-floor ..."
	@$(BIN)/python -m venv .venv-floor
	@.venv-floor/bin/python -m pip install --quiet --disable-pip-version-check -e . $(FLOOR) pytest hypothesis polars lightgbm
	@touch $@

lint: $(VENV)/.dev  ## ruff and pyright
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --warnings

format: $(VENV)/.dev  ## let ruff format and fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev $(VENV)/.bench .venv-peers/.ready  ## every benchmark of the documentation (data from CROSSTASK_DATA)
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(VENV)/.bench: $(VENV)/.dev
	@echo "installing the peers that the benchmarks compare with into $(VENV) ..."
	@$(PIP) -e ".[dev,neural,bench]"
	@touch $@

.venv-peers/.ready: | $(BIN)/python  # adelie needs NumPy 1, celer a scikit-learn before 1.6
	@echo "installing peers that need older packages into .venv-peers ..."
	@$(BIN)/python -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check numpy==1.26.4 scikit-learn==1.5.2 celer==0.7.4 adelie==1.1.52
	@touch $@

docs: $(VENV)/.docs  ## the documentation, as HTML in docs/_build
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) .venv-floor .venv-peers docs/_build build dist report.html
