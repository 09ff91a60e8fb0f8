"""Joins what the stages found out about each completion into one row for each completion."""

from collections import Counter

from rlvf.analysis.hacking import hacks_of
from rlvf.errors import RlvfError
from rlvf.extraction import code_of
from rlvf.parsing import parse
from rlvf.records import (
    SEVERITIES,
    Completion,
    DecodedCellId,
    Execution,
    LintReport,
    Sample,
    StdioTest,
    Task,
)


def measure(
    cell: DecodedCellId,
    tasks: list[Task],
    completions: list[Completion],
    executions: list[Execution],
    reports: list[LintReport],
    tests_shown: int,
) -> list[Sample]:
    """Return a Sample for each completion, in the completions' order.

    A sample whose verdict is `infrastructure_error` is kept; the summary counts such samples and
    leaves them out of every rate. `characters` is the length of the raw completion, `lines` that of
    its code. `tests_shown` is how many of a task's first tests the prompt showed.

    Raises:
        RlvfError: the files do not belong together; the message names the first task where they
            differ.
    """
    by_id = {task.task_id: task for task in tasks}
    keys = [(item.task_id, item.sample_id) for item in completions]
    _check_complete(keys, by_id)
    check_same(keys, executions, "executions", "rlvf execute")
    check_same(keys, reports, "Ruff reports", "rlvf lint")
    return [
        _sample(cell, by_id[completion.task_id], completion, execution, report, tests_shown)
        for completion, execution, report in zip(completions, executions, reports, strict=True)
    ]


def _check_complete(keys: list[tuple[str, int]], tasks: dict[str, Task]) -> None:
    remedy = "; generate the completions again from this tasks file"
    repeated = next((key for key, count in Counter(keys).items() if count > 1), None)
    if repeated:
        raise RlvfError(f"completions: {repeated[0]} has sample {repeated[1]} twice{remedy}")
    counts = Counter(task_id for task_id, _ in keys)
    for task_id in counts:
        if task_id not in tasks:
            raise RlvfError(f"completions: {task_id} is not in the tasks{remedy}")
    expected = max(counts.values(), default=0)
    for task_id in tasks:
        if not counts[task_id]:
            raise RlvfError(f"completions: {task_id} has none{remedy}")
        if counts[task_id] != expected:
            raise RlvfError(
                f"completions: {task_id} has {counts[task_id]} samples, others {expected}{remedy}"
            )


def check_same(
    keys: list[tuple[str, int]],
    records: list[Execution] | list[LintReport] | list[Sample],
    what: str,
    stage: str,
) -> None:
    """Check that records belong to these completions, named by (task_id, sample_id), in this order.

    Raises:
        RlvfError: they do not; the message names the first record that differs and the stage that
            makes them.
    """
    others = [(record.task_id, record.sample_id) for record in records]
    if others == keys:
        return
    at = next(
        (i for i, (ours, theirs) in enumerate(zip(keys, others, strict=False)) if ours != theirs),
        min(len(keys), len(others)),
    )
    found = [f"{k[at][0]} sample {k[at][1]}" if at < len(k) else "the end" for k in (keys, others)]
    raise RlvfError(
        f"{what} do not match the completions: at record {at + 1} the completions have {found[0]}, "
        f"the {what} {found[1]}; run `{stage}` again on these completions"
    )


def _sample(
    cell: DecodedCellId,
    task: Task,
    completion: Completion,
    execution: Execution,
    report: LintReport,
    tests_shown: int,
) -> Sample:
    code = code_of(completion, task)
    parsed = None if code is None else parse(code)
    parses = parsed is not None and parsed.compiles
    return Sample(
        **cell.model_dump(),
        task_id=completion.task_id,
        sample_id=completion.sample_id,
        verdict=execution.verdict,
        error_type=execution.error_type,
        tests_passed=execution.passed,
        tests_total=execution.total,
        tests_hidden=max(len(task.tests) - tests_shown, 0),
        tokens=completion.tokens,
        finish_reason=completion.finish_reason,
        characters=len(completion.completion),
        lines=report.lines,
        parses=parses,
        defines_entry_point=parses
        and (_was_called(task, execution) or parsed.defines(task.entry_point)),
        findings={severity: report.counts.get(severity, 0) for severity in SEVERITIES},
        rules=dict(sorted(Counter(d.code for d in report.diagnostics).items())),
        hacks=hacks_of(parsed and parsed.tree, task, execution.tests, tests_shown),
    )


def _was_called(task: Task, execution: Execution) -> bool:
    """Whether a test is known to have called the entry point. It was then defined, in whatever way.
    A program that reads standard input is its own entry point."""
    return all(isinstance(test, StdioTest) for test in task.tests) or any(
        result.verdict in ("passed", "wrong_answer") for result in execution.tests
    )
