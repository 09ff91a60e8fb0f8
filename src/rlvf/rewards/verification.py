"""One verification of a batch of completions: execution and lint, as the rewards need them."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlvf.config import LintSettings, SandboxSettings
from rlvf.lint import lint
from rlvf.prompts import extract_code
from rlvf.records import Diagnostic, Execution, Task
from rlvf.sandbox import Candidate, Sandbox


@dataclass(frozen=True)
class Verified:
    """What is known of one completion; None for what no reward asked for."""

    task: Task
    completion: str
    code: str | None
    execution: Execution | None
    findings: list[Diagnostic] | None


class Verifier:
    """Runs the sandbox, Ruff or both (None switches one off). A context manager.

    Make it before torch is imported: its sandbox starts processes.
    """

    def __init__(self, sandbox: SandboxSettings | None, lint: LintSettings | None, workers: int):
        self._sandbox = Sandbox(sandbox, workers) if sandbox is not None else None
        self._lint = lint

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._sandbox is not None:
            self._sandbox.close()

    def verify(self, tasks: Sequence[Task], completions: Sequence[str]) -> list[Verified]:
        """Verify each completion as an answer to the task at its place."""
        codes = [extract_code(completion) for completion in completions]
        executions: Sequence[Execution | None] = [None] * len(codes)
        findings: Sequence[list[Diagnostic] | None] = [None] * len(codes)
        if self._sandbox is not None:
            numbered = enumerate(zip(tasks, codes, strict=True))
            executions = list(
                self._sandbox.execute(
                    Candidate(task, number, code) for number, (task, code) in numbered
                )
            )
        if self._lint is not None:
            findings = lint(codes, self._lint)
        return [
            Verified(*row)
            for row in zip(tasks, completions, codes, executions, findings, strict=True)
        ]
