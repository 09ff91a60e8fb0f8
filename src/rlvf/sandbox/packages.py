"""Finds installed packages that candidates may import, and the files that are theirs alone."""

import importlib.metadata
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple

from packaging.markers import default_environment
from packaging.requirements import Requirement

from rlvf.errors import RlvfError

_METADATA = (".dist-info", ".egg-info")
# Files with these parts in their paths are left out: programs that lie elsewhere, and what Python
# makes anew.
_IGNORED = {"..", "__pycache__"}


class Packages(NamedTuple):
    """What a server needs to know of packages. `versions` includes those that others depend on;
    `modules` are to be imported before any candidate is."""

    versions: dict[str, str]
    modules: Sequence[str]
    # Files and folders that may be read, and where Python looks for modules.
    paths: Sequence[str]
    search: Sequence[str]


def find_packages(names: Iterable[str]) -> Packages:
    """The packages that are installed under these names, with those that they depend on.

    Raises:
        RlvfError: one of them is not installed, or not in a way that says which files it has.
    """
    versions, modules, paths, search = {}, [], [], []
    wanted = [(name, f"sandbox.packages: {name!r}", True) for name in names]
    while wanted:
        name, what, named = wanted.pop(0)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise RlvfError(
                f"{what} is not installed beside rlvf; install it, or take it out of the list"
            ) from None
        if found.name in versions:
            continue
        versions[found.name] = found.version
        roots, files = _parts(found)
        if not any(path.suffix not in _METADATA for path in roots | files):
            raise RlvfError(
                f"{what} does not say which files it has: it is installed in place (pip install "
                "-e), or another way than by pip"
            )
        if named:
            modules += sorted(_module_names(roots, files))
        paths += [str(found.locate_file(path)) for path in sorted(roots | files)]
        search.append(str(found.locate_file("")))
        for other in _dependencies(found.requires):
            wanted.append((other, f"{what} needs {other!r}, which", False))
    return Packages(versions, modules, paths, list(dict.fromkeys(search)))


def _parts(found: importlib.metadata.Distribution) -> tuple[set[PurePath], set[PurePath]]:
    """The folders that belong to the package alone, and its files beside them."""
    files = {PurePath(file) for file in found.files or () if not _IGNORED & set(file.parts)}
    files = {file for file in files if file.suffix != ".pth"}
    own = {file.parent for file in files if file.name == "__init__.py"}
    own |= {folder for file in files for folder in file.parents if folder.suffix in _METADATA}
    own.discard(PurePath())
    roots = {folder for folder in own if own.isdisjoint(folder.parents)}
    return roots, {file for file in files if roots.isdisjoint(file.parents)}


def _module_names(roots: set[PurePath], files: set[PurePath]) -> set[str]:
    """The modules that can be imported by their names, without private ones."""
    names = {".".join(folder.parts) for folder in roots if folder.suffix not in _METADATA}
    names |= {file.stem for file in files if file.suffix == ".py" and len(file.parts) == 1}
    return {name for name in names if not name.startswith("_")}


def _dependencies(requires: list[str] | None) -> list[str]:
    requirements = map(Requirement, requires or ())
    environment = {**default_environment(), "extra": ""}
    return [
        one.name for one in requirements if one.marker is None or one.marker.evaluate(environment)
    ]
