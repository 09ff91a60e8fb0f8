"""This project's sandbox. It plans a task once in a process, with the task's first sample."""

from typing import Any

from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings
from speed.contenders import TIMEOUT


class Contender:
    def __init__(self, cores: int):
        self._sandbox = Sandbox(SandboxSettings(timeout=TIMEOUT), workers=cores)

    def prepare(self, task: dict[str, Any]) -> Candidate:
        return Candidate(Task.model_validate(task), 0, task["reference"])

    def check(self, candidates: list[Candidate]) -> list[bool]:
        return [one.verdict == "passed" for one in self._sandbox.execute(candidates)]

    def close(self) -> None:
        self._sandbox.close()
