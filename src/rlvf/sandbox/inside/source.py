"""The one function that decides whether a candidate's code compiles, wherever that is asked."""

import sys
from types import CodeType

# This is the interpreter's own default for the limit on recursion.
_DEPTH = 1000


def compiled(code: str) -> CodeType:
    """The code, compiled as a module; a byte order mark before it does not count.

    Raises:
        Exception: it does not compile. This is mostly a SyntaxError. It is a RecursionError or a
            MemoryError where the code is nested too deeply, and a ValueError for characters that
            no source may have.
    """
    # The compiler counts the calls above it (since 3.12, those of C functions alone, of which there
    # are always few). How deeply code may be nested depends neither on who asks nor on what a
    # library made of the limit.
    # The arguments are handed over as a tuple, since a call that the interpreter has adapted to
    # what it calls counts one less.
    arguments = (without_mark(code), "<candidate>", "exec", 0, True)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_calls() + _DEPTH)
    try:
        return compile(*arguments)
    finally:
        sys.setrecursionlimit(before)


def _calls() -> int:
    """How many calls deep this is, those of C functions included. Python refuses a lower limit."""
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
