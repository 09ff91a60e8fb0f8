"""Values travel exactly, and what travels cannot harm the process that reads it."""

import datetime
import json
import math
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvf.sandbox.inside.values import Opaque, decode, encode

HUGE = 7**40_000
Point = namedtuple("Point", "x y")
Color = IntEnum("Color", "RED")


def there_and_back(value):
    return decode(json.loads(json.dumps(encode(value))))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 2**53, -(2**64), HUGE, 1.5, -0.0, 1e308, math.inf),
        *(1 + 2j, "", "é\n\0", "\ud800", "\ud83d\ude00", b"\0\xff", bytearray(b"a")),
        *([], [[1], (2,), {3}], (), (1,), set(), {1, "a"}, frozenset({(1, 2)})),
        *({}, {1: [2], (3, None): {4: 5}}, deque([1, 2]), range(3, 9, 2)),
        *(Counter("aab"), OrderedDict(b=1, a=2), defaultdict(list, a=[1])),
        *(Decimal("1.50"), Decimal("Infinity"), Fraction(-1, 3)),
        *(datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
        *(datetime.time(1, 2), datetime.timedelta(days=-1, microseconds=1)),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    ],
    ids=lambda value: repr(value)[:30] if value is not HUGE else "huge",
)
def test_round_trip(value):
    result = there_and_back(value)
    assert result == value
    assert type(result) is type(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(plain)
def test_round_trip_of_any_nesting(value):
    assert repr(there_and_back(value)) == repr(value)


def test_nan_arrives_as_nan():
    assert math.isnan(there_and_back(math.nan))


@pytest.mark.parametrize(
    ("value", "base"), [(Point(1, 2), (1, 2)), (Color.RED, 1), (type("S", (str,), {})("a"), "a")]
)
def test_subclasses_arrive_as_their_base(value, base):
    assert there_and_back(value) == base
    assert type(there_and_back(value)) is type(base)


@pytest.mark.parametrize(
    "value", [(x for x in [1, 2]), map(int, "12"), iter((1, 2)), {1: 3, 2: 4}.keys()]
)
def test_iterators_and_views_can_be_iterated(value):
    assert list(there_and_back(value)) == [1, 2]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def cycle():
    value = []
    value += [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [object(), print, int, nested(500), cycle(), iter(int, 1), range(10**12)],
    ids=["object", "function", "class", "deep", "cycle", "endless", "long range"],
)
def test_other_objects_equal_nothing(value):
    result = there_and_back(value)
    assert isinstance(result, Opaque)
    assert result != value
    assert not result == result  # noqa: SIM201 - equality is what is tested


def deep_text(depth):
    return '["tuple",[' * depth + "]]" * depth


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", '["list"]', '["list", 1]', '["eval", "1"]', '[["list"], []]'),
        *('["set", [["list", []]]]', '["dict", [1]]', '["int", 1]', '["range", [1, 2, 0]]'),
        *('["Decimal", "x"]', '["Fraction", [1, 0]]', '["Fraction", [1, 0.5]]', '["bytes", "zz"]'),
        *('["date", "2024"]', '["timedelta", [1e300]]', '["str", "ff"]', deep_text(150)),
    ],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(ValueError):
        decode(json.loads(text))


def test_colliding_hashes_are_refused():
    step = 2**61 - 1
    with pytest.raises(ValueError, match="colliding"):
        decode(["set", [["int", hex(step * n)] for n in range(2000)]])


@pytest.mark.parametrize(
    "written",
    [
        b"garbage",
        struct.pack("!I", 2**31),
        struct.pack("!I", 3) + b"{}x",
        struct.pack("!I", 6) + b'["ok"]' + struct.pack("!I", 2) + b"[]",
        struct.pack("!I", 6) + b'["ok"]' + struct.pack("!I", 20) + b'[["value",["int"]]] ',
        struct.pack("!I", 100_000) + b"[" * 100_000,
        struct.pack("!I", 6) + b'["ok"]' + struct.pack("!I", 4) + b"null",
        struct.pack("!I", 6) + b'["ok"]' + struct.pack("!I", 18) + b'[["error",1,2,3]] ',
    ],
)
def test_garbage_on_the_result_pipe_is_the_candidates_failure(run, written):
    code = f"import os, time\nos.write(3, {written!r})\ntime.sleep(0.1)\nos._exit(0)"
    execution = run(code, "assert f(1) == 1")
    assert execution.verdict == "runtime_error"
    assert execution.error_type in ("ProtocolError", "SystemExit")
