"""Which verdict a candidate gets, for each kind of test and each way to fail."""

import json
import math
import re
from array import array
from collections import UserDict, UserList, defaultdict
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import pytest

from rlvf.sandbox import Candidate, Sandbox
from rlvf.sandbox.inside.values import encode
from rlvf.sandbox.judge import Judged, Reply, merge, plan
from rlvf.settings import SandboxSettings

from .conftest import at_most, make_task

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


def stdio(stdin, stdout, atol=0.0):
    return {"kind": "stdio", "stdin": stdin, "stdout": stdout, "atol": atol}


@pytest.mark.parametrize(
    ("code", "verdict", "error_type"),
    [
        (F, "passed", None),
        ("def f(x): return x", "wrong_answer", None),
        ("def f(x) return x", "syntax_error", "SyntaxError"),
        ("def f(x):\nreturn x", "syntax_error", "IndentationError"),
        ("def f(x): return '\0'", "syntax_error", "SyntaxError"),
        ("f = '\ud800'", "syntax_error", "SyntaxError"),
        ("f = " + "-" * 100_000 + "1", "syntax_error", "SyntaxError"),
        ("def g(x): return x", "runtime_error", "NameError"),
        ("1 / 0", "runtime_error", "ZeroDivisionError"),
        ("def f(x): return f(x)", "runtime_error", "RecursionError"),
        ("def f(x): assert False", "runtime_error", "AssertionError"),
        ("def f(x): return input()", "runtime_error", "EOFError"),
        ("class Odd(Exception): pass\ndef f(x): raise Odd", "runtime_error", "Odd"),
        ("def f(x): return [0] * 10**9", "out_of_memory", "MemoryError"),
        ("import os\nos.abort()", "crashed", None),
        ("def f(x): raise PermissionError", "blocked", "PermissionError"),
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
    assert 0.5 <= execution.times.seconds < 20  # not a minute, however busy the machine is


def test_each_test_has_the_time_limit_to_itself(run, hasty):
    code = "import time\ndef f(x):\n end = time.process_time() + 0.3\n"
    code += " while time.process_time() < end: pass\n return x"
    execution = run(code, *["assert f(1) == 1"] * 3, within=hasty)
    assert (execution.verdict, execution.times.seconds >= 0.9) == ("passed", True)


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
    assert execution.message.startswith("killed by SIG")


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


# Each gives a text with the address of an object, and one that was cut.
ADDRESSES = """
import _thread, functools, io, reprlib, threading, types, unittest.mock, weakref
class P:
    def m(self): pass
def g(): yield
async def h(): pass
KEPT = P(), h(), threading.Thread(target=print, name="t"), threading.RLock()
KEPT[2].start(); KEPT[2].join(); KEPT[1].close(); KEPT[3].acquire()
OBJECTS = {
    "plain": KEPT[0], "method": KEPT[0].m, "bound": [].append, "lambda": lambda: 1, "function": g,
    "generator": g(), "map": map(str, []), "zip": zip(), "iterator": iter([]), "coroutine": KEPT[1],
    "weak": weakref.ref(KEPT[0]), "thread": KEPT[2], "lock": KEPT[3], "file": io.BytesIO(),
    "partial": functools.partial(g), "code": g.__code__, "cell": types.CellType(KEPT[0]),
    "main": threading.main_thread(), "mock": unittest.mock.Mock(), "view": memoryview(b"a"),
    "space": types.SimpleNamespace(a=KEPT[0]), "error": ValueError(KEPT[0]), "class": P,
}
"""


@pytest.mark.parametrize(
    "do",
    [
        *("return [OBJECTS[k]]", "return {1: OBJECTS[k]}", "return {OBJECTS[k]}"),
        *("raise ValueError(OBJECTS[k])", "raise KeyError([OBJECTS[k]])", "print(OBJECTS[k])"),
        *("raise ValueError('-' * 975 + repr(OBJECTS[k]))", "print(reprlib.repr(OBJECTS[k]))"),
        *("raise ValueError(reprlib.repr([OBJECTS[k]]))", "return (OBJECTS[k], {1, 'a', (2,)})"),
    ],
)
def test_what_is_recorded_of_objects_is_the_same_in_every_run(do):
    code = f"{ADDRESSES}def f(k):\n    {do}"
    names = ADDRESSES.split("OBJECTS")[1].split('"')[1::2]
    task = make_task(*(f"assert f({name!r}) == 1" for name in names))
    alone = [make_task(f"assert f({name!r}) == 1") for name in ("map", "thread", "weak", "mock")]
    recorded = set()
    for _ in range(3):  # each in processes of its own, whose memory lies elsewhere
        with Sandbox(SandboxSettings(timeout=10.0), workers=1) as sandbox:
            found = sandbox.execute(Candidate(one, 0, code) for one in (task, *alone))
            recorded.add("\n".join(one.model_dump_json() for one in found))
    assert len(recorded) == 1
    assert not re.search(r"0x[0-9a-f]|[0-9a-f]{12}", recorded.pop())


def test_sets_of_what_has_no_order_are_shown_in_one_order(run):
    code = "def f(x): return {1, 'b', (2,), frozenset('ac'), 2.5, None}"
    assert run(code, "assert f(1) == 1").message == (
        "assert f(1) == 1 (values: {'b', (2,), 1, 2.5, None, frozenset({'a', 'c'})})"
    )


def test_a_message_shows_no_long_integer_and_no_place_on_this_machine(run):
    code = "import json\ndef f(x): return [10**5000, json] if x else {1: [10**5000]}"
    message = run(code, "assert f(1) == 1").message
    assert "<integer of about 5000 digits>" in message and "/" not in message
    by_call = run("def f(x): return x", call("f", [10**5000], 1))
    assert (by_call.verdict, by_call.message) == (
        "wrong_answer",
        "f(<integer of about 5000 digits>) gave <integer of about 5000 digits>",
    )


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


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "expected", "atol", "passes"),
    [
        *((2, 2.0, 0, True), (2, 2.5, 0.5, True), (2, 2.6, 0.5, False), ("2", 2, 9, False)),
        *((True, 1, 0, True), (1.0000001, True, 1e-3, False), (True, 1.0000001, 1e-3, False)),
        *((NAN, NAN, 0, True), (1, NAN, 9, False), (NAN, 1, 9, False), (INF, INF, 9, True)),
        *((-INF, INF, 9, False), (1e308, INF, 9, False), (10**400, 1.5, 9, False)),
        *((1 + 1e-9j, 1, 1e-6, True), (1j, 1, 1, False), (Fraction(1, 2), 0.5, 0, True)),
        *((Decimal("0.5"), 0.5, 0, True), (Decimal("sNaN"), 0.5, 9, False), (None, 0, 9, False)),
        *(([1, (2, [3.1])], [1, [2, [3]]], 0.2, True), ([1], [1, 2], 9, False)),
        *((10**5000, 10**5000, 0, True), (10**5000 + 1, 10**5000, 0, False)),
        *((UserDict(a=1.1), {"a": 1}, 0.2, True), (UserList([1]), [1], 0, True)),
        *((MappingProxyType({"a": 2}), {"a": 1}, 0.2, False), (array("d", [1]), [1], 0, False)),
        *(({1, 2}, [1, 2], 0, False), ("ab", ["a", "b"], 0, False), ([], {}, 0, False)),
        *(
            ({"a": 1.1}, {"a": 1}, 0.2, True),
            ({1: 2}, {"1": 2}, 9, False),
            ({}, {"a": 1}, 9, False),
        ),
        *(
            (defaultdict(list), {"a": []}, 0, False),
            (object(), None, 9, False),
            (len, NAN, 9, False),
        ),
    ],
    ids=lambda value: type(value).__name__,  # a long integer has no text
)
def test_tolerance(value, expected, atol, passes):
    (job,) = plan(make_task(call("f", [], expected, atol)))
    assert (finding(job, ["value", encode(value)]).verdict == "passed") is passes


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


@pytest.mark.parametrize(
    ("output", "expected", "atol", "passes"),
    [
        *(("1.01 a", "1 a", 0.1, True), ("1.01 a", "1 a", 0.001, False), ("1.01", "1", 0.0, False)),
        *(("1e1", "10", 1.0, True), ("-.5\t+2.", "-0.5  2", 0.01, True), ("1 2", "1", 9.0, False)),
        *(("1\n2", "1 2", 9.0, False), ("1_000", "1000", 9.0, False), ("nan", "nan", 9.0, True)),
        *(("nan", "1", 9.0, False), ("inf", "1e999", 9.0, False), ("0x10", "16", 9.0, False)),
        *(("1e999", "1e998", 9.0, False), ("٣", "3", 9.0, False), ("1,5", "1.5", 9.0, False)),
        *(("1  \n\n", "1", 0.0, True), (" 1", "1", 0.0, False), ("\n1", "1", 0.0, False)),
        *(("1\r\n2", "1\n2", 0.0, True), ("1" * 10**6 + "x", "1", 1.0, False)),
        *(("1" * 10**6, "2" * 10**6, 1.0, False), ("1 " * 10**6, "2 " * 10**6, 0.1, False)),
    ],
    ids=range(22),
)
def test_output_is_compared_by_lines_and_tokens(output, expected, atol, passes):
    (job,) = plan(make_task(stdio("", expected, atol)))
    with at_most(seconds=2):
        (found,) = job.judge(Reply([], "exit", stdout=output))
    assert (found.verdict == "passed") is passes


def test_stdio_with_more_digits_than_expected(run):
    code = "for i in range(10000): print(1 / 3)"
    assert run(code, stdio("", "0.3\n" * 10000, 0.1)).verdict == "passed"


def test_stdio_of_megabytes(run):
    numbers = "\n".join(map(str, range(200_000)))
    execution = run("import sys\nfor l in sys.stdin: print(l.strip())", stdio(numbers, numbers))
    assert execution.verdict == "passed"


def test_stdio_of_more_megabytes_than_a_file_may_have(sandbox):
    text = "x" * (3 << 20)
    task = make_task(*[stdio(text + "\n", text)] * 7)
    (execution,) = sandbox.execute([Candidate(task, 0, "print(input())")])
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


# ---------------------------------------------------------------- frames, whatever is in them


def finding(job, *outcomes, loaded=b'["ok"]'):
    """What the job's first test finds in these outcomes."""
    return job.judge(Reply([loaded, json.dumps(list(outcomes)).encode()]))[0]


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"null", b"5", b'"ok"', b"{}", b"[]", b"[[]]", b'["passed"]', b"\xff", b"[NaN]"),
        *(
            b'[["passed"]]',
            b'[["value"]]',
            b'[["value",1,1]]',
            b'[["value",{}]]',
            b'[[["value"],1]]',
        ),
        *(b'{"value":1}', b'[{"value":1}]', b'[["error"]]', b'[["error","E"]]', b'[["error",1,2]]'),
        *(b'[["value",1],["value",1]]', b'["value",1]', b'[["error",["E"],"m"]]'),
        *(b"[" * 100_000, b'[["value",' + b"[" * 900, b'[["value",' + b"1" * 10**6 + b"]]"),
        *(b'[["value",["int",' + b"1" * 5000 + b"]]]", b'[["value",["nan"]]]', b'[["value",NaN]]'),
        *(b'[["value",["opaque",{}]]]', b'[["value",["list",[["opaque","x"]]]]]'),
        *(b'[["value",["Decimal","sNaN"]]]', b'[["value",["Decimal",[0,[1],0]]]]'),
        *(b'[["error","' + b"E" * 10**7 + b'","' + b"m" * 10**7 + b'"]]', b'[["value","\\ud800"]]'),
        *(b'[["error","\\ud800","\\udfff"]]', b'[["error","AssertionError",""]]'),
    ],
    ids=lambda frame: repr(frame[:40]),
)
@pytest.mark.parametrize("kind", ["assert", "call"])
def test_no_frame_passes_or_breaks_the_judge(frame, kind):
    test = "assert f() == 7" if kind == "assert" else call("f", [], 7)
    task = make_task(test)
    (job,) = plan(task)
    reply = Reply([b'["ok"]', frame], milliseconds=[1.0, 1.0])
    execution = merge(task, 0, [Judged(job, reply, job.judge(reply))], [])
    assert execution.verdict in ("wrong_answer", "runtime_error")
    assert len(execution.model_dump_json()) < 10_000
    assert job.judge(Reply([frame], "exit", 1))[0].verdict != "passed"


@pytest.mark.parametrize(
    "frame", [b"null", b"[]", b"{}", b'["error"]', b'["syntax_error",1,2]', b"5"]
)
def test_no_report_of_loading_breaks_the_judge(frame):
    (job,) = plan(make_task("assert f() == 7"))
    found = finding(job, ["value", 7], loaded=frame)
    assert (found.verdict, found.error_type) == ("runtime_error", "ProtocolError")


def test_tests_that_were_not_run_do_not_share_a_success():
    task = make_task("assert f() == 7", stdio("", ""))
    first, _ = plan(task)
    # All results are there, and then the time was up.
    reply = Reply([b'["ok"]', b'[["value",7]]'], "wall", milliseconds=[1.0, 1.0])
    execution = merge(task, 0, [Judged(first, reply, first.judge(reply))], [])
    assert [test.verdict for test in execution.tests] == ["passed", "timeout"]
    assert execution.verdict == "timeout"
