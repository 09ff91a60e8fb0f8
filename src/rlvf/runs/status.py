"""Shows a run as text: its state, for `rlvf status`, and a summary for the end of the run."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rlvf.runs.run import STATES, Attempt, Run
from rlvf.text import duration

# At most this many running and queued jobs are listed each, since a cluster may have hundreds.
_MOST_LINES = 20


def status(run: Run) -> str:
    """Return the state of a run: its steps, a table by rule, the running and queued jobs, the
    failures and the retries."""
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.planned.time))
    parts = [
        f"{run.planned.command}\nsince {began}: {_steps(run)}",
        _table(run),
        _section("Running:", [_under_way(run, attempt) for attempt in run.attempts("running")]),
        _section("Queued:", [_under_way(run, attempt) for attempt in run.attempts("queued")]),
        *_troubles(run),
    ]
    return "\n\n".join(filter(None, parts))


def summary(run: Run) -> str:
    """Return what to know of a run that has ended: one line if every job succeeded at once."""
    return "\n\n".join([f"rlvf: {_steps(run)}", *_troubles(run)])


def _steps(run: Run) -> str:
    counts = Counter(job.state for job in run.jobs.values())
    now = time.time()
    if run.ended:
        took = f"in {duration(run.ended - run.planned.time)}"
    elif run.alive:
        took = f"in {duration(now - run.planned.time)} so far"
    else:
        where = f"on {run.planned.host}, " if run.alive is None else "Snakemake is gone, "
        took = f"({where}last heard of {duration(now - run.last_event)} ago)"
    return (
        f"{counts['done']} of {len(run.jobs)} steps done {took}; {counts['failed']} failed, "
        f"{counts['stopped']} stopped, {len(run.retried())} retried"
    )


def _table(run: Run) -> str:
    rules: dict[str, list] = {}
    for job in sorted(run.jobs.values(), key=lambda job: job.depth):
        rules.setdefault(job.rule, []).append(job)
    # Rules are in the order in which their last jobs can run.
    rows = [["", *STATES]]
    for rule, jobs in sorted(rules.items(), key=lambda item: item[1][-1].depth):
        counts = Counter(job.state for job in jobs)
        rows.append([rule, *(str(counts[state] or ".") for state in STATES)])
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{row[0]:<{width}}" + "".join(f"{value:>9}" for value in row[1:]) for row in rows
    )


def _section(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = len(lines) - _MOST_LINES
    shown = lines if more <= 0 else [*lines[:_MOST_LINES], f"... and {more} more"]
    return "\n".join([title, *(f"  {line}" for line in shown)])


def _under_way(run: Run, attempt: Attempt) -> str:
    """Describe an attempt, as in `train STUDY/...: 12 min on node3, 1 GPU (Slurm job 17, attempt
    2)`."""
    slurm, notes = attempt.slurm, []
    if attempt.submitted:
        notes.append(f"Slurm job {attempt.submitted.slurm}")
    number = len(run.jobs[attempt.jobs[0]].attempts)
    if number > 1:
        notes.append(f"attempt {number}")
    if slurm and slurm.restarts:
        notes.append(_restarts(slurm.restarts))
    if slurm and slurm.node:
        said = [f"{duration(slurm.used or 0)} on {slurm.node}", slurm.gpus]
    else:
        said = [duration(time.time() - attempt.began)]
        if slurm and slurm.reason != "None":
            said.append(slurm.reason)
    said = ", ".join(filter(None, said))
    return f"{_title(run, attempt)}: {said}" + (f" ({', '.join(notes)})" if notes else "")


def _troubles(run: Run) -> Iterator[str]:
    """Yield what failed for good and what was tried more than once."""
    failures = [line for attempt in run.attempts("failed") for line in _failure(run, attempt)]
    if failures:
        yield "\n".join(["Failed:", *failures])
    retries = [line for attempts in run.retried() for line in _retries(run, attempts)]
    if retries:
        yield "\n".join(["Retried:", *retries])


def _failure(run: Run, attempt: Attempt) -> Iterator[str]:
    number = len(run.jobs[attempt.jobs[0]].attempts)
    yield f"  {_title(run, attempt)}: {attempt.cause} in attempt {number}{attempt.given}"
    if attempt.failure.words:
        yield f"    {attempt.failure.words}"
    for number in _to_blame(attempt):
        for log in run.jobs[number].planned.logs:
            yield f"    log: {log}"
    if attempt.submitted:
        yield f"    Slurm's log: {_short(attempt.submitted.log)}"
    stopped = run.stopped_by(attempt)
    if stopped:
        yield f"    stopped because of it: {stopped} job{'s' if stopped > 1 else ''}"


def _retries(run: Run, attempts: list[Attempt]) -> Iterator[str]:
    yield f"  {_title(run, attempts[-1])}"
    for number, attempt in enumerate(attempts, 1):
        if attempt.failure is None:
            outcome = run.jobs[attempt.jobs[0]].state
        elif attempt.cause == "error" and attempt.failure.words:
            outcome = attempt.failure.words
        else:
            outcome = attempt.cause
        if attempt.slurm and attempt.slurm.restarts:
            outcome = f"{_restarts(attempt.slurm.restarts)}, then {outcome}"
        yield f"    attempt {number}{attempt.given}: {outcome}"


def _restarts(count: int) -> str:
    times = "once" if count == 1 else f"{count} times"
    return f"put back {times} by Slurm (preempted, or its node failed)"


def _to_blame(attempt: Attempt) -> list[int]:
    """Return the jobs of an attempt, or only the job that failed if that is known."""
    if attempt.failure and attempt.failure.culprit is not None:
        return [attempt.failure.culprit]
    return attempt.jobs


def _title(run: Run, attempt: Attempt) -> str:
    """Name an attempt, as in `train STUDY/mini-qwen3/gspo-tests/seed1`. A group is named by the
    wildcards that all its jobs share."""
    jobs = sorted(
        (run.jobs[number] for number in _to_blame(attempt)), key=lambda job: (job.depth, job.rule)
    )
    rules = " + ".join(dict.fromkeys(job.rule for job in jobs))
    cell = [
        f"seed{value}" if key == "seed" else value
        for key, value in jobs[0].planned.wildcards.items()
        if all(job.planned.wildcards.get(key) == value for job in jobs)
    ]
    return f"{rules} {'/'.join(cell)}".strip()


def _short(path: str) -> str:
    """Make a path relative to the current folder if it lies in it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
