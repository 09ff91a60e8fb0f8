"""A process that says whether code compiles and which names it binds, and never runs that code.

rlvf.parsing starts it, since hostile code can make the compiler end its process, or not end at all.
"""

import ast
import json
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator

from . import source

# The limits for one text, in seconds of processor time and bytes of address space.
_SECONDS, _MEMORY = 10, 512 << 20
_STACK = 16 << 20
# A statement stands in at most 100 others, but each `elif` is one level of the tree.
_TREE_DEPTH = 1_000_000
_LONGEST_MESSAGE = 300

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def main() -> None:
    """Answer each line of standard input, which is a text in JSON, with a line that holds what
    `_examine` finds."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The first thread's stack is as large as the limits of whoever started this, and the compiler
    # would die of a small one.
    threading.stack_size(_STACK)
    thread = threading.Thread(target=_answer_all)
    thread.start()
    thread.join()


def _answer_all() -> None:
    for line in sys.stdin:
        code = json.loads(line)
        # This timer ends the process, whatever the compiler is doing.
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        answer = _examine(code)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer), flush=True)


def _examine(code: str) -> dict:
    """Why the text does not compile, or which names it may bind."""
    try:
        source.compiled(code)
    except Exception as error:
        return {"problem": _problem(error)}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_TREE_DEPTH)
    try:
        return {"names": sorted(_module_names(ast.parse(source.without_mark(code))))}
    except (RecursionError, MemoryError):
        return {"names": []}
    finally:
        sys.setrecursionlimit(limit)


def _problem(error: Exception) -> dict:
    if isinstance(error, SyntaxError):
        line, column, message = error.lineno, error.offset, error.msg
    else:
        line = column = None
        message = str(error)
    if isinstance(error, RecursionError | MemoryError):
        message = "nested too deeply for Python's compiler"
    return {
        "line": max(line or 1, 1),
        "column": max(column or 1, 1),
        "message": str(message)[:_LONGEST_MESSAGE],
    }


# ---------------------------------------------------------------- names


def _module_names(tree: ast.Module) -> set[str]:
    names = _after(tree.body, set())
    for node in ast.walk(tree):
        if isinstance(node, _DEFINITIONS):
            parts = list(_own(node.body))
            declared = {n for part in parts if isinstance(part, ast.Global) for n in part.names}
            names |= declared and declared & _after(node.body, set())
    return names


def _after(body: Iterable[ast.stmt], names: set[str]) -> set[str]:
    """The names that may be bound after the statements, where `names` were before them."""
    for statement in body:
        names = _after_one(statement, names)
    return names


def _after_one(node: ast.stmt, names: set[str]) -> set[str]:
    match node:
        case ast.If(test=ast.Constant(value=value), body=then, orelse=otherwise):
            return _after(then if value else otherwise, names)
        case ast.If(test=test, body=then, orelse=otherwise):
            names = names | _stored([test])
            return _after(then, names) | _after(otherwise, names)
        case ast.While(test=head, body=body, orelse=otherwise):
            names = names | _stored([head])
            return _after(otherwise, names | _after(body, names))
        case ast.For(body=body, orelse=otherwise) | ast.AsyncFor(body=body, orelse=otherwise):
            names = names | _stored([node.target, node.iter])
            return _after(otherwise, names | _after(body, names))
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            # The context manager may swallow an exception, so the block may end early.
            names = names | _stored(items)
            return names | _after(body, names)
        case ast.Try() | ast.TryStar():
            tried = _after(node.body, names)
            ends = [_after(node.orelse, tried)]
            for handler in node.handlers:
                caught = names | tried | _stored(filter(None, [handler.type]))
                # The name of the exception is unbound where the handler ends.
                ends.append(_after(handler.body, caught | {handler.name}) - {handler.name})
            return _after(node.finalbody, set().union(*ends))
        case ast.Match(subject=subject, cases=cases):
            names = names | _stored([subject])
            return names.union(
                *(_after(case.body, names | _stored([case.pattern, case.guard])) for case in cases)
            )
        case ast.Delete(targets=targets):
            return names - _stored(targets)
        case ast.AnnAssign(value=None, annotation=annotation):
            return names | _stored([annotation])
        case _:
            return names | _stored([node])


def _stored(nodes: Iterable[ast.AST | None]) -> set[str]:
    """The names that these nodes bind in their own scope."""
    found: set[str] = set()
    for node in _own(nodes):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.alias(name=name, asname=asname) if name != "*":
                found.add(asname or name.partition(".")[0])
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
    return found


def _own(nodes: Iterable[ast.AST | None]) -> Iterator[ast.AST]:
    """The nodes and those below them that belong to the same scope."""
    todo = [node for node in nodes if node is not None]
    while todo:
        node = todo.pop()
        yield node
        match node:
            case ast.Lambda(args=arguments):
                todo.append(arguments)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                todo += [*node.decorator_list, node.args]
                todo += filter(None, [node.returns])
            case ast.ClassDef():
                todo += [*node.decorator_list, *node.bases, *node.keywords]
            case ast.comprehension():
                # The target is local to the comprehension, but what `:=` binds is not.
                todo += [node.iter, *node.ifs]
            case _:
                todo += ast.iter_child_nodes(node)
