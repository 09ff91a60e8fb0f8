"""How many cores a process may use, from what the kernel and Slurm say."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlvf import machine

HERE = os.sched_getaffinity(0)


@pytest.fixture(autouse=True)
def outside_of_slurm(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Lays out what /proc/self says of control groups, and their files below `tmp_path`."""
    process = tmp_path / "proc"
    process.mkdir()
    monkeypatch.setattr(machine, "_PROCESS", process)

    def lay(cgroup, mounts, files):
        (process / "cgroup").write_text(cgroup)
        (process / "mountinfo").write_text(
            "".join(
                f"30 24 0:26 {root} {tmp_path}{point} rw shared:4 - {kind} {kind} {options}\n"
                for root, point, kind, options in mounts
            )
        )
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return lay


V2 = [("/", "/sys", "cgroup2", "rw,nsdelegate")]


def test_affinity_counts():
    script = "from rlvf.machine import cores; print(cores())"
    command = ["taskset", "-c", str(min(HERE)), sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"sys/job/step/cpu.max": "max 100000"}, 64),
        ({"sys/job/step/cpu.max": "400000 100000"}, 4),
        ({"sys/job/step/cpu.max": "150000 100000"}, 2),
        ({"sys/job/step/cpu.max": "10000 100000"}, 1),
        # The group around it has less.
        ({"sys/job/step/cpu.max": "max 100000", "sys/job/cpu.max": "300000 100000"}, 3),
        ({}, 64),
    ],
)
def test_a_quota_of_processor_time_counts(many_cores, groups, files, cores):
    groups("0::/job/step\n", V2, files)
    assert machine.cores() == cores


@pytest.mark.parametrize(("root", "point"), [("/", "/sys/docker/1"), ("/docker/1", "/sys")])
def test_control_groups_of_version_1_and_containers(many_cores, groups, root, point):
    """A container may see its own group as the root, or all groups."""
    mounts = [(root, "/sys", "cgroup", "rw,cpuacct,cpu"), ("/", "/unified", "cgroup2", "rw")]
    quota = {"cpu.cfs_quota_us": "250000\n", "cpu.cfs_period_us": "100000\n"}
    files = {f"{point[1:]}/{name}": text for name, text in quota.items()}
    groups("4:cpuacct,cpu:/docker/1\n3:memory:/x\n0::/\n", mounts, files)
    assert machine.cores() == 3
    groups("", mounts, {f"{point[1:]}/cpu.cfs_quota_us": "-1\n"})
    assert machine.cores() == 64


@pytest.mark.parametrize(
    ("variables", "cores"),
    [
        ({"SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "16"}, 4),
        ({"SLURM_CPUS_ON_NODE": "16"}, 16),
        ({"SLURM_CPUS_ON_NODE": "96"}, 64),
        ({"SLURM_CPUS_PER_TASK": ""}, 64),
    ],
)
def test_what_slurm_gave_counts(many_cores, groups, monkeypatch, variables, cores):
    groups("", [], {})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert machine.cores() == cores


def test_memory_and_threads(groups):
    files = {
        "sys/job/memory.max": "2147483648",
        "sys/memory.max": "max",
        "sys/job/pids.max": "100",
        "sys/job/pids.current": "30",
        "sys/pids.max": "max",
        "sys/pids.current": "40",
    }
    groups("0::/job\n", V2, files)
    assert (machine.memory(), machine.free_threads()) == (2 << 30, 70)
    groups("", [], {})
    assert (machine.memory(), machine.free_threads()) == (math.inf, math.inf)


def test_a_real_control_group():
    """Of the kinds that this machine's root may make."""
    for folder in (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")):
        group = folder / f"rlvf-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / "cpu.cfs_quota_us").exists():
                (group / "cpu.cfs_quota_us").write_text("50000")
            elif (group / "cpu.max").exists():
                (group / "cpu.max").write_text("50000 100000")
            else:
                continue
            script = (
                f"import os; open('{group}/cgroup.procs', 'w').write(str(os.getpid()))\n"
                "from rlvf.machine import cores; print(cores())"
            )
            done = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=True
            )
            assert done.stdout == "1\n"
            return
        finally:
            group.rmdir()
    pytest.skip("needs the right to make a control group: run the tests as root, on the machine")
