# make mini   the whole study at mini scale, into results/mini/
# make test   all checks and tests
# make bench  speed beside others, into benchmarks/ (a quick look: make bench OPTIONS="--limit 50")
# All set up .venv first. Another package index, for instance one with torch's CPU build, whose
# address PyTorch's site names:  make mini INDEX=ADDRESS
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
INDEX ?=
VENV := .venv
INSTALLED := $(VENV)/.installed
OPTIONS ?=
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help setup mini test check bench

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -5

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rlvf needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	pip install --quiet $(if $(INDEX),--extra-index-url $(INDEX)) -r requirements.lock
	pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

mini: $(INSTALLED)
	snakemake --profile mini

test: check
	pytest

check: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

bench: $(INSTALLED) .bench/.installed
	python -m benchmarks $(OPTIONS)

# Apart from .venv, and with no more than .venv lacks: they are only measured.
.bench/.installed: benchmarks/requirements.txt
	pip install --quiet --no-deps --upgrade --target $(@D) -r $<
	@touch $@
