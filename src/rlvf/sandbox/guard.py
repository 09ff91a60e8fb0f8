"""What a decision may do with values that untrusted code chose, so that it always ends soon.

Whatever is not listed here is not done outside of the candidate's process. What is listed takes
time and memory in proportion to its arguments, or is replaced by a version that raises
OverflowError where it would not. Loops look at a clock, so that many short steps end in time, too.
"""

import cmath
import contextlib
import datetime
import decimal
import itertools
import math
import os
import re
import sys
import threading
import time
import warnings
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from rlvf.sandbox.inside.values import (
    DATA,
    MAX_BYTES,
    MAX_INT_BYTES,
    MAX_NODES,
    Clock,
    Opaque,
    TooLarge,
    Undecided,
)

# The seconds of processor time of one decision. The single operation that it is in by then may take
# longer.
_SECONDS = 0.3
# How many steps of a loop may pass between two looks at the clock.
_STEP = 16
# A result may have as many bits as the product of two of the largest integers that can arrive.
_MAX_BITS = 16 * MAX_INT_BYTES
_MAX_MODULUS_BITS = 4096
_MAX_DIGITS = 10_000

_T = TypeVar("_T")

_current = threading.local()
# These are Python's own settings, which other code of this process may have changed.
_MAX_STR_DIGITS = 4300
_RECURSION = 1000
_TIME_WORDS = ("timestamp", "astimezone", "now", "today", "time.local", "strftime")
_DECIMALS = decimal.Context(
    prec=28,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def in_plain_surroundings(step: Callable[[], _T]) -> _T:
    """Do the step as in an interpreter that has just started. This process, which may be a trainer,
    may have set other limits on digits of integers and on the depth of recursion, other decimal
    arithmetic, or warnings that are errors."""
    if any(action == "error" for action, *_ in warnings.filters):
        with warnings.catch_warnings():
            warnings.resetwarnings()
            warnings.simplefilter("ignore")
            return in_plain_surroundings(step)
    digits, recursion = sys.get_int_max_str_digits(), sys.getrecursionlimit()
    decimals = decimal.getcontext()
    depth, frame = 0, sys._getframe()
    while frame := frame.f_back:
        depth += 1
    try:
        sys.set_int_max_str_digits(_MAX_STR_DIGITS)
        sys.setrecursionlimit(_RECURSION + depth)
        decimal.setcontext(_DECIMALS.copy())
        return step()
    finally:
        decimal.setcontext(decimals)
        sys.setrecursionlimit(recursion)
        sys.set_int_max_str_digits(digits)


def asks_for_the_time(source: str) -> bool:
    """Whether the code may use the local time, and so needs `utc`."""
    return any(word in source for word in _TIME_WORDS)


@contextlib.contextmanager
def utc() -> Iterator[None]:
    """Set this process's local time to that of the candidates, and set it back at the end."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def start_clock() -> None:
    """Allow this thread the time of one decision, from its first loop on."""
    _current.clock = Clock(_SECONDS)


def _tick(value: Any = None) -> Any:
    _current.clock.check()
    return value


def _ticked(items: Iterable) -> Iterator:
    for count, item in enumerate(items):
        if count % _STEP == 0:
            _current.clock.check()
        yield item


# ---------------------------------------------------------------- operators


def _limit(size: int, largest: int) -> None:
    if size > largest:
        raise OverflowError("the result would be too large")


def _bits(value: Any) -> int:
    if isinstance(value, Decimal):  # int(Decimal("1e99999")) takes much longer than 1 << 99999
        return 16 * abs(value.adjusted())
    if isinstance(value, Fraction):
        return value.numerator.bit_length() + value.denominator.bit_length()
    return value.bit_length() if isinstance(value, int) else 0


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | bytearray | list | tuple | deque) else 0


def _nodes(value: Any) -> int:
    """How many values a nested list would hold if none were shared. It stops counting when they are
    too many."""
    count, left = 0, [value]
    while left and count <= MAX_NODES:
        count += 1
        part = left.pop()
        if isinstance(part, list | tuple | deque):
            left += part
    return count


def _add(left: Any, right: Any) -> Any:
    _limit(_length(left) + _length(right), MAX_BYTES)
    _limit(_bits(left) + _bits(right), _MAX_BITS)
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for value, times in ((left, right), (right, left)):
        if isinstance(times, int) and _length(value):
            _limit(_length(value) * times, MAX_BYTES)
            if not isinstance(value, str | bytes | bytearray):
                _limit(_nodes(value) * times, MAX_NODES)
    _limit(_bits(left) + _bits(right), _MAX_BITS)
    return left * right


def _power(base: Any, exponent: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        _limit(max(map(_bits, (base, exponent, modulus))), _MAX_MODULUS_BITS)
        return pow(base, exponent, modulus)
    if isinstance(exponent, int | Fraction) and _bits(base) and base not in (-1, 0, 1):
        _limit(_bits(base) * abs(exponent), _MAX_BITS)
    return base**exponent


def _shift(value: Any, count: Any) -> Any:
    if isinstance(value, int) and isinstance(count, int):
        _limit(_bits(value) + count, _MAX_BITS)
    return value << count


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes | bytearray):
        raise OverflowError("a format that the candidate wrote")
    return left % right


# ---------------------------------------------------------------- functions


def _range(*arguments: Any) -> range:
    result = range(*arguments)
    if result[MAX_NODES:]:
        raise OverflowError("the range would be too long")
    return result


def _round(number: Any, digits: Any = None) -> Any:
    if isinstance(digits, int):
        _limit(abs(digits), _MAX_DIGITS)
    return round(number, digits)


def _sum(items: Iterable, /, start: Any = 0) -> Any:
    return sum(_ticked(items), start)


def _isinstance(value: Any, kinds: Any) -> bool:
    if not isinstance(value, Opaque):
        return isinstance(value, kinds)
    # This holds whatever class the object claims to be of.
    if not isinstance(value, TooLarge) and only_data(kinds):
        return False
    raise Undecided


def _type(value: Any) -> type:
    if isinstance(value, Opaque):
        raise Undecided
    return type(value)


def only_data(kinds: Any) -> bool:
    """Whether these are types whose instances always travel."""
    return all(map(DATA.__contains__, kinds if isinstance(kinds, tuple) else (kinds,)))


def _in_steps(function: Callable) -> Callable:
    """The function, with a look at the clock now and then while it goes through its arguments."""
    whole = dict if issubclass(function, dict) else ()  # dict({}) is not dict(iter({}))

    def stepwise(*arguments: Any, **keywords: Any) -> Any:
        steps = (a if isinstance(a, whole) or callable(a) else _ticked(a) for a in arguments)
        return function(*steps, **keywords)

    return stepwise


_GUARDED: dict[Callable, Callable] = {
    range: _range,
    round: _round,
    sum: _sum,
    pow: _power,
    isinstance: _isinstance,
    type: _type,
    **{f: _in_steps(f) for f in (set, frozenset, dict, Counter, OrderedDict, map, filter)},
}
_OPERATORS = {"Add": _add, "Mult": _multiply, "Pow": _power, "LShift": _shift, "Mod": _remainder}
_SLOW_MATH = {math.comb, math.factorial, math.gcd, math.lcm, math.perm, math.prod}
_SAFE: set[Callable] = {
    *(abs, all, any, bin, bool, chr, complex, divmod, enumerate, float, hex, int),
    *(issubclass, len, list, max, min, oct, ord, repr, reversed, slice, sorted, str, tuple, zip),
    *(deque, itertools.chain, itertools.zip_longest),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
    *(f for module in (math, cmath) for f in vars(module).values() if callable(f)),
} - _SLOW_MATH

# A decision finds the guarded versions under these names.
TICK, TICKED = "__tick", "__ticked"
NAMES: dict[str, Callable] = {
    TICK: _tick,
    TICKED: _ticked,
    **{f"__{name}": function for name, function in _OPERATORS.items()},
    **{f"__{function.__name__}": guarded for function, guarded in _GUARDED.items()},
}


def operator_name(kind: type) -> str | None:
    """The name to call in place of this operator of `ast`, or None where it may stay."""
    return f"__{kind.__name__}" if kind.__name__ in _OPERATORS else None


def function_name(function: Any) -> str | None:
    """The name to call in place of this function. It is an empty text where the function may stay,
    and None where it may not be called."""
    try:
        if function in _GUARDED:
            return f"__{function.__name__}"
        return "" if function in _SAFE else None
    except TypeError:  # not hashable
        return None


# ---------------------------------------------------------------- methods and attributes

_PLAIN = (
    *(str, bytes, tuple, frozenset, int, float, complex),
    *(datetime.datetime, datetime.time, datetime.timedelta),
)
# Methods that change nothing.
PURE_METHODS = {name for kind in _PLAIN for name in dir(kind) if name[0] != "_"} | {
    *("copy", "get", "items", "keys", "most_common", "values")
}
# Those of them that also return nothing much larger than their arguments.
METHODS = PURE_METHODS - {
    *("center", "expandtabs", "format", "format_map", "join", "ljust", "maketrans", "replace"),
    *("rjust", "to_bytes", "translate", "zfill"),
}
# Methods that make a table of any iterable.
SET_METHODS = {name for name in dir(frozenset) if name[0] != "_"} - {"copy"}
ATTRIBUTES = {
    *("real", "imag", "numerator", "denominator", "days", "seconds", "microseconds", "year"),
    *("month", "day", "hour", "minute", "second", "microsecond", "start", "stop", "step"),
}
# Methods of text that may also be called with values, if the text is the test's own.
TEMPLATE_METHODS = {"format", "join"}
_NESTED = re.compile(r"\{[^{}]*\{")


def is_plain_template(text: Any) -> bool:
    """Whether the text takes no width from what `%` or `format` put into it."""
    return isinstance(text, str) and "*" not in text and not _NESTED.search(text)
