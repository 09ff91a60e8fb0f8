# This file reads and checks the configuration, and defines the paths of products and the functions
# with which rules find their inputs and parameters.
import gc
import os
import re
import shlex
import sys

from rlvf.checksums import note_of
from rlvf.config import NO_MODEL, Site, parse_config, read_config
from rlvf.errors import RlvfError
from rlvf.files import file_checksum
from rlvf.settings import FetchSettings, parse_settings, to_json
from rlvf.stamps import stamps

# A plan consists of many objects that are never freed. Searching them for garbage again and again
# would take a sixth of the planning time.
gc.set_threshold(1_000_000)

# Users copy this file from workflow/site.example.yaml, which says what can be set; git ignores it.
SITE_FILE = os.environ.get("RLVF_SITE") or (os.path.exists("site.yaml") and "site.yaml")

# The files are read here and not by `configfile:`, which takes the last of two equal keys without
# complaint and reads numbers on the command line as text.
FILES = [] if workflow.config_settings.replace_workflow_config else ["config.yaml"]
FILES += [os.path.relpath(os.path.realpath(path)) for path in workflow.overwrite_configfiles]
CHANGES = workflow.config_settings.config_args
# Snakemake's report shows these files.
workflow.configfiles[:] = FILES

try:
    config.clear()
    config.update(read_config(FILES, CHANGES))
    CONFIG = parse_config(config, " + ".join(FILES + ["--config"] * bool(CHANGES)))
    SITE = parse_settings(SITE_FILE, Site) if SITE_FILE else Site()
except RlvfError as error:
    sys.exit(str(error))

CELLS = [cell for study in CONFIG.studies for cell in CONFIG.cells(study)]
POLICIES = sorted({cell.policy for cell in CELLS})

RESULTS = CONFIG.results
# Fetched files are in the cache, which all studies and scales share. The results folder has a note
# with their checksums, which tells Snakemake that they were fetched.
FETCHED = f"{RESULTS}/fetched"
FETCHED_MODEL = f"{FETCHED}/models/{{repo}}/{{revision}}.json"
FETCHED_DATASET = f"{FETCHED}/datasets/{{repo}}/{{revision}}.json"
PRETRAINED_MODEL = f"{RESULTS}/models/{{model}}"
STUDY = f"{RESULTS}/{{study}}"
TASKS = f"{STUDY}/tasks"
CELL = f"{STUDY}/{{model}}/{{policy}}/seed{{seed}}"
DECODED = f"{CELL}/{{decoding}}"
TABLES = f"{STUDY}/tables"
CLAIMS = f"{STUDY}/claims"
FIGURES = f"{STUDY}/figures"
COST = f"{STUDY}/cost"
EXPLORER = f"{STUDY}/explorer.html"
PAPER = f"{STUDY}/paper.pdf"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
# Jobs can run in this image. Its name has the checksums of its definition and of the locked
# versions: if one of them changes, the image is another one, and whatever was made in the former
# image is made again.
DEFINITION, LOCK = "containers/rlvf.def", "requirements.lock"
IMAGE = f"containers/rlvf-{file_checksum(DEFINITION)[:8]}-{file_checksum(LOCK)[:8]}.sif"


def one_of(names):
    """Return the constraint that a wildcard is one of these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def models_of(kind):
    return [name for name, model in CONFIG.models.items() if model.kind == kind]


def fetched(note, source):
    """Return the note of a published model or dataset as an input. The revision is pinned, so that
    the files are the same when they are fetched again. The note is therefore `ancient`, and what
    was made from the files is not made again."""
    repo = "--".join(source.repo.split("/"))
    return ancient(note.format(repo=repo, revision=source.revision))


def noted(folder):
    """Return a folder that a rule makes, and its note, as inputs. Of a folder Snakemake compares
    only the time. The folder is therefore `ancient`, and rules depend on the note instead."""
    return [ancient(folder), note_of(folder)]


def folder_of(path):
    """Return the folder in the cache that a note describes; return any other path as it is."""
    if os.path.dirname(path).startswith(f"{FETCHED}/"):
        return f"{CONFIG.cache}/{os.path.relpath(path, FETCHED).removesuffix('.json')}"
    return path


def fetch_settings(kind, wildcards):
    repo = wildcards.repo.replace("--", "/")
    return to_json(FetchSettings(kind=kind, repo=repo, revision=wildcards.revision))


def model_of(wildcards):
    model = CONFIG.models[wildcards.model]
    if model.kind == "hub":
        return [fetched(FETCHED_MODEL, model)]
    return noted(PRETRAINED_MODEL.format(model=wildcards.model))


def source_of(wildcards):
    """Return the note of the dataset that a study's tasks are read from, if it is fetched."""
    benchmark = CONFIG.benchmarks[CONFIG.studies[wildcards.study].benchmark]
    if benchmark.kind == "mbpp" and benchmark.source is None:
        return fetched(FETCHED_DATASET, benchmark)
    return []


def tasks_options(study, role):
    """Return the options of `rlvf tasks` for a study's training or test tasks."""
    grid = CONFIG.studies[study]
    benchmark = CONFIG.benchmarks[grid.benchmark]
    limit = getattr(grid, f"{role}_limit")
    options = f"--benchmark {benchmark.kind} --split {getattr(grid, f'{role}_split')}"
    if limit is not None:
        options += f" --limit {limit}"
    return f"{options} --settings {shlex.quote(to_json(benchmark))}"


def cell_of(names):
    """Return the cell that is named by wildcards or by a mapping with these and further keys."""
    return CONFIG.cell(names["study"], names["model"], names["policy"], int(names["seed"]))


def tasks_stamps(study):
    kind = CONFIG.benchmarks[CONFIG.studies[study].benchmark].kind
    # This module only refuses tests and changes no task.
    unused = ("rlvf.sandbox.vetting",)
    return stamps("tasks", kinds=(f"rlvf.benchmarks.{kind}",), unused=unused)


def training_stamps(wildcards):
    """Return the stamps of a training: of the code that its rewards use, and of Ruff's version if
    they use Ruff."""
    settings = CONFIG.train_settings(cell_of(wildcards))
    kinds = {f"rlvf.rewards.{one.kind}" for one in settings.components.values()}
    unused = []
    if settings.sandbox is None:
        unused.append("rlvf.sandbox.client")
    if settings.lint is None:
        unused.append("rlvf.lint")
    return stamps(
        "train",
        packages=("ruff",) if settings.lint else (),
        kinds=tuple(sorted(kinds)),
        unused=tuple(unused),
    )


def tables_settings(study):
    hyperparameters = CONFIG.hyperparameters(study)
    return to_json({"scale": CONFIG.scale, "hyperparameters": hyperparameters})


def decoded(names):
    """Return the completions, executions and Ruff reports of each decoding of a cell."""
    return {
        decoding: [
            f"{DECODED}/{name}.jsonl".format(decoding=decoding, **names)
            for name in ("completions", "executions", "ruff")
        ]
        for decoding in CONFIG.decodings_of(cell_of(names))
    }


def evaluations_of(study):
    """Yield, for each decoding of each cell of a study, its name, files and the cell's samples."""
    for cell in CONFIG.cells(study):
        names = cell.model_dump()
        for name, files in decoded(names).items():
            yield name, *files, f"{CELL}/samples.jsonl".format(**names)


def samples_of(study):
    """Return the samples of every cell of a study."""
    return [f"{CELL}/samples.jsonl".format(**cell.model_dump()) for cell in CONFIG.cells(study)]


def products_of(study):
    """Return all products of a study that are kept."""
    folders = (TABLES, CLAIMS, FIGURES, COST)
    kept = (PAPER, EXPLORER, *folders, *map(note_of, folders))
    products = expand(kept, study=study) + samples_of(study)
    for cell in CONFIG.cells(study):
        names = cell.model_dump()
        products += [file for files in decoded(names).values() for file in files]
        products += expand(
            f"{DECODED}/executions-times.jsonl",
            decoding=CONFIG.decodings_of(cell),
            **names,
        )
        if cell.trained:
            made = (
                "adapter",
                note_of("adapter"),
                "train.jsonl",
                "rollouts.jsonl",
                "train-times.jsonl",
            )
            products += expand(f"{CELL}/{{made}}", made=made, **names)
    return products


def training_logs_of(study):
    return of_trainings(study, "train.jsonl")


def training_times_of(study):
    return of_trainings(study, "train-times.jsonl")


def of_trainings(study, name):
    """Return the file of this name of each trained cell."""
    return [
        f"{CELL}/{name}".format(**cell.model_dump()) for cell in CONFIG.cells(study) if cell.trained
    ]


if SITE.gpu_jobs:
    workflow.resource_settings.resources.setdefault("gpu_jobs", SITE.gpu_jobs)
