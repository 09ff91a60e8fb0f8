"""Finds out what a candidate finds in the sandbox."""

from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Execution, Task
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings

_TASK = Task(
    task_id="probe",
    prompt="",
    entry_point="f",
    tests=[AssertTest(kind="assert", code="assert f() == 1")],
    reference="",
    split="",
)


def probe(code: str = "") -> Execution:
    """Execute a candidate that runs `code` and passes.

    Raises:
        RlvfError: the candidate does not pass.
    """
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        (execution,) = sandbox.execute([Candidate(_TASK, 0, f"{code}\ndef f(): return 1")])
    if execution.verdict != "passed":
        raise RlvfError(f"the sandbox does not work: {execution.message}")
    return execution
