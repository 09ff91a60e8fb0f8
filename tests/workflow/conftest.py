import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.conftest import REPOSITORY

_WORKFLOW = [
    *("Snakefile", "config.yaml", "config", "workflow", "paper", "mini", "slurm"),
    *("containers/rlvf.def", "requirements.lock"),
]

TINY = Path(__file__).with_name("tiny.yaml")
FILES = ("config/mini.yaml", "tiny.yaml")
OPTIONS = ("--benchmark-extended", "--cores", "2", "--configfile", *FILES)


class Checkout:
    """A copy of the workflow's files in which Snakemake runs for real."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
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


class Copy(Checkout):
    """A checkout with its own code."""

    def __init__(self, folder):
        super().__init__(folder)
        shutil.copy(TINY, folder)
        shutil.copytree(
            REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__")
        )

    @classmethod
    def of(cls, folder):
        """What is there already."""
        copy = cls.__new__(cls)
        copy.folder = folder
        return copy

    @property
    def environment(self):
        return {**os.environ, "PYTHONPATH": str(self.folder / "src")}

    def run(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *OPTIONS, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def rlvf(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "rlvf.cli", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def why(self, *arguments):
        """What `rlvf why` says, times replaced, without the sum and what follows it."""
        done = self.rlvf("why", *OPTIONS, *arguments)
        assert done.returncode == 0 and not done.stderr, done.stderr
        said, _, _ = done.stdout.partition("\n\nIn all ")
        return re.sub(r"(?<=, )[\d.]+ (s|min|h)$", "TIME", said, flags=re.M).strip()

    def plan(self):
        """Jobs by rule, but for `all`, and their sum."""
        done = self.run("-n")
        jobs = planned(done)
        if not jobs:
            assert "Nothing to be done" in done.stdout + done.stderr, done.stdout
        return {name: n for name, n in jobs.items() if name not in ("all", "total")}

    def edit(self, path, old, new):
        text = (self.folder / path).read_text()
        assert text.count(old) == 1, f"{path}: {text.count(old)} times {old!r}"
        (self.folder / path).write_text(text.replace(old, new))

    def configure(self, **changes):
        """Lay changes over the configuration's last file."""
        path = self.folder / "tiny.yaml"
        # Through JSON, so that what the file shares is separate.
        before = json.loads(json.dumps(yaml.safe_load(path.read_text())))
        path.write_text(yaml.safe_dump(_merge(before, changes)))


def _merge(base, changes):
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = _merge(base[key], value) if nested else value
    return base


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The tiny study, made once for real from a copy of the code, for all of pytest's processes: to
    be copied, not changed."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    with FileLock(base / "made.lock"):
        if (base / "made").exists():
            return Copy.of(base / "made")
        done = Copy(base / "making").run()
        assert done.returncode == 0, done.stdout + done.stderr
        (base / "making").rename(base / "made")
    return Copy.of(base / "made")


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "copy", symlinks=True)
    return Copy.of(tmp_path / "copy")
