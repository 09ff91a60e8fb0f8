"""Says whether code compiles and which names it defines. This is one answer for sandbox, Ruff,
rewards, measures and labels.

Code parses if compile() takes it as a module, in the Python that runs candidates, and a byte order
mark before it does not count. The answer comes from a process of its own, which is started like
the sandbox's: the environment, warnings turned into errors and libraries that move the recursion
limit change nothing there, and code on which the compiler dies or does not end is code that does
not parse.
"""

import ast
import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rlvf.errors import RlvfError

# The process is started like the sandbox's server.
_PYTHON = (sys.executable, "-s", "-P", "-S", "-B", "-W", "ignore", "-X", "utf8", "-c")
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
from inside import examiner
del sys.path[0], sys.argv[1:]
examiner.main()
"""
_FOLDER = str(Path(__file__).parent / "sandbox")
_ATTEMPTS = 3
_TEXTS_KEPT = 1024


@dataclass(frozen=True)
class SyntaxProblem:
    """Why code does not compile, and where. Line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Parsed:
    """What is known of a text that was given as code."""

    code: str
    problem: SyntaxProblem | None
    names: frozenset[str]

    @property
    def compiles(self) -> bool:
        return self.problem is None

    def defines(self, name: str) -> bool:
        """Whether a statement may bind the name in the module, and none surely unbinds it.

        Loops, branches and handlers are taken to be reached, and functions to be called; what
        `from module import *` binds is not known and does not count.
        """
        return name in self.names

    @property
    def tree(self) -> ast.Module | None:
        """The syntax tree; None if the code does not compile, or is too deep for a tree."""
        if not self.compiles:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return ast.parse(self.code.removeprefix("\ufeff"))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None


@lru_cache(maxsize=_TEXTS_KEPT)
def parse(code: str) -> Parsed:
    """What is known of the code. It is never run.

    Raises:
        RlvfError: the machine does not let a process answer.
    """
    answer = _examiner.ask(code)
    if "problem" in answer:
        return Parsed(code, SyntaxProblem(**answer["problem"]), frozenset())
    return Parsed(code, None, frozenset(answer["names"]))


class _Examiner:
    """The process that looks at code, and this end of the pipes to it. It is replaced when it
    dies."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._owner = 0

    def ask(self, code: str) -> dict:
        """What `inside.examiner` says of the code."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                status = 0
                try:
                    process = self._started()
                    process.stdin.write(json.dumps(code).encode() + b"\n")
                    process.stdin.flush()
                    if (line := process.stdout.readline()).endswith(b"\n"):
                        return json.loads(line)
                except BrokenPipeError:
                    pass
                except BaseException:
                    if self._process:  # else its answer would be taken for the next one
                        self._process.kill()
                    self.close()
                    raise
                status = self.close()
                if status == -signal.SIGPROF:
                    return _unreadable("takes Python's compiler too long")
                if status in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL):
                    return _unreadable("makes Python's compiler crash")
        raise RlvfError(
            f"the process that looks at code ended with status {status}; is memory short?"
        )

    def _started(self) -> subprocess.Popen:
        # The pipes of a process that was forked belong to the one that it was forked from.
        if self._process is None or self._owner != os.getpid():
            kept = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}
            try:
                self._process = subprocess.Popen(
                    [*_PYTHON, _BOOT, _FOLDER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd="/",
                    env={"PATH": "/usr/bin:/bin", **kept},
                    start_new_session=True,  # Ctrl-C in a terminal is for its owner alone
                )
            except OSError as error:
                raise RlvfError(f"no process can be started to look at code: {error}") from error
            self._owner = os.getpid()
        return self._process

    def close(self) -> int:
        """End the process and return its exit status. The next question starts another one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return 0
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        return process.wait()


def _unreadable(message: str) -> dict:
    return {"problem": {"line": 1, "column": 1, "message": message}}


_examiner = _Examiner()
atexit.register(_examiner.close)
