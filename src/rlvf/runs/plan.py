"""Estimates what a run costs before it is done: its jobs, their hours and their disk.

The jobs are those of Snakemake's own plan (see rlvf.runs.dry_run), made or not. If a job ran before
under this results folder, its time is measured, and otherwise it is modelled (rlvf.runs.prices).
The time of a finished job is read from Snakemake's record of it. A training without one is measured
by the generations that its file of times has so far. The measured jobs of a rule and model correct
the modelled times of the others: if they took twice as long as modelled, so will the others. If a
job was measured with other settings, its time is scaled by the ratio of the modelled times with
today's settings and with those; the tasks are assumed to be the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rlvf import layout
from rlvf.benchmarks import count_tasks
from rlvf.cells import NO_MODEL
from rlvf.config import Config
from rlvf.errors import RlvfError
from rlvf.models.catalogue import HubModel
from rlvf.records import TrainingStepTimes, read_jsonl
from rlvf.runs.dry_run import DagJob, by_stages
from rlvf.runs.prices import NOTE, START_WITH_MODEL, Work, disk_of, seconds_of
from rlvf.runs.usage import Job, read_jobs
from rlvf.settings import Section, parse_settings
from rlvf.text import NOTHING, duration, short_number, text_table


@dataclass(frozen=True)
class Row:
    """The jobs of one rule for one model. `seconds` is the time of all of them, `longest` that of
    the longest, `disk` is in bytes, and `limit` the run time in minutes that a job asks for.
    `basis` says whether the times are measured, modelled, or scaled from a number of measured
    jobs."""

    rule: str
    model: str
    jobs: int
    basis: str
    seconds: float
    longest: float
    gpu_hours: float
    core_hours: float
    disk: float
    limit: int | None


def plan(jobs: Sequence[DagJob], config: Config) -> list[Row]:
    """Return the rows of the plan, in the order of the stages.

    Raises:
        RlvfError: a model does not say its parameters; a file of the results is damaged.
    """
    works = {job.id: _work(job, config) for job in jobs}
    estimated, measured, unchanged = _estimates(jobs, works, config)
    groups = defaultdict(list)
    for job in by_stages(jobs):
        groups[job.rule, works[job.id].model or NOTHING].append(job)
    rows = []
    for (rule, model), group in groups.items():
        numbers = [job.id for job in group]
        seconds = [estimated[n] for n in numbers]
        hours = sum(seconds) / 3600
        rows.append(
            Row(
                rule=rule,
                model=model,
                jobs=len(group),
                basis=_basis(len(measured.intersection(numbers)), unchanged.issuperset(numbers)),
                seconds=sum(seconds),
                longest=max(seconds),
                gpu_hours=hours * group[0].gpus,
                core_hours=hours * group[0].threads,
                disk=sum(disk_of(works[n], config) for n in numbers),
                limit=group[0].runtime if group[0].submitted else None,
            )
        )
    return rows


def job_seconds(jobs: Sequence[DagJob], config: Config) -> dict[int, float]:
    """Return the seconds that each job takes, by the jobs' ids.

    Raises:
        RlvfError: see `plan`.
    """
    return _estimates(jobs, {job.id: _work(job, config) for job in jobs}, config)[0]


def wall_time(jobs: Sequence[DagJob], seconds: Mapping[int, float], gpus: int, cores: int) -> str:
    """Say how long these jobs take with this number of GPUs, or of cores if no job asks for a GPU:
    as long as the longest chain of jobs that need one another, or as all of them share the devices,
    whichever is longer."""
    ends: dict[int, float] = {}
    for job in by_stages(jobs):
        ends[job.id] = seconds[job.id] + max((ends.get(need, 0) for need in job.needs), default=0)
    on_gpus = sum(seconds[job.id] * job.gpus for job in jobs)
    on_cores = sum(seconds[job.id] * job.threads for job in jobs)
    shared = on_gpus / gpus if on_gpus else on_cores / cores
    count, device = (gpus, "GPU") if on_gpus else (cores, "core")
    plural = "s" if count > 1 else ""
    longest = max(ends.values(), default=0)
    return f"Wall time with {count} {device}{plural}: about {duration(max(longest, shared))}."


def _work(job: DagJob, config: Config) -> Work:
    """Return what a job has to do."""
    names = job.wildcards
    model, settings, completions = names.get("model"), None, 0
    if "policy" in names:
        cell = config.cell(names["study"], names["model"], names["policy"], int(names["seed"]))
        if job.rule == "train":
            settings = config.train_settings(cell)
        if "evaluation" in names:
            evaluation = config.evaluation_of(cell, names["evaluation"])
            tasks = config.studies[cell.study].tasks[evaluation.tasks]
            benchmark = config.benchmarks[tasks.benchmark]
            samples = 1 if cell.control else config.decodings[evaluation.decoding].samples
            completions = samples * count_tasks(benchmark, tasks.split, tasks.limit)
        if job.rule == "generate":
            settings = config.generate_settings(cell, evaluation)
    elif "revision" in names:
        model = _fetched_model(names["revision"], config)
        settings = config.models[model] if model else None
    elif model is not None:
        settings = config.pretrain_settings(model)
    return Work(job.rule, model, settings, completions, job.gpus, job.threads)


def _fetched_model(revision: str, config: Config) -> str | None:
    for name, model in config.models.items():
        if isinstance(model, HubModel) and model.revision == revision:
            return name
    return None


def _estimates(
    jobs: Sequence[DagJob], works: Mapping[int, Work], config: Config
) -> tuple[dict[int, float], set[int], set[int]]:
    """Return the seconds of each job, the numbers of the measured jobs, and the numbers of those
    measured with today's settings."""
    modelled = {number: seconds_of(work, config) for number, work in works.items()}
    measured, unchanged = _measured(jobs, works, modelled, config)
    groups = defaultdict(list)
    for number in measured:
        groups[works[number].rule, works[number].model].append(number)
    corrections = {
        group: sum(measured[n] for n in known) / sum(modelled[n] for n in known)
        for group, known in groups.items()
    }
    seconds = {
        n: measured.get(n, modelled[n] * corrections.get((work.rule, work.model), 1.0))
        for n, work in works.items()
    }
    return seconds, set(measured), unchanged


def _basis(known: int, all_measured: bool) -> str:
    if all_measured:
        return "measured"
    return f"scaled from {known}" if known else "modelled"


# ---------------------------------------------------------------- measured


def _measured(
    jobs: Sequence[DagJob],
    works: Mapping[int, Work],
    modelled: Mapping[int, float],
    config: Config,
) -> tuple[dict[int, float], set[int]]:
    """Return the seconds, by number, of the jobs that ran before, and the numbers of those that
    finished with today's settings. Times with other settings are scaled to today's."""
    finished = {_key(job): job for job in read_jobs(Path(config.results) / layout.USAGE)}
    seconds, unchanged = {}, set()
    for job in jobs:
        work = works[job.id]
        if before := finished.get(_key(job)):
            then = _with_settings_of(before, work)
            if then is None:
                continue
            seconds[job.id] = before.seconds * modelled[job.id] / seconds_of(then, config)
            if then == work:
                unchanged.add(job.id)
        elif job.rule == "train" and (logged := _logged_seconds(job, work, config)) is not None:
            seconds[job.id] = logged
    return seconds, unchanged


def _key(job: DagJob | Job) -> tuple:
    return job.rule, tuple(sorted(job.wildcards.items()))


def _with_settings_of(before: Job, work: Work) -> Work | None:
    """Return the work with the settings with which it was done, or None if this version of the code
    cannot read those."""
    if work.settings is None or isinstance(work.settings, HubModel):
        return work
    try:
        settings: Section = parse_settings(before.params["settings"], type(work.settings))
        return replace(work, settings=settings)
    except (KeyError, RlvfError):
        return None


def _logged_seconds(job: DagJob, work: Work, config: Config) -> float | None:
    """Estimate a training's seconds from the generations in its file of times; None if it has none.

    While the training runs, the file lies in a temporary folder beside its final place, so the
    newest such file of the cell is read.
    """
    cell = Path(config.results) / layout.CELL.format(**job.wildcards)
    name = Path(layout.TRAINING_TIMES).name
    files = sorted(cell.rglob(name), key=lambda path: path.stat().st_mtime)
    steps = read_jsonl(files[-1], TrainingStepTimes) if files else []
    if not steps:
        return None
    seconds = sum(
        (step.generation_seconds or 0) + (step.reward_seconds or 0) + step.update_seconds
        for step in steps
    )
    share = len(steps) / work.settings.training.optimizer_steps
    return START_WITH_MODEL + seconds / share


# ---------------------------------------------------------------- to read


def show_plan(jobs: Sequence[DagJob], config: Config, gpus: int, cores: int) -> str:
    """Return the plan as text: the table, the wall time with this number of GPUs (or of cores, if
    no stage asks for a GPU), the stages that would exceed their time limit, and the assumptions.

    Raises:
        RlvfError: see `plan`.
    """
    rows = plan(jobs, config)
    header = ["Stage", "Model", "Time is", "Jobs", "Each", "Longest"]
    header += ["GPU hours", "Core hours", "Disk"]
    shown = [
        [
            row.rule,
            "control" if row.model == NO_MODEL else row.model,
            row.basis,
            str(row.jobs),
            duration(row.seconds / row.jobs),
            duration(row.longest),
            _hours(row.gpu_hours),
            _hours(row.core_hours),
            _size(row.disk),
        ]
        for row in rows
    ]
    gpu_hours, core_hours = sum(r.gpu_hours for r in rows), sum(r.core_hours for r in rows)
    disk = sum(row.disk for row in rows)
    total = [str(sum(row.jobs for row in rows)), "", ""]
    total += [_hours(gpu_hours), _hours(core_hours), _size(disk)]
    table = text_table(header, [*shown, ["total", "", "", *total]], text_columns=3)
    lines = [wall_time(jobs, job_seconds(jobs, config), gpus, cores)]
    lines += [text for row in rows if (text := _over_limit(row))]
    return table + "\n" + "\n".join(lines) + "\n" + NOTE


def _over_limit(row: Row) -> str | None:
    if row.limit is None or row.longest <= 60 * row.limit:
        return None
    return (
        f"{row.rule} of {row.model}: the longest job takes {duration(row.longest)}, its limit is "
        f"{duration(60 * row.limit)}; raise its runtime under resources."
    )


def _hours(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 10 or hours == 0 else f"{hours:.2f}"


def _size(count: float) -> str:
    """Write a number of bytes with a unit that is easy to read."""
    if not count:
        return NOTHING
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{short_number(count)} {unit}"
        count /= 1000
    return f"{short_number(count)} GB"
