"""`assert f(1, 2) == 3` as arguments and an expected value, as evalplus wants them.

Imports no more than the standard library: the contenders that fork are to stay small.
"""

import ast
from typing import Any


class NotACall(Exception):
    """Why an assert has not that shape."""


def split_call(test: str, entry_point: str) -> tuple[list[Any], Any]:
    """The arguments and the expected value. Raises NotACall."""
    match ast.parse(test).body:
        case [
            ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]),
                    ops=[ast.Eq()],
                    comparators=[expected],
                )
            )
        ] if name == entry_point:
            return [_literal(argument) for argument in arguments], _literal(expected)
    raise NotACall("a test is not `assert f(arguments) == expected`")


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise NotACall("an argument or expected value is no literal") from error
