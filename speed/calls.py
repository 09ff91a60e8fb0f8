"""Splits `assert f(1, 2) == 3` into the arguments and the expected value that evalplus needs.

This module imports only the standard library, so that the contenders that fork stay small.
"""

import ast
from typing import Any


class NotACall(Exception):
    """Says why an assert does not have that form."""


def split_call(test: str, entry_point: str) -> tuple[list[Any], Any]:
    """Return the arguments and the expected value.

    Raises:
        NotACall: the test does not have that form.
    """
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
