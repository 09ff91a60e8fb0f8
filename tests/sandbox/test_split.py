"""What of an assert goes to the candidate, and what that protects."""

import ast
import contextlib
import datetime
from collections import Counter, deque
from decimal import Decimal
from fractions import Fraction

import pytest

from rlvf.errors import RlvfError
from rlvf.sandbox.inside.values import decode
from rlvf.sandbox.judge import plan
from rlvf.sandbox.split import split_around_objects, split_assert

from .conftest import at_most, make_task

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
        ("assert type(f(1)) == int", ["type(f(1))"]),
        ("assert f(1) is int", ["f(1)"]),
        ("assert f(1) is abs", ["f(1)"]),
        ("assert f(1) is ...", ["f(1)"]),
        ("assert f(1) == ValueError", ["f(1)"]),
        ("assert list(map(f(1), [2])) == [3]", ["map(f(1), [2])"]),
        ("assert sorted([2, 1], key=f(1)) == [1, 2]", ["sorted([2, 1], key=f(1))"]),
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
        ("assert f(1) is True", ["f(1)"]),
        ("assert type(f(1)) is int", ["type(f(1))"]),
        ("assert f(1) != 2", ["f(1)"]),
        ("assert 'a' in f(1)", ["f(1)"]),
        ("assert round(f(1), 2) == 3", ["f(1)"]),
        ("assert len(f(1)) == 3", ["len(f(1))"]),
        ("assert len(set(f(1))) == 3", ["set(f(1))"]),
        ("assert f(1) == f'{2}'", ["f(1)"]),
        ("assert f(1) == '%.2f' % 2", ["f(1)"]),
        ("assert '%.2f' % f(1) == '2.00'", ["f(1)"]),
        ("assert '{:.2f}'.format(f(1)) == '2.00'", ["f(1)"]),
        ("assert f'{f(1):.2f}' == '2.00'", ["f(1)"]),
        ("assert ','.join(f(1)) == 'a,b'", ["f(1)"]),
        ("assert f(1)[0] == 3", ["f(1)[0]"]),
        ("assert f(1).strip() == 'a'", ["f(1).strip()"]),
        ("assert f(1).startswith('a')", ["f(1)"]),
        ("assert {1}.issubset(f(1))", ["f(1)"]),
        ("assert Solution().f(1) == 2", ["Solution().f(1)"]),
        ("assert Solution().f(1)", ["Solution().f(1)"]),
        ("assert all(abs(a - b) < 0.1 for a, b in zip(f(1), [1]))", ["f(1)"]),
        ("assert set(map(tuple, f(1))) == {(1,)}", ["f(1)"]),
        ("assert sorted(f(1), key=lambda p: p.x) == [1]", ["sorted(f(1), key=lambda p: p.x)"]),
        ("assert [f(x) for x in [1, 2]] == [2, 3]", ["[f(x) for x in [1, 2]]"]),
        ("assert list(map(f, [1])) == [2]", ["map(f, [1])"]),
        ("assert math.factorial(f(1)) == 6", ["math.factorial(f(1))"]),
        ("assert json.dumps(f(1), sort_keys=True) == '1'", ["json.dumps(f(1), sort_keys=True)"]),
    ],
)
def test_split(test, expressions):
    assert split_assert(test, "f", SETUP).expressions == expressions


def test_a_method_of_the_entry_point_is_the_candidates():
    split = split_assert("assert Solution().f(1) == 2", "Solution")
    assert split.expressions == ["Solution().f(1)"]


@pytest.mark.parametrize(
    "test",
    [
        "assert all(f(x) == y for x, y in [(1, 2)])",
        "assert list(f(x) == 2 for x in [1]) == [True]",
        "assert same(f(1), 2)",
        "assert same(f(1), 2) == True",
        "assert not same(f(1), 2)",
        "assert all(same(f(1), [2]))",
        "assert f(1) is f(1)",
        "assert (lambda g: g(1) == 2)(f)",
        "assert all(map(f(1), [2]))",
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


@pytest.mark.parametrize(
    ("test", "expressions"),
    [
        ("P(1) == P(2)", ["not not P(1) == P(2)"]),
        ("P(1) + 2 == P(3)", ["not not P(1) + 2 == P(3)"]),
        ("not P(0)", ["not not not P(0)"]),
        ("P(1) == P(1) and P(2).x == 2", ["not not P(1) == P(1)", "P(2).x"]),
        ("P(1) == 1", ["not not P(1) == 1"]),
        ("P(1).x == 1", ["P(1).x"]),
        ("P(2) @ P(3) == 6", ["P(2) @ P(3)"]),
        ("[*P(2), 5] == [0, 1, 5]", ["iter(P(2))"]),
        ("[x for x in P(2) if x > 1] == []", ["iter(P(2))"]),
        ("P.make(1) == 1", ["P.make(1)"]),
        ("P.make(1) - 1 == 0", ["P.make(1)"]),
        ("(P.make(1), 2) == (1, P.make(2))", ["P.make(1)", "P.make(2)"]),
        ("abs(P.make(1) - 1) < 1e-6", ["P.make(1)"]),
        ("str(P(1) + 2) == 'x'", ["str(P(1) + 2)"]),
        ("'%s' % P.make(1) == 'x'", ["'%s' % P.make(1)"]),
        ("isinstance(P(1), int)", ["P(1)"]),
        ("isinstance(P(1), Exception)", ["not not isinstance(P(1), Exception)"]),
    ],
)
def test_around_objects_a_plain_value_of_the_tests_stays_outside(test, expressions):
    split = split_around_objects(f"assert {test}", "P", "", of_class=True)
    assert split.expressions == expressions


@pytest.mark.parametrize("test", ["P(1) == 1", "1 in P(1)", "P(1) - 1 == P(0)"])
def test_only_an_object_that_the_test_makes_of_a_class_meets_its_values(test):
    split = split_around_objects(f"assert {test}", "P", "", of_class=False)
    if "P(0)" in test:  # no side is the test's alone
        assert split.expressions == [f"not not {test}"]
    else:
        assert split.expressions == ["P(1)"]


def test_an_entry_point_named_like_a_builtin_is_the_candidates():
    assert split_assert("assert sum(1) == 2", "sum").expressions == ["sum(1)"]


def test_a_name_that_the_setup_defines_is_the_candidates():
    assert split_assert("assert f(1) == max(1, 2)", "f", "class max: ...") is None


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


# Looks for 189764218645 in the variables of all functions that are being executed.
SEARCH = """
import sys, types
def texts(value, depth=6):
    yield repr(value)
    if isinstance(value, types.CodeType):
        value = value.co_consts
    if isinstance(value, dict):
        value = list(value.values())
    if depth and isinstance(value, (list, tuple)):
        for part in value:
            yield from texts(part, depth - 1)
def f(x):
    frame, seen = sys._getframe().f_back, False
    while frame:
        seen = seen or any("".join(["189764", "218645"]) in text for text in texts(frame.f_locals))
        frame = frame.f_back
    print(seen)
"""


def test_the_expected_value_is_nowhere_in_the_candidates_process(run):
    split = run(SEARCH, "assert f(1) == 189764218645")
    whole = run(SEARCH, "assert all(f(x) == 189764218645 for x in [1])")
    assert (split.stdout, whole.stdout) == ("False\n", "True\n")


# ---------------------------------------------------------------- the test's side


def holds(test, *values, setup=""):
    """Whether the assert passes when the candidate's expressions have these values."""
    return split_assert(f"assert {test}", "f", setup).holds(values.__getitem__)


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ("f(1) == 2", 2, True),
        ("f(1) is True", 1, False),
        ("1 < f(1) <= 3", 3, True),
        ("f(1) in (1, 2)", 3, False),
        ("abs(f(1) - 2.5) < 1e-6", 2.5000000001, True),
        ("'%d%%' % f(1) == '2%'", 2, True),
        ("f(1).startswith('ab')", "abc", True),
        ("{1, 2}.issubset(f(1))", [2, 1], True),
        ("all(abs(a - b) < 0.1 for a, b in zip(f(1), [1, 2]))", [1.01, 1.99], True),
        ("[x for x in f(1) if x % 2] == [1, 3]", [1, 2, 3], True),
        ("sorted(f(1), key=lambda p: -p) == [2, 1]", [1, 2], True),
        ("list(map(str.upper, f(1))) == ['A']", ["a"], True),
        ("dict(f(1), a=1) == {1: 2, 'a': 1}", [(1, 2)], True),
        ("sum(x * x for x in f(1)) == 14", [1, 2, 3], True),
        ("max(f(1), key=len) == 'bb'", ["a", "bb"], True),
        ("f(1) ** 2 == 4", -2, True),
        ("f(1) * 2 == [1, 1]", [1], True),
        ("f(1) % 2 == 0", 3, False),
        ("round(f(1), 2) == 1.23", 1.234, True),
        ("isinstance(f(1), (int, set))", {1}, True),
    ],
)
def test_decision(test, value, expected):
    assert holds(test, value) is expected


SET_UP = """
import math, json
from collections import Counter, deque
from decimal import Decimal
import datetime as dt, fractions
eps = 1e-6
data = [3, 1, 2]
expected = sorted(data)
twice: list = expected * 2
def close(a, b):
    "Whether they are close."
    for x, y in zip(a, b):
        if abs(x - y) > eps:
            return False
    return len(a) == len(b)
def total(items):
    result = 0
    for item in items:
        result += item
    return result
same = lambda a, b: a == b
class Pair:
    limit = eps
    def __init__(self, a): self.a = a
def spoilt(a): return Pair(a).a
"""


@pytest.mark.parametrize(
    ("test", "expressions", "value"),
    [
        ("f(data) == expected", ["f(data)"], [1, 2, 3]),
        ("f(1) == twice", ["f(1)"], [1, 2, 3] * 2),
        ("abs(f(1) - 2) < eps", ["f(1)"], 2.0),
        ("close(f(1), [1.0])", ["f(1)"], [1.0]),
        ("total(f(1)) == 6", ["f(1)"], [1, 2, 3]),
        ("same(f(Pair(1)), 2)", ["f(Pair(1))"], 2),
        ("f(1) == Counter('aab')", ["f(1)"], Counter("aab")),
        ("f(1) == deque([1])", ["f(1)"], deque([1])),
        ("f(1) == Decimal('1.5')", ["f(1)"], Decimal("1.5")),
        ("f(1) == fractions.Fraction(1, 2)", ["f(1)"], Fraction(1, 2)),
        ("f(1) == dt.date(2024, 1, 1)", ["f(1)"], datetime.date(2024, 1, 1)),
        ("spoilt(f(1)) == 3", ["spoilt(f(1))"], 3),
    ],
)
def test_set_up_code_that_the_test_needs_runs_on_its_side(test, expressions, value):
    split = split_assert(f"assert {test}", "f", SET_UP)
    assert split.expressions == expressions
    assert split.holds(lambda index: value)
    other = datetime.date.min if isinstance(value, datetime.date) else type(value)()
    assert not split.holds(lambda index: other)


@pytest.mark.parametrize(
    ("test", "setup"),
    [
        ("f(data) == sorted(data)", "data = [1]"),
        ("f(other) == data", "data = [1]\nother = data"),
        ("f(1) == data", "data = [1]\nf(data)"),
        ("f(1) == data", "data = [1]\nclass A: x = data.append(2)"),
        ("f(1) == data", "data = [1]\ndata.append(2)"),
        ("f(1) == x", "x = g(1)"),
        ("f(1) == x", "x = 1\nx = g(1)"),
        ("f(1) == x", "x = 1 / 0"),
        ("f(1) == x", "if True: x = 1"),
        ("f(1) == x", "import random as x"),
        ("f(1) == e", "e = 1\nfrom math import *"),
        ("f(1) == g(1)", "from random import *"),
        ("f(1) == fractions.Fraction(1, 2)", ""),
        ("close(f(1), 2)", "def close(a, b): return g(a) == b"),
        ("close(f(1), 2)", "k = 1\ndef close(a, b): return a == k\nk = g(1)"),
        ("close(f(1), 2)", "@wrap\ndef close(a, b): return a == b"),
        ("close(f(1), 2)", "def close(a, b):\n try: return a == b\n except: return True"),
        ("close(f(1), 2)", "def close(a, b): return __import__('math').isclose(a, b)"),
    ],
)
def test_what_needs_the_candidate_does_not_run_outside(test, setup):
    assert split_assert(f"assert {test}", "f", setup) is None


def test_an_import_does_not_take_the_place_of_the_entry_point():
    assert split_assert("assert gcd(4, 6) == 2", "gcd", "from math import *").expressions


def test_values_of_set_up_code_are_fresh_for_each_test():
    split = split_assert("assert f(1) == data.pop()", "f", "data = [1, 2]")
    assert [split.holds(lambda index: 2) for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    ("setup", "test", "sent"),
    [
        ("expected = [1]", "f(1) == expected", ""),
        ("expected = [1]\ndata = [1]", "f(data) == expected", "data = [1]"),
        ("data = [1]\nexpected = data", "f(1) == expected", ""),
        ("import math\nx = 1", "f(1) == x", "import math"),
        ("MOD = 7", "f(1) == 2", "MOD = 7"),
        ("x = 1\nclass A: y = x", "f(A()) == x", "x = 1\nclass A: y = x"),
        ("x = 1\nspare = x + 1", "f(1) == x", ""),
        ("n = 1\ndef make(): return n\nx = 2", "f(make()) == x", "n = 1\ndef make(): return n"),
        ("x = 1", "[f(1)] == [g(x)]", "x = 1"),
    ],
)
def test_what_only_the_test_needs_is_not_sent(setup, test, sent):
    (job,) = plan(make_task(f"assert {test}", setup=setup))
    assert ast.dump(ast.parse(job.setup)) == ast.dump(ast.parse(sent))


# ---------------------------------------------------------------- values that are meant to hurt

STEP = 2**61 - 1
COLLIDING = [["int", hex(STEP * n)] for n in range(60_000)]
LONG_INT = ["int", "f" * 131_000]
HELPERS = """
from collections import Counter
def double(x):
    for _ in range(60): x = x + x
    return x
def power(x):
    for _ in range(60): x = x * x
    return x
def grow(x):
    while True: x += 1
def inside(a, b): return all(x in b for x in a)
def recursive(n): return 1 if n < 2 else recursive(n - 1) + recursive(n - 2)
def pile(n):
    x = 1
    for _ in range(n): x = [x, x]
    return len(str(x))
"""


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("[0] * f(1) == []", 10**12),
        ("'a' * f(1) == ''", 10**12),
        ("f(1) * f(1) * f(1) == []", LONG_INT),
        ("[[0] * f(1)] * f(1) == []", 500_000),
        ("2 ** f(1) == 0", 10**12),
        ("pow(f(1), 3, 7) == f(1) ** f(1)", LONG_INT),
        ("pow(7, f(1), f(2)) == 0", LONG_INT),
        ("1 << f(1) == 0", 10**12),
        ("f(1) % 2 == 0", "%999999999999d"),
        ("list(range(f(1))) == []", 10**12),
        ("list(zip(range(f(1)), [1])) == []", 10**12),
        ("round(7, -f(1)) == 0", 10**12),
        ("sum(f(1), []) == [0]", ["list", [["list", []]] * 300_000]),
        ("set(list(f(1)) + []) == {0}", ["list", COLLIDING]),
        ("{1}.issubset(f(1)) and False", ["list", COLLIDING]),
        ("Counter(list(f(1)) + []) == 0", ["list", COLLIDING]),
        ("{x for x in f(1)} == 0", ["list", COLLIDING]),
        ("{x: 1 for x in f(1)} == 0", ["list", COLLIDING]),
        ("all(x != y for x in f(1) for y in range(9**9)) == 1", ["list", list(range(300_000))]),
        ("f(1) == f(2) and f(1) == 3", ["list", list(range(300_000))]),
        ("Decimal(2) in f(1)", ["list", [["int", "f" * 2000]] * 900]),
        ("f(1) ** 1000 > 1", ["Decimal", "1e9999"]),
        ("str(abs(f(1))) == ''", LONG_INT),
        ("int('1' + str(f(1))) == 1", "1" * 10**6),
        ("sorted(f(1), key=lambda x: recursive(x)) == 1", ["list", [20] * 1000]),
        ("list(map(recursive, f(1))) == 1", ["list", [20] * 1000]),
        ("double(f(1)) == 1", "a"),
        ("double(f(1)) == 1", ["list", [1]]),
        ("power(f(1)) == 1", 3),
        ("grow(f(1)) == 1", 3),
        ("inside(f(1), f(2))", ["list", list(range(300_000))]),
        ("recursive(f(1)) == 1", 100),
        ("pile(f(1)) == 1", 18),
    ],
)
def test_no_value_makes_a_decision_last(test, code):
    split = split_assert(f"assert {test}", "f", HELPERS + "from decimal import Decimal")
    values = [decode(code) for _ in split.expressions]
    with at_most(seconds=2), contextlib.suppress(Exception):
        assert not split.holds(values.__getitem__)
