# This file reads and checks the configuration, and defines the functions with which rules find their
# inputs and parameters.
import gc
import os
import re
import shlex
import sys
from glob import glob

from rlvf.checksums import note_of
from rlvf.cells import NO_MODEL
from rlvf.config import parse_config, read_config
from rlvf.environments import ENVIRONMENTS
from rlvf.errors import RlvfError
from rlvf.files import file_checksum
from rlvf.layout import below
from rlvf.runs.site import Site
from rlvf.settings import FetchSettings, parse_settings, to_json
from rlvf.stamps import stamps
from rlvf.studies import module_name

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
EVALUATIONS = sorted({one.name for cell in CELLS for one in CONFIG.evaluations_of(cell)})
TASK_SETS = sorted({tasks for study in CONFIG.studies.values() for tasks in study.tasks})

# Where each product lies, with wildcards.
PATHS = below(CONFIG.results)
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
    notes = f"{CONFIG.results}/fetched/"
    if os.path.dirname(path).startswith(notes):
        return f"{CONFIG.cache}/{path.removeprefix(notes).removesuffix('.json')}"
    return path


def fetch_settings(kind, wildcards):
    repo = wildcards.repo.replace("--", "/")
    return to_json(FetchSettings(kind=kind, repo=repo, revision=wildcards.revision))


def model_of(wildcards):
    model = CONFIG.models[wildcards.model]
    if model.kind == "hub":
        return [fetched(PATHS.FETCHED_MODEL, model)]
    return noted(PATHS.PRETRAINED_MODEL.format(model=wildcards.model))


# ---------------------------------------------------------------- tasks


def benchmark_of(wildcards):
    return CONFIG.benchmarks[CONFIG.studies[wildcards.study].tasks[wildcards.tasks].benchmark]


def source_of(wildcards):
    """Return the note of the dataset that tasks are read from, if it is fetched."""
    benchmark = benchmark_of(wildcards)
    if benchmark.kind == "mbpp" and benchmark.source is None:
        return fetched(PATHS.FETCHED_DATASET, benchmark)
    return []


def tasks_options(wildcards):
    """Return the options of `rlvf tasks`."""
    benchmark = benchmark_of(wildcards)
    chosen = CONFIG.studies[wildcards.study].tasks[wildcards.tasks]
    options = f"--benchmark {benchmark.kind} --split {chosen.split}"
    if chosen.limit is not None:
        options += f" --limit {chosen.limit}"
    return f"{options} --settings {shlex.quote(to_json(benchmark))}"


def tasks_stamps(wildcards):
    # This module only refuses tests and changes no task.
    unused = ("rlvf.sandbox.vetting",)
    kind = f"rlvf.benchmarks.{benchmark_of(wildcards).kind}"
    return stamps("tasks", kinds=(kind,), unused=unused)


# ---------------------------------------------------------------- cells


def cell_of(wildcards):
    return CONFIG.cell(wildcards.study, wildcards.model, wildcards.policy, int(wildcards.seed))


def training_of(wildcards):
    return CONFIG.train_settings(cell_of(wildcards)).training


def evaluation_of(wildcards):
    return CONFIG.evaluation_of(cell_of(wildcards), wildcards.evaluation)


def tasks_of(wildcards, tasks):
    return PATHS.TASKS.format(study=wildcards.study, tasks=tasks)


def evaluated_tasks(wildcards):
    """Return the file of the tasks that an evaluation is on."""
    return tasks_of(wildcards, evaluation_of(wildcards).tasks)


def environment_of(wildcards):
    """Return the environment of the tasks that an evaluation is on."""
    study = CONFIG.studies[wildcards.study]
    return CONFIG.environment_of(study, evaluation_of(wildcards).tasks)


def environment_stamps(stage):
    """Return a function that returns the stamps of a stage that works for any environment."""
    return lambda wildcards: stamps(stage, environments=(environment_of(wildcards),))


def checks_of(wildcards):
    """Return, by the options of `rlvf measure`, what the checks of an evaluation's answers make."""
    checks = ENVIRONMENTS[environment_of(wildcards)].CHECKS
    made = {"executions": (PATHS.EXECUTIONS, "execute"), "ruff": (PATHS.LINT, "lint")}
    return {option: path for option, (path, check) in made.items() if check in checks}


def adapters_of(cell):
    """Return the folder of a cell's adapters."""
    return PATHS.ADAPTERS.format(**dict(cell))


def start_of(wildcards):
    """Return the adapters of the cell whose adapter a training starts with, if there is one."""
    start = CONFIG.studies[wildcards.study].start_of(cell_of(wildcards))
    return noted(adapters_of(start[0])) if start else []


def start_option(wildcards):
    start = CONFIG.studies[wildcards.study].start_of(cell_of(wildcards))
    return f"--start {adapters_of(start[0])}/{start[1]}" if start else ""


def adapter_option(wildcards):
    adapter = evaluation_of(wildcards).adapter
    return f"--adapter {adapters_of(cell_of(wildcards))}/{adapter}" if adapter else ""


def training_stamps(wildcards):
    """Return the stamps of a training: of the code of its recipe and of its rewards, and of Ruff's
    version if they use Ruff."""
    settings = CONFIG.train_settings(cell_of(wildcards))
    kinds = {f"rlvf.rewards.{one.kind}" for one in settings.components.values()}
    kinds.add(f"rlvf.recipes.{settings.training.recipe}")
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


# ---------------------------------------------------------------- studies


def cells_settings(wildcards):
    return to_json(CONFIG.studies[wildcards.study].described(wildcards.study).model_dump())


def environments_of(study):
    """Return the environments of all evaluations of a study."""
    block = CONFIG.studies[study]
    used = {one.tasks for one in block.evaluations.values()}
    return tuple(sorted({CONFIG.environment_of(block, tasks) for tasks in used}))


def study_stamps(stage, wildcards, own=()):
    """Return the stamps of a stage that reads the samples of a study. `own` are the definitions of
    the study's own module that it uses."""
    reader = f"rlvf.studies.{module_name(wildcards.study)}"
    kinds = tuple(f"{reader}.{name}" for name in own)
    return stamps(stage, kinds=kinds, environments=environments_of(wildcards.study))


# What the page of completions shows of each evaluation.
EXPLORED = (PATHS.TASKS, PATHS.COMPLETIONS, PATHS.EXECUTIONS, PATHS.LINT, PATHS.SAMPLES)


def evaluation_options(files):
    """Return the options with which `rlvf explorer` is given the files EXPLORED of evaluations."""
    groups = zip(*[iter(files)] * len(EXPLORED), strict=True)
    return " ".join(f"--evaluation {' '.join(group)}" for group in groups)


def paper_sources(study):
    """Return the files of which a study's paper is made, but for the claims."""
    found = sorted(glob(f"paper/{study}/*"))
    return [path for path in found if os.path.basename(path) != "claims.yaml"]


# These files are made by a check, which not every environment has.
CHECKED = {PATHS.EXECUTIONS: "execute", PATHS.EXECUTION_TIMES: "execute", PATHS.LINT: "lint"}


def of_evaluations(study, *paths):
    """Return these files of every evaluation of every cell of a study, as far as they are made."""
    block = CONFIG.studies[study]
    found = []
    for cell in CONFIG.cells(study):
        for one in CONFIG.evaluations_of(cell):
            checks = ENVIRONMENTS[CONFIG.environment_of(block, one.tasks)].CHECKS
            found += [
                path.format(evaluation=one.name, tasks=one.tasks, **dict(cell))
                for path in paths
                if path not in CHECKED or CHECKED[path] in checks
            ]
    return found


def shows_completions(study):
    """Whether there is a page of a study's completions, which shows programs alone."""
    return environments_of(study) == ("program",)


def of_trainings(study, *paths):
    """Return these files of every trained cell of a study."""
    cells = (cell for cell in CONFIG.cells(study) if cell.trained)
    return [path.format(**dict(cell)) for cell in cells for path in paths]


def products_of(study):
    """Return all products of a study that are kept."""
    folders = (PATHS.TABLES, PATHS.CLAIMS, PATHS.FIGURES, PATHS.COST)
    kept = [PATHS.PAPER, PATHS.CELLS, *folders, *map(note_of, folders)]
    if shows_completions(study):
        kept.append(PATHS.EXPLORER)
    evaluated = (PATHS.COMPLETIONS, PATHS.EXECUTIONS, PATHS.EXECUTION_TIMES, PATHS.LINT)
    trained = (PATHS.ADAPTERS, note_of(PATHS.ADAPTERS), PATHS.TRAINING_LOG, PATHS.ROLLOUTS)
    return [
        *expand(kept, study=study),
        *of_evaluations(study, *evaluated, PATHS.SAMPLES),
        *of_trainings(study, *trained, PATHS.TRAINING_TIMES),
    ]


if SITE.gpu_jobs:
    workflow.resource_settings.resources.setdefault("gpu_jobs", SITE.gpu_jobs)
