# The checked configuration, the paths that spell a cell, and what rules take from both.
import re
import shlex
import sys

from rlvf.config import NO_MODEL, parse_config, to_json
from rlvf.errors import RlvfError

try:
    CONFIG = parse_config(config, " + ".join(map(str, workflow.configfiles)))
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
IMAGE = "containers/rlvf.sif"


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


def samples_of(study):
    """The samples of every cell of a study in every decoding it has."""
    return [
        f"{DECODED}/samples.jsonl".format(**cell.model_dump(), decoding=decoding)
        for cell in CONFIG.cells(study)
        for decoding in CONFIG.decodings_of(cell)
    ]


def training_logs_of(study):
    return [
        f"{CELL}/train.jsonl".format(**cell.model_dump())
        for cell in CONFIG.cells(study)
        if cell.trained
    ]


def cluster(stage):
    """What a stage asks of the cluster; a GPU only where the scale says so."""
    asked = getattr(CONFIG.resources, stage)
    return {
        "mem_mb": asked.mem_mb,
        "runtime": asked.runtime,
        **({"gpu": asked.gpus} if asked.gpus else {}),
    }


def announce_products():
    print("\nDone. To read:")
    for study in CONFIG.studies:
        for product in (PAPER, TABLES, FIGURES):
            print(f"  {product.format(study=study)}")
