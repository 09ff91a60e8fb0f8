"""Computes the state of a run from its events."""

import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

from rlvf.errors import RlvfError
from rlvf.runs.events import (
    AnyEvent,
    Begun,
    Done,
    Ended,
    Failed,
    Planned,
    PlannedJob,
    Retried,
    Submitted,
)
from rlvf.runs.squeue import SlurmJob, slurm_jobs
from rlvf.text import duration

State = Literal["waiting", "queued", "running", "done", "failed", "stopped"]
STATES: tuple[State, ...] = ("waiting", "queued", "running", "done", "failed", "stopped")

_TAIL_BYTES = 64 * 1024
_LONGEST_LINE = 400


@dataclass
class Attempt:
    """One attempt at a job, or at a group of jobs that Slurm runs as one. `began` and `ended` are
    in seconds since 1970, as in events."""

    jobs: list[int]
    began: float
    submitted: Submitted | None = None
    ended: float | None = None
    failure: Failed | None = None
    slurm: SlurmJob | None = None

    @property
    def cause(self) -> str:
        """Why the attempt failed, in a few words."""
        slurm = self.slurm
        match slurm.state if slurm else "":
            case "TIMEOUT":
                return "time limit"
            case "OUT_OF_MEMORY":
                return "out of memory"
            case "NODE_FAIL" | "BOOT_FAIL":
                return "node failed"
            case "CANCELLED":
                return "cancelled"
            case "PREEMPTED":
                return "preempted"
            case "FAILED" if slurm.preempted:
                return "preempted"
            case "FAILED" if re.search(r"stopped by SIG(TERM|USR1)", self.failure.words):
                return "time limit, stopped ahead of it"
        return "error"

    @property
    def given(self) -> str:
        """What Slurm gave the attempt, such as ` (2 h, 8000M, 1 GPU)`; empty if that is unknown."""
        if self.slurm is None:
            return ""
        limit = duration(self.slurm.limit) if self.slurm.limit else ""
        return f" ({', '.join(filter(None, [limit, self.slurm.memory, self.slurm.gpus]))})"


@dataclass
class Job:
    """A planned job and what became of it. The last attempt is the one that counts."""

    planned: PlannedJob
    depth: int
    attempts: list[Attempt] = field(default_factory=list)
    state: State = "waiting"

    @property
    def rule(self) -> str:
        return self.planned.rule


class Run:
    """What is known of a run. `ended` is None as long as no event says that the run has ended.

    Raises:
        RlvfError: the events do not begin with a plan.
    """

    def __init__(self, events: Iterable[AnyEvent]):
        events = iter(events)
        self.planned = self._first(events)
        self.last_event = self.planned.time
        self.ended: float | None = None
        self.jobs = self._jobs(self.planned.jobs)
        for event in events:
            self._apply(event)
        self._stop_what_cannot_run()

    @staticmethod
    def _first(events: Iterator[AnyEvent]) -> Planned:
        first = next(events, None)
        if not isinstance(first, Planned):
            raise RlvfError("the last run in this folder has no plan yet; look again in a second")
        return first

    @staticmethod
    def _jobs(planned: list[PlannedJob]) -> dict[int, Job]:
        """Return the jobs in an order in which they could be run."""
        by_id = {job.id: job for job in planned}
        jobs: dict[int, Job] = {}
        for number in TopologicalSorter({job.id: job.needs for job in planned}).static_order():
            depth = 1 + max((jobs[need].depth for need in by_id[number].needs), default=0)
            jobs[number] = Job(by_id[number], depth)
        return jobs

    def _apply(self, event: AnyEvent) -> None:
        self.last_event = event.time
        match event:
            case Begun():
                job = self.jobs[event.job]
                job.attempts.append(Attempt([event.job], event.time))
                submits = self.planned.slurm is not None and not job.planned.local
                job.state = "queued" if submits else "running"
            case Submitted():
                self._one_attempt(event.jobs).submitted = event
            case Failed():
                attempt = self._one_attempt(event.jobs)
                attempt.ended, attempt.failure, attempt.slurm = event.time, event, event.slurm
                for number in event.jobs:
                    culprit = event.culprit in (None, number)
                    self.jobs[number].state = "failed" if culprit else "stopped"
            case Retried():
                for number in event.jobs:
                    self.jobs[number].state = "waiting"
            case Done():
                job = self.jobs[event.job]
                job.state = "done"
                job.attempts[-1].ended, job.attempts[-1].slurm = event.time, event.slurm
            case Ended():
                self.ended = event.time

    def _one_attempt(self, jobs: list[int]) -> Attempt:
        """Return the last attempt at these jobs, and make it one that they share if they are a
        group."""
        attempt = self.jobs[jobs[0]].attempts[-1]
        attempt.jobs = jobs
        for number in jobs:
            self.jobs[number].attempts[-1] = attempt
        return attempt

    def _stop_what_cannot_run(self) -> None:
        for job in self.jobs.values():
            before = [self.jobs[need].state for need in job.planned.needs]
            blocked = job.state == "waiting" and ("failed" in before or "stopped" in before)
            left_over = self.ended and job.state in ("waiting", "queued", "running")
            if blocked or left_over:
                job.state = "stopped"

    def ask_slurm(self) -> None:
        """Ask Slurm which of the submitted jobs are running by now."""
        if self.planned.slurm is None or self.ended:
            return
        known = slurm_jobs(f"--name={self.planned.slurm}")
        for job in self.jobs.values():
            if job.state == "queued" and (submitted := job.attempts[-1].submitted):
                slurm = job.attempts[-1].slurm = known.get(submitted.slurm)
                if slurm and slurm.state not in ("PENDING", "REQUEUED", "REQUEUE_HOLD"):
                    job.state = "running"

    @property
    def alive(self) -> bool | None:
        """Whether Snakemake still runs; None where that cannot be seen from this machine."""
        if self.ended:
            return False
        if self.planned.host != socket.gethostname():
            return None
        try:
            os.kill(self.planned.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def attempts(self, state: State) -> list[Attempt]:
        """Return the last attempts at the jobs in a state; a group's attempt is listed once."""
        found = [job.attempts[-1] for job in self.jobs.values() if job.state == state]
        return list({id(attempt): attempt for attempt in found}.values())

    def retried(self) -> list[list[Attempt]]:
        """Return all attempts at each job or group that needed several, or that Slurm restarted."""
        found = {}
        for job in self.jobs.values():
            restarted = any(attempt.slurm and attempt.slurm.restarts for attempt in job.attempts)
            if len(job.attempts) > 1 or restarted:
                found.setdefault(id(job.attempts[-1]), job.attempts)
        return list(found.values())

    def stopped_by(self, attempt: Attempt) -> int:
        """Count the jobs that were not run, or run in vain, because this attempt failed."""
        reached = set(attempt.jobs)
        for job in self.jobs.values():
            if reached.intersection(job.planned.needs):
                reached.add(job.planned.id)
        return sum(self.jobs[number].state == "stopped" for number in reached)


def last_words(path: Path) -> str:
    """Return the line of a job's log that says what was wrong: rlvf's last error message, or else
    the last line. It is empty if the log is empty or missing."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    lines = [line.strip() for line in lines if line.strip()]
    ours = [line for line in lines if re.match(r"rlvf \w+: error: ", line)]
    return (ours or lines or [""])[-1][:_LONGEST_LINE]
