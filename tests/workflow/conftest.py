import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_WORKFLOW = [
    *("Snakefile", "config.yaml", "config", "workflow", "paper", "mini", "slurm"),
    *("containers/rlvf.def", "requirements.lock"),
]


class Checkout:
    """A copy of the workflow's files in which Snakemake runs for real."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in _WORKFLOW:
            source = REPOSITORY / name
            (folder / name).parent.mkdir(exist_ok=True)
            if source.is_symlink():
                (folder / name).symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, folder / name)
            else:
                shutil.copy(source, folder / name)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )


def planned(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run prints."""
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M)}


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)
