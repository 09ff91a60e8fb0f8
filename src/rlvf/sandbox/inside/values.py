"""Values of plain types as JSON, with their exact types.

What JSON cannot say is a pair `[tag, content]`: lists are `["list", [...]]`, huge integers
`["int", "0x..."]`. Decoding builds plain data only, whatever the text says, and refuses anything
that would be expensive to build or to work with: the text comes from untrusted code. An instance
of a subclass travels as its plain base. An object of any other type becomes `Opaque`, which
equals nothing, so that an `__eq__` that always agrees wins nothing. Iterators are consumed, since
`list(f(x))` is evaluated where only the values arrive.
"""

import datetime
import math
import time
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

# Deeper than any literal in a test, shallow enough for every recursive C function on the way
# (hashing nested tuples has no check of its own).
MAX_DEPTH = 100
# Of one value: how many parts it may have, and how many bytes of text in all.
MAX_NODES = 500_000
MAX_BYTES = 4 << 20
# Of one number: larger ones make arithmetic slow.
MAX_INT_BYTES = 64 << 10
# Of integers of more than a kibibyte, all those of a value together must not be longer either: to
# compare with a Decimal takes quadratic time.
_LONG_INT_TEXT = 2 << 10
_MAX_FRACTION_BITS = 10_000
_MAX_DECIMAL = 10_000  # digits, and the exponent: int(Decimal("1e999999999")) takes minutes
# Integers beyond this are not exact in every JSON reader, and slow to read in decimal.
_PLAIN_INT = 1 << 53
_NODE_BYTES = MAX_BYTES // MAX_NODES
# For sets and dicts whose keys were chosen so that their hashes collide.
_TABLE_SECONDS = 0.25
_TABLE_STEP = 128


class Opaque:
    """Stands for a value that cannot travel. Not equal to anything, itself included."""

    def __init__(self, description: str):
        self._description = description

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self._description}>"


# What _measure_work takes on the machine whose seconds a Clock counts.
_WORK_SECONDS = 0.0005


class Clock:
    """Bounds work whose amount untrusted code decides. Starts with the first check.

    Its seconds are those of one certain machine: on a slower one, which shows when the time seems
    to be up, they last as much longer. So the work decides, and not the machine.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._start = self._end = math.inf

    def check(self) -> None:
        """Raises OverflowError when this thread has worked for the given time."""
        now = time.thread_time()
        if self._end == math.inf:
            self._start, self._end = now, now + self._seconds
        elif now > self._end:
            slowness = max(1.0, min(_measure_work() for _ in range(3)) / _WORK_SECONDS)
            self._end = self._start + self._seconds * slowness
            if now > self._end:
                raise OverflowError("takes too long")


def _measure_work() -> float:
    """How many seconds this thread needs for an amount of work that never changes."""
    start = time.thread_time()
    table = {}
    for number in range(2000):
        table[number, number * number % 97] = str(number)
    return time.thread_time() - start


class _TooLarge(Exception):
    pass


# ---------------------------------------------------------------- encoding, beside the candidate

# Read where no class or metaclass can redefine them.
_bases = type.__dict__["__mro__"].__get__
_members = type.__dict__["__dict__"].__get__
_name = type.__dict__["__name__"].__get__
_NAN = math.nan
_METACLASSES = (type, type(Fraction))


def encode(value: Any) -> Any:
    """What `json.dumps` takes for the value. Runs the code of iterators and time zones, no other
    foreign code, and raises what that raises."""
    try:
        return _Encoder().encode(value, 0)
    except _TooLarge:
        return opaque(value, "too large")


def opaque(value: Any, why: str = "object") -> Any:
    """The code of an `Opaque` in place of the value."""
    return ["opaque", f"{_name(type(value))[:80]} {why}"]


class _Encoder:
    def __init__(self):
        self._left = MAX_BYTES

    def encode(self, value: Any, depth: int) -> Any:
        self._spend(_NODE_BYTES)
        if depth > MAX_DEPTH:
            raise _TooLarge
        bases = _bases(type(value))
        # The real bases, not isinstance: an object can lie about its `__class__`. Only those with
        # our metaclasses: another one could make its classes equal ours.
        for base in bases:
            if type(base) not in _METACLASSES:
                continue
            if base in _SCALARS:
                code = _SCALARS[base](value)
                if isinstance(code, str):
                    self._spend(len(code))
                elif isinstance(code, list):
                    self._spend(_cost(*code))
                return code
            if base in _SEQUENCES:
                return [_SEQUENCES[base], self._items(base.__iter__(value), depth)]
            if base in _MAPPINGS:
                pairs = (part for pair in base.items(value) for part in pair)
                return [_MAPPINGS[base], self._items(pairs, depth)]
        if any("__next__" in _members(base) for base in bases):
            return ["iterator", self._items(value, depth)]
        return opaque(value)

    def _items(self, items: Any, depth: int) -> list:
        return [self.encode(item, depth + 1) for item in items]

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _TooLarge


def _cost(tag: str, content: Any) -> int:
    if tag == "int" and len(content) > _LONG_INT_TEXT:
        return len(content) * (MAX_BYTES // (2 * MAX_INT_BYTES + 8))
    return len(content)


def _int(value: int) -> Any:
    value = int.__index__(value)
    return value if -_PLAIN_INT < value < _PLAIN_INT else ["int", _hex(value, 8 * MAX_INT_BYTES)]


def _hex(value: int, bits: int = _MAX_FRACTION_BITS) -> str:
    if int.bit_length(value) > bits:
        raise _TooLarge
    return hex(value)


def _float(value: float) -> Any:
    # A list that holds the nan of `math` equals another that holds this very object.
    return ["nan", ""] if value is _NAN else float.__float__(value)


def _complex(value: complex) -> Any:
    value = complex.__complex__(value)
    return ["complex", [value.real, value.imag]]


def _str(value: str) -> Any:
    value = str.__str__(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON would join two lone surrogates into one character.
        return ["str", value.encode("utf-8", "surrogatepass").hex()]
    return value


def _range(value: range) -> Any:
    if value[MAX_NODES:]:
        raise _TooLarge
    return ["range", ":".join(map(_hex, (value.start, value.stop, value.step)))]


def _decimal(value: Decimal) -> Any:
    text = Decimal.__str__(value)
    if len(text) > _MAX_DECIMAL or abs(Decimal.adjusted(value)) > _MAX_DECIMAL:
        raise _TooLarge
    return ["Decimal", text]


def _timedelta(value: datetime.timedelta) -> Any:
    value = datetime.timedelta.__pos__(value)
    return ["timedelta", [value.days, value.seconds, value.microseconds]]


_SCALARS = {
    type(None): lambda value: None,
    bool: lambda value: value,
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: lambda value: ["bytes", bytes.hex(value)],
    bytearray: lambda value: ["bytearray", bytearray.hex(value)],
    range: _range,
    Decimal: _decimal,
    Fraction: lambda value: ["Fraction", f"{_hex(value.numerator)}/{_hex(value.denominator)}"],
    datetime.datetime: lambda value: ["datetime", datetime.datetime.isoformat(value)],
    datetime.date: lambda value: ["date", datetime.date.isoformat(value)],
    datetime.time: lambda value: ["time", datetime.time.isoformat(value)],
    datetime.timedelta: _timedelta,
}
_SEQUENCES = {
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    deque: "deque",
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}
_MAPPINGS = {
    dict: "dict",
    Counter: "Counter",
    OrderedDict: "OrderedDict",
    defaultdict: "defaultdict",
}


# ---------------------------------------------------------------- decoding, where the verdict is


def decode(code: Any) -> Any:
    """The value. Raises ValueError for anything that `encode` cannot have made."""
    if type(code) in _PLAIN:
        return code
    try:
        return _Decoder().decode(code, 0)
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"malformed value: {type(error).__name__}: {error}") from error


class _Decoder:
    def __init__(self):
        self._left = MAX_BYTES
        self._clock = Clock(_TABLE_SECONDS)

    def decode(self, code: Any, depth: int) -> Any:
        if type(code) in _PLAIN:
            return code
        if type(code) is not list or depth > MAX_DEPTH:
            raise ValueError("malformed value: too deep, or a JSON object")
        tag, content = code
        if tag in _BUILD_SCALAR:
            self._left -= _cost(tag, content)
            if self._left < 0:
                raise ValueError("malformed value: too large")
            return _BUILD_SCALAR[tag](content)
        build = _BUILD[tag]
        depth += 1
        # Most items are plain, and so need no call.
        items = [item if type(item) in _PLAIN else self.decode(item, depth) for item in content]
        return build(items, self._fill)

    def _fill(self, table: Any, items: list, keys: list) -> Any:
        """Step by step: the keys may have been chosen so that it takes quadratic time, and one
        that is a tuple may take long to compare."""
        step = _TABLE_STEP if all(type(key) in _PLAIN for key in keys) else 1
        for start in range(0, len(items), step):
            table.update(items[start : start + step])
            self._clock.check()
        return table


def _pairs(items: list) -> list[tuple]:
    return list(zip(items[::2], items[1::2], strict=True))


def _build_int(content: str, bits: int = 8 * MAX_INT_BYTES) -> int:
    value = int(content, 16)
    if value.bit_length() > bits:
        raise ValueError("malformed value: too large a number")
    return value


def _build_range(content: str) -> range:
    value = range(*map(_build_int, content.split(":")))
    if value[MAX_NODES:]:
        raise ValueError("malformed value: too long a range")
    return value


def _build_fraction(content: str) -> Fraction:
    return Fraction(*(_build_int(part, _MAX_FRACTION_BITS) for part in content.split("/")))


def _build_decimal(content: str) -> Decimal:
    value = Decimal(content[: _MAX_DECIMAL + 1])
    if len(content) > _MAX_DECIMAL or abs(value.adjusted()) > _MAX_DECIMAL:
        raise ValueError("malformed value: too large a number")
    return value


_PLAIN = frozenset({type(None), bool, int, float, str})
_BUILD_SCALAR = {
    "int": _build_int,
    "nan": lambda content: math.nan,
    "complex": lambda content: complex(*content),
    "str": lambda content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": _build_range,
    "Decimal": _build_decimal,
    "Fraction": _build_fraction,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda content: datetime.timedelta(*content),
    "opaque": lambda content: Opaque(str(content)[:100]),
}
_BUILD = {
    "list": lambda items, fill: items,
    "tuple": lambda items, fill: tuple(items),
    "deque": lambda items, fill: deque(items),
    "iterator": lambda items, fill: iter(items),
    "set": lambda items, fill: fill(set(), items, items),
    "frozenset": lambda items, fill: frozenset(fill(set(), items, items)),
    "keys": lambda items, fill: fill({}, [(key, None) for key in items], items).keys(),
    "values": lambda items, fill: dict(enumerate(items)).values(),
    "items": lambda items, fill: fill({}, [*items], [key for key, _ in items]).items(),
    "dict": lambda items, fill: fill({}, _pairs(items), items[::2]),
    "Counter": lambda items, fill: Counter(fill({}, _pairs(items), items[::2])),
    "OrderedDict": lambda items, fill: OrderedDict(fill({}, _pairs(items), items[::2])),
    "defaultdict": lambda items, fill: defaultdict(None, fill({}, _pairs(items), items[::2])),
}
