"""Checks a batch of completions once, by execution and lint, as the rewards need them."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlvf.environments.program.extraction import extract_code
from rlvf.lint import lint
from rlvf.records import Diagnostic, Execution, Task
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import LintSettings, SandboxSettings


@dataclass(frozen=True)
class Checked:
    """What is known of one completion, whose code is `code`. What was not asked for is None."""

    code: str | None
    execution: Execution | None
    findings: list[Diagnostic] | None


class Checker:
    """Runs the sandbox, Ruff or both (None switches one off). It is a context manager.

    Make it before torch is imported: its sandbox starts processes, for `workers` cores.
    """

    def __init__(self, sandbox: SandboxSettings | None, lint: LintSettings | None, workers: int):
        # There is one worker more than cores, so that no core is idle while a verdict is made here.
        self._sandbox = Sandbox(sandbox, workers + 1) if sandbox is not None else None
        self._lint = lint

    def __enter__(self) -> "Checker":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._sandbox is not None:
            self._sandbox.close()

    def check(
        self, tasks: Sequence[Task], completions: Sequence[str], opened: str = ""
    ) -> list[Checked]:
        """Check each completion as an answer to the task at its place.

        `opened` is what their prompts left open (see rlvf.prompts.opened_by_prompt). Equal code
        for one task, of which a group has much, is checked once.
        """
        codes = [
            extract_code(completion, task.entry_point, opened)
            for task, completion in zip(tasks, completions, strict=True)
        ]
        keys = [(id(task), code) for task, code in zip(tasks, codes, strict=True)]
        places = {key: place for place, key in enumerate(keys)}
        executions: dict[tuple, Execution] = {}
        findings: dict[tuple, list[Diagnostic]] = {}
        if self._sandbox is not None:
            candidates = (Candidate(tasks[n], n, codes[n]) for n in places.values())
            executions = dict(zip(places, self._sandbox.execute(candidates), strict=True))
        if self._lint is not None:
            found = lint(
                [codes[n] for n in places.values()],
                self._lint,
                [f"{tasks[n].task_id} completion {n}" for n in places.values()],
            )
            findings = dict(zip(places, found, strict=True))
        return [
            Checked(code, executions.get(key), findings.get(key))
            for code, key in zip(codes, keys, strict=True)
        ]
