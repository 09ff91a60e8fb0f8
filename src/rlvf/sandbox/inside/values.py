"""Values of plain types as JSON, with their exact types.

What JSON cannot say is a pair `[tag, content]`: lists are `["list", [...]]`, huge integers
`["int", "0x..."]`. Decoding builds plain data only, whatever the text says, and refuses anything
that would be expensive to build: the text comes from untrusted code. An object of any other type
becomes `Opaque`, which equals nothing, so that an `__eq__` that always agrees wins nothing.
Iterators are consumed, since `list(f(x))` is evaluated where only the values arrive.
"""

import datetime
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

# Deeper than any literal in a test, shallow enough for every recursive C function on the way
# (hashing nested tuples has no check of its own).
MAX_DEPTH = 100
MAX_NODES = 500_000
# Of a string or an integer, in bytes.
MAX_BYTES = 4 << 20
# Integers beyond this are not exact in every JSON reader, and slow to read in decimal.
_PLAIN_INT = 1 << 53
# int(Decimal("1e999999999")) would keep the comparing process busy for minutes.
_MAX_EXPONENT = 10_000
_MAX_FRACTION_BITS = 100_000


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


class _TooLarge(Exception):
    pass


# ---------------------------------------------------------------- encoding, beside the candidate


def encode(value: Any) -> Any:
    """What `json.dumps` takes for the value. Runs the code of iterators, no other foreign code."""
    try:
        return _Encoder().encode(value, 0)
    except _TooLarge:
        return opaque(value, "too large")


def opaque(value: Any, why: str = "object") -> Any:
    """The code of an `Opaque` in place of the value."""
    return ["opaque", f"{type(value).__name__} {why}"[:100]]


class _Encoder:
    def __init__(self):
        self._left = MAX_NODES

    def encode(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise _TooLarge
        # The real bases, not isinstance: an object can lie about its `__class__`.
        for base in type(value).__mro__:
            if base in _SCALARS:
                return _SCALARS[base](value)
            if base in _SEQUENCES:
                return [_SEQUENCES[base], self._items(base.__iter__(value), depth)]
            if base in _MAPPINGS:
                pairs = (part for pair in base.items(value) for part in pair)
                return [_MAPPINGS[base], self._items(pairs, depth)]
        if hasattr(type(value), "__next__"):
            return ["iterator", self._items(value, depth)]
        return opaque(value)

    def _items(self, items: Any, depth: int) -> list:
        return [self.encode(item, depth + 1) for item in items]


def _int(value: int) -> Any:
    value = int.__index__(value)
    if value.bit_length() > 8 * MAX_BYTES:
        raise _TooLarge
    return value if -_PLAIN_INT < value < _PLAIN_INT else ["int", hex(value)]


def _str(value: str) -> Any:
    value = str.__str__(value)
    if len(value) > MAX_BYTES:
        raise _TooLarge
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON would join two lone surrogates into one character.
        return ["str", value.encode("utf-8", "surrogatepass").hex()]
    return value


def _hex(value: bytes | bytearray) -> str:
    if len(value) > MAX_BYTES:
        raise _TooLarge
    return bytes(value).hex()


def _range(value: range) -> Any:
    if len(value) > MAX_NODES:
        raise _TooLarge
    return ["range", [_int(value.start), _int(value.stop), _int(value.step)]]


_SCALARS = {
    type(None): lambda value: None,
    bool: lambda value: value,
    int: _int,
    float: float.__float__,
    complex: lambda value: ["complex", [value.real, value.imag]],
    str: _str,
    bytes: lambda value: ["bytes", _hex(value)],
    bytearray: lambda value: ["bytearray", _hex(value)],
    range: _range,
    Decimal: lambda value: ["Decimal", Decimal.__str__(value)],
    Fraction: lambda value: ["Fraction", [_int(value.numerator), _int(value.denominator)]],
    datetime.datetime: lambda value: ["datetime", datetime.datetime.isoformat(value)],
    datetime.date: lambda value: ["date", datetime.date.isoformat(value)],
    datetime.time: lambda value: ["time", datetime.time.isoformat(value)],
    datetime.timedelta: lambda value: [
        "timedelta",
        [value.days, value.seconds, value.microseconds],
    ],
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
    try:
        return _decode(code, 0)
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"malformed value: {type(error).__name__}") from error


def _decode(code: Any, depth: int) -> Any:
    if not isinstance(code, list):
        if isinstance(code, dict):
            raise ValueError("malformed value: a JSON object")
        return code
    if depth > MAX_DEPTH:
        raise ValueError("malformed value: too deep")
    tag, content = code
    if tag in _BUILD_SCALAR:
        return _BUILD_SCALAR[tag](content)
    return _BUILD[tag]([_decode(item, depth + 1) for item in content])


def _pairs(items: list) -> list[tuple]:
    keys = _hashable(items[::2])
    return list(zip(keys, items[1::2], strict=True))


def _hashable(keys: list) -> list:
    # Numbers chosen to have the same hash would make a set of them take quadratic time.
    if len(keys) > 1000 and len({hash(key) for key in keys}) < len(keys) // 2:
        raise ValueError("malformed value: colliding hashes")
    return keys


def _build_range(content: list) -> range:
    value = range(*(_decode(item, 0) for item in content))
    return value if len(value) <= MAX_NODES else Opaque("range too large")


def _build_fraction(content: list) -> Fraction | Opaque:
    numerator, denominator = (_decode(item, 0) for item in content)
    if max(numerator.bit_length(), denominator.bit_length()) > _MAX_FRACTION_BITS:
        return Opaque("Fraction too large")  # their common divisor would take minutes
    return Fraction(numerator, denominator)


def _build_decimal(content: str) -> Decimal | Opaque:
    value = Decimal(content)
    if value.is_finite() and abs(value.adjusted()) > _MAX_EXPONENT:
        return Opaque("Decimal too large")
    return value


_BUILD_SCALAR = {
    "int": lambda content: int(content, 16),
    "str": lambda content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
    "complex": lambda content: complex(*content),
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
    "list": list,
    "tuple": tuple,
    "set": lambda items: set(_hashable(items)),
    "frozenset": lambda items: frozenset(_hashable(items)),
    "deque": deque,
    "iterator": iter,
    "keys": lambda items: dict.fromkeys(_hashable(items)).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: dict(_pairs([part for pair in items for part in pair])).items(),
    "dict": lambda items: dict(_pairs(items)),
    "Counter": lambda items: Counter(dict(_pairs(items))),
    "OrderedDict": lambda items: OrderedDict(_pairs(items)),
    "defaultdict": lambda items: defaultdict(None, _pairs(items)),
}
