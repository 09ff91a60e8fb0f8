"""What Slurm says of jobs, through `squeue`, which old and new versions know alike."""

import re
import subprocess

from rlvf.records import Record

# By squeue's names; the numbers are widths, wide enough that nothing is cut off. (Their values in
# `--json` differ from version to version.)
_FIELDS = {
    "JobID": 20,
    "State": 20,
    "Reason": 60,
    "NodeList": 120,
    "RestartCnt": 10,
    "TimeLimit": 20,
    "TimeUsed": 20,
    "MinMemory": 20,
    "tres-alloc": 200,
}


class SlurmJob(Record):
    """A job of Slurm's. Times in seconds; `reason` says why it waits or how it ended; `restarts`
    counts how often Slurm itself put it back into the queue (preempted, or its node failed)."""

    id: str
    state: str
    reason: str
    node: str
    restarts: int
    limit: int | None
    used: int | None
    memory: str
    gpus: str


def slurm_jobs(*which: str) -> dict[str, SlurmJob]:
    """By number, the jobs that these options of squeue choose, ended ones included. Empty where
    Slurm does not answer or knows none (any more): it forgets ended jobs after minutes."""
    fields = ",".join(f"{name}:{width}" for name, width in _FIELDS.items())
    command = ["squeue", "--noheader", "--states=all", f"--Format={fields}", *which]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    jobs = [_parse(line) for line in done.stdout.splitlines() if line.strip()]
    return {job.id: job for job in jobs}


def _parse(line: str) -> SlurmJob:
    values, start = {}, 0
    for name, width in _FIELDS.items():
        values[name] = line[start : start + width].strip()
        start += width
    restarts = values["RestartCnt"]
    return SlurmJob(
        id=values["JobID"],
        state=values["State"],
        reason=values["Reason"],
        node=values["NodeList"],
        restarts=int(restarts) if restarts.isdigit() else 0,
        limit=_seconds(values["TimeLimit"]),
        used=_seconds(values["TimeUsed"]),
        memory=values["MinMemory"],
        gpus=_gpus(values["tres-alloc"]),
    )


def _seconds(text: str) -> int | None:
    """Of `[[days-]hours:]minutes:seconds`; None for anything else, such as UNLIMITED."""
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _gpus(resources: str) -> str:
    """`1 GPU (a100)` from `cpu=1,gres/gpu=1,gres/gpu:a100=1`; empty without one."""
    found = dict(re.findall(r"gres/gpu(?::([^=,]+))?=(\d+)", resources))
    kinds = [kind for kind in found if kind]
    if not found:
        return ""
    count = int(found.get("") or sum(int(found[kind]) for kind in kinds))
    return f"{count} GPU{'s' if count > 1 else ''}" + (f" ({', '.join(kinds)})" if kinds else "")
