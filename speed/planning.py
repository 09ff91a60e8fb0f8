"""Measures how long Snakemake takes to plan a large grid, and how long merely to start."""

import re
import subprocess
import sys
import time
from typing import Any

import yaml

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer
from speed import REPOSITORY, SCRATCH, say

# With this many seeds, the grid of the paper scale has 1,500 jobs.
_SEEDS = 12


def measure_planning(repeat: int) -> dict[str, Any]:
    """Return the number of jobs of the grid, and the seconds that each way took in each repetition.

    Raises:
        RlvfError: Snakemake cannot plan the grid.
    """
    overlay = SCRATCH / "planning.yaml"
    nothing_made = SCRATCH / "planning"
    settings = {
        "results": str(nothing_made.relative_to(REPOSITORY)),
        "studies": {"rlvr": {"seeds": list(range(1, _SEEDS + 1))}},
    }
    with atomic_writer(overlay) as file:
        yaml.safe_dump(settings, file)
    dry_run = ["--profile", "slurm", "-n", "--quiet", "rules", "--configfile", "config.yaml"]
    ways = {"start": ["--version"], "plan": [*dry_run, str(overlay)]}
    rows: dict[str, dict[str, list[float]]] = {name: {"seconds": []} for name in ways}
    jobs = 0
    for repetition in range(1, repeat + 1):
        for name, arguments in ways.items():
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            taken = time.perf_counter() - start
            if done.returncode:
                raise RlvfError(f"snakemake {' '.join(arguments)} fails: {done.stderr[-500:]}")
            if total := re.search(r"^total +(\d+)$", done.stdout, re.M):
                jobs = int(total[1])
            rows[name]["seconds"].append(taken)
            say(f"planning {name} {repetition}/{repeat}: {taken:.2f} s")
    return {"jobs": jobs, "repeat": repeat, "ways": rows}
