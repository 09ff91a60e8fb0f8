"""What a stage depends on besides its files and settings: code, and versions of packages.

Snakemake makes a product again when a parameter of its rule has changed. Stamps are such
parameters. There is one text `path@checksum` for each file of which the stage reaches something,
and one text `package==version` for each package that decides on its products. Python counts as a
package where candidates' code is read or run, since its minor version says what is valid syntax.

The checksum is taken over the definitions that the stage reaches (functions, classes, constants),
followed by name from `run` of its module in rlvf.commands through all modules of rlvf, without
comments and docstrings. So a change of one definition concerns the stages that use it and no
others. A stage that works for any environment calls it `environment` (see rlvf.environments):
`environment.measure` is the definition `measure` of the environments that this use of the stage
works for. What is reached in other ways than by name is named in `_BESIDES`. Files that are not
Python are named in `_FILES`, and count as they are.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from rlvf import commands
from rlvf.files import file_checksum

_SOURCE = Path(__file__).resolve().parent
_PACKAGE = _SOURCE.name

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

# These modules start the functions as programs of their own.
_BESIDES = {
    "rlvf.sandbox.connection": ["rlvf.sandbox.inside.server.main"],
    "rlvf.parsing": ["rlvf.sandbox.inside.examiner.main"],
}
# These packages read such files from their own folders.
_FILES = {"rlvf.analysis.explorer": "page.*"}


@cache
def stamps(
    stage: str,
    packages: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (),
    unused: tuple[str, ...] = (),
    environments: tuple[str, ...] = (),
) -> list[str]:
    """The stamps of a sub-command of `rlvf`. `packages` are further packages, `kinds` the modules
    that are found by the `kind` of a section, or single definitions of such, `environments`
    the names of those that this use of the sub-command works for, and `unused` the modules that it
    does not come to."""
    reached: dict[str, set[str]] = {}
    command = commands.module(stage)
    for module, name in ((command.__name__, "run"), *map(_of_kind, kinds)):
        _follow(module, name, reached, unused)
    used = _mentioned_of_environment(reached)
    for module in (f"{_PACKAGE}.environments.{name}" for name in environments):
        for name in used:
            _follow(module, name, reached, unused)
    files = [
        f"{_path(module).relative_to(_SOURCE.parent)}@{_checksum(module, frozenset(names))}"
        for module, names in reached.items()
    ] + [
        f"{path.relative_to(_SOURCE.parent)}@{file_checksum(path)[:12]}"
        for module in reached.keys() & _FILES.keys()
        for path in _path(module).parent.glob(_FILES[module])
    ]
    versions = (*getattr(command, "PACKAGES", ()), *packages)
    return sorted(files) + [_package(name) for name in versions]


def _of_kind(kind: str) -> tuple[str, str]:
    """The module and the definition that `stamps` is given, which is "" for the whole module."""
    if _path(kind):
        return kind, ""
    module, _, definition = kind.rpartition(".")
    return module, definition


def _package(name: str) -> str:
    if name == "python":
        return f"python=={sys.version_info.major}.{sys.version_info.minor}"
    try:
        # The part that says for which device it was built is left out.
        return f"{name}=={version(name).partition('+')[0]}"
    except PackageNotFoundError:
        return f"{name} is not installed"


# ---------------------------------------------------------------- definitions


class _Definition(NamedTuple):
    """A top-level statement: the names that it binds, the names and `module.attribute` that it
    mentions, what it imports (within functions as well: the names mean the same, mostly), and its
    syntax tree as text, without docstrings and places."""

    bound: frozenset[str]
    mentioned: frozenset[str]
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    text: str


class _Module(NamedTuple):
    """A module of ours. `definitions` are by the names that they bind. `imported` says what names
    stand for, as (module, name), where the name is "" for a module itself. `loose` are statements
    that bind nothing, and so are reached with the module."""

    definitions: dict[str, list[_Definition]]
    imported: dict[str, tuple[str, str]]
    loose: list[_Definition]


@cache
def _path(module: str) -> Path | None:
    """The file of a module of ours, or None for any other module."""
    package, *parts = module.split(".")
    if package != _PACKAGE:
        return None
    base = _SOURCE.joinpath(*parts)
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _module(name: str) -> _Module:
    tree = ast.parse(_path(name).read_text(encoding="utf-8"))
    imported: dict[str, tuple[str, str]] = {}
    definitions: dict[str, list[_Definition]] = {}
    loose = []
    for node in tree.body:
        if _is_docstring(node) or _is_main(node):
            continue
        definition = _definition(node)
        for one in definition.imports:
            imported |= dict(_imports(one, name))
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for one in definition.bound:
            definitions.setdefault(one, []).append(definition)
        if not definition.bound:
            loose.append(definition)
    return _Module(definitions, imported, loose)


def _definition(statement: ast.stmt) -> _Definition:
    """Find all of it in one walk, since Snakemake waits for this each time it starts."""
    bound, mentioned, imports, text = set(), set(), [], []
    assigns = isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign)
    if isinstance(statement, _DEFINITIONS):
        bound.add(statement.name)

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            mentioned.add(node.id)
            if assigns and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            mentioned.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        text.append(f"{type(node).__name__}(")
        for field in node._fields:
            if field == "ctx":  # it follows from the place
                continue
            value = getattr(node, field)
            if isinstance(value, ast.AST):
                walk(value)
            elif isinstance(value, list):
                text.append("[")
                for item in value:
                    if not isinstance(item, ast.AST):
                        text.append(repr(item))
                    elif not (_is_docstring(item) and isinstance(node, _DEFINITIONS)):
                        walk(item)
                text.append("]")
            else:
                text.append(repr(value))
        text.append(")")

    walk(statement)
    return _Definition(frozenset(bound), frozenset(mentioned), tuple(imports), " ".join(text))


def _imports(
    node: ast.Import | ast.ImportFrom, module: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _path(alias.name):
                yield alias.asname or alias.name, (alias.name, "")
    else:
        origin = node.module or ""
        if node.level:
            package = module if _path(module).name == "__init__.py" else module.rpartition(".")[0]
            for _ in range(node.level - 1):
                package = package.rpartition(".")[0]
            origin = f"{package}.{origin}".rstrip(".")
        if _path(origin):
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                target = (inner, "") if _path(inner) else (origin, alias.name)
                yield alias.asname or alias.name, target


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


# ---------------------------------------------------------------- following


def _follow(module: str, name: str, reached: dict[str, set[str]], unused: tuple[str, ...]) -> None:
    """Add what a definition reaches, itself included, by module. An empty name stands for all
    definitions of the module."""
    if _path(module) is None or module in unused:
        return
    found = _module(module)
    if module not in reached:
        reached[module] = set()
        for definition in found.loose:
            _follow_mentioned(module, definition, reached, unused)
        for besides in _BESIDES.get(module, ()):
            inner, _, attribute = besides.rpartition(".")
            _follow(*((besides, "") if _path(besides) else (inner, attribute)), reached, unused)
    if name in found.imported and name not in found.definitions:
        _follow(*found.imported[name], reached, unused)
        return
    for one in [name] if name else found.definitions:
        if one in reached[module] or one not in found.definitions:
            continue
        reached[module].add(one)
        for definition in found.definitions[one]:
            _follow_mentioned(module, definition, reached, unused)


def _follow_mentioned(
    module: str, definition: _Definition, reached: dict[str, set[str]], unused: tuple[str, ...]
) -> None:
    found = _module(module)
    owners = {text.partition(".")[0] for text in definition.mentioned if "." in text}
    for text in definition.mentioned:
        owner, dot, attribute = text.partition(".")
        if owner in found.definitions and not dot:
            _follow(module, owner, reached, unused)
        elif owner in found.imported:
            target, inner = found.imported[owner]
            if inner:
                _follow(target, inner, reached, unused)
            elif dot:
                _follow(target, attribute, reached, unused)
            elif owner not in owners:  # the module is handed on as a whole
                _follow(target, "", reached, unused)


def _mentioned_of_environment(reached: dict[str, set[str]]) -> set[str]:
    """The names that the definitions reached use of the variable `environment`."""
    mentioned = {
        text
        for module, names in reached.items()
        for name in names
        for definition in _module(module).definitions.get(name, ())
        for text in definition.mentioned
        if "environment" not in _module(module).imported
    }
    prefix = "environment."
    return {text.removeprefix(prefix) for text in mentioned if text.startswith(prefix)}


def _checksum(module: str, names: frozenset[str]) -> str:
    found = _module(module)
    used = [one for name in names for one in found.definitions.get(name, ())]
    texts = sorted({definition.text for definition in (*used, *found.loose)})
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
