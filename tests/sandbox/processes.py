"""Looking at the machine's processes."""

import time
from pathlib import Path


def _status(pid):
    """State, parent and session of a process; nothing if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0, 0
    return fields[0], int(fields[1]), int(fields[3])


def is_running(pid):
    return _status(pid)[0] not in "ZX"


def session(leader):
    """All running processes of a session."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {pid for pid in pids if _status(pid)[2] == leader and is_running(pid)}


def children(parent):
    """The running processes that a process has started."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {pid for pid in pids if _status(pid)[1] == parent and is_running(pid)}


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
