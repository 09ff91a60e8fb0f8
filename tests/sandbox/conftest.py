"""Real sandboxes: nothing here is mocked."""

import contextlib
import subprocess
import sys
import time

import pytest

from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox
from rlvf.sandbox.inside import values
from rlvf.settings import SandboxSettings


def make_task(*tests, entry_point="f", setup="", prelude=""):
    """A task with these tests; text stands for an assert."""
    return Task(
        task_id="t/1",
        prompt="",
        entry_point=entry_point,
        prelude=prelude,
        setup=setup,
        tests=[{"kind": "assert", "code": t} if isinstance(t, str) else t for t in tests],
        reference="",
        split="test",
    )


@contextlib.contextmanager
def at_most(seconds):
    """This thread computes for no longer, in seconds of the machine that `values.Clock` counts by:
    on a slower one, or while others use its caches, they last as much longer."""
    begin = time.thread_time()
    yield
    slowness = max(1.0, min(values._measure_work() for _ in range(3)) / values._WORK_SECONDS)
    assert time.thread_time() - begin < seconds * slowness


@pytest.fixture(scope="session")
def sandbox():
    """Limits that no honest candidate of these tests comes near, even on a busy machine."""
    with Sandbox(SandboxSettings(timeout=10.0, memory_mb=256, output_kb=4)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def hasty():
    """For candidates that are to run into the time limit."""
    with Sandbox(SandboxSettings(timeout=0.5, wall_factor=2.0), workers=1) as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox):
    """Execute one candidate: `run(code, *tests)`."""

    def run(code, *tests, within=sandbox, **task):
        (execution,) = within.execute([Candidate(make_task(*tests, **task), 0, code)])
        return execution

    return run


@pytest.fixture
def busy_cores():
    """Six processes that compute as long as the test runs."""
    # Each in a session of its own: the kernel shares the cores among sessions first.
    burn = [sys.executable, "-c", "while True: pass"]
    burning = [subprocess.Popen(burn, start_new_session=True) for _ in range(6)]
    yield
    for process in burning:
        process.kill()
        process.wait()
