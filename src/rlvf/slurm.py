"""What Snakemake leaves to us where jobs run under Slurm."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# In seconds: for jobs that are cancelled to save what they have and end.
_PATIENCE = 600


def cancel_jobs_of_earlier_runs(folder: Path) -> None:
    """Cancel this user's Snakemake jobs that were submitted from the folder, and await their end.

    Only for a run that has begun just now: whoever else submitted them was killed before it could
    cancel them, and nobody would hear of their end. Trainings save what they have. Does nothing
    where there is no Slurm.
    """
    if not shutil.which("squeue"):
        return
    if jobs := _jobs_from(folder):
        print(
            f"Slurm jobs of an earlier run that was killed are cancelled: {' '.join(jobs)}",
            file=sys.stderr,
        )
        subprocess.run(["scancel", *jobs], check=False)
        deadline = time.monotonic() + _PATIENCE
        while _jobs_from(folder) and time.monotonic() < deadline:
            time.sleep(1)


def _jobs_from(folder: Path) -> list[str]:
    """The numbers of the jobs that Snakemake submitted from the folder and that have not ended."""
    command = ["squeue", "--me", "--noheader", "--format=%A|%Z|%k"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = (line.split("|", 2) for line in shown.splitlines() if line.count("|") >= 2)
    return [
        number
        for number, workdir, comment in lines
        if Path(workdir) == Path(folder) and comment.startswith("rule_")
    ]


def requeue_if_preempted() -> None:
    """Have Slurm queue this process's job again, if it is in one that is being preempted.

    Slurm does that by itself only for jobs that wait until they are killed: one that saves what
    it has and ends within its grace time counts as failed. Does nothing elsewhere.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if not job or not shutil.which("scontrol"):
        return
    shown = subprocess.run(
        ["scontrol", "--oneliner", "show", "job", job], capture_output=True, text=True, check=False
    )
    if re.search(r" PreemptTime=\d", shown.stdout):
        done = subprocess.run(["scontrol", "requeue", job], check=False)
        if done.returncode == 0:
            print(f"train: preempted; Slurm job {job} is queued again", file=sys.stderr)
