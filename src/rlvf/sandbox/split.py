"""Splits `assert f(x) == y` into what the candidate computes and what is decided outside.

The largest sub-expressions that need the candidate's names (`f(x)`) are cut out; their source is
evaluated in the candidate's process. What remains (`<value> == y`) knows nothing but the values,
builtins without side effects and `math`, and is evaluated outside. An assert is run whole in the
candidate's process when this cannot be done without giving the answer away or changing the
meaning: statements other than one assert, candidate names inside a comprehension or lambda or
used without being called, and calls that do not mention the entry point (`== Pair(1, 2)`: the
expected value itself would be made where the candidate is).
"""

import ast
import math
import sys
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, SimpleNamespace
from typing import Any

from rlvf.errors import RlvfError

_TRUSTED: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(abs, all, any, bin, bool, bytes, chr, complex, dict, divmod, enumerate, filter, float),
        *(frozenset, hex, int, isinstance, issubclass, len, list, map, max, min, oct, ord, pow),
        *(range, repr, reversed, round, set, slice, sorted, str, sum, tuple, type, zip),
    )
}
# Of these, attributes only. MBPP compares with sys.getsizeof; the rest of sys is no arithmetic.
_MODULES: dict[str, Any] = {"math": math, "sys": SimpleNamespace(getsizeof=sys.getsizeof)}
_VALUE = "__value__"
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class SplitAssert:
    """An assert that was split: `expressions` for the candidate, and what decides on their values.

    `holds` is given a function from an expression's index to its value. That function may raise;
    it is called where the original would have evaluated the expression, so `and` and `or` keep
    their meaning.
    """

    def __init__(self, expressions: tuple[str, ...], decision: CodeType):
        self.expressions = expressions
        self._decision = decision

    def holds(self, value: Callable[[int], Any]) -> bool:
        """Whether the assert passes. Raises what its evaluation raises."""
        names = {"__builtins__": {}, **_TRUSTED, **_MODULES, _VALUE: value}
        return bool(eval(self._decision, names))


@lru_cache(maxsize=8192)
def split_assert(code: str, entry_point: str, setup: str = "") -> SplitAssert | None:
    """The split test, or None when it must be run whole.

    Names that `setup` binds, and the entry point, belong to the candidate even where they are
    called like a builtin.

    Raises:
        RlvfError: the test or the setup is not valid Python.
    """
    try:
        statements = ast.parse(code).body
        own = {entry_point} | _bound_names(ast.parse(setup))
    except (SyntaxError, ValueError) as error:
        raise RlvfError(f"not valid Python in a test or its setup: {error}: {code!r}") from error
    if len(statements) != 1 or not isinstance(statements[0], ast.Assert):
        return None
    splitter = _Splitter(entry_point, own)
    try:
        decision = ast.Expression(splitter.visit(statements[0].test))
    except _CannotSplit:
        return None
    compiled = compile(ast.fix_missing_locations(decision), "<test>", "eval", dont_inherit=True)
    return SplitAssert(tuple(splitter.expressions), compiled)


def _bound_names(tree: ast.AST) -> set[str]:
    """Every name that the code binds anywhere, but for `import math` and the like."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias) and (node.asname or node.name not in _MODULES):
            names.add((node.asname or node.name).partition(".")[0])
    return names


class _CannotSplit(Exception):
    pass


class _Splitter(ast.NodeTransformer):
    def __init__(self, entry_point: str, own: set[str]):
        self.expressions: list[str] = []
        self._entry_point = entry_point
        self._own = own

    def visit(self, node: ast.AST) -> Any:
        if self._is_rooted(node) or self._is_wrapped(node):
            return self._cut(node)
        if isinstance(node, _SCOPES):
            self._check_scope(node)
            return node
        if isinstance(node, ast.Name) and not self._is_trusted(node.id):
            raise _CannotSplit
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            raise _CannotSplit
        return node if self._is_trusted_attribute(node) else self.generic_visit(node)

    def _cut(self, node: ast.expr) -> ast.expr:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if self._entry_point not in names:
            raise _CannotSplit
        self.expressions.append(ast.unparse(node))
        index = ast.Constant(len(self.expressions) - 1)
        return ast.Call(ast.Name(_VALUE, ast.Load()), [index], [])

    def _is_rooted(self, node: ast.AST) -> bool:
        """Whether this is a call, attribute or item, or a chain of them, of a candidate's name."""
        chained = False
        while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
            if self._is_trusted_attribute(node):
                return False
            node, chained = node.func if isinstance(node, ast.Call) else node.value, True
        return chained and isinstance(node, ast.Name) and not self._is_trusted(node.id)

    def _is_wrapped(self, node: ast.AST) -> bool:
        """`str(f(x))`: objects of the candidate's own classes do not travel, their text does."""
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id != "type"
            and len(node.args) == 1
            and not node.keywords
            and self._is_rooted(node.args[0])
        )

    def _is_trusted(self, name: str) -> bool:
        return name in _TRUSTED and name not in self._own

    def _is_trusted_attribute(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id not in self._own
            and hasattr(_MODULES.get(node.value.id), node.attr)
        )

    def _check_scope(self, node: ast.AST) -> None:
        bound = _bound_names(node)
        modules = {part.value for part in ast.walk(node) if self._is_trusted_attribute(part)}
        free = {n for n in ast.walk(node) if isinstance(n, ast.Name)} - modules
        if not all(name.id in bound or self._is_trusted(name.id) for name in free):
            raise _CannotSplit
