"""What must hold for every value, every frame and every completion."""

import datetime
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlvf.cli import main
from rlvf.records import Completion, Execution, read_jsonl, write_jsonl
from rlvf.sandbox import Candidate
from rlvf.sandbox.inside.values import decode, encode
from rlvf.sandbox.judge import Judged, Reply, merge, plan

from .conftest import make_task


def bounded(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        # One folder, one sandbox for all examples; many values in each.
        suppress_health_check=list(HealthCheck),
    )


# ---------------------------------------------------------------- values

zones = st.none() | st.timedeltas(
    min_value=datetime.timedelta(hours=-23), max_value=datetime.timedelta(hours=23)
).map(datetime.timezone)
hashable_scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    st.characters(categories=["Cs"]),
    st.integers(-(2**4000), 2**4000),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
    st.binary(),
    st.decimals(allow_nan=False),
    st.fractions(),
    *(st.dates(), st.timedeltas(), st.times(timezones=zones), st.datetimes(timezones=zones)),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
)
hashables = st.recursive(
    hashable_scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)


def containers(inner):
    table = st.dictionaries(hashables, inner, max_size=4)
    return st.one_of(
        *(st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), table),
        *(st.sets(hashables, max_size=4), st.frozensets(hashables, max_size=4)),
        *(st.lists(inner, max_size=4).map(deque), table.map(OrderedDict)),
        table.map(lambda items: defaultdict(list, items)),
        st.dictionaries(hashables, st.integers(0, 9), max_size=4).map(Counter),
    )


plain = st.recursive(hashables | st.binary().map(bytearray), containers, max_leaves=12)


@bounded(400)
@given(plain)
def test_a_value_that_travels_stays_equal_and_of_its_type(value):
    result = decode(json.loads(json.dumps(encode(value))))
    assert result == value
    assert value == result
    assert type(result) is type(value)
    # The same types at every depth; sets may have another order.
    assert sorted(json.dumps(encode(result))) == sorted(json.dumps(encode(value)))


# ---------------------------------------------------------------- frames

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
TAGS = [
    *("list", "tuple", "set", "frozenset", "dict", "Counter", "OrderedDict", "defaultdict"),
    *("deque", "int", "str", "bytes", "nan", "iterator", "keys", "values", "items", "range"),
    *("Decimal", "Fraction", "complex", "date", "opaque"),
]
tagged = st.recursive(
    json_values | st.sampled_from(["", "0x1", "1/2", "1:2:1", "ff", "NaN", "2024-01-01"]),
    lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=4) | inner),
    max_leaves=12,
)
outcomes = st.lists(
    st.tuples(st.just("value"), tagged)
    | st.tuples(st.sampled_from(["error", "passed", "ok"]), st.text(), st.text())
    | json_values,
    min_size=1,
    max_size=2,
)
frames = (
    (outcomes | json_values).map(lambda content: json.dumps(content).encode())
    | st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
SECRET = "c0ffee-189764218645"
TASK = make_task(
    f"assert f(1) == {SECRET!r}",
    f"assert sorted(f(1), key=lambda x: x) + [f(2)] == [{SECRET!r}]",
    f"assert len([x for x in f(1) if x == {SECRET!r}]) == 3",
    f"assert f(1) % 7 == 3 and {SECRET!r} in f(2)",
    {"kind": "call", "function": "f", "args": [1], "expected": [SECRET], "atol": 1e9},
    {"kind": "stdio", "stdin": "", "stdout": SECRET, "atol": 1e9},
)
ENDINGS = ["done", "exit", "cpu", "wall", "scratch", "protocol"]


@bounded(400)
@given(
    st.lists(frames, max_size=6),
    st.booleans(),
    st.sampled_from(ENDINGS),
    st.integers(-64, 255),
    st.text(),
)
def test_nothing_that_a_candidate_writes_breaks_the_judge_or_passes(
    frames, loads, end, status, output
):
    written = [b'["ok"]', *frames] if loads else frames
    judged = []
    for job in plan(TASK):
        reply = Reply(written, end, status, [1.0] * (len(written) + 1), 1.0, stdout=output)
        judged.append(Judged(job, reply, job.judge(reply)))
    execution = merge(TASK, 0, judged, [])
    assert execution.passed == 0
    assert execution.total == 6
    assert Execution.model_validate_json(execution.model_dump_json())


# ---------------------------------------------------------------- completions

fragments = st.sampled_from(
    [
        *("def f(x):\n    return x", "\n", "    ", "```python\n", "```", "import os, sys\n"),
        *("os._exit(0)", "sys.exit()", "f = lambda x: x", "1 / 0\n", "class f:\n    pass\n"),
        *("print(1)\n", "raise SystemExit\n", "\0", "\ufeff", "# coding: latin-1\n", "é", "'''"),
        *("def f(x): return [" * 3, "(" * 300, "del f\n", "yield", "return", "os.close(3)\n"),
        *("os.write(3, b'\\0\\0\\0\\6[\"ok\"]')\n", "sys.stdout = None\n", "__name__ = 1\n"),
    ]
)
completions = st.lists(
    st.text(max_size=80)
    | st.binary(max_size=80).map(lambda data: data.decode("latin-1"))
    | st.lists(fragments | st.text(max_size=9), max_size=8).map("".join),
    min_size=40,
    max_size=40,
)


@bounded(10)
@given(completions)
def test_the_command_line_gives_one_line_for_any_completion(tmp_path, texts):
    tasks, given, out = (tmp_path / name for name in ("tasks", "completions", "executions"))
    write_jsonl(tasks, [TASK])
    written = [
        Completion(task_id="t/1", sample_id=n, completion=text, code=text if n % 2 else None)
        for n, text in enumerate(texts)
    ]
    write_jsonl(given, written)
    options = ["--tasks", tasks, "--completions", given, "--out", out, "--timeout", "2"]
    assert main(["execute", *map(str, options)]) == 0
    executions = read_jsonl(out, Execution)
    assert [execution.sample_id for execution in executions] == list(range(40))
    assert [execution.passed for execution in executions] == [0] * 40
    assert "infrastructure_error" not in {execution.verdict for execution in executions}


# ---------------------------------------------------------------- returned values

IMPORTS = """
import collections, datetime
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from math import inf, nan
"""
spelt = st.recursive(
    hashables | st.just(math.nan),
    lambda inner: st.one_of(
        *(st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple)),
        *(st.dictionaries(hashables, inner, max_size=3), st.sets(hashables, max_size=3)),
        *(st.lists(inner, max_size=3).map(deque), st.lists(hashables, max_size=3).map(Counter)),
    ),
    max_leaves=4,
).map(repr)


@bounded(25)
@given(st.lists(st.tuples(spelt, spelt), min_size=12, max_size=12))
def test_a_returned_value_passes_when_python_says_that_it_is_equal(sandbox, pairs):
    namespace: dict = {}
    exec(IMPORTS, namespace)
    candidates, verdicts = [], []
    for value, other in pairs:
        expected = [value, f"[{value}]", other, f"[{value}, {other}]"]
        task = make_task(*(f"assert f() == {text}" for text in expected), setup=IMPORTS)
        for returned in (value, f"[{value}]"):
            code = f"{IMPORTS}def f(): return {returned}"
            candidates.append(Candidate(task, 0, code))
            verdicts.append([eval(f"{returned} == {text}", namespace) for text in expected])
    for execution, equal in zip(sandbox.execute(candidates), verdicts, strict=True):
        assert [test.verdict == "passed" for test in execution.tests] == equal
        assert {test.verdict for test in execution.tests} <= {"passed", "wrong_answer"}
        assert not any(test.whole for test in execution.tests)
