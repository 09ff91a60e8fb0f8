"""One answer to whether code compiles and what it defines, seen from everywhere that asks."""

import os
import subprocess
import sys
import threading
import warnings

import pytest

from rlvf.checking import Checker
from rlvf.environments.program import measure
from rlvf.lint import INVALID_SYNTAX, lint_report
from rlvf.parsing import parse
from rlvf.records import AssertTest, Completion, EvaluatedCellId, Task
from rlvf.rewards import Rollout, ruff
from rlvf.settings import LintSettings, SandboxSettings

F = "def f(x):\n    return x + 1\n"
SINCE_3_12 = sys.version_info >= (3, 12)
SINCE_3_14 = sys.version_info >= (3, 14)

COMPILES = {
    "plain": F,
    "byte order mark": "\ufeff" + F,
    "byte order mark and coding": "\ufeff# -*- coding: latin-1 -*-\n" + F,
    "unknown coding": "# -*- coding: nonsense -*-\n" + F,
    "coding of bytes": "# -*- coding: utf-16 -*-\n" + F + "y = 'ä'\n",
    "Windows line ends": F.replace("\n", "\r\n"),
    "old line ends": F.replace("\n", "\r"),
    "form feed": "\x0c" + F + "\x0c\n",
    "line separator in a comment": "# a\u2028b\n" + F,
    "invalid escape": F + "y = '\\d'\n",
    "comparison with a literal": F + "y = 1 is 1\n",
    "longest decimal number": F + "y = " + "1" * 4300 + "\n",
    "huge hexadecimal number": F + "y = 0x" + "f" * 10_000 + "\n",
    "folded constant": F + "y = (1,) * 10**9 if 0 else 2**1000**2 if 0 else 'a' * 4096 * 0\n",
    "deep sum": F + "y = " + "1+" * 2500 + "1\n",
    "deep minus": F + "y = " + "-" * 2500 + "1\n",
    "deep attribute": F + "y = lambda: x" + ".real" * 2500 + "\n",
    "many nots": F + "y = " + "not " * 1500 + "1\n",
    "long elif": F + "if 0: pass\n" + "elif 0: pass\n" * 1000,
    "deepest blocks": F + "".join(" " * n + "if 1:\n" for n in range(99)) + " " * 99 + "pass\n",
    "match": F + "match 1:\n    case [*_] | {'a': 1}: pass\n    case {**y}: pass\n",
    "exception group": F + "try: pass\nexcept* ValueError: pass\n",
    "walrus in an index": F + "y = {}.get((z := 1))\n",
    "nul escape": F + "y = '\\0'\n",
}
DOES_NOT = {
    "cut off": "def f(x):\n    return (x + 1",
    "return outside": F + "return 3\n",
    "yield outside": F + "yield 3\n",
    "await outside": F + "await f(0)\n",
    "async for outside": F + "async for y in f(0): pass\n",
    "asynchronous comprehension outside": F + "def g(): return [y async for y in f(0)]\n",
    "break outside": F + "break\n",
    "continue outside": F + "def g(): continue\n",
    "nonlocal in the module": F + "nonlocal y\n",
    "nonlocal of nothing": F + "def g(): nonlocal y\n",
    "argument twice": F + "def g(y, y): pass\n",
    "argument and global": F + "def g(y):\n    global y\n",
    "global after use": F + "def g():\n    y = 1\n    global y\n",
    "late future": F + "from __future__ import annotations\n",
    "unknown future": "from __future__ import braces\n" + F,
    "debug assigned": F + "__debug__ = 1\n",
    "call assigned": F + "f(1) = 2\n",
    "two stars": F + "*y, *z = f(1)\n",
    "star alone": F + "y = *f\n",
    "star import in a function": F + "def g():\n    from math import *\n",
    "default except first": F + "try: pass\nexcept: pass\nexcept ValueError: pass\n",
    "keyword twice": F + "f(x=1, x=2)\n",
    "positional after keyword": F + "f(x=1, 2)\n",
    "alternatives bind differently": F + "match 1:\n    case [y] | [z]: pass\n",
    "capture makes the rest unreachable": F + "match 1:\n    case y: pass\n    case 2: pass\n",
    "yield in a comprehension": F + "def g(): return [(yield y) for y in f]\n",
    "too many nested loops": F
    + "".join(" " * n + "for y in []:\n" for n in range(60))
    + " " * 60
    + "pass\n",
    "too many blocks": F + "".join(" " * n + "if 1:\n" for n in range(100)) + " " * 100 + "pass\n",
    "tabs and spaces": "def f(x):\n\ty = 1\n        return x + y\n",
    "old print": F + "print 'a'\n",
    "old exception": F + "try: pass\nexcept ValueError, y: pass\n",
    "old number": F + "y = 0777\n",
    "string prefix": F + "y = ub'a'\n",
    "bytes beyond ASCII": F + "y = b'ä'\n",
    "unknown character name": F + "y = '\\N{nonsense}'\n",
    "cut escape": F + "y = '\\x1'\n",
    "curly quotes": F + "y = “a”\n",
    "non-breaking space": F + "y =\u00a01\n",
    "byte order mark within": F + "\ufeffy = 1\n",
    "zero byte": F + "y = '\0'\n",
    "longer decimal number": F + "y = " + "1" * 4301 + "\n",
    "too deep minus": F + "y = " + "-" * 100_000 + "1\n",
    "too deep sum": F + "y = " + "1+" * 20_000 + "1\n",
    "too deep parentheses": F + "y = " + "(" * 300 + "1" + ")" * 300 + "\n",
    "dashes": "-" * 21_640,
    "closing parentheses": ")" * 2000,
    "Ruff dies on it": F + "return\ny = " + "-" * 100_000 + "1\n",
}
LATER = {
    "type parameters": (F.replace("f(x)", "f[T](x)"), SINCE_3_12),
    "type statement": (F + "type y = int\n", SINCE_3_12),
    "quotes in an f-string": (F + "y = f'{f'{1}'}'\n", SINCE_3_12),
    "backslash in an f-string": (F + "y = f'{\"\\n\"}'\n", SINCE_3_12),
    "template string": (F + "y = t'{f}'\n", SINCE_3_14),
    "bare exceptions": (F + "try: pass\nexcept ValueError, KeyError: pass\n", SINCE_3_14),
}
TABLE = (
    {name: (code, True) for name, code in COMPILES.items()}
    | {name: (code, False) for name, code in DOES_NOT.items()}
    | LATER
)

TASK = Task(
    task_id="t",
    prompt="",
    entry_point="f",
    tests=[AssertTest(kind="assert", code="assert f(1) == 2")],
    reference=F,
    split="test",
)
CELL = EvaluatedCellId(study="s", model="m", policy="base", seed=0, evaluation="greedy")
REWARD = ruff.Settings(
    kind="ruff", weights={"error": 1.0, "warning": 0.5, "info": 0.25}, cap=1e9, per_lines=None
)


@pytest.fixture(scope="module")
def rollouts():
    """What sandbox and Ruff say of the table, as a training sees it."""
    with Checker(SandboxSettings(), LintSettings(), workers=2) as checker:
        texts = [f"```python\n{code}\n```" for code, _ in TABLE.values()]
        checked = checker.check([TASK] * len(texts), texts)
    return {
        name: Rollout(TASK, 0, text, one.code, [], "stop", one.execution, one.findings)
        for name, text, one in zip(TABLE, texts, checked, strict=True)
    }


@pytest.mark.parametrize("name", TABLE)
def test_everybody_gives_one_answer(name, rollouts):
    compiles = TABLE[name][1]
    one = rollouts[name]
    key = {"task_id": "t", "sample_id": one.execution.sample_id}
    report = lint_report(*key.values(), one.answer, one.findings)
    completion = Completion(**key, completion=one.text)
    sample = measure(CELL, [TASK], [completion], [one.execution], [report], 1)[0]
    assert {
        "parse": parse(one.answer).compiles,
        "label": parse(one.answer).tree is not None,
        "sandbox": one.execution.verdict,
        "Ruff": sum(finding.code == INVALID_SYNTAX for finding in one.findings),
        "reward": ruff.rewards([one], REWARD) > [0],
        "measure": (sample.parses, sample.defines_entry_point),
    } == {
        "parse": compiles,
        "label": compiles,
        "sandbox": "passed" if compiles else "syntax_error",
        "Ruff": 0 if compiles else 1,
        "reward": compiles,
        "measure": (compiles, compiles),
    }


@pytest.mark.parametrize("operator", ["-", "not ", "1+", "1 if 1 else "])
def test_sandbox_and_parse_agree_on_how_deep_is_too_deep(operator):
    """The compiler's limit is counted from the frames of its caller."""
    low, high = 100, 30_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _parses(operator, middle) else (low, middle)
    # From 3.12 on the calls of C functions count, which nobody can count from within.
    unknown = 20 if SINCE_3_12 else 0
    with Checker(SandboxSettings(), None, workers=2) as checker:
        codes = [_nested(operator, low + n) for n in (-unknown - 2, -unknown, unknown + 1)]
        found = checker.check([TASK] * len(codes), codes)
    assert [one.execution.verdict for one in found] == ["passed", "passed", "syntax_error"]


def _nested(operator, depth):
    return f"{F}y = {operator * depth}1\n"


def _parses(operator, depth):
    return parse(_nested(operator, depth)).compiles


@pytest.mark.parametrize(
    "code",
    [
        *("def f(): pass", "async def f(): pass", "class f: pass", "f = g = len"),
        *("a, (*f, b) = x", "f: int = 1", "f += 1", "(f := 1)", "[(f := y) for y in x]"),
        *("import f", "import f.g", "import g as f", "from g import f", "from g import h as f"),
        *("for f in x: pass", "for y in x:\n def f(): pass", "while x:\n def f(): pass"),
        *("if x:\n def f(): pass", "if x: pass\nelif y: pass\nelse:\n def f(): pass"),
        *("with x as f: pass", "with x as (y, f): pass", "with x:\n def f(): pass"),
        "try:\n import f\nexcept ImportError: pass",
        "try: pass\nexcept E:\n def f(): pass",
        "try: pass\nexcept E: pass\nelse:\n f = 1",
        "try: pass\nfinally:\n f = 1",
        *("match x:\n case f: pass", "match x:\n case [*f]: pass", "match x:\n case {**f}: pass"),
        "match x:\n case 1:\n  def f(): pass",
        *("def g():\n global f\n f = 1", "def g():\n def h():\n  global f\n  def f(): pass"),
        "class A:\n global f\n def f(): pass",
        *("@(f := g)\ndef h(): pass", "def g(x=(f := 1)): pass", "class A(f := B): pass"),
        *("lambda x=(f := 1): x", "def g(x: (f := int)): pass"),
        "f = 1\ndel f\nf = 2",
        "def f(): pass\nif x:\n del f",
        "def f(): pass\ntry: pass\nexcept E as f: pass",
        "if x: pass\n" + "elif x: pass\n" * 2500 + "else:\n def f(): pass",
        "\ufeffdef f(): pass",
        *(["type f = int"] if SINCE_3_12 else []),
    ],
)
def test_a_name_is_defined_by_whatever_may_bind_it(code):
    assert parse(code).defines("f")


@pytest.mark.parametrize(
    "code",
    [
        *("", "f", "f: int", "x[f] = 1", "x.f = 1", "def F(): pass", "f == 1", "import g.f"),
        *("def g():\n f = 1", "class A:\n def f(): pass", "lambda f: 1", "def g(f): pass"),
        *("lambda: (f := 1)", "[f for f in x]", "{f: 1 for f in x}", "from f import g"),
        *("def g():\n global f\n return f", "def g():\n f = 1\n def h():\n  global f"),
        *("f = 1\ndel f", "def f(): pass\ndel (x, f)", "try: pass\nexcept E as f: pass"),
        *("if False:\n def f(): pass", "if 1: pass\nelse:\n def f(): pass"),
        *("from math import *", "def f(: pass", "f = 1\nreturn"),
        *(["type g[f] = int", "def g[f](): pass"] if SINCE_3_12 else []),
    ],
)
def test_a_name_is_not_defined_by_what_does_not_bind_it(code):
    assert not parse(code).defines("f")


def test_a_lone_surrogate_does_not_compile():
    assert not parse(F + "y = '\ud800'\n").compiles


def test_a_problem_says_where_it_is():
    problem = parse("x = 1\n\nfor y in x:\n    return y\n").problem
    assert (problem.line, problem.column) == (4, 5)
    assert "outside function" in problem.message


def test_the_environment_changes_nothing():
    """Nor does what a program makes of warnings, digits and recursion."""
    program = (
        "import sys; sys.setrecursionlimit(200)\n"
        "from rlvf.parsing import parse\n"
        "codes = ['1' * 4300, '1' * 4301, '-' * 2500 + '1', r\"'\\d'\", '1 is 1']\n"
        "print([parse(code).compiles for code in codes])"
    )
    environment = {"PYTHONINTMAXSTRDIGITS": "0", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[True, False, True, True, True]\n"
    assert done.stderr == ""


def test_invalid_escapes_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse("f = '\\d' is 1").tree is not None


def test_threads_and_forks_are_each_answered():
    answers = {}

    def ask(number):
        for repeat in range(20):
            code = f"name_{number}_{repeat} = 1"
            answers[number, repeat] = parse(code).defines(f"name_{number}_{repeat}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80 and all(answers.values())
    child = os.fork()
    if child == 0:
        os._exit(0 if parse("in_the_child = 1").defines("in_the_child") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert parse("in_the_parent = 1").defines("in_the_parent")
