"""Splits `assert f(x) == y` into what the candidate computes and what is decided outside.

The largest sub-expressions that need the candidate's names (`f(x)`) are cut out, compiled, and
evaluated in the candidate's process. What remains (`<value> == y`) knows nothing but the values,
builtins without side effects, `math`, and what the task's own set-up code binds without help of
the candidate (see `SetUp`). It is evaluated outside, restrained by `guard`.

An assert is run whole in the candidate's process when it cannot be split without giving the
answer away or changing the meaning. There are three such cases: the test is not a single assert;
a function that cannot run outside finds the truth (`assert same(f(x), y)`, where `same` is such a
function); names of the candidate are evaluated several times, or compared with a candidate's
object (`== Pair(1, 2)`, where the expected value itself would be made by the candidate).

Where a decision turns out to ask something of an object that did not travel, the assert is split
again by `split_around_objects`. The candidate then also evaluates what concerns its own values
alone (`P(1) + P(2) == P(3)`, `str(f(1) + f(2))`, `not P(0)`). It is not given a value of the test's
to compare its own values with, unless the test compares that value with an object that the test
itself makes (`P(1) == 1`, where the entry point is a class).
"""

import ast
import builtins
import collections
import copy
import datetime
import decimal
import fractions
import functools
import itertools
import math
import operator
import statistics
import string
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

from rlvf.errors import RlvfError
from rlvf.sandbox import guard
from rlvf.sandbox.inside.values import is_named


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


_BUILTINS: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(abs, all, any, bin, bool, bytearray, bytes, chr, complex, dict, divmod, enumerate),
        *(filter, float, frozenset, hex, int, isinstance, issubclass, len, list, map, max, min),
        *(object, oct, ord, pow, range, repr, reversed, round, set, slice, sorted, str, sum),
        *(tuple, type, zip),
        *(kind for kind in vars(builtins).values() if _is_exception(kind)),
    )
} | {"NotImplemented": NotImplemented}
# MBPP compares with sys.getsizeof; the rest of sys is no arithmetic.
_PRESENT = {"math": math, "sys": SimpleNamespace(getsizeof=sys.getsizeof)}
# What set-up code may import for use outside. Where it imports others, they are the candidate's.
_MODULES = {
    module.__name__: module
    for module in (
        *(collections, datetime, decimal, fractions, functools, itertools, math, operator),
        *(statistics, string, typing),
    )
}
_NAMESPACE = {**_BUILTINS, **_PRESENT, **guard.NAMES}
_VALUE = "__value"
# Nodes that are made here get this place. It would take long to have Python find the nodes that
# lack one.
_PLACE = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Most nodes are of these kinds, which name nothing.
_LEAVES = (ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
# Expressions of these kinds take no more time or memory than their parts, whatever those are.
_HARMLESS = (
    *(ast.BoolOp, ast.Dict, ast.IfExp, ast.JoinedStr, ast.List, ast.Slice, ast.Starred),
    *(ast.Subscript, ast.Tuple, ast.UnaryOp),
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TRUTH_METHODS = {"endswith", "startswith"} | {m for m in guard.SET_METHODS if m[:2] == "is"}
# These functions call their first argument. Any function may call an argument named _CALLED.
_CALLERS = (map, filter)
_CALLED = "key"


class SplitAssert:
    """An assert that was split: `codes` for the candidate, and what decides on their values.

    `inside` and `outside` are the names that the two need. `holds` is given a function from an
    expression's index to its value. That function may raise; it is called where the original
    would have evaluated the expression, so `and` and `or` keep their meaning.
    """

    def __init__(self, expressions: list[ast.expr], decision: ast.expr, setup: "SetUp"):
        self._expressions = expressions
        self.codes = [_evaluation(node) for node in expressions]
        # The names matter only where there is set-up code, and to find them takes longer than the
        # rest.
        self.inside = set().union(*map(_names, expressions)) if setup.made else set()
        self.outside = _names(decision) if setup.made else set()
        self._decision = _evaluation(decision)
        self._imports = setup.imports
        self._prelude = setup.code if self.outside & setup.made else None

    @property
    def expressions(self) -> list[str]:
        """The source of `codes`."""
        return [ast.unparse(node) for node in self._expressions]

    def holds(self, value: Callable[[int], Any]) -> bool:
        """Whether the assert passes. Raises what its evaluation raises, and OverflowError where
        it would take too long."""
        names = {"__builtins__": _NAMESPACE, _VALUE: value, **self._imports}
        guard.start_clock()
        if self._prelude:
            exec(self._prelude, names)
        return bool(eval(self._decision, names))


@lru_cache(maxsize=8192)
def split_assert(code: str, entry_point: str, setup: str = "") -> SplitAssert | None:
    """The split test, or None when it must be run whole.

    Names that `setup` binds, and the entry point, belong to the candidate even where they are
    called like a builtin, unless `SetUp` finds that they are the test's own.

    Raises:
        RlvfError: the test or the setup is not valid Python.
    """
    statements = parse(code)
    known = set_up(setup, entry_point)
    if len(statements) != 1 or not isinstance(statements[0], ast.Assert):
        return None
    test = statements[0].test
    return _split(_Splitter(known, entry_point, set(_deciding(test))), test)


@lru_cache(maxsize=8192)
def split_around_objects(
    code: str, entry_point: str, setup: str, of_class: bool
) -> SplitAssert | None:
    """Split an assert that `split_assert` splits, too, but let the candidate also evaluate what
    concerns its own objects alone. `of_class` says whether the entry point is a class."""
    test = parse(code)[0].test
    known = set_up(setup, entry_point)
    return _split(_ObjectSplitter(known, entry_point, test, of_class), test)


def _split(splitter: "_Splitter", test: ast.expr) -> SplitAssert | None:
    try:
        decision = splitter.rewrite(test)
    except _CannotSplit:
        return None
    split = SplitAssert(splitter.expressions, decision, splitter.setup)
    # If the candidate changes an object that is handed to it, this cannot be seen outside.
    return None if splitter.setup.shares_object(split.inside, split.outside) else split


def parse(code: str) -> list[ast.stmt]:
    """The statements of the code. Raises RlvfError if it is not valid Python."""
    try:
        return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RlvfError(
            f"not valid Python in a test or its setup: {error}: {code[:1000]!r}"
        ) from error


def names_in(expression: str) -> set[str]:
    """The names in the expression. Raises RlvfError if it is not valid Python."""
    return set().union(*map(_names, parse(expression)))


# ---------------------------------------------------------------- names


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def names_needed(tree: ast.AST, known: "SetUp") -> set[str]:
    """The names in the code of a test that are bound neither by that code nor by the part of the
    set-up code that runs without the candidate."""
    modules = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _bound(node) - _imported(node).keys()
    }
    names = {node for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}.union(
        *(_locals(node) | _bound(node) for node in ast.iter_child_nodes(tree))
    )
    return modules | {node.id for node in names} - bound - known.known.keys()


def _bound(node: ast.AST) -> set[str]:
    """The names that a statement binds where it stands."""
    if isinstance(node, _DEFINITIONS):
        inner = (part.names for part in ast.walk(node) if isinstance(part, ast.Global))
        return {node.name}.union(*inner)
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).partition(".")[0]}
    if isinstance(node, (ast.Lambda, *_COMPREHENSIONS)):
        return set()
    name = getattr(node, "name", None)  # of `except ... as name` and `case ... as name`
    return {name for name in [name] if name}.union(*map(_bound, ast.iter_child_nodes(node)))


def _locals(node: ast.AST) -> set[str]:
    """The names in the own scope of a function, lambda or comprehension."""
    parts = ast.walk(node)
    stored = {p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
    return stored | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


def _free(node: ast.AST, bound: Set[str] = frozenset()) -> Iterator[ast.expr]:
    """Names, and attributes of names, that are used but not bound within the node."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id not in bound:
            yield node
        return
    if isinstance(node, ast.Name):
        if node.id not in bound:
            yield node
        return
    if isinstance(node, _COMPREHENSIONS):
        yield from _free(node.generators[0].iter, bound)
    if isinstance(node, (ast.Lambda, ast.FunctionDef, *_COMPREHENSIONS)):
        bound = bound | _locals(node)
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _LEAVES):
            yield from _free(child, bound)


def _operands_of_logic(test: ast.expr) -> list[ast.expr]:
    """What `and`, `or` and `not` combine. It is empty if the test is none of them."""
    if isinstance(test, ast.BoolOp):
        return test.values
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [test.operand]
    return []


def _deciding(test: ast.expr) -> Iterator[ast.expr]:
    """The parts whose truth decides the test, since nothing more is compared with them."""
    yield test
    parts = _operands_of_logic(test)
    if isinstance(test, ast.Call) and getattr(test.func, "id", "") in ("all", "any", "bool"):
        parts = test.args
    elif isinstance(test, ast.Compare):
        operands = [test.left, *test.comparators]
        if any(isinstance(part, ast.Constant) and part.value in (True, False) for part in operands):
            parts = operands
    for part in parts:
        yield from _deciding(part)


# ---------------------------------------------------------------- set-up code


@dataclass(frozen=True)
class _Statement:
    node: ast.stmt
    bound: set[str]
    names: set[str]
    hideable: bool


class SetUp:
    """A task's set-up code, and what of it the test's side can do without the candidate.

    The test's side can have imports of harmless modules, assignments and functions, as far as they
    use nothing but each other and the builtins that a decision may use. `known` are all names that
    a decision may use, with their values. Of these, `helpers` are functions that `guard` restrains,
    and `imports` come from modules. `code` binds the rest of what the task itself binds.
    """

    def __init__(self, text: str, entry_point: str):
        self._text = text
        self._entry_point = entry_point
        self.known: dict[str, Any] = {**_BUILTINS, **_PRESENT}
        self.known.pop(entry_point, None)
        self.helpers: set[str] = set()
        self.imports: dict[str, Any] = {}
        self.made: set[str] = set()
        self._statements: list[_Statement] = []
        splitter = _Splitter(self, entry_point)
        namespace: dict[str, Any] = {"__builtins__": _NAMESPACE}
        outside: list[ast.stmt] = []
        for node in parse(text):
            bound, names = _bound(node), _names(node)
            hideable = False
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._forget(bound)
                self._import(node)
                namespace |= self.imports
            else:
                try:
                    statement = ast.fix_missing_locations(splitter.statement_outside(node))
                    guard.start_clock()
                    exec(_compiled([statement]), namespace)
                    self.known |= {name: namespace[name] for name in bound}
                    self.made |= bound
                    outside.append(statement)
                    hideable = True
                except Exception:  # it needs the candidate, or fails, as it will inside, too
                    changed = (n for n in names if _is_mutable(self.known.get(n)))
                    self._forget(bound.union(changed))
            self._statements.append(_Statement(node, bound, names, hideable))
        self.code = _compiled(outside) if outside else None
        broken = {""}
        while broken:  # what the candidate's side binds later may break helpers
            functions = ((s.bound & self.helpers, s.node) for s in self._statements)
            broken = set().union(
                *(
                    names
                    for names, node in functions
                    if not all(map(splitter.is_known, _free(node)))
                )
            )
            self._forget(broken)

    def _forget(self, names: set[str]) -> None:
        self.helpers -= names
        for name in names:
            self.known.pop(name, None)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        found = _imported(node)
        # These are forgotten, since `code` would bind them again.
        self._forget(self.made.intersection(found))
        for name in found.keys() - self.made - {self._entry_point}:
            self.known[name] = self.imports[name] = found[name]

    def inside(self, inside: set[str], outside: set[str]) -> str:
        """The set-up code for the candidate's process. `inside` are the names that the candidate's
        side of the tests uses, and `outside` those of the test's side. Statements that only the
        test's side needs are left out."""
        theirs = (s.names for s in self._statements if not s.hideable)
        needed = self._closure(inside.union(*theirs))
        hidden = self._closure(outside)
        kept: list[_Statement] = []
        gone: set[str] = set()
        for statement in self._statements:
            spare = statement.hideable and not statement.bound & needed
            if spare and (statement.bound & hidden or statement.names & gone):
                gone |= statement.bound
            else:
                kept.append(statement)
        return "\n".join(ast.unparse(s.node) for s in kept) if gone else self._text

    def _closure(self, names: set[str]) -> set[str]:
        """These names, the names that are used by the statements that bind them, and so on."""
        size = -1
        while size < len(names):
            size = len(names)
            names = names.union(*(s.names for s in self._statements if s.bound & names))
        return names

    def shares_object(self, one: set[str], other: set[str]) -> bool:
        """Whether names of both sides stand for one object that can be changed."""
        first, second = (
            {id(self.known[name]) for name in names if _is_mutable(self.known.get(name))}
            for names in (one, other)
        )
        return not first.isdisjoint(second)


def set_up(text: str, entry_point: str) -> SetUp:
    """The SetUp for this text. Raises RlvfError when the text is not valid Python."""
    # Most tasks have no set-up code. They share one SetUp, unless their entry point has the name of
    # a builtin.
    return _set_up(text, entry_point if text or entry_point in _BUILTINS else "")


_set_up = lru_cache(maxsize=4096)(SetUp)


def _evaluation(node: ast.expr) -> CodeType:
    return compile(ast.Expression(node), "<test>", "eval", dont_inherit=True, optimize=0)


def _compiled(statements: list[ast.stmt]) -> CodeType:
    return compile(ast.Module(statements, []), "<setup>", "exec", dont_inherit=True, optimize=0)


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
    """What the statement binds of harmless modules."""
    found: dict[str, Any] = {}
    for alias in node.names:
        if isinstance(node, ast.Import):
            root = alias.name.partition(".")[0]
            if alias.name in _MODULES or (root in _MODULES and not alias.asname):
                found[alias.asname or root] = _MODULES[root]
            elif alias.name == "sys" and not alias.asname:
                found["sys"] = _PRESENT["sys"]
        elif node.module in _MODULES and not node.level:
            module = _MODULES[node.module]
            if alias.name == "*":
                found |= {name: getattr(module, name) for name in dir(module) if name[0] != "_"}
            elif hasattr(module, alias.name):
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


def _is_mutable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return hasattr(type(value), "__next__")


# ---------------------------------------------------------------- splitting


class _CannotSplit(Exception):
    pass


class _Splitter:
    """Turns tests into decisions. Parts that need the candidate's names become expressions for the
    candidate, and operations on values become those that `guard` has for them. Parts that are the
    test's own stay as they are."""

    def __init__(self, known: SetUp, entry_point: str, deciding: Iterable[ast.expr] = ()):
        self.expressions: list[ast.expr] = []
        self.setup = known
        self._entry_point = entry_point
        self._deciding = set(deciding)
        # Names that stand for values in a scope within the decision; None outside of scopes.
        self._scope: set[str] | None = None

    def rewrite(self, node: ast.expr) -> ast.expr:
        """The same expression without candidate names. Raises _CannotSplit."""
        if all(self.is_known(name) for name in _free(node)):
            return node
        if self._scope is not None:
            if isinstance(node, ast.Name) and node.id in self._scope:
                return node
            return self._restrain(node)
        if self._is_candidates(node):
            return self._cut(node)
        count = len(self.expressions)
        try:
            return self._restrain(node)
        except _CannotSplit:
            if not self._may_go_inside(node):
                raise
            del self.expressions[count:]
            return self._cut(node)

    # ------------------------------------------------------------ the candidate's part

    def _is_candidates(self, node: ast.expr) -> bool:
        """Whether the candidate evaluates the node. It evaluates `f(x)`, what is done with that
        alone, and `str(f(x))`, since objects of its own classes do not travel but their text
        does."""
        match node:
            case ast.Call(ast.Name(name), [part], []):
                if name in self.setup.known and name not in self.setup.helpers:
                    return self._is_chain(part) and self._is_candidates(part)
        if not self._is_chain(node):
            return False
        if not any(map(self._names_entry_point, _chain(node))):
            if self._may_go_inside(node):
                return True
            raise _CannotSplit
        # In `assert f(x).startswith("a")` the method decides the test, so it is not left to the
        # candidate.
        return not (
            node in self._deciding
            and isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Call)
            and node.func.attr in _TRUTH_METHODS
            and node.args
        )

    def _is_chain(self, node: ast.expr) -> bool:
        *parts, root = _chain(node)
        known = self.setup.known
        return bool(parts) and isinstance(root, ast.Name) and root.id not in known

    def _may_go_inside(self, node: ast.expr) -> bool:
        """Whether the candidate may evaluate the node, although this is not the candidate's alone,
        because the decision is still left to the test."""
        parts = list(ast.walk(node))
        return (
            node not in self._deciding
            and any(map(self._names_entry_point, parts))
            and isinstance(node, (ast.Call, ast.Attribute, ast.Subscript, *_COMPREHENSIONS))
            and not any(isinstance(part, ast.Compare | ast.BoolOp | ast.Not) for part in parts)
            and not any(isinstance(part, ast.NamedExpr | ast.Await | ast.Yield) for part in parts)
        )

    def _names_entry_point(self, node: ast.AST) -> bool:
        return self._entry_point in (getattr(node, "id", None), getattr(node, "attr", None))

    def _cut(self, node: ast.expr) -> ast.expr:
        self.expressions.append(node)
        return _calling(_VALUE, ast.Constant(len(self.expressions) - 1, **_PLACE))

    # ------------------------------------------------------------ the test's part

    def _restrain(self, node: ast.expr) -> ast.expr:
        if isinstance(node, _COMPREHENSIONS):
            return self._comprehension(node)
        special = getattr(self, f"_{type(node).__name__.lower()}", None)
        if special:
            return special(node)
        if isinstance(node, _HARMLESS):
            return self._parts(node)
        raise _CannotSplit

    def _parts(self, node: ast.expr) -> Any:
        """A copy of the node with its parts rewritten."""
        node = copy.copy(node)
        for field, part in ast.iter_fields(node):
            if isinstance(part, ast.expr):
                setattr(node, field, self.rewrite(part))
            elif isinstance(part, list):
                parts = [self.rewrite(p) if isinstance(p, ast.expr) else p for p in part]
                setattr(node, field, parts)
        return node

    def _compare(self, node: ast.Compare) -> ast.expr:
        by_identity = any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        if by_identity and not any(map(self._is_unique, [node.left, *node.comparators])):
            raise _CannotSplit
        return self._parts(node)

    def _is_unique(self, node: ast.expr) -> bool:
        """Whether a value can be this very object, although values are copies."""
        if isinstance(node, ast.Constant):
            return node.value in (None, ...) or isinstance(node.value, bool)
        return is_named(self._resolve(node))

    def _binop(self, node: ast.BinOp) -> ast.expr:
        template = isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)
        if template and guard.is_plain_template(node.left.value):
            return self._parts(node)
        node = self._parts(node)
        name = guard.operator_name(type(node.op))
        return _calling(name, node.left, node.right) if name else node

    def _set(self, node: ast.Set) -> ast.expr:
        if any(isinstance(part, ast.Starred) for part in node.elts):
            raise _CannotSplit
        return self._parts(node)

    def _formattedvalue(self, node: ast.FormattedValue) -> ast.expr:
        node = copy.copy(node)
        if node.format_spec and self.rewrite(node.format_spec) is not node.format_spec:
            raise _CannotSplit
        node.value = self.rewrite(node.value)
        return node

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr not in guard.ATTRIBUTES:
            raise _CannotSplit
        return self._parts(node)

    def _call(self, node: ast.Call) -> ast.expr:
        function, method = self._resolve(node.func), node.func
        node = copy.copy(node)
        if function in (isinstance, issubclass):
            node = self._parts(node)
            node.func = self._function(node.func, function)
            return node
        if callable(function):
            node.func = self._function(node.func, function)
        elif not isinstance(method, ast.Attribute):
            raise _CannotSplit
        elif method.attr in guard.METHODS or (
            method.attr in guard.TEMPLATE_METHODS
            and isinstance(method.value, ast.Constant)
            and guard.is_plain_template(method.value.value)
        ):
            node.func = copy.copy(method)
            node.func.value = self.rewrite(method.value)
        else:
            raise _CannotSplit
        called = [*node.args[: function in _CALLERS]]
        called += [keyword.value for keyword in node.keywords if keyword.arg == _CALLED]
        if not all(map(self._is_own_function, called)):
            raise _CannotSplit
        node.args = [self._argument(part) for part in node.args]
        node.keywords = [
            ast.keyword(keyword.arg, self._argument(keyword.value), **_PLACE)
            for keyword in node.keywords
        ]
        if isinstance(method, ast.Attribute) and method.attr in guard.SET_METHODS:
            node.args = [_calling("__set", part) for part in node.args]
        return node

    def _is_own_function(self, node: ast.expr) -> bool:
        """Whether the node is the test's own function or None. A function that is a value may do
        anything."""
        return isinstance(node, ast.Lambda) or (all(map(self.is_known, _free(node))))

    def _argument(self, node: ast.expr) -> ast.expr:
        """Rewrite an argument. A function that is handed over will be called with values, so it is
        restrained."""
        if any(isinstance(part, ast.Lambda) for part in ast.walk(node)):
            return self._restrain(node)
        if isinstance(node, ast.Name | ast.Attribute) and all(map(self.is_known, _free(node))):
            value = self._resolve(node)
            if callable(value):
                return self._function(node, value)
            if isinstance(node, ast.Attribute) and value is None:  # a method of an object
                raise _CannotSplit
        return self.rewrite(node)

    def _function(self, node: ast.expr, function: Callable) -> ast.expr:
        """What to call in place of a function, where arguments may be values."""
        if isinstance(node, ast.Name) and node.id in self.setup.helpers:
            return node
        name = guard.function_name(function)
        if name is not None:
            return ast.Name(name, ast.Load(), **_PLACE) if name else node
        of_class = isinstance(node, ast.Attribute) and isinstance(self._resolve(node.value), type)
        if of_class and node.attr in guard.METHODS - guard.SET_METHODS:  # str.upper
            return node
        raise _CannotSplit

    def _comprehension(self, node: ast.expr) -> ast.expr:
        node = copy.copy(node)
        first = self._items(node.generators[0].iter)
        with self._inner(node):
            loops = []
            for loop in node.generators:
                items = first if not loops else self.rewrite(loop.iter)
                conditions = [self.rewrite(part) for part in loop.ifs]
                items = _calling(guard.TICKED, items)
                loops.append(ast.comprehension(loop.target, items, conditions, loop.is_async))
            for field in ("elt", "key", "value"):
                if hasattr(node, field):
                    setattr(node, field, self.rewrite(getattr(node, field)))
        node.generators = loops
        return node

    def _items(self, node: ast.expr) -> ast.expr:
        return self.rewrite(node)

    def _lambda(self, node: ast.Lambda) -> ast.expr:
        self._check_arguments(node.args)
        with self._inner(node):
            return ast.Lambda(node.args, _calling(guard.TICK, self.rewrite(node.body)), **_PLACE)

    def _check_arguments(self, arguments: ast.arguments) -> None:
        for part in [*arguments.defaults, *filter(None, arguments.kw_defaults)]:
            if not isinstance(part, ast.Constant):
                raise _CannotSplit

    @contextmanager
    def _inner(self, node: ast.AST) -> Iterator[None]:
        outer = self._scope
        self._scope = (outer or set()) | _locals(node)
        try:
            yield
        finally:
            self._scope = outer

    def is_known(self, node: ast.expr) -> bool:
        name = node if isinstance(node, ast.Name) else node.value
        if name.id not in self.setup.known or name.id in (self._scope or ()):
            return False
        return not isinstance(node, ast.Attribute) or (
            not isinstance(module := self.setup.known[name.id], ModuleType | SimpleNamespace)
            or hasattr(module, node.attr)
        )

    def _resolve(self, node: ast.expr) -> Any:
        """What a name, or an attribute of a module or class, stands for. It is None if this is not
        known."""
        if isinstance(node, ast.Name):
            return self.setup.known.get(node.id) if self.is_known(node) else None
        if isinstance(node, ast.Attribute):
            owner = self._resolve(node.value)
            if isinstance(owner, ModuleType | SimpleNamespace | type):
                return getattr(owner, node.attr, None)
        return None

    # ------------------------------------------------------------ set-up code

    def statement_outside(self, node: ast.stmt) -> ast.stmt:
        """A statement of set-up code as it can run outside. Raises _CannotSplit."""
        if self._entry_point in _bound(node):
            raise _CannotSplit
        if isinstance(node, ast.FunctionDef):
            return self._helper(node)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            self.setup.helpers |= _bound(node)
            return ast.Assign(node.targets, self._lambda(node.value))
        node = _assignment(node)
        attributes = (part for part in ast.walk(node) if isinstance(part, ast.Attribute))
        if any(p.attr not in guard.PURE_METHODS and not self._resolve(p) for p in attributes):
            raise _CannotSplit  # it may change something
        if not all(map(self.is_known, _free(node.value))):
            raise _CannotSplit
        self.setup.helpers -= _bound(node)
        return node

    def _helper(self, node: ast.FunctionDef) -> ast.stmt:
        """A function of set-up code, rewritten so that it can be called with values."""
        if node.decorator_list:
            raise _CannotSplit
        self._check_arguments(node.args)
        node = copy.copy(node)
        node.args, node.returns = _without_annotations(node.args), None
        # Its name is known from here on, since it may call itself.
        self.setup.known[node.name] = self._helper
        self.setup.helpers.add(node.name)
        with self._inner(node):
            node.body = [ast.Expr(_calling(guard.TICK)), *map(self._statement, node.body)]
        return node

    def _statement(self, node: ast.stmt) -> ast.stmt:
        """One of a helper's statements, rewritten. Loops look at the clock then."""
        if isinstance(node, ast.Pass | ast.Break | ast.Continue):
            return node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return node
        node = copy.copy(node)
        if isinstance(node, ast.Return):
            node.value = node.value and self.rewrite(node.value)
        elif isinstance(node, ast.If | ast.While | ast.For):
            node.body = [*map(self._statement, node.body)]
            node.orelse = [*map(self._statement, node.orelse)]
            if isinstance(node, ast.For):
                _check_target(node.target)
                node.iter = _calling(guard.TICKED, self.rewrite(node.iter))
            else:
                node.test = self.rewrite(node.test)
            if isinstance(node, ast.While):
                node.body.insert(0, ast.Expr(_calling(guard.TICK)))
        else:
            node = _assignment(node)
            node.value = self.rewrite(node.value)
        return node


class _Owner(IntEnum):
    """Whose value an expression has. If it has several parts, the highest owner mostly counts."""

    TEST = 0  # it uses none of the candidate's names
    OBJECT = 1  # an object of the candidate's class that the test itself makes: `P(1)`
    CANDIDATE = 2  # the candidate's alone
    BOTH = 3  # it combines values of the two, and may well compare them: `f(1) - 2`
    JUDGED = 4  # the candidate's value is compared with the test's, or this cannot be told


class _ObjectSplitter(_Splitter):
    """Cuts out as much as concerns the candidate's own objects alone, comparisons included."""

    def __init__(self, known: SetUp, entry_point: str, test: ast.expr, of_class: bool):
        super().__init__(known, entry_point, _deciding(test))
        self._of_class = of_class
        # Only the truth of these parts counts, so nothing else of their values need travel.
        self._truths = set(_truths(test))

    def rewrite(self, node: ast.expr) -> ast.expr:
        return self._cut(node) if self._may_be_cut(node) else super().rewrite(node)

    def _may_be_cut(self, node: ast.expr) -> bool:
        return (
            self._scope is None
            and not isinstance(node, ast.Starred | ast.FormattedValue | ast.Slice)
            and self._owner(node) in (_Owner.OBJECT, _Owner.CANDIDATE)
        )

    def _cut(self, node: ast.expr) -> ast.expr:
        if node in self._truths:
            node = ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), node, **_PLACE), **_PLACE)
        return super()._cut(node)

    def _starred(self, node: ast.Starred) -> ast.expr:
        return ast.Starred(self._items(node.value), node.ctx, **_PLACE)

    def _items(self, node: ast.expr) -> ast.expr:
        """Rewrite what is iterated over. Its items travel even if the object itself does not."""
        return self._cut(_calling("iter", node)) if self._may_be_cut(node) else self.rewrite(node)

    def _owner(self, node: ast.expr) -> _Owner:
        if all(map(self.is_known, _free(node))):
            return _Owner.TEST
        find = getattr(self, f"_owner_of_{type(node).__name__.lower()}", None)
        return find(node) if find else _Owner.JUDGED

    def _together(self, nodes: Iterable[ast.expr]) -> _Owner:
        owners = {*map(self._owner, nodes)}
        if _Owner.TEST in owners and _Owner.CANDIDATE in owners:
            owners.add(_Owner.BOTH)
        return max(owners, default=_Owner.TEST)

    def _made(self, owner: _Owner) -> _Owner:
        """The owner of what is made from a value of this owner alone."""
        return _Owner.CANDIDATE if owner is _Owner.OBJECT else owner

    def _owner_of_name(self, node: ast.Name) -> _Owner:
        return _Owner.CANDIDATE

    def _owner_of_call(self, node: ast.Call) -> _Owner:
        function = node.func
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if self._is_chain(node) and any(map(self._names_entry_point, _chain(node))):
            if self._of_class and getattr(function, "id", "") == self._entry_point:
                return _Owner.OBJECT
            return _Owner.CANDIDATE if self._is_candidates(node) else _Owner.JUDGED
        known = self._resolve(function)
        if known in (isinstance, issubclass) and len(arguments) == 2:
            kinds = self._static(arguments[1])
            if guard.only_data(kinds):
                return _Owner.JUDGED
            return self._made(self._owner(arguments[0]))
        if callable(known):
            values = [part for part in node.args if not self._is_function(part)]
            return self._made(self._together(values))
        if not isinstance(function, ast.Attribute):
            return _Owner.JUDGED
        if isinstance(function.value, ast.Constant) and function.attr in guard.TEMPLATE_METHODS:
            return self._made(max(map(self._owner, arguments)))
        if function.attr in _TRUTH_METHODS:
            return _Owner.JUDGED
        return self._made(self._owner(function.value)) or _Owner.JUDGED

    def _static(self, node: ast.expr) -> Any:
        return (
            tuple(map(self._static, node.elts))
            if isinstance(node, ast.Tuple)
            else self._resolve(node)
        )

    def _is_function(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Lambda) or callable(self._resolve(node))

    def _owner_of_attribute(self, node: ast.Attribute) -> _Owner:
        return self._made(self._owner(node.value))

    def _owner_of_subscript(self, node: ast.Subscript) -> _Owner:
        owner = self._owner(node.value)
        return (
            self._together([node.value, node.slice]) if owner is _Owner.TEST else self._made(owner)
        )

    def _owner_of_binop(self, node: ast.BinOp) -> _Owner:
        if isinstance(node.op, ast.Mod) and isinstance(getattr(node.left, "value", None), str):
            return self._made(self._owner_of_items(node.right))
        return self._made(self._together([node.left, node.right]))

    def _owner_of_items(self, node: ast.expr) -> _Owner:
        """The owner of what is put into a template."""
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        return max(map(self._owner, parts))

    def _owner_of_unaryop(self, node: ast.UnaryOp) -> _Owner:
        return self._made(self._owner(node.operand))

    def _owner_of_boolop(self, node: ast.BoolOp) -> _Owner:
        return self._made(self._together(node.values))

    def _owner_of_ifexp(self, node: ast.IfExp) -> _Owner:
        return self._made(self._together([node.test, node.body, node.orelse]))

    def _owner_of_list(self, node: ast.List | ast.Tuple | ast.Set) -> _Owner:
        owner = self._together(node.elts)
        return _Owner.JUDGED if owner is _Owner.BOTH else owner

    _owner_of_tuple = _owner_of_set = _owner_of_list

    def _owner_of_dict(self, node: ast.Dict) -> _Owner:
        owner = self._together(filter(None, [*node.keys, *node.values]))
        return _Owner.JUDGED if owner is _Owner.BOTH else owner

    def _owner_of_starred(self, node: ast.Starred) -> _Owner:
        return self._made(self._owner(node.value))

    def _owner_of_joinedstr(self, node: ast.JoinedStr) -> _Owner:
        return max(map(self._owner, node.values))

    def _owner_of_formattedvalue(self, node: ast.FormattedValue) -> _Owner:
        return self._made(self._owner(node.value))

    def _owner_of_listcomp(self, node: ast.expr) -> _Owner:
        return _Owner.CANDIDATE if self._may_go_inside(node) else _Owner.JUDGED

    _owner_of_setcomp = _owner_of_dictcomp = _owner_of_generatorexp = _owner_of_listcomp

    def _owner_of_compare(self, node: ast.Compare) -> _Owner:
        owners = {*map(self._owner, [node.left, *node.comparators])}
        if _Owner.JUDGED in owners or (_Owner.TEST in owners and max(owners) > _Owner.OBJECT):
            return _Owner.JUDGED
        return _Owner.CANDIDATE


def _truths(test: ast.expr) -> Iterator[ast.expr]:
    """The parts of which a test takes only the truth."""
    yield test
    for part in _operands_of_logic(test):
        yield from _truths(part)


def _assignment(node: ast.stmt) -> ast.Assign:
    """Turn an assignment to names, of any kind, into one of the usual kind."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.Assign([node.target], value)
    if isinstance(node, ast.AnnAssign) and node.value:
        node = ast.Assign([node.target], node.value)
    if not isinstance(node, ast.Assign):
        raise _CannotSplit
    for target in node.targets:
        _check_target(target)
    return copy.copy(node)


def _check_target(node: ast.expr) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Subscript):
            raise _CannotSplit


def _without_annotations(arguments: ast.arguments) -> ast.arguments:
    arguments = copy.deepcopy(arguments)
    for part in ast.walk(arguments):
        if isinstance(part, ast.arg):
            part.annotation = None
    return arguments


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    """Yield a call, attribute or item, then what it is called on or taken from, and so on."""
    yield node
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
        yield node


def _calling(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load(), **_PLACE), list(arguments), [], **_PLACE)
