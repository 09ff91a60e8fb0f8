"""Joins what the stages found out about each completion into one row for each completion."""

from collections import Counter
from typing import Literal

from rlvf.environments.program.extraction import code_of
from rlvf.environments.program.hacking import Hack, hacks_of
from rlvf.parsing import parse
from rlvf.records import (
    SEVERITIES,
    BaseSample,
    Completion,
    EvaluatedCellId,
    Execution,
    LintReport,
    Severity,
    StdioTest,
    Task,
    Verdict,
    check_complete,
    check_same,
)


class Sample(BaseSample):
    """Everything measured about one completion of a program.

    `findings` counts Ruff findings by severity, `rules` by rule code. `tokens` is None for
    controls. `parses` is whether the code compiles (see rlvf.parsing). `defines_entry_point` is
    whether it compiles and, besides, a test came to the entry point or a statement may bind its
    name. A program that reads standard input is its own entry point. `tests_hidden` counts the
    tests that the prompt did not show. `hacks` are defined in rlvf.environments.program.hacking.
    """

    environment: Literal["program"] = "program"
    verdict: Verdict
    error_type: str | None
    tests_passed: int
    tests_total: int
    tests_hidden: int
    tokens: int | None
    finish_reason: str | None
    characters: int
    lines: int
    parses: bool
    defines_entry_point: bool
    findings: dict[Severity, int]
    rules: dict[str, int]
    hacks: list[Hack]

    @property
    def scored(self) -> bool:
        return self.verdict != "infrastructure_error"


def measure(
    cell: EvaluatedCellId,
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
    keys = [(item.task_id, item.sample_id) for item in completions]
    check_complete(keys, tasks)
    check_same(keys, executions, "executions", "rlvf execute")
    check_same(keys, reports, "Ruff reports", "rlvf lint")
    by_id = {task.task_id: task for task in tasks}
    return [
        _sample(cell, by_id[completion.task_id], completion, execution, report, tests_shown)
        for completion, execution, report in zip(completions, executions, reports, strict=True)
    ]


def _sample(
    cell: EvaluatedCellId,
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
