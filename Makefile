# One command for everything; `make` lists them. The environment is made on first use.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# TensorFlow, in its build for CPUs, is large; only what runs it asks for it.
TENSORFLOW := $(VENV)/.tensorflow
# Test processes; JAX uses more than one core in each.
JOBS ?= 2
# What the demo runs on, and what it needs for that beside READY.
BACKEND ?= jax
RUNS_tensorflow := $(TENSORFLOW)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types tests fast bench format clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

setup: $(READY) ## make .venv with ppc and its tools (others do this by themselves)

demo: $(READY) $(RUNS_$(BACKEND)) ## compile and fit the digit classifier, and draw pictures; BACKEND=tensorflow
	PPC_BACKEND=$(BACKEND) $(BIN)/python examples/demo.py

test: lint types tests ## everything that must pass: lint, types, tests, wheel

lint: $(READY) ## ruff, its checks and its formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

tests: $(TENSORFLOW) ## all tests, the slow ones (wheel, whole programs) last
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

fast: $(TENSORFLOW) ## the tests that are not slow
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not slow"

bench: $(TENSORFLOW) ## how fast emitted programs and the compiler are
	$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m pytest bench

format: $(READY) ## let ruff format and fix the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what these commands made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks build dist out

# An editable install leaves byte code to the first run, which some environments forbid to write it:
# the command `ppc` would then compile itself each time. Installed wheels have theirs.
#
# The first Python that is new enough and can make environments; Debian's can without
# python3-venv be new and still not do it. PYTHON=... chooses another.
$(READY): pyproject.toml
	@set -e; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  found=; \
	  for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	    if $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; \
	    then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo 'ppc needs Python 3.11, 3.12 or 3.13 that can make environments, and found none.' >&2; \
	    echo 'On Debian and Ubuntu: sudo apt install python3-venv. Or: make PYTHON=/path/to/python3.12 ...' >&2; \
	    exit 1; \
	  fi; \
	  echo "making $(VENV) with $$($$found --version) ($$(command -v $$found))"; \
	  $$found -m venv --clear $(VENV); \
	fi; \
	echo 'installing ppc and its tools into $(VENV) (a few minutes the first time)'; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev,jax,mcmc,plot]'; \
	$(BIN)/python -m compileall -q ppc frontend backends; \
	touch $@

$(TENSORFLOW): $(READY)
	@echo 'installing TensorFlow into $(VENV) (some 300 MB the first time)'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[tensorflow-cpu]'
	@# Of MCMC: tf-keras asks for TensorFlow's larger build, so it comes without what it asks for.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check 'tensorflow-probability>=0.25' 'setuptools>=75'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps 'tf-keras>=2.21,<2.22'
	@touch $@
