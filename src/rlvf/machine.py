"""Says how much of the machine affinity, control groups and Slurm let this process use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_PROCESS = Path("/proc/self")


def cores() -> int:
    """How many cores this process may use: at least one, at most what its affinity (taskset,
    cpusets), its control groups (containers) and Slurm allow."""
    allowed = [len(os.sched_getaffinity(0))]
    for group in _control_groups("cpu"):
        # A group may have a quota of processor time for each period, in a file of version 2 or in
        # two files of version 1.
        share = _words(group / "cpu.max") or [
            *_words(group / "cpu.cfs_quota_us"),
            *_words(group / "cpu.cfs_period_us"),
        ]
        if len(share) == 2 and share[0].isdecimal():  # it may be `max` or `-1`
            allowed.append(math.ceil(int(share[0]) / int(share[1])))
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if (number := os.environ.get(name, "")).isdecimal():
            allowed.append(int(number))
            break
    return max(1, min(allowed))


def memory() -> float:
    """How many bytes the control groups of this process allow it; infinite without a limit."""
    limits = [
        *_numbers("memory", "memory.max"),
        *_numbers("memory", "memory.limit_in_bytes"),
    ]
    return min(limits, default=math.inf)


def free_threads() -> float:
    """How many more threads the control groups of this process allow; infinite without a limit."""
    limits, used = _numbers("pids", "pids.max"), _numbers("pids", "pids.current")
    return min((most - now for most, now in zip(limits, used, strict=True)), default=math.inf)


def _numbers(controller: str, file: str) -> list[float]:
    """What the file says in each of the control groups that have it; infinite for `max`."""
    found = (_words(group / file) for group in _control_groups(controller))
    return [float(words[0]) if words[0] != "max" else math.inf for words in found if words]


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:  # the root of all groups has few files, and a group has those of its version
        return []


def _control_groups(controller: str) -> Iterator[Path]:
    """The folders of the control groups that this process is in, of version 2, and of version 1
    with this controller: each group and all those around it that can be seen."""
    own = {}
    for line in _lines("cgroup"):
        _, controllers, path = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), path)  # version 2 has an empty name
    for line in _lines("mountinfo"):
        mount, _, system = line.partition(" - ")
        _, _, _, root, point, *_ = mount.split()
        kind, _, options = system.split(maxsplit=2)
        name = "" if kind == "cgroup2" else controller
        if name not in own or kind not in ("cgroup", "cgroup2"):
            continue
        if kind == "cgroup" and controller not in options.split(","):
            continue
        # A container may be shown its own group only, in place of the root of all.
        path = Path(own[name])
        group = Path(point, path.relative_to(root) if path.is_relative_to(root) else "")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(point))


def _lines(name: str) -> list[str]:
    try:
        return (_PROCESS / name).read_text().splitlines()
    except OSError:
        return []
