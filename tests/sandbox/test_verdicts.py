"""Which verdict a candidate gets, for each kind of test and each way to fail."""

import math

import pytest

F = "def f(x):\n    return x + 1\n"
TEST = "assert f(1) == 2"


def call(function, args, expected, atol=0):
    return {
        "kind": "call",
        "function": function,
        "args": args,
        "expected": expected,
        "atol": atol,
    }


def stdio(stdin, stdout):
    return {"kind": "stdio", "stdin": stdin, "stdout": stdout}


@pytest.mark.parametrize(
    ("code", "verdict", "error_type"),
    [
        (F, "passed", None),
        ("def f(x): return x", "wrong_answer", None),
        ("def f(x) return x", "syntax_error", "SyntaxError"),
        ("def f(x):\nreturn x", "syntax_error", "IndentationError"),
        ("def f(x): return '\0'", "syntax_error", "SyntaxError"),
        ("f = '\ud800'", "syntax_error", "UnicodeEncodeError"),
        ("f = " + "-" * 100_000 + "1", "syntax_error", "MemoryError"),
        ("def g(x): return x", "runtime_error", "NameError"),
        ("1 / 0", "runtime_error", "ZeroDivisionError"),
        ("def f(x): return f(x)", "runtime_error", "RecursionError"),
        ("def f(x): assert False", "runtime_error", "AssertionError"),
        ("def f(x): return input()", "runtime_error", "EOFError"),
        ("class Odd(Exception): pass\ndef f(x): raise Odd", "runtime_error", "Odd"),
        ("def f(x): return [0] * 10**9", "out_of_memory", "MemoryError"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed", None),
        ("# only a comment", "runtime_error", "NameError"),
        (None, "no_code", None),
        (" \n", "no_code", None),
    ],
)
def test_verdict_and_error_type(run, code, verdict, error_type):
    execution = run(code, TEST)
    assert (execution.verdict, execution.error_type) == (verdict, error_type)
    assert [test.verdict for test in execution.tests] == [verdict]


@pytest.mark.parametrize("where", ["", "def f(x): "])
@pytest.mark.parametrize(
    "leave", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"]
)
def test_leaving_early_is_no_success(run, where, leave):
    execution = run(where + leave, TEST)
    assert (execution.verdict, execution.error_type) == ("runtime_error", "SystemExit")


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "def f(x):\n while True: pass",
        "import time\ndef f(x): time.sleep(60)",
        "def f(x):\n while True:\n  try:\n   while True: pass\n  except BaseException: pass",
        "import signal\nfor s in range(1, 32):\n try: signal.signal(s, signal.SIG_IGN)\n"
        " except (OSError, ValueError): pass\nwhile True: pass",
    ],
)
def test_timeout(run, hasty, code):
    execution = run(code, TEST, within=hasty)
    assert execution.verdict == "timeout"
    assert 0.5 <= execution.seconds < 2


def test_each_test_has_the_time_limit_to_itself(run, hasty):
    code = "import time\ntime.sleep(0.2)\ndef f(x): time.sleep(0.2); return x"
    execution = run(code, *["assert f(1) == 1"] * 3, within=hasty)
    assert execution.verdict == "passed"
    assert all(test.milliseconds >= 200 for test in execution.tests)


def test_all_tests_run_after_a_failure(run):
    code = "def f(x):\n    if x == 2: raise ValueError('two')\n    return x"
    execution = run(code, "assert f(1) == 0", "assert f(2) == 2", "assert f(3) == 3")
    assert [t.verdict for t in execution.tests] == ["wrong_answer", "runtime_error", "passed"]
    assert (execution.verdict, execution.passed, execution.total) == ("wrong_answer", 1, 3)
    assert execution.message == "assert f(1) == 0 (values: 1)"


def test_tests_after_a_lost_process_share_its_verdict(run):
    code = "import os\ndef f(x): return os.abort() if x == 2 else x"
    execution = run(code, "assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3")
    assert [t.verdict for t in execution.tests] == ["passed", "crashed", "crashed"]
    assert "SIGABRT" in execution.message


def test_a_message_names_the_line_of_the_candidate(run):
    assert run("def f(x):\n    return x.no", TEST).message == (
        "'int' object has no attribute 'no' (line 2)"
    )


def test_setup_runs_after_the_code_and_before_the_tests(run):
    execution = run("y = 1\ndef f(x): return x + z", TEST, setup="z = y")
    assert execution.verdict == "passed"


def test_the_module_is_not_the_main_program(run):
    assert run(F + "if __name__ == '__main__': raise ValueError", TEST).verdict == "passed"


def test_dataclasses_and_typing_find_their_module(run):
    code = (
        "from __future__ import annotations\nimport dataclasses, typing\n@dataclasses.dataclass\n"
        "class P:\n    a: int = 0\ndef f(x): return typing.get_type_hints(P)['a'](x)"
    )
    assert run(code, "assert f(1) == 1").verdict == "passed"


def test_surrogates_in_messages_can_be_written(run):
    execution = run("def f(x): raise ValueError('\\ud800')", TEST)
    assert execution.model_dump_json()


# ---------------------------------------------------------------- call tests


@pytest.mark.parametrize(
    ("body", "test", "verdict"),
    [
        ("return a + b", call("f", [1, 2], 3), "passed"),
        ("return a + b", call("f", [1, 2], 4), "wrong_answer"),
        ("return [a, {'k': b + 1e-9}]", call("f", [1, 2], [1, {"k": 2}], 1e-6), "passed"),
        ("return [a, {'k': b + 1e-3}]", call("f", [1, 2], [1, {"k": 2}], 1e-6), "wrong_answer"),
        ("return (a, b)", call("f", [1, 2], [1, 2]), "passed"),
        ("return [a]", call("f", [1, 2], [1, 2]), "wrong_answer"),
        ("return a", call("f", ["x", 2], "x"), "passed"),
        ("return a", call("f", ["x", 2], 1.0, 1e-6), "wrong_answer"),
        ("return a", call("f", [math.nan, 2], 1.0, 1e-6), "wrong_answer"),
        ("return a", call("g", [1, 2], 1), "runtime_error"),
        ("import decimal; return decimal.Decimal('sNaN')", call("f", [1, 2], 1), "wrong_answer"),
        ("return sum(a) + len(b)", call("f", [[1] * 600_000, "x" * 10**7], 10600000), "passed"),
    ],
)
def test_call(run, body, test, verdict):
    assert run(f"def f(a, b): {body}", test).verdict == verdict


def test_a_call_may_be_a_method(run):
    code = "class Solution:\n    def twice(self, x): return 2 * x"
    assert run(code, call("Solution().twice", [2], 4)).verdict == "passed"


def test_mutable_arguments_are_fresh_for_each_test(run):
    code = "def f(x):\n    x.append(0)\n    return len(x)"
    by_call = run(code, call("f", [[1]], 2), call("f", [[1]], 2))
    by_assert = run(code, "assert f([1]) == 2", "assert f([1]) == 2")
    assert (by_call.verdict, by_assert.verdict) == ("passed", "passed")


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize(
    ("code", "verdict", "error_type"),
    [
        ("print(int(input()) + int(input()))", "passed", None),
        ("if __name__ == '__main__': print('3  \\n\\n')", "passed", None),
        ("import sys; print(3); sys.exit()", "passed", None),
        ("import os; os.write(1, b'3'); os._exit(0)", "passed", None),
        ("import threading; threading.Thread(target=lambda: print(3)).start()", "passed", None),
        ("import atexit; atexit.register(print, 3)", "passed", None),
        ("print(4)", "wrong_answer", None),
        ("print(3); print(3)", "wrong_answer", None),
        ("print(' 3')", "wrong_answer", None),
        ("print(3, end='\\n' * 10**6)", "wrong_answer", None),
        ("print(3); 1 / 0", "runtime_error", "ZeroDivisionError"),
        ("print(3); exit = __import__('sys').exit(1)", "runtime_error", "SystemExit"),
        ("print(", "syntax_error", "SyntaxError"),
    ],
)
def test_stdio(run, code, verdict, error_type):
    execution = run(code, stdio("1\n2\n", "3\n"))
    assert (execution.verdict, execution.error_type) == (verdict, error_type)


def test_stdio_of_megabytes(run):
    numbers = "\n".join(map(str, range(200_000)))
    execution = run("import sys\nfor l in sys.stdin: print(l.strip())", stdio(numbers, numbers))
    assert execution.verdict == "passed"


def test_each_stdio_test_is_a_fresh_process(run):
    code = "import os\nassert not os.path.exists('x')\nopen('x', 'w')\nprint(input())"
    assert run(code, stdio("a", "a"), stdio("b", "b")).verdict == "passed"


def test_kinds_may_be_mixed_and_keep_their_order(run):
    code = "def f(x): return x\nif __name__ == '__main__': print(1)"
    execution = run(code, stdio("", "2"), "assert f(1) == 1", stdio("", "1"), call("f", [1], 2))
    assert [test.verdict for test in execution.tests] == [
        "wrong_answer",
        "passed",
        "passed",
        "wrong_answer",
    ]
