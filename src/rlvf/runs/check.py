"""Compares a results folder with its manifest."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rlvf.checksums import TIMESTAMP
from rlvf.files import is_left_over
from rlvf.progress import Progress
from rlvf.runs.manifest import KNOWN, LOGS, read_products

# A training in progress keeps this folder in its cell.
_CHECKPOINTS = re.compile(r"[^/]+/[^/]+/[^/]+/seed\d+/checkpoints")


def check(results: Path) -> tuple[list[str], list[str], list[str]]:
    """Compare every file with what the manifest says of it.

    Returns:
        Three lists: a line for each file that is missing, changed or extra; the products to delete
        so that Snakemake makes them again; and the files and folders to delete that killed jobs
        have left.

    Raises:
        RlvfError: there is no manifest, or it cannot be read.
    """
    products = read_products(results)
    expected = {name: sums for files in products.values() for name, sums in files.items()}
    progress = Progress("check", len(expected))
    found = set(_files(results))
    problems = {}
    for name, checksum in progress.count(sorted(expected.items())):
        problem = checksum.problem(results / name) if name in found else "missing"
        if problem:
            problems[name] = problem
    spoiled = [product for product, files in products.items() if problems.keys() & files.keys()]
    extra = sorted(found - expected.keys())
    left = [name for name in extra if is_left_over(Path(name).name)]
    problems |= dict.fromkeys(extra, "extra: no rule made it")
    problems |= dict.fromkeys(left, "left by a job that was killed")
    lines = [f"{results / name}: {problem}" for name, problem in problems.items()]
    return lines, *([str(results / name) for name in names] for names in (sorted(spoiled), left))


def _files(results: Path) -> Iterator[str]:
    """Yield the paths of all files that the manifest should name, and of the folders that killed
    jobs have left."""
    for top, folders, files in os.walk(results):
        folder = Path(top).relative_to(results)
        left = [name for name in folders if is_left_over(name)]
        apart = {name for name in folders if _is_apart(results, folder / name)}
        folders[:] = sorted({*folders} - {*left} - apart)
        for name in files + left:
            path = (folder / name).as_posix()
            if path not in KNOWN and name != TIMESTAMP:
                yield path


def _is_apart(results: Path, folder: Path) -> bool:
    """Whether a folder is not to be compared: it is no product, a training in progress keeps it, or
    it is another scale's results, which have a manifest of their own."""
    path = folder.as_posix()
    return path in KNOWN or bool(_CHECKPOINTS.fullmatch(path)) or (results / path / LOGS).is_dir()
