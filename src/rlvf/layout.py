"""Says where each product lies below the results folder.

A path is written as a pattern with wildcards in braces, which the rules of the workflow take as it
is. Users choose the names of studies, models, policies, tasks and evaluations, which are names of
folders here; `taken` says which names would land on another product.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace

from rlvf.checksums import note_of

# Fetched files are in the cache, which all studies and scales share. The results have a note with
# their checksums, which tells Snakemake that they were fetched.
FETCHED_MODEL = "fetched/models/{repo}/{revision}.json"
FETCHED_DATASET = "fetched/datasets/{repo}/{revision}.json"
PRETRAINED_MODEL = "models/{model}"

CELLS = "{study}/cells.json"
TASKS = "{study}/tasks/{tasks}.jsonl"
TABLES = "{study}/tables"
CLAIMS = "{study}/claims"
FIGURES = "{study}/figures"
COST = "{study}/cost"
EXPLORER = "{study}/explorer.html"
PAPER = "{study}/paper.pdf"

CELL = "{study}/{model}/{policy}/seed{seed}"
# All adapters that a training keeps are one product.
ADAPTERS = f"{CELL}/adapters"
TRAINING_LOG = f"{CELL}/train.jsonl"
ROLLOUTS = f"{CELL}/rollouts.jsonl"
TRAINING_TIMES = f"{CELL}/train-times.jsonl"
# An interrupted training goes on from here. This is not a product: it is gone when all went well.
CHECKPOINTS = f"{CELL}/checkpoints"

EVALUATION = f"{CELL}/{{evaluation}}"
COMPLETIONS = f"{EVALUATION}/completions.jsonl"
EXECUTIONS = f"{EVALUATION}/executions.jsonl"
EXECUTION_TIMES = f"{EVALUATION}/executions-times.jsonl"
LINT = f"{EVALUATION}/ruff.jsonl"
SAMPLES = f"{EVALUATION}/samples.jsonl"

# Each job writes a log, and what it used is recorded for `rlvf usage`.
LOGS = "logs"
USAGE = "usage"
# The results of the mini scale lie in the folder of the paper scale's.
_OTHER_SCALES = ("mini",)


def taken(place: str) -> set[str]:
    """Return the names that a folder may not have at a `place`: "" for studies, "{study}" for
    models, and CELL for evaluations."""
    return {*_beside(place), *(_OTHER_SCALES if not place else ())}


def _beside(place: str) -> Iterator[str]:
    prefix = f"{place}/" if place else ""
    for pattern in _NAMED.values():
        # Folders have a note beside them.
        note = [] if "." in pattern.rpartition("/")[2] else [note_of(pattern)]
        for path in (pattern, *note):
            name = path.removeprefix(prefix).partition("/")[0]
            if path.startswith(prefix) and not re.search(r"[{}]", name):
                yield name


_NAMED = {name: value for name, value in globals().items() if re.fullmatch(r"[A-Z][A-Z_]+", name)}


def below(results: str) -> SimpleNamespace:
    """Return all patterns, by their names here, as paths that begin with the results folder."""
    return SimpleNamespace(**{name: f"{results}/{path}" for name, path in _NAMED.items()})
