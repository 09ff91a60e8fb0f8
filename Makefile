# make setup    makes .venv with the versions of requirements.lock
# make mini     runs all studies at mini scale, into results/mini/; make mini STUDY=rlvr runs one
# make test     runs all checks and tests
# make archive  packs complete results into one file, to unpack with `tar xf` in another checkout
# make bench    measures speed against other checkers, into speed/; RLVF_MBPP must name a copy
#               of mbpp.jsonl (a quick look: make bench OPTIONS="--limit 50")
# All of them set up .venv first. To add a package index, such as the one with torch's CPU build,
# whose address is on PyTorch's site:  make mini INDEX=ADDRESS
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
INDEX ?=
VENV := .venv
INSTALLED := $(VENV)/.installed
OPTIONS ?=
CONFIG ?=
STUDY ?=
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# A shell may have set these variables for other programs; here they would change what is run.
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
	snakemake --profile mini $(STUDY)

test: check .rocrate/.installed
	pytest

check: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# The archive is of the scale whose results are there. If both scales' are, CONFIG names one:
# make archive CONFIG="config.yaml config/mini.yaml". If the results were made with further options
# of Snakemake, OPTIONS="..." repeats these.
archive: $(INSTALLED)
	@[ -n "$(CONFIG)" ] || [ ! -e results/logs ] || [ ! -e results/mini/logs ] || \
		{ echo 'results of both scales are there; name one: make archive CONFIG=config.yaml,' \
			'or make archive CONFIG="config.yaml config/mini.yaml"' >&2; exit 1; }
	rlvf archive --options "$(OPTIONS)" \
		--config $(or $(CONFIG),config.yaml $(wildcard $(if $(wildcard results/mini/logs),config/mini.yaml)))

bench: $(INSTALLED) .bench/.installed
	python -m speed $(OPTIONS)

# These packages are kept apart from .venv. Those in .bench are only measured; those in .rocrate are
# for a test and need other versions than rlvf. Only what .venv lacks is installed.
.bench/.installed: speed/requirements.txt
.rocrate/.installed: tests/runs/requirements.txt
.bench/.installed .rocrate/.installed: | $(INSTALLED)
	pip install --quiet --no-deps --upgrade --target $(@D) -r $<
	@touch $@
