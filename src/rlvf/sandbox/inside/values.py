"""Values of plain types as JSON, with their exact types.

What JSON cannot say is a pair `[tag, content]`: lists are `["list", [...]]`, huge integers are
`["int", "0x..."]`. Decoding builds plain data only, whatever the text says. It refuses anything
that would be expensive to build or to work with, since the text comes from untrusted code.

An instance of a subclass travels as its plain base. Types, functions and modules of the standard
library travel by name. Any other object becomes `Opaque`, and whatever is asked of that raises
`Undecided`. Where the object itself will not be asked any more, it is taken to equal nothing, so
that an `__eq__` that always agrees wins nothing. Iterators are consumed, since `list(f(x))` is
evaluated where only the values arrive.
"""

import array
import builtins
import collections
import datetime
import decimal
import fractions
import functools
import itertools
import math
import operator
import re
import time
import types
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    abc,
    defaultdict,
    deque,
)
from collections.abc import Callable, Iterable, Iterator, Set
from decimal import Decimal
from fractions import Fraction
from typing import Any

# Values may be nested so deep. This is deeper than any literal in a test, and shallow enough for
# every recursive C function on the way (hashing nested tuples has no check of its own).
MAX_DEPTH = 100
# How many parts one value may have, and how many bytes of text in all.
MAX_NODES = 500_000
MAX_BYTES = 4 << 20
# How many bytes one integer may have. Larger ones make arithmetic slow.
MAX_INT_BYTES = 64 << 10
# Integers of more than a kibibyte, whose text is longer than this, share that limit: all those of a
# value together may have so many bytes. To compare them with a Decimal takes quadratic time.
_LONG_INT_TEXT = 2 << 10
_MAX_FRACTION_BITS = 10_000
_MAX_DECIMAL = 10_000  # digits, and the exponent: int(Decimal("1e999999999")) takes minutes
# Integers beyond this are not exact in every JSON reader, and they are slow to read in decimal.
_PLAIN_INT = 1 << 53
_NODE_BYTES = MAX_BYTES // MAX_NODES
# Building sets and dicts may take so many seconds, since their keys may have been chosen so that
# their hashes collide.
_TABLE_SECONDS = 0.25
_TABLE_STEP = 128


# This finds what Python writes of objects and threads that differs from run to run. The last
# alternative is what reprlib leaves of it. No two alternatives begin alike, so that matching takes
# linear time.
_ADDRESS = re.compile(
    r"(\b(?:at|[Tt]hread) )0x[0-9a-f]+"
    r"|(\b(?:started|stopped)(?: daemon)? )[0-9]+(?=\)>)"
    r"|(\b(?:owner=|id='))[0-9]{6,}"
    r"|(\.\.\.)x?[0-9a-f]{6,}(?=\)?>)"
)


def without_addresses(text: str) -> str:
    """The text with `0x...` for addresses where Python itself writes them, so that it is the same
    in every run."""
    return _ADDRESS.sub(lambda found: f"{found[found.lastindex or 0]}0x...", text)


class Undecided(Exception):
    """A decision asks something of an object that only the object itself knows."""


class Opaque:
    """Stands for an object that cannot travel. Whatever is asked of it raises Undecided.

    One that is `distinct` is known, or taken, to equal no value that travels.
    """

    def __init__(self, description: str, distinct: bool):
        self.description = description
        self.distinct = distinct

    def __eq__(self, other: object) -> bool:
        if self.distinct and not isinstance(other, Opaque):
            return False
        raise Undecided

    def __getattr__(self, name: str) -> Any:
        raise Undecided


def _undecided(self: Opaque, *_: object) -> Any:
    raise Undecided


# What operators and built-in functions ask of a value.
_ARITHMETIC = (
    *("add", "and", "divmod", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow"),
    *("rshift", "sub", "truediv", "xor"),
)
_QUESTIONS = frozenset(
    f"__{name}__"
    for name in (
        *("lt", "le", "gt", "ge", "eq", "ne", "hash", "bool", "len", "contains", "iter", "next"),
        *("getitem", "reversed", "call", "neg", "pos", "abs", "invert", "round", "trunc"),
        *("floor", "ceil", "int", "float", "complex", "index", "bytes"),
        *(prefix + name for name in _ARITHMETIC for prefix in ("", "r")),
    )
)
for _question in _QUESTIONS - {"__eq__", "__ne__"} | {"__str__", "__repr__", "__format__"}:
    setattr(Opaque, _question, _undecided)


class TooLarge(Opaque):
    """Stands for a value that would have travelled if it were smaller."""


class Lookalike(Opaque):
    """An object of the standard library that is compared, and gone through, as a plain value."""

    def __init__(self, description: str, plain: Any):
        super().__init__(description, distinct=False)
        self.plain = plain

    def __eq__(self, other: object) -> bool:
        return self.plain == (other.plain if isinstance(other, Lookalike) else other)

    __hash__ = _undecided

    def __bool__(self) -> bool:
        return bool(self.plain)

    def __len__(self) -> int:
        return len(self.plain)

    def __contains__(self, item: object) -> bool:
        return item in self.plain

    def __iter__(self) -> Any:
        return iter(self.plain)


class Stream(Opaque):
    """An iterator, which yields what the candidate's one did."""

    def __init__(self, description: str, distinct: bool, items: list):
        super().__init__(description, distinct)
        self._items = iter(items)

    def __iter__(self) -> "Stream":
        return self

    def __len__(self) -> int:
        raise TypeError(f"<{self.description}> has no len()")

    def __next__(self) -> Any:
        return next(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items


# The seconds that _measure_work takes on the machine whose seconds a Clock counts.
_WORK_SECONDS = 0.0005


class Clock:
    """Bounds work whose amount untrusted code decides. It starts with the first check.

    Its seconds are those of one certain machine. When the time seems to be up, the speed of this
    machine is measured, and on a slower one the time is longer. So the work decides, and not the
    machine.
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

# These are read from `type` itself, where no class or metaclass can redefine them.
_bases = type.__dict__["__mro__"].__get__
_members = type.__dict__["__dict__"].__get__
_name = type.__dict__["__name__"].__get__
_NAN = math.nan
_METACLASSES = (type, type(Fraction))


def encode(value: Any) -> Any:
    """What `json.dumps` takes for the value. This runs the code of iterators and time zones, but no
    other foreign code, and raises what that code raises."""
    try:
        return _Encoder().encode(value, 0)
    except _TooLarge:
        return too_large(value)


def too_large(value: Any) -> Any:
    """The code of a `TooLarge` in place of the value."""
    return ["large", f"{_name(type(value))[:80]} too large"]


class _Encoder:
    def __init__(self):
        self._left = MAX_BYTES

    def encode(self, value: Any, depth: int) -> Any:
        self._spend(_NODE_BYTES)
        if depth > MAX_DEPTH:
            raise _TooLarge
        bases = _bases(type(value))
        # These are the real bases. isinstance is not asked, since an object can lie about its
        # `__class__`. Bases with other metaclasses are skipped, since such a metaclass could make
        # its classes equal ours.
        for base in bases:
            if type(base) not in _METACLASSES:
                continue
            if base in _SCALARS:
                code = _SCALARS[base](value)
                if isinstance(code, str):
                    self._spend(len(code))
                elif isinstance(code, list):
                    self._spend(_cost(*code))
            elif base in _SEQUENCES:
                code = [_SEQUENCES[base], self._items(base.__iter__(value), depth)]
            elif base in _MAPPINGS:
                pairs = (part for pair in base.items(value) for part in pair)
                code = [_MAPPINGS[base], self._items(pairs, depth)]
            elif base in _PARTS:
                tag, parts = _PARTS[base]
                code = [tag, self._items(parts(value), depth)]
            else:
                continue
            if base is not bases[0] and _redefines(bases, base):
                return ["own", [_described(value), code]]
            return code
        if id(value) in _NAMES:
            return ["named", _NAMES[id(value)]]
        distinct = not any(
            _asks(base, {"__eq__", "__ne__"}) for base in bases if base is not object
        )
        if any(_asks(base, {"__next__"}) for base in bases):
            return ["iterator", [_described(value), distinct, *self._items(value, depth)]]
        return ["opaque", [_described(value), distinct]]

    def _items(self, items: Any, depth: int) -> list:
        return [self.encode(item, depth + 1) for item in items]

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _TooLarge


def _asks(base: type, questions: Set[str]) -> bool:
    return not questions.isdisjoint(_members(base))


def _redefines(bases: tuple[type, ...], base: type) -> bool:
    """Whether a class before that base changes what operators do with its instances."""
    own = itertools.takewhile(lambda one: one is not base, bases)
    return any(_asks(one, _QUESTIONS) for one in own)


def _described(value: Any) -> str:
    return f"{_name(type(value))[:80]} object"


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
# Objects that are built again from parts, which are values themselves. Those called "like" are
# only compared with plain values and gone through.
_PARTS: dict[type, tuple[str, Callable[[Any], Iterable]]] = {
    slice: ("slice", lambda value: (value.start, value.stop, value.step)),
    array.array: ("array", lambda value: (value.typecode, *value)),
    datetime.timezone: ("timezone", lambda value: (value.utcoffset(None),)),
    types.GenericAlias: ("alias", lambda value: (value.__origin__, *value.__args__)),
    types.UnionType: ("union", lambda value: value.__args__),
    UserDict: ("like", lambda value: ("UserDict", value.data)),
    UserList: ("like", lambda value: ("UserList", value.data)),
    UserString: ("like", lambda value: ("UserString", value.data)),
    ChainMap: ("like", lambda value: ("ChainMap", dict(value))),
    types.MappingProxyType: ("like", lambda value: ("mappingproxy", value.copy())),
    memoryview: ("like", lambda value: ("memoryview", _viewed(value))),
}


def _viewed(value: memoryview) -> Any:
    return value.tobytes() if value.format == "B" and value.ndim == 1 else value.tolist()


# Built-in functions that neither change anything nor look up names.
_FUNCTIONS = (
    *(abs, all, any, ascii, bin, callable, chr, divmod, format, hash, hex, id, isinstance),
    *(issubclass, iter, len, max, min, next, oct, ord, pow, repr, round, sorted, sum),
)
_MODULES = (
    *(builtins, types, collections, abc, datetime, decimal, fractions, functools, itertools),
    *(math, operator, re, array),
)


def _named() -> Iterator[tuple[str, Any]]:
    """Yield names and objects that are not data, but the same object in every process."""
    yield from {"Ellipsis": ..., "NotImplemented": NotImplemented}.items()
    yield from ((function.__name__, function) for function in _FUNCTIONS)
    for module in _MODULES:
        yield module.__name__, module
        of_arithmetic = types.BuiltinFunctionType if module in (math, operator) else ()
        for name, value in vars(module).items():
            if name[0] != "_" and isinstance(value, (type, of_arithmetic)):
                yield f"{module.__name__}.{name}", value


# If an object has several names, the first one counts in both directions.
_NAMES = {id(value): name for name, value in reversed([*_named()])}
_NAMED = {_NAMES[id(value)]: value for _, value in _named()}


def is_named(value: Any) -> bool:
    """Whether this very object arrives where its value is sent."""
    return id(value) in _NAMES


# ---------------------------------------------------------------- decoding, where the verdict is


def decode(code: Any, strangers: list[str] | None = None) -> Any:
    """The value. Raises ValueError for anything that `encode` cannot have made.

    With a list for `strangers`, the objects themselves will not be asked any more. An object of
    which it is not known what it equals is then taken to equal nothing, and an instance of a class
    that redefines what its plain base does is taken for that base. The list names these objects.
    """
    if type(code) in _PLAIN:
        return code
    try:
        return _Decoder(strangers).decode(code, 0)
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"malformed value: {type(error).__name__}: {error}") from error


class _Decoder:
    def __init__(self, strangers: list[str] | None):
        self._strangers = strangers
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
        if tag == "large":
            return TooLarge(str(content)[:100], self._stranger(content))
        build = _BUILD.get(tag) or _OBJECTS[tag]
        depth += 1
        # Most items are plain and need no call.
        items = [item if type(item) in _PLAIN else self.decode(item, depth) for item in content]
        if tag in _OBJECTS:
            return build(items, self._stranger)
        try:
            return build(items, self._fill)
        except Undecided:  # an object that did not travel was asked for its hash
            return Opaque(tag, self._stranger(tag))
        except TypeError:  # an object is taken for its base, which has no hash
            if not self._strangers:
                raise
            return Opaque(tag, distinct=True)

    def _stranger(self, description: str) -> bool:
        """Whether an object of which it is not known what it equals is taken to equal nothing. If
        so, the list of strangers names it."""
        if self._strangers is None:
            return False
        self._strangers.append(str(description)[:100])
        return True

    def _fill(self, table: Any, items: list, keys: list) -> Any:
        """Fill the table step by step, with looks at the clock. The keys may have been chosen so
        that it takes quadratic time, and a key that is a tuple may take long to compare."""
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
    "named": _NAMED.__getitem__,
}
_BUILD = {
    "list": lambda items, fill: items,
    "tuple": lambda items, fill: tuple(items),
    "deque": lambda items, fill: deque(items),
    "slice": lambda items, fill: slice(*items),
    "array": lambda items, fill: array.array(items[0], items[1:]),
    "timezone": lambda items, fill: datetime.timezone(*items),
    "alias": lambda items, fill: types.GenericAlias(items[0], tuple(items[1:])),
    "union": lambda items, fill: functools.reduce(operator.or_, items),
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
# These make what stands for objects that do not travel, from their description and what else is
# known. The function that they are given is `_Decoder._stranger`.
_OBJECTS: dict[str, Callable[[list, Callable[[str], bool]], Any]] = {
    "opaque": lambda items, stranger: _build_opaque(*items, stranger),
    "own": lambda items, stranger: _build_own(*items, stranger),
    "like": lambda items, stranger: Lookalike(str(items[0])[:100], items[1]),
    "iterator": lambda items, stranger: _build_stream(*items[:2], items[2:], stranger),
}
# Instances of these, and of their subclasses, always travel as what they are.
DATA = frozenset({*_SCALARS, *_SEQUENCES, *_MAPPINGS, slice, array.array})


def _build_opaque(description: Any, distinct: Any, stranger: Callable[[str], bool]) -> Opaque:
    return Opaque(str(description)[:100], distinct is True or stranger(description))


def _build_own(description: Any, plain: Any, stranger: Callable[[str], bool]) -> Any:
    return plain if stranger(description) else Opaque(str(description)[:100], distinct=False)


def _build_stream(
    description: Any, distinct: Any, items: list, stranger: Callable[[str], bool]
) -> Stream:
    return Stream(str(description)[:100], distinct is True or stranger(description), items)
