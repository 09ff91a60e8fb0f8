"""Does what Snakemake leaves undone for jobs under Slurm: it checks options before a job is
submitted, cancels jobs of killed runs, and queues preempted jobs again."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

# Cancelled jobs have this many seconds to save what they have and to end.
_PATIENCE = 600

# Maps the executor's name for an option that it refuses to the place where the value is stated
# instead.
_STATED = {
    "account": "state it as account",
    "partition": "state it as partition or gpu_partition",
    "quality of service": "state it as qos or gpu_qos",
    "node constraints": "state it as constraint or gpu_constraint",
    "generic resources (GRES)": "state the name as gpu",
    "GPU allocation": "state the name as gpu, the number in resources of config.yaml",
    "memory": "state it in resources of config.yaml",
    "CPUs per task": "state it in resources of config.yaml",
    "runtime/time limit": "state it in resources of config.yaml",
}


def sbatch_options(text: str) -> str:
    """Return options of sbatch in the form that Snakemake's executor takes. The executor hands them
    to a shell, so each word that needs it is quoted.

    Raises:
        ValueError: they are no options, or the executor would refuse them when a job is submitted.
    """
    # This is imported only here because it takes a second; Snakemake has imported it already.
    from snakemake_executor_plugin_slurm.validation import get_forbidden_slurm_options

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not quoted as in a shell: {error}") from error
    if words and not words[0].startswith("-"):
        raise ValueError(f"{words[0]!r} is not an option of sbatch")
    options = shlex.join(words)
    for pattern, name in get_forbidden_slurm_options().items():
        # The patterns expect further options after a space.
        if found := re.search(pattern, f"{options} "):
            raise ValueError(
                f"{found[0].strip(' =')!r} in {text!r} is refused by Snakemake's executor, which "
                f"sets it itself ({name}): {_STATED.get(name, 'leave it out')}"
            )
    return options


def gpu_name(text: str) -> str:
    """Check that the executor takes this name of a GPU in `--gres`, and return it.

    Raises:
        ValueError: the executor would refuse it when a job is submitted.
    """
    from snakemake_executor_plugin_slurm.utils import set_gres_string
    from snakemake_interface_common.exceptions import WorkflowError

    if text.rpartition(":")[2].isdigit():
        raise ValueError(f"{text!r} has a number; state it in resources of config.yaml")
    try:
        set_gres_string(SimpleNamespace(resources=_Asked(gres=f"{text}:1")))
    except WorkflowError as error:
        raise ValueError(f"{text!r} is refused by Snakemake's executor: {error}") from error
    return text


class _Asked(dict):
    """A job's resources, whose values the executor reads both as items and as attributes."""

    __getattr__ = dict.__getitem__


def cancel_jobs_of_earlier_runs(folder: Path) -> None:
    """Cancel this user's Snakemake jobs that were submitted from the folder, and await their end.

    Call it only when a run has just begun: any such job is then left from a run that was killed
    before it could cancel the job, and nothing would notice the job's end. Cancelled trainings save
    what they have. Without Slurm, this does nothing.
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
    """Return the numbers of the jobs that Snakemake submitted from the folder and that have not
    ended."""
    command = ["squeue", "--me", "--noheader", "--format=%A|%Z|%k"]
    shown = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    ).stdout
    lines = (line.split("|", 2) for line in shown.splitlines() if line.count("|") >= 2)
    return [
        number
        for number, workdir, comment in lines
        if Path(workdir) == Path(folder) and comment.startswith("rule_")
    ]


def requeue_if_preempted() -> None:
    """Have Slurm queue the job of this process again if it is being preempted.

    Slurm does that by itself only for a job that runs until it is killed; a job that saves what it
    has and ends within its grace time counts as failed. Outside Slurm, this does nothing.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if not job or not shutil.which("scontrol"):
        return
    shown = subprocess.run(
        ["scontrol", "--oneliner", "show", "job", job],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if re.search(r" PreemptTime=\d", shown.stdout):
        done = subprocess.run(["scontrol", "requeue", job], check=False)
        if done.returncode == 0:
            print(f"train: preempted; Slurm job {job} is queued again", file=sys.stderr)
