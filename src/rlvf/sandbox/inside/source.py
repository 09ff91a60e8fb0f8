"""Whether a candidate's code compiles: the one function that decides it, wherever it is asked."""

import sys
from types import CodeType

# The interpreter's own default.
_DEPTH = 1000


def compiled(code: str) -> CodeType:
    """The code, compiled as a module; a byte order mark before it does not count.

    Raises:
        Exception: it does not compile. Mostly SyntaxError; RecursionError and MemoryError where
            it is nested too deeply; ValueError for characters that no source may have.
    """
    # The compiler counts the calls above it (since 3.12, those of C functions alone, of which there
    # are always few). How deeply code may be nested depends neither on who asks nor on what a
    # library made of the limit.
    # Handed over as a tuple, since a call that the interpreter has learnt counts one less.
    arguments = (without_mark(code), "<candidate>", "exec", 0, True)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_calls() + _DEPTH)
    try:
        return compile(*arguments)
    finally:
        sys.setrecursionlimit(before)


def _calls() -> int:
    """How many calls deep this is, those of C functions included: a lower limit is refused."""
    depth, frame = 1, sys._getframe()
    while frame := frame.f_back:
        depth += 1
    while True:
        try:
            sys.setrecursionlimit(depth)
            return depth
        except RecursionError:
            depth += 1


def without_mark(code: str) -> str:
    """The code without a byte order mark."""
    return code.removeprefix("\ufeff")
