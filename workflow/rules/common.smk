# The checked configuration, the paths that spell a cell, and what rules take from both.
import os
import re
import shlex
import sys

from rlvf.config import NO_MODEL, Site, parse_config, parse_settings, to_json
from rlvf.errors import RlvfError
from snakemake_logger_plugin_rlvf import log_plan

# Copied from workflow/site.example.yaml, which says what can be set; not in git.
SITE_FILE = os.environ.get("RLVF_SITE") or (os.path.exists("site.yaml") and "site.yaml")

try:
    CONFIG = parse_config(config, " + ".join(map(str, workflow.configfiles)))
    SITE = parse_settings(SITE_FILE, Site) if SITE_FILE else Site()
except RlvfError as error:
    sys.exit(str(error))

CELLS = [cell for study in CONFIG.studies for cell in CONFIG.cells(study)]
POLICIES = sorted({cell.policy for cell in CELLS})

RESULTS = CONFIG.results
STUDY = f"{RESULTS}/{{study}}"
TASKS = f"{STUDY}/tasks"
MODEL = f"{RESULTS}/models/{{model}}"
CELL = f"{STUDY}/{{model}}/{{policy}}/seed{{seed}}"
DECODED = f"{CELL}/{{decoding}}"
TABLES = f"{STUDY}/tables"
FIGURES = f"{STUDY}/figures"
COST = f"{STUDY}/cost"
PAPER = f"{STUDY}/paper.pdf"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


def one_of(names):
    """A wildcard's constraint: one of these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def models_of(kind):
    return [name for name, model in CONFIG.models.items() if model.kind == kind]


def tasks_options(study, role):
    """The options of `rlvf tasks` for a study's training or test tasks."""
    grid = CONFIG.studies[study]
    benchmark = CONFIG.benchmarks[grid.benchmark]
    limit = getattr(grid, f"{role}_limit")
    options = f"--benchmark {benchmark.kind} --split {getattr(grid, f'{role}_split')}"
    if limit is not None:
        options += f" --limit {limit}"
    return f"{options} --settings {shlex.quote(to_json(benchmark))}"


def cell_of(wildcards):
    return CONFIG.cell(wildcards.study, wildcards.model, wildcards.policy, int(wildcards.seed))


def decoded(wildcards):
    """By a cell's decodings: its completions, executions and Ruff reports."""
    return {
        decoding: expand(
            f"{DECODED}/{{name}}.jsonl",
            name=("completions", "executions", "ruff"),
            decoding=decoding,
            **wildcards,
        )
        for decoding in CONFIG.decodings_of(cell_of(wildcards))
    }


def samples_of(study):
    """The samples of every cell of a study."""
    return [f"{CELL}/samples.jsonl".format(**cell.model_dump()) for cell in CONFIG.cells(study)]


def training_logs_of(study):
    return [
        f"{CELL}/train.jsonl".format(**cell.model_dump())
        for cell in CONFIG.cells(study)
        if cell.trained
    ]


if SITE.gpu_jobs:
    workflow.resource_settings.resources.setdefault("gpu_jobs", SITE.gpu_jobs)


def announce_products():
    print("\nDone. To read:")
    for study in CONFIG.studies:
        for product in (PAPER, TABLES, FIGURES):
            print(f"  {product.format(study=study)}")
