"""Compares what jobs used with what they asked for, from Snakemake's records of them.

A record (JSON Lines, written with `--benchmark-extended`) has a job's rule, wildcards,
params and resources, as they were in the attempt that succeeded, and what that attempt used. A job
that runs again overwrites its file. Snakemake does not see the GPU; what is known of it comes from
the trainings' own files of times.

Snakemake looks at a job's processes twice a second at first and every 30 s later. It may therefore
miss a peak of memory, it knows nothing of the memory of very short jobs, and the number of cores is
a lower bound: candidates that start and end between two looks are not counted.

This module runs at the end of each run of the workflow, so it imports neither torch nor pandas.
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer
from rlvf.records import TrainingStepTimes
from rlvf.text import NOTHING, duration, text_table

# A cell is a study, a model, a policy and a seed.
Cell = tuple[str, str, str, str]

# A shorter job has been looked at too seldom to know its memory.
_SECONDS_FOR_MEMORY = 2.0
# On a cluster's node, the Snakemake that runs the job takes this much besides what is measured.
_SNAKEMAKE_MB = 150
# If jobs used less than the first share of what they asked for, they should ask for less; if they
# used more than the second share, they should ask for more.
_LITTLE, _MUCH = 0.5, 0.9
# The suggested amount is this many times what was used, since runs differ. The large reserve is
# for jobs that should ask for more.
_RESERVE, _LARGE_RESERVE = 1.25, 1.5
# Suggested amounts are rounded up to multiples of these.
_STEP_MINUTES, _STEP_MB = 5, 100
# Requests up to these amounts are not worth reducing.
_SMALL_MINUTES, _SMALL_MB = 30, 1000
# If the GPU waits for rewards for more than this share of a training, the user is told.
_WAITING = 0.2
# GPUs are sold in these sizes, in GB. A GPU must have this many times the memory that was used.
_GPU_SIZES = (8, 12, 16, 24, 32, 40, 48, 80, 96, 141)
_GPU_RESERVE = 1.1


@dataclass(frozen=True)
class Job:
    """One finished job. Values that are not known are None.

    `resources` is what the job asked for: `mem_mb`, `runtime` (in minutes) and `gpu`, if stated.
    """

    rule: str
    wildcards: dict[str, str]
    params: dict[str, Any]
    resources: dict[str, Any]
    threads: int
    seconds: float
    memory_mb: float | None
    cpu_seconds: float | None

    @property
    def cell(self) -> Cell | None:
        """The cell that the job belongs to, if any."""
        names = ("study", "model", "policy", "seed")
        if not all(name in self.wildcards for name in names):
            return None
        return tuple(self.wildcards[name] for name in names)

    @property
    def trains(self) -> bool:
        return self.rule == "train"


@dataclass(frozen=True)
class Training:
    """What a training's file of times says about its GPU: the peak of memory in MB, and the share
    of the time in which the GPU waits for rewards."""

    gpu_memory_mb: float | None
    waiting: float


def read_jobs(folder: Path) -> list[Job]:
    """Return the jobs of a folder of records, in the order of the paths. Files that do not
    name their job, because they were made without `--benchmark-extended`, are left out.

    Raises:
        RlvfError: a file is not what Snakemake writes.
    """
    jobs = [read_job(path) for path in sorted(Path(folder).rglob("*.jsonl"))]
    return [job for job in jobs if job is not None]


def read_job(path: Path) -> Job | None:
    """Return the job of one record, or None if it does not name its job; see
    `read_jobs`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        if "rule_name" not in raw:
            return None
        seconds = float(raw["s"])
        return Job(
            rule=raw["rule_name"],
            wildcards=raw["wildcards"],
            params=raw["params"],
            resources=raw["resources"],
            threads=int(raw["threads"]),
            seconds=seconds,
            memory_mb=_number(raw["max_rss"]) if seconds >= _SECONDS_FOR_MEMORY else None,
            cpu_seconds=_number(raw["cpu_time"]),
        )
    except OSError as error:
        raise RlvfError(f"{path}: cannot read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise RlvfError(
            f"{path}: not a record of a job by Snakemake ({type(error).__name__}: {error}); "
            "delete it"
        ) from error


def _number(value: Any) -> float | None:
    """Convert a number of Snakemake's, which writes NA for what it does not know."""
    return None if value == "NA" else float(value)


def write_usage(jobs: Sequence[Job], times: Iterable[TrainingStepTimes], out: Path) -> str:
    """Write usage.csv, a row for each job, and usage.md, by rule and by cell, into `out`.

    Returns:
        The part by rule, with suggestions, as text to show.

    Raises:
        RlvfError: there is no job, or `out` cannot be written.
    """
    if not jobs:
        raise RlvfError(
            "there is no record of a job that says what was asked for; run Snakemake with "
            "--benchmark-extended, as the profiles do"
        )
    trainings = _trainings(times)
    by_rule = _by_rule(jobs, trainings)
    with atomic_writer(Path(out) / "usage.md") as file:
        file.write(f"{by_rule}\n{_by_cell(jobs, trainings)}\n{_NOTES}")
    with atomic_writer(Path(out) / "usage.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_csv_rows(jobs, trainings))
    return by_rule


_NOTES = """\
Times and memory of finished jobs, of the last run of each. Memory is not known of jobs under \
2 s; a short peak can be missed. Cores are a lower bound. Rewards: their share of the training's \
time, in which the GPU waits.
"""


def _trainings(times: Iterable[TrainingStepTimes]) -> dict[Cell, Training]:
    by_cell = defaultdict(list)
    for step in times:
        by_cell[step.study, step.model, step.policy, str(step.seed)].append(step)
    found = {}
    for cell, of_cell in by_cell.items():
        rewards = sum(step.reward_seconds or 0 for step in of_cell)
        others = sum((step.generation_seconds or 0) + step.update_seconds for step in of_cell)
        peaks = [step.gpu_memory_mb for step in of_cell if step.gpu_memory_mb is not None]
        found[cell] = Training(max(peaks, default=None), rewards / ((rewards + others) or 1))
    return found


# ---------------------------------------------------------------- by rule


def _by_rule(jobs: Sequence[Job], trainings: dict[Cell, Training]) -> str:
    rules = defaultdict(list)
    for job in jobs:
        rules[job.rule].append(job)
    header = ["Rule", "Jobs", "Longest", "Asked", "Memory (MB)", "Asked", "Cores", "Asked"]
    header += ["GPUs", "GPU (MB)", "Rewards (%)"]
    rows, suggestions = [], []
    for rule, of_rule in sorted(rules.items(), key=lambda item: -_total_seconds(item[1])):
        longest = max(of_rule, key=lambda job: job.seconds)
        largest = max(of_rule, key=lambda job: job.memory_mb or 0)
        training = _worst([trainings[j.cell] for j in of_rule if j.trains and j.cell in trainings])
        rows.append(
            [
                rule,
                str(len(of_rule)),
                duration(longest.seconds),
                _minutes(longest.resources.get("runtime")),
                _whole(largest.memory_mb),
                _whole(largest.resources.get("mem_mb")),
                _cores(of_rule),
                str(max(job.threads for job in of_rule)),
                _whole(max(job.resources.get("gpu", 0) for job in of_rule) or None),
                *_gpu_cells(training),
            ]
        )
        if found := _suggestions(longest, largest, training):
            suggestions.append(f"- {rule}: {'; '.join(found)}\n")
    text = text_table(header, rows)
    if suggestions:
        text += (
            "\nTo ask for (in the configuration's `resources`; for one rule alone in the "
            "profile's `set-resources`):\n\n"
        )
        text += "".join(suggestions)
    return text


def _suggestions(longest: Job, largest: Job, training: Training | None) -> list[str]:
    """Return what to change for a rule, given its longest job, its job with the most memory, and
    the highest values of its trainings."""
    runtime, memory = longest.resources.get("runtime"), largest.resources.get("mem_mb")
    found = []
    if runtime is not None:
        used = longest.seconds / 60
        about = _to_ask_for(used, runtime, _STEP_MINUTES, _SMALL_MINUTES)
        if about:
            found.append(
                f"took {duration(longest.seconds)} of {duration(60 * runtime)}, "
                f"ask for {about} minutes"
            )
    if memory is not None and largest.memory_mb is not None:
        about = _to_ask_for(largest.memory_mb, memory, _STEP_MB, _SMALL_MB, _SNAKEMAKE_MB)
        if about:
            found.append(f"used {largest.memory_mb:.0f} of {memory} MB, ask for {about} MB")
    if training is not None and longest.resources.get("gpu"):
        found += _gpu_suggestions(training)
    return found


def _to_ask_for(
    used: float, asked: float, step: int, small: float, beside: float = 0
) -> str | None:
    """Return `about N` or `more, about N` if the request was far off, and None otherwise. N is a
    multiple of `step`. `beside` is needed in addition to what was measured; a request of up to
    `small` is not reduced."""
    if used > _MUCH * asked:
        return f"more, about {_round_up(_LARGE_RESERVE * used + beside, step)}"
    about = _round_up(_RESERVE * used + beside, step)
    if used < _LITTLE * asked and asked > small and about < asked:
        return f"about {about}"
    return None


def _round_up(number: float, step: int) -> int:
    return math.ceil(number / step) * step


def _gpu_suggestions(training: Training) -> list[str]:
    found = []
    if training.gpu_memory_mb is not None:
        needed = training.gpu_memory_mb * _GPU_RESERVE / 1024
        size = next((size for size in _GPU_SIZES if needed <= size), None)
        if size is not None:
            used = _whole(training.gpu_memory_mb)
            found.append(f"used {used} MB of GPU memory, a GPU of {size} GB is enough")
    if training.waiting > _WAITING:
        found.append(
            f"the GPU waits for rewards {training.waiting:.0%} of the time, ask for more cpus"
        )
    return found


def _worst(trainings: Sequence[Training]) -> Training | None:
    """Return the highest peak of memory and the highest share of waiting among trainings."""
    if not trainings:
        return None
    peaks = [t.gpu_memory_mb for t in trainings if t.gpu_memory_mb is not None]
    return Training(max(peaks, default=None), max(t.waiting for t in trainings))


# ---------------------------------------------------------------- by cell, by job


def _by_cell(jobs: Sequence[Job], trainings: dict[Cell, Training]) -> str:
    cells = defaultdict(list)
    for job in jobs:
        if job.cell is not None:
            cells[job.cell].append(job)
    header = ["Study", "Model", "Policy", "Seed", "Jobs", "Time", "Asked", "Memory (MB)", "Asked"]
    header += ["Cores", "GPU (MB)", "Rewards (%)"]
    rows = []
    for cell, of_cell in cells.items():
        largest = max(of_cell, key=lambda job: job.memory_mb or 0)
        asked = [job.resources["runtime"] for job in of_cell if "runtime" in job.resources]
        rows.append(
            [
                *cell,
                str(len(of_cell)),
                duration(_total_seconds(of_cell)),
                _minutes(sum(asked) if asked else None),
                _whole(largest.memory_mb),
                _whole(largest.resources.get("mem_mb")),
                _cores(of_cell),
                *_gpu_cells(trainings.get(cell)),
            ]
        )
    return text_table(header, rows, text_columns=4)


def _csv_rows(jobs: Sequence[Job], trainings: dict[Cell, Training]) -> Iterable[list]:
    """Yield the header and a row of exact values for each job; unknown values are empty."""
    names = list(dict.fromkeys(name for job in jobs for name in job.wildcards))
    yield [
        *["rule", *names, "seconds", "runtime_asked_minutes", "memory_mb", "memory_asked_mb"],
        *["cpu_seconds", "threads_asked", "gpus_asked", "gpu_memory_mb", "waiting_share"],
    ]
    for job in jobs:
        training = trainings.get(job.cell) if job.trains else None
        yield [
            job.rule,
            *(job.wildcards.get(name) for name in names),
            job.seconds,
            job.resources.get("runtime"),
            job.memory_mb,
            job.resources.get("mem_mb"),
            job.cpu_seconds,
            job.threads,
            job.resources.get("gpu", 0),
            training.gpu_memory_mb if training else None,
            training.waiting if training else None,
        ]


def _gpu_cells(training: Training | None) -> list[str]:
    if training is None:
        return [NOTHING, NOTHING]
    return [_whole(training.gpu_memory_mb), f"{100 * training.waiting:.0f}"]


def _total_seconds(jobs: Sequence[Job]) -> float:
    return sum(job.seconds for job in jobs)


def _cores(jobs: Sequence[Job]) -> str:
    """Return how many cores were busy, on average over the jobs' time."""
    known = [job for job in jobs if job.cpu_seconds is not None and job.memory_mb is not None]
    seconds = _total_seconds(known)
    return f"{sum(job.cpu_seconds for job in known) / seconds:.1f}" if seconds else NOTHING


def _minutes(asked: float | None) -> str:
    return NOTHING if asked is None else duration(60 * asked)


def _whole(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.0f}"
