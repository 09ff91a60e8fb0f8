"""All of MBPP through the sandbox; needs the file that RLVF_MBPP names."""

from rlvf.benchmarks import mbpp
from rlvf.benchmarks.mbpp import SPLITS, load
from rlvf.sandbox import Candidate


def references(mbpp_path):
    settings = mbpp.Settings(source=str(mbpp_path))
    tasks = [task for split in SPLITS for task in load(settings, split)]
    return [Candidate(task, 0, task.reference) for task in tasks]


def test_every_reference_solution_passes_on_busy_cores(mbpp_path, sandbox, busy_cores):
    executions = sandbox.execute(references(mbpp_path))
    assert [(e.task_id, e.message) for e in executions if e.verdict != "passed"] == []


def test_every_reference_solution_passes_and_every_test_is_split(mbpp_path, sandbox):
    executions = list(sandbox.execute(references(mbpp_path)))
    assert len(executions) == 974
    assert [(e.task_id, e.message) for e in executions if e.verdict != "passed"] == []
    assert [e.task_id for e in executions if any(test.whole for test in e.tests)] == []
