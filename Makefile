# Each target makes .venv and installs what it needs: Python 3.11, make and git are enough.

PORT ?= 8000
DEMO_DIR ?= .demo
DEMO_RESET ?=
# What to run instead of everything, for example: make test TESTS=tests/unit
TESTS ?=

# Four processes keep two cores busy, because many tests wait for a node; the tests of one file share what was made once.
SPREAD := --numprocesses 4 --dist loadfile --no-loadscope-reorder

# What was compiled once is kept, also where the environment says otherwise: a node then starts in half the time.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
READY := .venv/.ready
DEMO_READY := .venv/.ready-demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench docs vectors clean

help:
	@echo "make demo    two linked circles on http://127.0.0.1:$(PORT)/demo and the port after it"
	@echo "make test    every test (TESTS=tests/unit for some)"
	@echo "make check   lint, types, import direction"
	@echo "make bench   the benchmarks, as a table and as bench/results.json"
	@echo "make vectors the schemas and vectors of the protocol, written anew"
	@echo "make docs    the generated pages and pictures under docs/"

demo: $(DEMO_READY)
	@$(BIN)/eccoo demo --port "$(PORT)" --dir "$(DEMO_DIR)" $(if $(filter-out 0,$(DEMO_RESET)),--reset)

test: $(READY)
	@$(BIN)/python -m pytest -q $(SPREAD) $(TESTS)

test-long: $(READY)
	@$(BIN)/python -m pytest -q $(SPREAD) -m "long or not long" -o timeout=0 $(TESTS)

check: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: run make format."; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@PYTHONPATH=.:federation:plugins $(BIN)/lint-imports --no-logo >.venv/lint-imports.txt 2>&1 \
		|| { cat .venv/lint-imports.txt; exit 1; }
	@echo "Lint, types and import direction hold."

format: $(READY)
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: $(READY)
	@$(BIN)/python -m bench

docs: $(READY)
	@$(BIN)/python docs/make_pictures.py

vectors: $(READY)
	@PYTHONPATH=federation $(BIN)/python -m tools

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

# The stamps hold the moment of the last install, so that a changed pyproject.toml installs again.
# The demo needs only what the node itself needs, which is much the smaller part.
define install
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed, and none was found. Install it, or name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; \
		exit 1; fi
	@if ! "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments here. On Debian or Ubuntu: sudo apt-get install python3-venv"; \
		exit 1; fi
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@echo "Installing $(2) into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(1)'
endef

$(DEMO_READY): pyproject.toml
	$(call install,.,the node)
	@touch $(DEMO_READY)

$(READY): pyproject.toml
	$(call install,.[dev],the node and its tests)
	@touch $(DEMO_READY) $(READY)
