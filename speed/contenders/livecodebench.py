"""The design of LiveCodeBench's checker, written anew, in a pool of processes as it is run there.

For each program there are a manager's process and a process that runs it. The latter wraps the
program into a function, after some forty lines of imports, and calls the function for one test
after the other until a test fails. For each test it replaces the standard streams by other objects
and sets an alarm.
"""

import ast
import contextlib
import faulthandler
import io
import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal, InvalidOperation
from types import ModuleType
from typing import Any
from unittest import mock

from speed.contenders import TIMEOUT

_STARS = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random"),
    *("statistics", "itertools", "functools", "operator", "io", "sys", "json", "builtins"),
    "typing",
)
_NAMED = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random"),
    *("statistics", "itertools", "functools", "operator", "io", "sys", "json"),
)
_IMPORTS = "\n".join(
    [f"from {name} import *" for name in _STARS]
    + [f"import {name}" for name in _NAMED]
    + ["sys.setrecursionlimit(50000)"]
)


class Contender:
    def __init__(self, cores: int):
        self._processes = ProcessPoolExecutor(cores)

    def prepare(self, task: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        return task["reference"], [(test["stdin"], test["stdout"]) for test in task["tests"]]

    def check(self, programs: list[tuple[str, list[tuple[str, str]]]]) -> list[bool]:
        return list(self._processes.map(_passes, programs))

    def close(self) -> None:
        self._processes.shutdown()


def _passes(program: tuple[str, list[tuple[str, str]]]) -> bool:
    code, tests = program
    manager = multiprocessing.Manager()
    results, notes = manager.list(), manager.list()
    process = multiprocessing.Process(target=_run, args=(code, tests, results, notes))
    process.start()
    process.join((TIMEOUT + 1) * len(tests) + 5)
    if process.is_alive():
        process.kill()
    return bool(results) and all(results[0]) and not notes[0].get("error")


def _run(code: str, tests: list[tuple[str, str]], results: Any, notes: Any) -> None:
    signal.signal(signal.SIGALRM, _raise_timeout)
    found, note = [], {}
    try:
        namespace = ModuleType("tmp_sol").__dict__
        exec(_as_function(_without_question(code)), namespace)
        for stdin, stdout in tests:
            signal.alarm(int(TIMEOUT))
            faulthandler.enable()
            try:
                found.append(_same(_output(namespace["wrapped"], stdin), stdout))
            finally:
                signal.alarm(0)
                faulthandler.disable()
            if not found[-1]:
                break
    except Exception as error:
        note["error"] = repr(error)
    results.append(found)
    notes.append(note)


def _raise_timeout(*_: Any) -> None:
    raise TimeoutError


def _without_question(code: str) -> str:
    """Replace a final `if __name__ == "__main__":` of the program by its body."""
    *before, last = ast.parse(code).body
    if isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'":
        return "\n".join(map(ast.unparse, (*before, *last.body)))
    return code


def _as_function(code: str) -> str:
    """Make all statements of the program except imports the body of a function."""
    body = ast.parse(code).body
    imports = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
    others = [one for one in body if one not in imports]
    arguments = ast.arguments([], [], None, [], [], None, [])
    function = ast.FunctionDef("wrapped", arguments, others, [], lineno=-1)
    return "\n".join([_IMPORTS, *map(ast.unparse, (*imports, function))])


class _Stdin:
    def __init__(self, text: str):
        self._stream, self.buffer = io.StringIO(text), io.BytesIO(text.encode())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _output(function: Any, stdin: str) -> str:
    lines = iter(stdin.split("\n"))
    with (
        contextlib.redirect_stdout(io.StringIO()) as output,
        mock.patch("builtins.open", mock.mock_open(read_data=stdin)),
        mock.patch("sys.stdin", _Stdin(stdin)),
        mock.patch.object(sys.stdin, "readline", lambda *_: next(lines), create=True),
        mock.patch.object(sys.stdin, "readlines", lambda *_: stdin.split("\n"), create=True),
        mock.patch.object(sys.stdin, "read", lambda *_: stdin, create=True),
        contextlib.suppress(SystemExit),
    ):
        function()
    return output.getvalue()


def _same(output: str, expected: str) -> bool:
    texts = (output, expected)
    lines, wanted = ([line.strip() for line in text.strip().split("\n")] for text in texts)
    return len(lines) == len(wanted) and all(map(_same_line, lines, wanted))


def _same_line(line: str, wanted: str) -> bool:
    if line == wanted:
        return True
    try:
        return list(map(Decimal, line.split())) == list(map(Decimal, wanted.split()))
    except InvalidOperation:
        return False
