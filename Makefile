# Thin: each target calls one script or tool.  The first one sets up .venv by itself.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help setup demo test lint sanitize faults soak mutate docs bench clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(VENV)/.ready  ## install everything into .venv

$(VENV)/.ready: pyproject.toml $(wildcard plugins/*/pyproject.toml) scripts/setup
	PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/setup

demo: setup  ## load real flights into the embedded engine and look at them
	$(BIN)/python scripts/demo.py

test: setup  ## run all checks and all tests
	VENV="$(VENV)" scripts/test

lint: setup  ## check style, types and the arrows between packages
	VENV="$(VENV)" scripts/lint

sanitize: setup  ## run the C accelerator under sanitizers, and fuzz it
	VENV="$(VENV)" scripts/sanitize

faults: setup  ## break connections in every state; docs/explanation/faults.md gets the outcomes
	$(BIN)/python -m tests.faults.matrix

soak: setup  ## 50 threads, 10 connections, faults all the while; figures go to benchmarks/results
	MALLOC_ARENA_MAX=1 $(BIN)/python -m tests.faults.soak

mutate: setup  ## change what guards, and see that a test fails; the outcome goes to benchmarks/results
	$(BIN)/python scripts/mutate

docs: setup  ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: setup  ## measure against other clients; results go to benchmarks/results
	PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/bench

clean:  ## remove what was built
	rm -rf $(VENV) build dist docs/_build demo
