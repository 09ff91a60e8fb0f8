# The checked configuration, the paths that spell a cell, and what rules take from both.
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

# A plan is many objects that stay: looking through them for garbage all the time takes a sixth of
# planning.
gc.set_threshold(1_000_000)

# Copied from workflow/site.example.yaml, which says what can be set; not in git.
SITE_FILE = os.environ.get("RLVF_SITE") or (os.path.exists("site.yaml") and "site.yaml")

# Read here and not by `configfile:`, which takes a key's last place where it stands twice, and whose
# numbers on the command line are text.
FILES = [] if workflow.config_settings.replace_workflow_config else ["config.yaml"]
FILES += [os.path.relpath(os.path.realpath(path)) for path in workflow.overwrite_configfiles]
CHANGES = workflow.config_settings.config_args
# For the report.
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
# What is fetched lies in the cache, which is not of one study or scale. Here is a note of its files'
# checksums, which says to Snakemake that it was fetched.
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
# What jobs can run in. Another definition or other versions are another image: where it is used,
# all that was made in the former one is made again.
DEFINITION, LOCK = "containers/rlvf.def", "requirements.lock"
IMAGE = f"containers/rlvf-{file_checksum(DEFINITION)[:8]}-{file_checksum(LOCK)[:8]}.sif"


def one_of(names):
    """A wildcard's constraint: one of these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def models_of(kind):
    return [name for name, model in CONFIG.models.items() if model.kind == kind]


def fetched(note, source):
    """The note of a published model or dataset, as input. It is pinned: fetched again it is what it
    was before, and nothing that was made from it has to be made again."""
    repo = "--".join(source.repo.split("/"))
    return ancient(note.format(repo=repo, revision=source.revision))


def noted(folder):
    """A folder that a rule makes, and its note, as input. Snakemake compares nothing but times of a
    folder, hence `ancient`: whoever reads the folder depends on the note."""
    return [ancient(folder), note_of(folder)]


def folder_of(path):
    """Where that lies of which an input is the note; any other input is what it is."""
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
    """What a study's tasks are read from, where that is fetched."""
    benchmark = CONFIG.benchmarks[CONFIG.studies[wildcards.study].benchmark]
    if benchmark.kind == "mbpp" and benchmark.source is None:
        return fetched(FETCHED_DATASET, benchmark)
    return []


def tasks_options(study, role):
    """The options of `rlvf tasks` for a study's training or test tasks."""
    grid = CONFIG.studies[study]
    benchmark = CONFIG.benchmarks[grid.benchmark]
    limit = getattr(grid, f"{role}_limit")
    options = f"--benchmark {benchmark.kind} --split {getattr(grid, f'{role}_split')}"
    if limit is not None:
        options += f" --limit {limit}"
    return f"{options} --settings {shlex.quote(to_json(benchmark))}"


def cell_of(names):
    """The cell that wildcards, or a mapping with more, name."""
    return CONFIG.cell(names["study"], names["model"], names["policy"], int(names["seed"]))


def tasks_stamps(study):
    kind = CONFIG.benchmarks[CONFIG.studies[study].benchmark].kind
    # Which tests are refused changes no task.
    unused = ("rlvf.sandbox.vetting",)
    return stamps("tasks", kinds=(f"rlvf.benchmarks.{kind}",), unused=unused)


def training_stamps(wildcards):
    """The code that a cell's rewards come to, and Ruff's version where it counts."""
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
    """By a cell's decodings: its completions, executions and Ruff reports."""
    return {
        decoding: [
            f"{DECODED}/{name}.jsonl".format(decoding=decoding, **names)
            for name in ("completions", "executions", "ruff")
        ]
        for decoding in CONFIG.decodings_of(cell_of(names))
    }


def evaluations_of(study):
    """Of each decoding of each cell of a study: its name and files, and the cell's samples."""
    for cell in CONFIG.cells(study):
        names = cell.model_dump()
        for name, files in decoded(names).items():
            yield name, *files, f"{CELL}/samples.jsonl".format(**names)


def samples_of(study):
    """The samples of every cell of a study."""
    return [f"{CELL}/samples.jsonl".format(**cell.model_dump()) for cell in CONFIG.cells(study)]


def products_of(study):
    """All that is kept of a study."""
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
    """The file of this name of each trained cell."""
    return [
        f"{CELL}/{name}".format(**cell.model_dump()) for cell in CONFIG.cells(study) if cell.trained
    ]


if SITE.gpu_jobs:
    workflow.resource_settings.resources.setdefault("gpu_jobs", SITE.gpu_jobs)
