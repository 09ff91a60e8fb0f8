"""Defines the events of a run, and writes and reads them, one JSON object a line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from rlvf.errors import RlvfError
from rlvf.records import Record
from rlvf.runs.squeue import SlurmJob

# This folder, in which each run has a file, lies beside Snakemake's own logs in the folder in
# which Snakemake runs.
RUNS = Path(".snakemake/rlvf")


class Event(Record):
    """Something that happened at `time`, in seconds since 1970."""

    time: float


class PlannedJob(Record):
    """A job that the run is going to do. `needs` are the planned jobs that must come before it;
    `local` says whether it runs where Snakemake runs, even if other jobs are submitted."""

    id: int
    rule: str
    wildcards: dict[str, str]
    needs: list[int]
    logs: list[str]
    local: bool


class Planned(Event):
    """The run begins, as process `pid` of `host`. `slurm` is the name that all its jobs have in
    Slurm, or None if the run submits none."""

    event: Literal["planned"] = "planned"
    host: str
    pid: int
    command: str
    slurm: str | None
    jobs: list[PlannedJob]


class Begun(Event):
    """An attempt at a job begins: the job is started or is about to be submitted."""

    event: Literal["begun"] = "begun"
    job: int


class Submitted(Event):
    """A job, or a group of jobs, was submitted as the single Slurm job `slurm`, which writes
    `log`."""

    event: Literal["submitted"] = "submitted"
    jobs: list[int]
    slurm: str
    log: str


class Failed(Event):
    """An attempt at a job or a group failed. `culprit` is the job that failed, if that is known;
    `words` is the message of the failure, mostly the last line of the job's log; `slurm` is what
    Slurm knew afterwards."""

    event: Literal["failed"] = "failed"
    jobs: list[int]
    culprit: int | None
    words: str
    slurm: SlurmJob | None


class Retried(Event):
    """Jobs that failed will be attempted again."""

    event: Literal["retried"] = "retried"
    jobs: list[int]


class Done(Event):
    event: Literal["done"] = "done"
    job: int
    slurm: SlurmJob | None


class Ended(Event):
    """Snakemake ends, whether or not all jobs were done."""

    event: Literal["ended"] = "ended"


AnyEvent = Annotated[
    Planned | Begun | Submitted | Failed | Retried | Done | Ended, Field(discriminator="event")
]
_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


class EventFile:
    """Writes the events of a run that begins now to a new file in `folder`. Each event is flushed,
    so that readers see it at once."""

    def __init__(self, folder: Path = RUNS):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.jsonl"
        self._file = open(self.path, "x", encoding="utf-8")  # noqa: SIM115

    def write(self, event: AnyEvent) -> None:
        self._file.write(event.model_dump_json() + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def latest_run(folder: Path = RUNS) -> Path:
    """Return the file of the run that began last.

    Raises:
        RlvfError: there is no run.
    """
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise RlvfError(
            f"no run found in {folder}; start one with `snakemake --profile slurm` (or mini), "
            "and look at it from the same folder"
        )
    return found[-1]


def read_events(path: Path) -> Iterator[AnyEvent]:
    """Yield the events so far; a last line that is still being written is left out.

    Raises:
        RlvfError: the file cannot be read, or a line is no event.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise RlvfError(f"{path}: cannot read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            return
        try:
            yield _ADAPTER.validate_python(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise RlvfError(
                f"{path}:{number}: not an event of a run; was it written by another version?"
            ) from error
