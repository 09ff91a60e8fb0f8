"""Values travel exactly, and what travels cannot harm the process that reads it."""

import datetime
import itertools
import json
import math
import struct
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest

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
    ids=lambda value: type(value).__name__,  # the order of a set of strings would vary
)
def test_round_trip(value):
    result = there_and_back(value)
    assert result == value
    assert type(result) is type(value)


def test_the_nan_of_math_stays_that_object():
    assert there_and_back([math.nan]) == [math.nan]


def test_another_nan_is_not_the_nan_of_math():
    (nan,) = there_and_back([float("nan")])
    assert math.isnan(nan)
    assert [nan] != [math.nan]


@pytest.mark.parametrize(
    ("value", "equal"),
    [
        *((True, 1), (1.0, 1), (0, False), ((1,), [1]), ("1", 1), (b"a", "a"), ({1}, {1.0})),
        *((Counter("ab"), {"a": 1, "b": 1}), (frozenset({1}), {1}), (None, False), ("", None)),
        *((Decimal("0.5"), 0.5), (Fraction(1, 2), 0.5), (1 + 0j, 1), (range(0), [])),
        *((OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)), (bytearray(b"a"), b"a")),
        (datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
    ],
)
def test_types_are_confused_as_python_confuses_them(value, equal):
    assert (there_and_back(value) == equal) is (value == equal)


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


def nested(depth, times=1):
    value = []
    for _ in range(depth):
        value = [value] * times
    return value


def cycle():
    value = []
    value += [value, value]
    return value


class LiesAboutItsBases(type):
    __mro__ = property(lambda cls: (int, object))
    __name__ = property(lambda cls: 1 / 0)

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(int)


@pytest.mark.parametrize(
    "value",
    [
        *(object(), print, int, nested(500), nested(30, 10), cycle(), iter(int, 1)),
        *(range(10**12), ["x" * 10**6] * 10**5, 1 << 600_000, [1 << 500_000] * 3),
        *(Decimal("1e20000"), Fraction(1, 1 << 20_000), range(2**70)),
        LiesAboutItsBases("Liar", (), {})(),
    ],
    ids=[
        *("object", "function", "class", "deep", "shared", "cycle", "endless", "long range"),
        *("much text", "large int", "several large ints", "Decimal", "Fraction", "longer range"),
        "metaclass",
    ],
)
def test_other_objects_equal_nothing(value):
    result = there_and_back(value)
    assert isinstance(result, Opaque)
    assert result != value
    assert not result == result  # noqa: SIM201 - equality is what is tested
    with pytest.raises(TypeError):
        _ = result < result


class Chatty:
    def __next__(self):
        raise LookupError("no more")

    def __iter__(self):
        return self


def test_an_exception_in_an_iterator_is_that_of_using_it():
    with pytest.raises(LookupError):
        encode([Chatty()])


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=1)


def test_a_time_zone_of_ones_own_arrives_as_its_offset():
    value = datetime.datetime(2024, 1, 1, tzinfo=Zone())
    assert there_and_back(value) == value


@pytest.mark.parametrize("kind", [int, float, str, bytes, complex, list, dict, datetime.timedelta])
def test_what_a_subclass_redefines_does_not_count(kind):
    def lie(self, *_):
        raise AssertionError

    names = "__iter__ __len__ __str__ __int__ __float__ __index__ __bytes__ __eq__ items days real"
    lies = dict.fromkeys(names.split(), lie)
    value = type("Liar", (kind,), lies | {"__hash__": None})()
    assert there_and_back(value) == kind()


def deep_text(depth):
    return '["tuple",[' * depth + "]]" * depth


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", '["list"]', '["list", 1]', '["eval", "1"]', '[["list"], []]'),
        *('["set", [["list", []]]]', '["dict", [1]]', '["int", 1]', '["range", "1:2:0"]'),
        *('["Decimal", "x"]', '["Fraction", "1/0"]', '["bytes", "zz"]'),
        *(
            '["Decimal", "1e999999999"]',
            f'["Decimal", "{"9" * 10_001}"]',
            '["range", "0:ffffff:1"]',
        ),
        *(f'["int", "{"f" * 131_073}"]', f'["Fraction", "1/{"f" * 3000}"]'),
        '["list", [' + ", ".join([f'["int", "{"f" * 100_000}"]'] * 2) + "]]",
        *('["date", "2024"]', '["timedelta", [1e300]]', '["str", "ff"]', deep_text(150)),
    ],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(ValueError):
        decode(json.loads(text))


def test_colliding_hashes_are_refused():
    step = 2**61 - 1
    with pytest.raises(ValueError, match="too long"):
        decode(["set", [["int", hex(step * n)] for n in range(60_000)]])


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


def test_a_few_keys_that_take_long_to_compare_are_refused():
    # hash(-1) == hash(-2): all tuples have one hash, and are equal up to the end.
    ends = itertools.product((-1, -2), repeat=7)
    filler = [["Fraction", "0x1/0x3"]] * 1400
    started = time.thread_time()
    with pytest.raises(ValueError, match="takes too long"):
        decode(["set", [["tuple", [*filler, *end]] for end in ends]])
    assert time.thread_time() - started < 2
