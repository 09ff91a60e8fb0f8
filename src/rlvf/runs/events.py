"""The events of a run, one JSON object a line, and writing and reading them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from rlvf.errors import RlvfError
from rlvf.records import Record
from rlvf.runs.squeue import SlurmJob

# Beside Snakemake's own logs, in the folder in which it runs; a file for each run.
RUNS = Path(".snakemake/rlvf")


class Event(Record):
    """Something that happened at `time`, in seconds since 1970."""

    time: float


class PlannedJob(Record):
    """A job that the run means to do. `needs` are the other planned jobs that must come before;
    `local` says that it runs where Snakemake does, even if others are submitted."""

    id: int
    rule: str
    wildcards: dict[str, str]
    needs: list[int]
    logs: list[str]
    local: bool


class Planned(Event):
    """The run begins, as a process of `host`. `slurm` is what Slurm calls all its jobs."""

    event: Literal["planned"] = "planned"
    host: str
    pid: int
    command: str
    slurm: str | None
    jobs: list[PlannedJob]


class Begun(Event):
    """An attempt at a job begins: it is run, or about to be submitted."""

    event: Literal["begun"] = "begun"
    job: int


class Submitted(Event):
    """Jobs, more than one for a group, became the one `slurm` job, which writes `log`."""

    event: Literal["submitted"] = "submitted"
    jobs: list[int]
    slurm: str
    log: str


class Failed(Event):
    """An attempt at a job or a group failed. `culprit` is the one of a group that did, where
    that is known, `words` the last of its log, `slurm` what Slurm knew afterwards."""

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
    """Snakemake ends, whatever became of the jobs."""

    event: Literal["ended"] = "ended"


AnyEvent = Annotated[
    Planned | Begun | Submitted | Failed | Retried | Done | Ended, Field(discriminator="event")
]
_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


class EventFile:
    """The file of a run that begins now, under `folder`; readers see each event at once."""

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
    """The file of the run that began last.

    Raises:
        RlvfError: there is none.
    """
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise RlvfError(
            f"no run found in {folder}; start one with `snakemake --profile slurm` (or mini), "
            "and look at it from the same folder"
        )
    return found[-1]


def read_events(path: Path) -> Iterator[AnyEvent]:
    """The events so far, the one just being written left out.

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
