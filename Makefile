# Everything runs in .venv, which `make setup` builds from constraints.txt; nothing else on the machine is touched.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
WORKERS ?= 2

# A name on the PATH proves nothing (version managers leave shims that do not run), so each one is tried.
define FIND_PYTHON
for python in $(PYTHON) python3.11 python3.12 python3 python; do \
  if $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; \
  then found=$$python; break; fi; \
done; \
if [ -z "$$found" ]; then echo "rlsuite needs Python 3.11 or 3.12 with venv: install one, or name it by PYTHON=" >&2; exit 1; fi
endef

# One thread a process: runs share cores, and two threads on a shared core cost far more than they give.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup train analyze test test-slurm test-all bench results lint format type clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with everything that was tested (no-op when up to date)

$(STAMP): pyproject.toml constraints.txt
	@$(FIND_PYTHON); \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "making $(VENV) with $$found"; $$found -m venv --clear $(VENV); fi
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev,optuna,wandb]'
	@touch $@

train: setup ## Train the main job, env=var algo=ppo, and compare it; more overrides by ARGS="seed=1 total_steps=1000"
	$(BIN)/python -m rlsuite.train env=var algo=ppo $(ARGS)
	$(BIN)/python -m rlsuite.evaluate

analyze: setup ## Tables, statistics, figures and report.html of all runs; others by ARGS="root=DIR out=DIR"
	$(BIN)/python -m rlsuite.analysis $(ARGS)

test: setup ## Run the tests that take seconds; pick some by ARGS="-k config"
	$(BIN)/python -m pytest -m "not slow and not gpu and not slurm" -n $(WORKERS) --dist worksteal $(ARGS)

test-slurm: setup ## Run sweeps on a real SLURM of three virtual nodes on this machine (needs its programs)
	$(BIN)/python -m pytest -m slurm -rs $(ARGS) tests/slurm

test-all: setup ## Run every test but those on SLURM, the slow ones too
	$(BIN)/python -m pytest -m "not slurm" -n $(WORKERS) --dist worksteal $(ARGS)

bench: setup ## Measure against peers what docs/speed.md tells, about half an hour; trainings have commands of their own (make results)
	$(BIN)/python scripts/speed.py --bench

results: setup ## List what benchmarks/results holds, what made it, what is missing or stale
	$(BIN)/python scripts/results.py $(ARGS)

lint: setup ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: setup ## Check types
	$(BIN)/python -m mypy

clean: ## Remove .venv and caches; runs in outputs/ and multirun/ stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
