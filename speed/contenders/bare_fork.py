"""A contender of small processes, one for each core, that only fork for each candidate (forker.py).

Without limits, isolation and messages, what remains is the least that it costs to run a candidate
in a process of its own. The processes have loaded the same modules of the standard library as those
of the sandbox.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from speed.contenders import ENVIRONMENT, PYTHON_OPTIONS, program
from speed.probe import probe

_FORKER = Path(__file__).with_name("forker.py")


class Contender:
    def __init__(self, cores: int):
        command = [sys.executable, *PYTHON_OPTIONS, str(_FORKER), *_modules_of_the_sandbox()]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._forkers = [subprocess.Popen(command, env=ENVIRONMENT, **pipes) for _ in range(cores)]

    def prepare(self, task: dict[str, Any]) -> str:
        return program(task)

    def check(self, programs: list[str]) -> list[bool]:
        count = len(self._forkers)
        for number, forker in enumerate(self._forkers):
            forker.stdin.write(json.dumps(programs[number::count]) + "\n")
            forker.stdin.flush()
        passed = [False] * len(programs)
        for number, forker in enumerate(self._forkers):
            passed[number::count] = json.loads(forker.stdout.readline())
        return passed

    def close(self) -> None:
        for forker in self._forkers:
            forker.communicate()


def _modules_of_the_sandbox() -> list[str]:
    """Return the modules of the standard library that a candidate finds loaded in the sandbox."""
    names = probe("import sys\nprint(*sys.modules)").stdout.split()
    return [name for name in names if name.partition(".")[0] in sys.stdlib_module_names]
