"""What of an assert goes to the candidate, and what that protects."""

import pytest

from rlvf.errors import RlvfError
from rlvf.sandbox.split import split_assert

SETUP = "import math\nclass Pair:\n    def __init__(self, a, b): self.a = a\n"


@pytest.mark.parametrize(
    ("test", "expressions"),
    [
        ("assert f(1) == 2", ["f(1)"]),
        ("assert 2 == f(1)", ["f(1)"]),
        ("assert (f(1) == 2), 'message'", ["f(1)"]),
        ("assert f([1], key='a') is None", ["f([1], key='a')"]),
        ("assert not f(1)", ["f(1)"]),
        ("assert f(1)", ["f(1)"]),
        ("assert f(1) in [1, 2]", ["f(1)"]),
        ("assert 1 < f(1) < 3", ["f(1)"]),
        ("assert abs(f(1) - 2.5) < 1e-6", ["f(1)"]),
        ("assert math.isclose(f(1), 2.5, rel_tol=1e-3)", ["f(1)"]),
        ("assert sorted(f(1)) == [1]", ["sorted(f(1))"]),
        ("assert set(f(1)) == {1}", ["set(f(1))"]),
        ("assert sorted(f(1), key=lambda p: -p) == [1]", ["f(1)"]),
        ("assert isinstance(f(1), int)", ["f(1)"]),
        ("assert type(f(1)) == int", ["f(1)"]),
        ("assert f(1)[0].a == 3", ["f(1)[0].a"]),
        ("assert f(1).count(1) == 3", ["f(1).count(1)"]),
        ("assert f(1) == 2 and f(2) == 3", ["f(1)", "f(2)"]),
        ("assert f(f(1)) == f(2)", ["f(f(1))", "f(2)"]),
        ("assert f([Pair(5, 24)], 4) == 3", ["f([Pair(5, 24)], 4)"]),
        ("assert f(1) == [x * 2 for x in range(3)]", ["f(1)"]),
        ("assert f(1) == tuple(math.sqrt(x) for x in [4])", ["f(1)"]),
        ("assert f(('A', 1)) == sys.getsizeof(('A', 1))", ["f(('A', 1))"]),
        ("assert f(1) == -5 ** 2", ["f(1)"]),
        ("assert f(1) == '\\ud800'", ["f(1)"]),
    ],
)
def test_split(test, expressions):
    split = split_assert(test, "f", SETUP)
    assert list(split.expressions) == expressions


@pytest.mark.parametrize(
    "test",
    [
        "assert all(f(x) == y for x, y in [(1, 2)])",
        "assert list(map(f, [1])) == [2]",
        "assert (lambda g: g(1))(f) == 2",
        "assert (y := f(1)) == 2",
        "assert f(1) == Pair(1, 2)",
        "assert f(1) == sys.maxsize",
        "assert f(1) == open('x')",
        "assert g(1) == 2",
        "y = f(1)\nassert y == 2",
        "for i in [1]: assert f(i) == 2",
        "assert f(1) == 2; assert f(2) == 3",
    ],
)
def test_run_whole(test):
    assert split_assert(test, "f", SETUP) is None


def test_an_entry_point_named_like_a_builtin_is_the_candidates():
    assert split_assert("assert sum(1) == 2", "sum").expressions == ("sum(1)",)


def test_a_name_that_the_setup_defines_is_the_candidates():
    assert split_assert("assert f(1) == max(1, 2)", "f", "def max(*a): ...") is None


@pytest.mark.parametrize(("test", "setup"), [("assert f(1) ==", ""), ("assert f(1)", "x =")])
def test_a_test_that_is_not_python_is_the_benchmarks_error(test, setup):
    with pytest.raises(RlvfError, match="not valid Python"):
        split_assert(test, "f", setup)


def test_or_does_not_touch_what_it_would_not_have_reached(run):
    code = "def f(x): return 1 / x"
    assert run(code, "assert f(1) == 1 or f(0) == 1").verdict == "passed"
    assert run(code, "assert f(0) == 1 or f(1) == 1").error_type == "ZeroDivisionError"


def test_an_exception_in_the_decision_is_the_exception_of_the_assert(run):
    execution = run("def f(x): return None", "assert abs(f(1) - 2) < 1e-6")
    assert (execution.verdict, execution.error_type) == ("runtime_error", "TypeError")


@pytest.mark.parametrize(
    ("body", "verdict"), [("x + 1", "passed"), ("x", "wrong_answer"), ("y", "runtime_error")]
)
def test_a_whole_test_is_marked(run, body, verdict):
    execution = run(f"def f(x): return {body}", "assert all(f(x) == x + 1 for x in [1, 2])")
    assert [(t.verdict, t.whole) for t in execution.tests] == [(verdict, True)]


@pytest.mark.parametrize(
    "cheat",
    [
        "class Yes:\n    __eq__ = lambda self, other: True\ndef f(x): return Yes()",
        "class Yes(int):\n    __eq__ = lambda self, other: True\ndef f(x): return Yes(0)",
        "class Yes:\n    __class__ = int\n    __eq__ = lambda self, other: True\n"
        "def f(x): return [Yes()]",
    ],
)
@pytest.mark.parametrize("expected", ["1234567", "[1234567]"])
def test_an_object_that_equals_everything_fails(run, cheat, expected):
    assert run(cheat, f"assert f(1) == {expected}").verdict == "wrong_answer"


def test_text_of_the_candidates_own_classes_can_be_compared(run):
    code = "class P:\n    def __repr__(self): return 'P!'\ndef f(x): return P()"
    assert run(code, "assert str(f(1)) == 'P!'").verdict == "passed"


# Looks through its own memory, which began as a copy of the server's, for 189764218645. The
# digits after 1897 are written with their last bit flipped, so that it does not find itself.
SEARCH = """
import re
def f(x):
    found = 0
    with open('/proc/self/mem', 'rb', 0) as memory:
        for line in open('/proc/self/maps'):
            low, high, mode = re.match(r'(\\w+)-(\\w+) (\\S+)', line).groups()
            if mode[0] == 'r' and '[v' not in line:
                memory.seek(int(low, 16))
                part = memory.read(int(high, 16) - int(low, 16))
                for match in re.finditer(b'1897', part):
                    rest = part[match.end():match.end() + 8]
                    found += [digit ^ 1 for digit in rest] == [55, 53, 51, 48, 57, 55, 53, 52]
    print(found > 0)
"""


def test_the_expected_value_is_nowhere_in_the_candidates_process(run):
    split = run(SEARCH, "assert f(1) == 189764218645")
    whole = run(SEARCH, "assert [f(x) for x in [1]] == [189764218645]")
    assert (split.stdout, whole.stdout) == ("False\n", "True\n")
