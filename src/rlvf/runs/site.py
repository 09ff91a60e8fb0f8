"""Defines the settings that depend on a cluster and its users, and what a job asks it for."""

from typing import Any

from pydantic import Field, field_validator

from rlvf.runs.slurm import gpu_name, sbatch_options
from rlvf.settings import Positive, Section


class ResourceSettings(Section):
    """What a stage asks for: GPUs, CPU cores, memory in MB and run time in minutes."""

    gpus: int = Field(ge=0)
    cpus: Positive
    mem_mb: Positive
    runtime: Positive


class Site(Section):
    """Settings that depend on the cluster and its users, not on the study. They are described in
    workflow/site.example.yaml. For GPU jobs, the settings `gpu_...` replace those for all jobs."""

    account: str | None = None
    partition: str | None = None
    gpu_partition: str | None = None
    qos: str | None = None
    gpu_qos: str | None = None
    constraint: str | None = None
    gpu_constraint: str | None = None
    gpu: str | None = None
    sbatch: str | None = None
    gpu_sbatch: str | None = None
    gpu_jobs: Positive | None = None
    seconds_to_save: int = Field(default=300, ge=0)

    @field_validator("sbatch", "gpu_sbatch")
    @classmethod
    def _executor_takes_options(cls, options: str | None) -> str | None:
        return sbatch_options(options) if options else None

    @field_validator("gpu")
    @classmethod
    def _executor_takes_gpu(cls, gpu: str | None) -> str | None:
        return gpu_name(gpu) if gpu else None

    def ask(self, stage: ResourceSettings, saves: bool = False) -> dict[str, Any]:
        """Return what a job of a stage asks Snakemake's Slurm executor for. `runtime` (in minutes)
        and `mem_mb` grow with each attempt. A job that `saves` its work gets a signal before its
        time limit."""
        options = [self._of(stage, "sbatch")]
        # Slurm sends the signal up to a minute early, and to a short job immediately.
        if saves and 0 < 2 * self.seconds_to_save < 60 * stage.runtime:
            options.append(f"--signal=TERM@{self.seconds_to_save}")
        asked = {
            "mem_mb": lambda wildcards, attempt: stage.mem_mb * attempt,
            "runtime": lambda wildcards, attempt: stage.runtime * attempt,
            "slurm_account": self.account,
            "slurm_partition": self._of(stage, "partition"),
            "qos": self._of(stage, "qos"),
            "constraint": self._of(stage, "constraint"),
            "slurm_extra": " ".join(filter(None, options)),
        }
        if stage.gpus:
            asked["gpu_jobs"] = 1
            asked |= {"gres": f"{self.gpu}:{stage.gpus}"} if self.gpu else {"gpu": stage.gpus}
        return {name: value for name, value in asked.items() if value not in (None, "")}

    def _of(self, stage: ResourceSettings, key: str) -> str | None:
        return (getattr(self, f"gpu_{key}") if stage.gpus else None) or getattr(self, key)
