# make setup    .venv, with the versions of requirements.lock
# make mini     the whole study at mini scale, into results/mini/
# make test     all checks and tests
# make archive  complete results in one file, to be unpacked with `tar xf` in another checkout
# make bench    speed beside others, into benchmarks/; RLVF_MBPP must name a copy of mbpp.jsonl
#               (a quick look: make bench OPTIONS="--limit 50")
# All set up .venv first. Another package index, for instance one with torch's CPU build, whose
# address PyTorch's site names:  make mini INDEX=ADDRESS
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
INDEX ?=
VENV := .venv
INSTALLED := $(VENV)/.installed
OPTIONS ?=
CONFIG ?=
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# What a shell may have set for other programs and would change how these run.
unexport PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS SNAKEMAKE_PROFILE

.PHONY: help setup mini test check archive bench

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -8

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

test: check .rocrate/.installed
	pytest

check: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# Of the scale whose results are there, or named: make archive CONFIG="config.yaml config/mini.yaml".
# Results that were made with other options of Snakemake's: OPTIONS="..."
archive: $(INSTALLED)
	@[ -n "$(CONFIG)" ] || [ ! -e results/logs ] || [ ! -e results/mini/logs ] || \
		{ echo 'results of both scales are there; name one: make archive CONFIG=config.yaml,' \
			'or make archive CONFIG="config.yaml config/mini.yaml"' >&2; exit 1; }
	rlvf archive --options "$(OPTIONS)" \
		--config $(or $(CONFIG),config.yaml $(wildcard $(if $(wildcard results/mini/logs),config/mini.yaml)))

bench: $(INSTALLED) .bench/.installed
	python -m benchmarks $(OPTIONS)

# Apart from .venv, and with no more than .venv lacks: some are only measured, the others, for a test,
# need other versions.
.bench/.installed: benchmarks/requirements.txt
.rocrate/.installed: tests/runs/requirements.txt
.bench/.installed .rocrate/.installed: | $(INSTALLED)
	pip install --quiet --no-deps --upgrade --target $(@D) -r $<
	@touch $@
