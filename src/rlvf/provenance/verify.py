"""A results folder against its manifest."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rlvf.progress import Progress
from rlvf.provenance.manifest import KNOWN, LOGS, TIMESTAMP, read_products

# What a training in progress keeps in its cell.
_CHECKPOINTS = re.compile(r"[^/]+/[^/]+/[^/]+/seed\d+/checkpoints")


def verify(results: Path) -> tuple[list[str], list[str]]:
    """Compare every file with what the manifest says of it.

    Returns:
        What is wrong, a line for each file that is missing, changed or extra; and the products to
        delete, so that Snakemake makes them again.

    Raises:
        RlvfError: there is no manifest, or it cannot be read.
    """
    products = read_products(results)
    expected = {name: sums for files in products.values() for name, sums in files.items()}
    progress = Progress("verify", len(expected))
    found = set(_files(results))
    problems = {}
    for name, checksum in progress.count(sorted(expected.items())):
        problem = checksum.problem(results / name) if name in found else "missing"
        if problem:
            problems[name] = problem
    spoiled = [product for product, files in products.items() if problems.keys() & files.keys()]
    problems |= dict.fromkeys(sorted(found - expected.keys()), "extra: no rule made it")
    lines = [f"{results / name}: {problem}" for name, problem in problems.items()]
    return lines, [str(results / product) for product in sorted(spoiled)]


def _files(results: Path) -> Iterator[str]:
    """The paths of all files that the manifest should name."""
    for top, folders, files in os.walk(results):
        folder = Path(top).relative_to(results)
        folders[:] = sorted(name for name in folders if not _is_apart(results, folder / name))
        for name in files:
            path = (folder / name).as_posix()
            if path not in KNOWN and name != TIMESTAMP:
                yield path


def _is_apart(results: Path, folder: Path) -> bool:
    """Known, or another scale's results, which have a manifest of their own."""
    path = folder.as_posix()
    return path in KNOWN or bool(_CHECKPOINTS.fullmatch(path)) or (results / path / LOGS).is_dir()
