"""Names tests that cannot be run, or that no candidate can fail, before any work is done."""

import ast
import keyword
import warnings
from collections.abc import Iterable
from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.records import AssertTest, CallTest, StdioTest, Task, Test
from rlvf.sandbox.inside import isolation
from rlvf.sandbox.inside.values import TooLarge, decode, encode
from rlvf.sandbox.split import SetUp, SplitAssert, names_needed, set_up, split_assert

_DISPLAYS = (ast.Tuple, ast.List, ast.Set)


def vet(tasks: Iterable[Task], source: Path | None = None) -> None:
    """Look at the tests of all tasks, which are the lines of the file `source`, if there is one.

    Raises:
        RlvfError: the first fault, with its file and line, task and test.
    """
    for number, task in enumerate(tasks, 1):
        place = f"{source}:{number}: " if source else ""
        try:
            _vet(task)
        except RlvfError as error:
            raise RlvfError(f"{place}task {task.task_id!r}: {error}") from error


def _vet(task: Task) -> None:
    for number, test in enumerate(task.tests, 1):
        if isinstance(test, StdioTest) and (problem := _stdio_problem(test)):
            raise RlvfError(f"test {number} {problem}")
    if all(isinstance(test, StdioTest) for test in task.tests):
        return  # a program has no entry point
    if not task.entry_point.isidentifier() or keyword.iskeyword(task.entry_point):
        raise RlvfError(f"entry_point {task.entry_point!r} is not a name that code can define")
    _compile("setup", task.setup, "exec")
    known = set_up(task.setup, task.entry_point)
    for number, test in enumerate(task.tests, 1):
        if problem := _problem(f"test {number}", test, task, known):
            code = test.code if isinstance(test, AssertTest) else test.function
            raise RlvfError(f"test {number} {problem}: {_cut(code)}")


def _cut(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:197]}...")


def _stdio_problem(test: StdioTest) -> str | None:
    """Why nobody could pass, or None. Input and output are files in the sandbox, which have a
    largest size."""
    most = isolation.FILE_BYTES
    for name, text in (("stdin", test.stdin), ("stdout", test.stdout)):
        if len(text.encode("utf-8", "surrogatepass")) >= most:
            return f"has a {name} of {most >> 20} MiB or more, which is more than the sandbox takes"
    return None


def _problem(name: str, test: Test, task: Task, known: SetUp) -> str | None:
    """What is wrong with the test, if anything is."""
    if isinstance(test, StdioTest):
        return None
    if isinstance(test, CallTest):
        tree = _compile(f"the function of {name}", test.function, "eval")
        if isinstance(decode(encode(test.expected)), TooLarge):
            return "expects a value that is too large, or too deep, to travel"
        return None if names_needed(tree, known) else _NOT_THE_CANDIDATE
    tree = _compile(name, test.code, "exec")
    asserts = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if all(isinstance(node, ast.Pass) or _is_value(node, ast.Constant) for node in tree.body):
        return "is empty, so it tests nothing"
    if any(map(_is_always_true, asserts)):
        return "asserts what is always true; is a bracket in the wrong place?"
    if not asserts and any(_is_value(node, ast.Compare) for node in tree.body):
        return "compares without `assert`, so it tests nothing"
    split = split_assert(test.code, task.entry_point, task.setup)
    needs_candidate = _asks(split) if split else names_needed(tree, known)
    return None if needs_candidate else _NOT_THE_CANDIDATE


_NOT_THE_CANDIDATE = "asks nothing of the candidate, so it tests nothing"


def _compile(name: str, code: str, mode: str) -> ast.Module | ast.Expression:
    try:
        with warnings.catch_warnings(action="ignore"):  # this module reports what matters of them
            tree = ast.parse(code, mode=mode)
            compile(tree, name, mode, dont_inherit=True)
        return tree
    except SyntaxError as error:
        problem = f"{error.msg} in line {error.lineno}"
        raise RlvfError(f"{name} is not valid Python: {problem}: {_cut(code)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise RlvfError(f"{name} is not valid Python: {error}: {_cut(code)}") from error


def _is_value(node: ast.stmt, kind: type) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, kind)


def _is_always_true(test: ast.expr) -> bool:
    if isinstance(test, _DISPLAYS):
        return any(not isinstance(part, ast.Starred) for part in test.elts)
    if isinstance(test, ast.Dict):
        return any(test.keys)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(_is_always_true(part) or _is_true(part) for part in test.values)
    return isinstance(test, ast.Lambda | ast.GeneratorExp)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


class _Asked(Exception):
    pass


def _asks(split: SplitAssert) -> bool:
    """Whether the decision uses any value of the candidate's."""

    def value(index: int) -> None:
        raise _Asked

    try:
        split.holds(value)
    except _Asked:
        return True
    except Exception:  # it fails, whatever the candidate does
        return False
    return False
