"""Finds out by a dry run what Snakemake would do, and what is known about the reasons."""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

from rlvf.errors import RlvfError
from rlvf.records import Record
from rlvf.runs.events import PlannedJob


class Environment(Record):
    """The container image that a job had before, and the one it has now; None means no image."""

    before: str | None
    now: str | None


class ExplainedJob(Record):
    """A planned job, and what has changed since its outputs were made.

    Paths are written as Snakemake writes them. `recorded` says whether Snakemake has a record of
    how the outputs were made. `missing` and `incomplete` (begun but not finished) are outputs.
    `changed` and `newer` are inputs: those in `newer` could only be compared by time.
    `params_before` are the parameters that the job had only before, `params_now` those that it has
    only now, both written as by Python's repr. `command` is the file of the rule if the rule's
    command has changed. `forced` says whether Snakemake's command line asks for the job.
    """

    job: PlannedJob
    recorded: bool
    forced: bool
    missing: list[str]
    incomplete: list[str]
    changed: list[str]
    newer: list[str]
    inputs_added: list[str]
    inputs_removed: list[str]
    params_before: list[str]
    params_now: list[str]
    command: str | None
    environment: Environment | None


class DagJob(Record):
    """A job of the workflow, whether it would run or not. `needs` are the jobs that must come
    before it. It asks for so many `gpus`, `threads` and minutes of `runtime`; `submitted` says
    whether it is submitted to a cluster if there is one."""

    id: int
    rule: str
    wildcards: dict[str, str]
    needs: list[int]
    gpus: int
    threads: int
    runtime: int | None
    submitted: bool


class DryRun(Record):
    """The jobs that a run would do, all jobs of the workflow, and its configuration. Besides the
    jobs that would run, there are `unrecorded` ones of which Snakemake has no record of how their
    outputs were made."""

    config: dict[str, Any]
    unrecorded: int
    jobs: list[ExplainedJob]
    dag: list[DagJob]

    @property
    def planned(self) -> list[PlannedJob]:
        return [explained.job for explained in self.jobs]


J = TypeVar("J", PlannedJob, DagJob)


def by_stages(jobs: Iterable[J]) -> list[J]:
    """Sort jobs by rule, in an order in which the rules could be run, and then by wildcards."""
    found = {job.id: job for job in jobs}
    depth: dict[int, int] = {}
    for number in TopologicalSorter({job.id: job.needs for job in found.values()}).static_order():
        if number in found:
            depth[number] = 1 + max((depth.get(n, 0) for n in found[number].needs), default=0)
    stage: dict[str, int] = defaultdict(int)
    for number, job in found.items():
        stage[job.rule] = max(stage[job.rule], depth[number])
    return sorted(
        found.values(), key=lambda job: (stage[job.rule], job.rule, [*job.wildcards.values()])
    )


def dry_run(arguments: Sequence[str]) -> DryRun:
    """Do a dry run of `snakemake ARGUMENTS` in the current folder.

    Raises:
        RlvfError: Snakemake refuses; the message is its own.
    """
    with tempfile.TemporaryDirectory(prefix="rlvf-why-") as folder:
        explained = Path(folder, "jobs.json")
        # A `--` before Snakemake's arguments is allowed.
        arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
        # With exactly these two kept quiet, Snakemake ends once it has planned.
        options = ["--dry-run", "--quiet", "rules", "progress"]
        options += ["--logger", "rlvf", "--logger-rlvf-explain", str(explained)]
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *options, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0 or not explained.exists():
            raise RlvfError(_said(done.stderr) or "Snakemake planned nothing; try `snakemake -n`")
        return DryRun.model_validate_json(explained.read_text(encoding="utf-8"))


def _said(text: str) -> str:
    """Return Snakemake's message as one line, without its usage and the lines about profiles."""
    text = re.sub(r"^usage:.*?^(?=\S+: error: )", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith("Using profile ")]
    return " ".join(" ".join(lines).split())
