"""Finds out by a dry run what Snakemake would do, and what is known about the reasons."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


class DryRun(Record):
    """The jobs that a run would do, and its configuration. The workflow has `total` jobs. Besides
    those that would run, there are `unrecorded` ones of which Snakemake has no record of how their
    outputs were made."""

    config: dict[str, Any]
    total: int
    unrecorded: int
    jobs: list[ExplainedJob]

    @property
    def planned(self) -> list[PlannedJob]:
        return [explained.job for explained in self.jobs]


def dry_run(arguments: Sequence[str]) -> DryRun:
    """Do a dry run of `snakemake ARGUMENTS` in the current folder.

    Raises:
        RlvfError: Snakemake refuses; the message is its own.
    """
    with tempfile.TemporaryDirectory(prefix="rlvf-why-") as folder:
        explained = Path(folder, "jobs.json")
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
