"""Asks Slurm about jobs through `squeue`, which works the same in old and new versions of Slurm."""

import re
import subprocess

from rlvf.records import Record

# squeue's names of the fields, with widths at which no value is cut off. `--json` is not used
# because its values differ from version to version.
_FIELDS = {
    "JobID": 20,
    "State": 20,
    "Reason": 60,
    "NodeList": 120,
    "RestartCnt": 10,
    "TimeLimit": 20,
    "TimeUsed": 20,
    "MinMemory": 20,
    "PreemptTime": 25,
    "tres-per-job": 60,
    "tres-per-node": 60,
}


class SlurmJob(Record):
    """What Slurm says of a job. `limit` and `used` are in seconds. `reason` says why the job waits
    or how it ended. `restarts` counts how often Slurm put it back into the queue because it was
    preempted or its node failed. `preempted` says whether Slurm told it to make room."""

    id: str
    state: str
    reason: str
    node: str
    restarts: int
    preempted: bool
    limit: int | None
    used: int | None
    memory: str
    gpus: str


def slurm_jobs(*which: str) -> dict[str, SlurmJob]:
    """Return, by number, the jobs that these options of squeue choose, including ended ones. The
    result is empty if Slurm does not answer or knows no such job; it forgets ended jobs after
    minutes."""
    fields = ",".join(f"{name}:{width}" for name, width in _FIELDS.items())
    command = ["squeue", "--noheader", "--states=all", f"--Format={fields}", *which]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=20, check=True
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
        preempted=values["PreemptTime"] not in ("", "N/A"),
        limit=_seconds(values["TimeLimit"]),
        used=_seconds(values["TimeUsed"]),
        memory=values["MinMemory"],
        gpus=_gpus(f"{values['tres-per-job']} {values['tres-per-node']}"),
    )


def _seconds(text: str) -> int | None:
    """Convert `[[days-]hours:]minutes:seconds`; return None for other texts, such as UNLIMITED."""
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _gpus(asked: str) -> str:
    """Return `1 GPU (a100)` for `gres:gpu:a100:1`, `1 GPU` for `gres/gpu=1`, and nothing if no GPU
    was asked for."""
    found = re.search(r"gpu(?::([a-zA-Z][^:=,( ]*))?(?:[:=](\d+))?", asked)
    if found is None:
        return ""
    kind, count = found[1], int(found[2] or 1)
    return f"{count} GPU{'s' if count > 1 else ''}" + (f" ({kind})" if kind else "")
