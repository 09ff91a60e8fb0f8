"""This is the plugin for Snakemake's `--logger rlvf`. It writes the events of a run to a file for
`rlvf status`, and at the very end of the run it says what failed or was retried. Snakemake's usual
console output stays.

With `--logger-rlvf-explain FILE`, which `rlvf why` adds to a dry run, it writes to that file what
would be run and what Snakemake knows about the reasons; of the usual output only errors are shown.

Snakemake finds the package by its name. It calls the handler in a thread of its own, record by
record, and closes it at the very end. An error in this package is reported but does not end a run.
"""

import os
import re
import shlex
import socket
import sys
import time
import traceback
from dataclasses import dataclass, field
from logging import ERROR, LogRecord
from pathlib import Path
from typing import Optional

from snakemake.logging import logger
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from rlvf.files import atomic_writer
from rlvf.runs.events import (
    AnyEvent,
    Begun,
    Done,
    Ended,
    EventFile,
    Failed,
    Planned,
    PlannedJob,
    Retried,
    Submitted,
    read_events,
)
from rlvf.runs.run import Run, last_words
from rlvf.runs.squeue import SlurmJob, slurm_jobs
from rlvf.runs.status import summary
from snakemake_logger_plugin_rlvf.plan import explained, planned_jobs

_PLAN = "rlvf_plan"
# These facts are in no LogEvent, so they are read from the messages of the Slurm executor and of
# the scheduler.
_SLURM_RUN = re.compile(r"SLURM run ID: (\S+)")
_SUBMITTED = re.compile(r"Job (\S+) has been submitted with SLURM jobid (\S+) \(log: (.+)\)\.")
_RETRIED = re.compile(r"Trying to restart job (\S+)\.")
_MISSING = re.compile(r"Job (\S+) +completed successfully, but some output files are missing")
_MISSING_FILE = re.compile(r"^(\S+) \(missing", re.MULTILINE)
# In Slurm's log of a group, this finds the job that failed itself; other errors are indented.
_CULPRIT = re.compile(r"^Error in rule \w+:\n(?: {4}.*\n)*? {4}log: (\S+)", re.MULTILINE)


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    explain: Optional[Path] = field(  # noqa: UP045 Snakemake reads it
        default=None,
        metadata={"help": "File for what a dry run would run, and why (for `rlvf why`)"},
    )


def attach(workflow) -> None:
    """Give the logger the workflow. The Snakefile calls this when it is read, so that the logger
    can explain a dry run, in which Snakemake does not call `onstart`."""
    for handler in _handlers(workflow):
        handler.workflow = workflow


def log_plan(workflow) -> None:
    """Tell the logger what a run will do. The Snakefile's `onstart` calls this, since the plan is
    known there."""
    if not _handlers(workflow):
        return
    try:
        plan, names = _plan(workflow.dag)
    except Exception:
        traceback.print_exc()
        return
    logger.info(
        "To watch this run, in another terminal: rlvf status --follow",
        extra={"event": _PLAN, "jobs": plan, "names": names},
    )


def _handlers(workflow) -> list["LogHandler"]:
    handlers = workflow.logger_manager.get_log_handlers()
    return [handler for handler in handlers if isinstance(handler, LogHandler)]


def _plan(dag) -> tuple[list[PlannedJob], dict[str, list[int]]]:
    """Return the jobs to run, and the jobs of each name that Snakemake gives to a job or group."""
    planned = planned_jobs(dag)
    numbers, names = {job: one.id for job, one in planned.items()}, {}
    for job, number in numbers.items():
        names[str(number)] = [number]
        # A group is called by the uuid of one of its jobs.
        group = dag.get_job_group(job)
        names[job.uuid()] = sorted(numbers[one] for one in group.jobs) if group else [number]
    return list(planned.values()), names


class LogHandler(LogHandlerBase):
    """Writes the events of a run, which begins with `log_plan`, or explains a dry run, which needs
    `attach`."""

    # If this were true, Snakemake would announce a log file at its end.
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.workflow = None
        self._explain: Path | None = self.settings and self.settings.explain
        self._file: EventFile | None = None
        self._slurm_run: str | None = None
        # Maps Snakemake's name of a job or group to its jobs.
        self._names: dict[str, list[int]] = {}
        self._jobs: dict[int, PlannedJob] = {}
        self._submitted: dict[int, Submitted] = {}
        self._slurm: dict[str, SlurmJob | None] = {}

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake is to leave out its own console output."""
        return self._explain is not None

    def emit(self, record: LogRecord) -> None:
        try:
            if self._explain:
                if record.levelno >= ERROR:
                    print(record.getMessage(), file=sys.stderr)
            elif found := _SLURM_RUN.match(record.getMessage()):
                self._slurm_run = found[1]
            elif getattr(record, "event", None) == _PLAN:
                self._begin(record)
            elif self._file and (event := self._event(record)):
                self._file.write(event)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        if self._explain and self.workflow:
            try:
                with atomic_writer(self._explain) as file:
                    file.write(explained(self.workflow).model_dump_json())
            except Exception:
                traceback.print_exc()
        if self._file:
            file, self._file = self._file, None
            try:
                file.write(Ended(time=time.time()))
                file.close()
                print(f"\n{summary(Run(read_events(file.path)))}", file=sys.stderr)
            except Exception:
                traceback.print_exc()
        super().close()

    def _begin(self, record: LogRecord) -> None:
        self._names, self._jobs = record.names, {job.id: job for job in record.jobs}
        self._file = EventFile()
        self._file.write(
            Planned(
                time=record.created,
                host=socket.gethostname(),
                pid=os.getpid(),
                command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                slurm=self._slurm_run,
                jobs=record.jobs,
            )
        )

    def _event(self, record: LogRecord) -> AnyEvent | None:
        when, message = record.created, record.getMessage()
        match getattr(record, "event", None):
            case LogEvent.JOB_INFO:
                self._submitted.pop(record.jobid, None)
                return Begun(time=when, job=record.jobid)
            case LogEvent.JOB_FINISHED:
                return Done(time=when, job=record.job_id, slurm=self._ask(record.job_id))
            case LogEvent.GROUP_ERROR:
                return self._failed(when, [info["jobid"] for info in record.job_error_info])
            # An indented error repeats the error of its group.
            case LogEvent.JOB_ERROR if not record.indent:
                return self._failed(when, [record.jobid], record.rule_msg)
            case LogEvent.ERROR if found := _MISSING.search(message):
                job = int(found[1])
                jobs = self._submitted[job].jobs if job in self._submitted else [job]
                words = f"missing after it: {', '.join(_MISSING_FILE.findall(message))}"
                return self._failed(when, jobs, words, job)
            case None if found := _SUBMITTED.match(message):
                event = Submitted(
                    time=when, jobs=self._names[found[1]], slurm=found[2], log=found[3]
                )
                self._submitted |= dict.fromkeys(event.jobs, event)
                return event
            case None if found := _RETRIED.match(message):
                return Retried(time=when, jobs=self._names[found[1]])
        return None

    def _failed(
        self, when: float, jobs: list[int], message: str | None = None, culprit: int | None = None
    ) -> Failed:
        """Return the event of a failure. The logs are read at once, since the next attempt
        overwrites them."""
        if culprit is not None:
            words = message
        else:
            culprit = jobs[0] if len(jobs) == 1 else self._culprit(jobs)
            logs = self._jobs[culprit].logs if culprit is not None else []
            words = next(filter(None, (last_words(Path(log)) for log in logs)), "")
            if not words and message and jobs[0] not in self._submitted:
                # The message says why the job could not be submitted. For a submitted job it says
                # no more than Slurm's answer does.
                words = message.partition("\n")[0]
        return Failed(time=when, jobs=jobs, culprit=culprit, words=words, slurm=self._ask(jobs[0]))

    def _culprit(self, group: list[int]) -> int | None:
        """Return which job of a group failed: the one whose log is named in Slurm's log."""
        if group[0] not in self._submitted:
            return None
        try:
            text = Path(self._submitted[group[0]].log).read_text(errors="replace")
        except OSError:
            return None
        blamed = set(_CULPRIT.findall(text))
        return next((job for job in group if blamed.intersection(self._jobs[job].logs)), None)

    def _ask(self, job: int) -> SlurmJob | None:
        """Return what Slurm knows of the last attempt at a job; a group is asked for only once."""
        if job not in self._submitted:
            return None
        number = self._submitted[job].slurm
        if number not in self._slurm:
            self._slurm[number] = slurm_jobs(f"--jobs={number}").get(number)
        return self._slurm[number]
