"""A contender that starts a fresh interpreter for each candidate and takes its exit status as the
verdict."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from speed.contenders import ENVIRONMENT, PYTHON_OPTIONS, TIMEOUT, program


class Contender:
    def __init__(self, cores: int):
        self._threads = ThreadPoolExecutor(cores)

    def prepare(self, task: dict[str, Any]) -> str:
        return program(task)

    def check(self, programs: list[str]) -> list[bool]:
        return list(self._threads.map(_passes, programs))

    def close(self) -> None:
        self._threads.shutdown()


def _passes(text: str) -> bool:
    command = [sys.executable, *PYTHON_OPTIONS, "-c", text]
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    done = subprocess.run(command, env=ENVIRONMENT, timeout=TIMEOUT, check=False, **quiet)
    return done.returncode == 0
