"""What a training under Slurm has to see to itself."""

import os
import re
import shutil
import subprocess
import sys


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
