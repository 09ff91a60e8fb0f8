"""What a run of Snakemake would do, and what is known of why, by a dry run of it."""

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
    """The container's image; None without one."""

    before: str | None
    now: str | None


class ExplainedJob(Record):
    """A planned job, and what differs from when its outputs were made, paths as Snakemake has them.

    `recorded` says that they once were made. `missing` and `incomplete` (begun and not ended) are
    among its outputs. `changed` and `newer` are among its inputs: of the latter only times could
    be compared. `params_before` and `params_now` are the parameters that only one of them has, as
    Python's repr writes them. `command` is the file of the rule, if its command is another one.
    `forced` is what the user of Snakemake asks for.
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
    """The jobs that a run would do, of so many in `total`, and the configuration that they have.
    Nothing is known of how the outputs of `unrecorded` further jobs were made."""

    config: dict[str, Any]
    total: int
    unrecorded: int
    jobs: list[ExplainedJob]

    @property
    def planned(self) -> list[PlannedJob]:
        return [explained.job for explained in self.jobs]


def dry_run(arguments: Sequence[str]) -> DryRun:
    """Of `snakemake ARGUMENTS`, here.

    Raises:
        RlvfError: Snakemake refuses; in its own words.
    """
    with tempfile.TemporaryDirectory(prefix="rlvf-why-") as folder:
        explained = Path(folder, "jobs.json")
        # With just these two kept quiet, Snakemake ends when it has planned.
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
    """What Snakemake said as one line, without its usage and the profile that it names."""
    text = re.sub(r"^usage:.*?^(?=\S+: error: )", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith("Using profile ")]
    return " ".join(" ".join(lines).split())
