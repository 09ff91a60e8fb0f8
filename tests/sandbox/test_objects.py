"""Asserts about objects that do not travel mean what they mean in plain Python, or say that they
were not judged so; where a plain value is expected, no object passes for it."""

import re
import sys
import types
import warnings

import pytest

from rlvf.sandbox import Candidate

from .conftest import make_task
from .objects import ASSERTS, CANDIDATE, CLASS_FORGERIES, FORGER, FORGERIES, UNDECIDED


@pytest.fixture(scope="module")
def namespace():
    """The candidate, as plain Python loads it."""
    module = sys.modules["candidate of these tests"] = types.ModuleType("candidate of these tests")
    exec(CANDIDATE, module.__dict__)
    yield module.__dict__
    del sys.modules["candidate of these tests"]


def plain_verdict(test, namespace):
    try:
        with warnings.catch_warnings(action="ignore"):
            exec(f"assert {test}", namespace)
    except AssertionError:
        return "wrong_answer"
    except Exception:
        return "runtime_error"
    return "passed"


@pytest.mark.parametrize("entry_point", ASSERTS)
def test_an_assert_about_objects_means_what_it_means_in_plain_python(
    sandbox, namespace, entry_point
):
    tests = ASSERTS[entry_point]
    task = make_task(*(f"assert {test}" for test in tests), entry_point=entry_point)
    (execution,) = sandbox.execute([Candidate(task, 0, CANDIDATE)])
    found = {test: one.verdict for test, one in zip(tests, execution.tests, strict=True)}
    assert found == {test: plain_verdict(test, namespace) for test in tests}


@pytest.mark.parametrize(("entry_point", "test"), UNDECIDED)
def test_what_cannot_be_decided_counts_as_wrong_and_says_so(run, namespace, entry_point, test):
    assert plain_verdict(test, namespace) == "passed"
    execution = run(CANDIDATE, f"assert {test}", entry_point=entry_point)
    assert (execution.verdict, execution.error_type) == ("wrong_answer", "NotPlainData")
    assert [one.whole for one in execution.tests] == [True]
    assert "plain data" in execution.message


KINDS = re.findall(r'"([a-z ]+)":\s', FORGER[FORGER.index("KINDS = ") :])
SETUP = "import math\nfrom collections import Counter\nfrom decimal import Decimal\n"
SETUP += "from datetime import date"


@pytest.mark.parametrize(
    ("entry_point", "tests"), [("f", FORGERIES), ("Maker", CLASS_FORGERIES)], ids=["f", "Maker"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_object_passes_for_a_plain_value(sandbox, kind, entry_point, tests):
    task = make_task(*(f"assert {t}" for t in tests), entry_point=entry_point, setup=SETUP)
    (execution,) = sandbox.execute([Candidate(task, 0, f"{FORGER}KIND = {kind!r}\n")])
    verdicts = {test: one.verdict for test, one in zip(tests, execution.tests, strict=True)}
    assert not {"syntax_error", "timeout", "infrastructure_error"}.intersection(verdicts.values())
    assert [test for test, verdict in verdicts.items() if verdict == "passed"] == []


def test_only_what_did_not_travel_is_run_whole(run):
    code = "class P:\n    def __eq__(self, other): return True\ndef f(x): return P() if x else 0"
    execution = run(code, "assert f(0) == f(0)", "assert f(1) == f(1)", "assert f(0) == 0")
    assert [(one.verdict, one.whole) for one in execution.tests] == [
        ("passed", False),
        ("passed", True),
        ("passed", False),
    ]


def test_what_is_run_again_is_recorded_once(run):
    code = "class P:\n    def __eq__(self, other): return True\nprint('loaded')\n"
    code += "def f(x):\n    print(x)\n    return P()"
    assert run(code, "assert f(1) == f(2)").stdout == "loaded\n1\n2\n"
