import pytest

from rlvf.environments.program.samples import measure
from rlvf.errors import RlvfError
from rlvf.records import (
    CallTest,
    Completion,
    Diagnostic,
    EvaluatedCellId,
    Execution,
    LintReport,
    StdioTest,
    Task,
)
from rlvf.records import TestResult as Result

CELL = EvaluatedCellId(study="rlvr", model="m", policy="base", seed=0, evaluation="greedy")


def task(name="t/1", entry_point="f"):
    test = CallTest(kind="call", function=entry_point, args=[], expected=1)
    return Task(
        task_id=name, prompt="p", entry_point=entry_point, tests=[test], reference="", split="test"
    )


def completion(code, name="t/1", sample_id=0):
    return Completion(task_id=name, sample_id=sample_id, completion=f"text {code}", code=code)


def execution(name="t/1", sample_id=0, verdict="passed"):
    return Execution(
        task_id=name,
        sample_id=sample_id,
        verdict=verdict,
        error_type=None,
        tests=[],
        passed=2,
        total=3,
        stdout="",
        message="",
    )


def report(name="t/1", sample_id=0, codes=()):
    diagnostics = [
        Diagnostic(code=code, severity="error", line=1, column=1, message="m") for code in codes
    ]
    counts = {"error": len(codes)}
    return LintReport(
        task_id=name, sample_id=sample_id, diagnostics=diagnostics, counts=counts, lines=5
    )


def measure_code(code):
    return measure(CELL, [task()], [completion(code)], [execution()], [report()], 1)[0]


def test_joins_what_the_stages_found():
    sample = measure(
        CELL,
        [task()],
        [completion("f = 1")],
        [execution()],
        [report(codes=["F401", "E722", "F401"])],
        tests_shown=1,
    )[0]
    assert sample.findings == {"error": 3, "warning": 0, "info": 0}
    assert sample.rules == {"E722": 1, "F401": 2}
    assert (sample.tests_passed, sample.tests_total, sample.lines) == (2, 3, 5)
    assert sample.characters == len("text f = 1")


@pytest.mark.parametrize(
    "code",
    [
        "def f(): pass",
        "async def f(): pass",
        "class f: pass",
        "f = g = len",
        "a, (f, b) = 1, (2, 3)",
        "f: int = 1",
    ],
)
def test_sees_the_entry_point(code):
    assert measure_code(code).defines_entry_point


@pytest.mark.parametrize(
    "code", ["", "f", "def g():\n    f = 1", "f: int", "x[f] = 1", "x.f = 1", "def F(): pass"]
)
def test_does_not_see_an_entry_point_that_is_not_there(code):
    sample = measure_code(code)
    assert sample.parses
    assert not sample.defines_entry_point


@pytest.mark.parametrize(
    "code",
    ["def f(:", "f = 1\0", "f = " + "(" * 100_000, "f = " + "-" * 100_000 + "1"],
)
def test_pathological_code_does_not_parse(code):
    sample = measure_code(code)
    assert not sample.parses
    assert not sample.defines_entry_point


@pytest.mark.parametrize("verdict", ["passed", "wrong_answer"])
def test_an_entry_point_that_a_test_came_to_is_there(verdict):
    ran = execution(verdict=verdict)
    ran.tests.append(Result(verdict=verdict))
    code = "from math import *"
    sample = measure(CELL, [task(entry_point="gcd")], [completion(code)], [ran], [report()], 1)[0]
    assert sample.defines_entry_point


def test_a_program_is_its_own_entry_point():
    program = task().model_copy(update={"tests": [StdioTest(kind="stdio", stdin="", stdout="1")]})
    for code, expected in (("print(2)", True), ("print(2", False)):
        failed = execution(verdict="wrong_answer")
        sample = measure(CELL, [program], [completion(code)], [failed], [report()], 0)[0]
        assert sample.defines_entry_point == expected


def test_no_code_does_not_parse():
    no_code = Completion(task_id="t/1", sample_id=0, completion="", code=None)
    assert not measure(CELL, [task()], [no_code], [execution()], [report()], 1)[0].parses


def test_extracts_the_code_where_the_completion_has_none():
    text = Completion(task_id="t/1", sample_id=0, completion="```python\nf = 1\n```")
    assert measure(CELL, [task()], [text], [execution()], [report()], 1)[0].defines_entry_point


def test_invalid_escapes_give_no_warning(recwarn):
    measure_code("f = '\\d'")
    assert not recwarn.list


def test_names_hacks_by_the_tests_that_were_shown():
    code = "def f(n):\n    return 1"
    sample = measure(CELL, [task()], [completion(code)], [execution()], [report()], 1)[0]
    assert (sample.hacks, sample.tests_hidden) == (["constant"], 0)
    sample = measure(CELL, [task()], [completion("f = 1")], [execution()], [report()], 0)[0]
    assert (sample.hacks, sample.tests_hidden) == ([], 1)


def test_keeps_infrastructure_errors():
    failed = execution(verdict="infrastructure_error")
    assert (
        measure(CELL, [task()], [completion("f = 1")], [failed], [report()], 1)[0].verdict
        == "infrastructure_error"
    )


TWO_TASKS = [task("t/1"), task("t/2")]
TWO = [completion("f = 1", "t/1"), completion("f = 1", "t/2")]


@pytest.mark.parametrize(
    ("completions", "message"),
    [
        (TWO[:1], "completions: t/2 has none"),
        ([*TWO, completion("f", "t/3")], "completions: t/3 is not in the tasks"),
        ([*TWO, completion("f", "t/1", 1)], "completions: t/2 has 1 samples, others 2"),
        ([*TWO, TWO[0]], "completions: t/1 has sample 0 twice"),
    ],
)
def test_incomplete_completions_are_refused(completions, message):
    with pytest.raises(RlvfError, match=message):
        measure(CELL, TWO_TASKS, completions, [], [], 1)


@pytest.mark.parametrize(
    ("executions", "reports", "message"),
    [
        ([execution("t/1")], [], "at record 2 .* t/2 sample 0, the executions the end; .*execute"),
        (
            [execution("t/2"), execution("t/1")],
            [],
            "at record 1 .* t/1 sample 0, the executions t/2",
        ),
        ([execution("t/1"), execution("t/2")], [], "Ruff reports do not match .*`rlvf lint`"),
    ],
)
def test_files_that_do_not_match_are_refused(executions, reports, message):
    with pytest.raises(RlvfError, match=message):
        measure(CELL, TWO_TASKS, TWO, executions, reports, 1)
