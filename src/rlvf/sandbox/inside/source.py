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
    # The compiler counts the frames above it. How deeply code may be nested depends neither on
    # who asks nor on what a library made of the limit.
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_DEPTH + depth)
    try:
        return compile(without_mark(code), "<candidate>", "exec", dont_inherit=True)
    finally:
        sys.setrecursionlimit(limit)


def without_mark(code: str) -> str:
    """The code without a byte order mark."""
    return code.removeprefix("\ufeff")
