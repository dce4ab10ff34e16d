# Everything a fresh machine needs is Python 3.11 and this file.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
UV_VERSION = 0.9

# Every stage of a pipeline is a process that imports torch or the like: compiled once, not in each of them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env debian quickstart test test-all campaigns check docs format clean

env: $(VENV)/.ready

# uv inside the virtual environment: quick, hard-linked from its cache, nothing outside is touched.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'uv>=$(UV_VERSION)'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[all,dev]'
	touch $@

quickstart: env
	$(BIN)/edgecnn run pipelines/quickstart.yaml

# Android's tools: root gets them; for others, tests that need them are skipped and say what is missing.
DEBIAN = aapt apksigner zipalign android-framework-res kotlin openssh-server valgrind

debian:
	@if [ "$$(id -u)" = 0 ] && ! dpkg -s $(DEBIAN) >/dev/null 2>&1; then \
	    { apt-get update -qq && apt-get install --yes --no-install-recommends -qq $(DEBIAN); } >/dev/null \
	    || echo "could not be installed: $(DEBIAN)"; \
	fi

# Two processes, a unit of tests each at a time (tests/support/units.py): most of a test is one thread.
PYTEST = pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

test: env debian
	$(BIN)/python -m slipcover -m $(PYTEST) -m "not slow"

test-all: env debian
	$(BIN)/python -m $(PYTEST)

# The campaigns in their full form, one after the other: several hours on two cores, most of them for the kills of
# verbs. Their small form is in `make test-all`.
CAMPAIGNS = $(filter-out test_report,$(basename $(notdir $(wildcard tests/campaigns/test_*.py))))

campaigns: env debian
	@failed=; for name in $(CAMPAIGNS); do \
	    nice -n 19 $(BIN)/python -m tests.campaigns.$$name || failed="$$failed $$name"; \
	done; $(BIN)/python -m tests.campaigns.report; \
	[ -z "$$failed" ] || { echo "campaigns with failures:$$failed"; exit 1; }

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: env
	$(BIN)/python docs/generate.py

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
