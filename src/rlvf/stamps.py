"""What a stage depends on besides its files and settings: code, and versions of packages.

Snakemake makes a product again when a parameter of its rule has changed. These are parameters: one
text `path@checksum` for each file of which the stage reaches something, `package==version` for
each package that decides on its products.

The checksum is taken over the definitions that the stage reaches (functions, classes, constants),
followed by name from the stage's own function through all modules of rlvf, without comments and
docstrings. So a change of one definition concerns the stages that use it and no others. What is
reached in other ways than by name is named here, in `_BESIDES`; files that are not Python, in
`_FILES`, and these count as they are.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from rlvf.files import file_checksum

_SOURCE = Path(__file__).resolve().parent
_PACKAGE = _SOURCE.name

# Started as a program of its own, or imported by a name that is put together.
_BESIDES = {
    "rlvf.sandbox.connection": ["rlvf.sandbox.inside.server.main"],
    "rlvf.benchmarks": ["rlvf.benchmarks.mbpp", "rlvf.benchmarks.minimbpp"],
}
# Read by a package, from its own folder.
_FILES = {"rlvf.analysis.explorer": "page.*"}
# Of each stage: the packages whose version may change its products.
_MODEL = ("torch", "transformers", "tokenizers")
_PACKAGES = {
    "pretrain": _MODEL,
    "train": (*_MODEL, "trl", "peft", "accelerate", "datasets"),
    "generate": (*_MODEL, "peft"),
    "lint": ("ruff",),
    "tables": ("pandas",),
    "cost": ("pandas",),
    "figures": ("pandas", "matplotlib"),
    "explorer": ("jinja2", "pygments"),
    "paper": ("typst",),
}


@cache
def stamps(stage: str, packages: tuple[str, ...] = (), unused: tuple[str, ...] = ()) -> list[str]:
    """The stamps of a sub-command of `rlvf`: with these further packages, and without the modules
    (and those below them) that this use of it does not come to."""
    reached: dict[str, set[str]] = {}
    _follow(f"{_PACKAGE}.cli", f"_{stage}", reached)
    reached = {
        module: names
        for module, names in reached.items()
        if not any(f"{module}.".startswith(f"{one}.") for one in unused)
    }
    files = [
        f"{_path(module).relative_to(_SOURCE.parent)}@{_checksum(module, frozenset(names))}"
        for module, names in reached.items()
    ] + [
        f"{path.relative_to(_SOURCE.parent)}@{file_checksum(path)[:12]}"
        for module in reached.keys() & _FILES.keys()
        for path in _path(module).parent.glob(_FILES[module])
    ]
    return sorted(files) + [_package(name) for name in (*_PACKAGES.get(stage, ()), *packages)]


def _package(name: str) -> str:
    try:
        # Without the part that says for which device it was built.
        return f"{name}=={version(name).partition('+')[0]}"
    except PackageNotFoundError:
        return f"{name} is not installed"


# ---------------------------------------------------------------- definitions


class _Definition(NamedTuple):
    """A top-level statement, and the names and `module.attribute` that it mentions."""

    node: ast.stmt
    mentioned: frozenset[str]


class _Module(NamedTuple):
    """`definitions` by the names that they bind; what `imported` names stand for, as
    (module, name), the name being "" for a module itself; `loose` are statements that bind
    nothing, and so are reached with the module."""

    definitions: dict[str, list[_Definition]]
    imported: dict[str, tuple[str, str]]
    loose: list[_Definition]


@cache
def _path(module: str) -> Path | None:
    """The file of a module of ours; None of any other."""
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
    for node in ast.walk(tree):  # within functions as well: the names mean the same, mostly
        imported |= dict(_imports(node, name))
    definitions: dict[str, list[_Definition]] = {}
    loose = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node) or _is_main(node):
            continue
        definition = _Definition(node, frozenset(_mentioned(node)))
        bound = set(_bound(node))
        for one in bound:
            definitions.setdefault(one, []).append(definition)
        if not bound:
            loose.append(definition)
    return _Module(definitions, imported, loose)


def _imports(node: ast.AST, module: str) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _path(alias.name):
                yield alias.asname or alias.name, (alias.name, "")
    elif isinstance(node, ast.ImportFrom):
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


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _mentioned(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield f"{part.value.id}.{part.attr}"


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


# ---------------------------------------------------------------- following


def _follow(module: str, name: str, reached: dict[str, set[str]]) -> None:
    """Add what a definition reaches, itself included, by module; an empty name is the whole one."""
    if _path(module) is None:
        return
    found = _module(module)
    if module not in reached:
        reached[module] = set()
        for definition in found.loose:
            _follow_mentioned(module, definition, reached)
        for besides in _BESIDES.get(module, ()):
            inner, _, attribute = besides.rpartition(".")
            _follow(*((besides, "") if _path(besides) else (inner, attribute)), reached)
    if name in found.imported and name not in found.definitions:
        _follow(*found.imported[name], reached)
        return
    for one in [name] if name else found.definitions:
        if one in reached[module] or one not in found.definitions:
            continue
        reached[module].add(one)
        for definition in found.definitions[one]:
            _follow_mentioned(module, definition, reached)


def _follow_mentioned(module: str, definition: _Definition, reached: dict[str, set[str]]) -> None:
    found = _module(module)
    owners = {text.partition(".")[0] for text in definition.mentioned if "." in text}
    for text in definition.mentioned:
        owner, dot, attribute = text.partition(".")
        if owner in found.definitions and not dot:
            _follow(module, owner, reached)
        elif owner in found.imported:
            target, inner = found.imported[owner]
            if inner:
                _follow(target, inner, reached)
            elif dot:
                _follow(target, attribute, reached)
            elif owner not in owners:  # handed on as a whole
                _follow(target, "", reached)


def _checksum(module: str, names: frozenset[str]) -> str:
    found = _module(module)
    used = [one for name in names for one in found.definitions.get(name, ())]
    texts = sorted({_text(definition.node) for definition in (*used, *found.loose)})
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


@cache
def _text(node: ast.stmt) -> str:
    """The statement's syntax tree without docstrings and places."""
    return ast.dump(_WithoutDocstrings().visit(node))


class _WithoutDocstrings(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
        return node
