"""A results folder against its manifest."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.progress import Progress
from rlvf.provenance.manifest import BENCHMARKS, LOGS, NAME, TIMESTAMP, read_files

# What belongs there without being a product: by name at the top, and what a training in progress
# keeps in its cell.
_KNOWN = {NAME, LOGS, BENCHMARKS, "usage.md", "usage.csv"}
_CHECKPOINTS = re.compile(r"[^/]+/[^/]+/[^/]+/seed\d+/checkpoints")


def verify(results: Path) -> str:
    """Compare every file with what the manifest says of it.

    Returns:
        One line that says what was found to be in order.

    Raises:
        RlvfError: something is missing, changed, or there without being in the manifest; names
            each, a line for each, and what to do. Or there is no manifest.
    """
    expected = read_files(results)
    found = set(_files(results))
    problems = [f"{results / name}: missing" for name in sorted(expected.keys() - found)]
    present = sorted(expected.keys() & found)
    progress = Progress("verify", len(present))
    problems += [
        f"{results / name}: {problem}"
        for name in progress.count(present)
        if (problem := expected[name].problem(results / name))
    ]
    problems += [f"{results / name}: extra" for name in sorted(found - expected.keys())]
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise RlvfError(f"{results}: {len(problems)} files are not as in {NAME}:{lines}\n{_ADVICE}")
    size = sum(file.size for file in expected.values())
    return f"{results}: {len(expected)} files, {size / 1e6:.1f} MB, are as in {NAME}"


_ADVICE = """\
Missing or changed: delete the product (of a folder that a rule makes, all of it) and run Snakemake
again, which makes it anew with all that follows from it. Extra: no rule made it; delete it, or keep
it elsewhere. While Snakemake runs, wait for its end: it writes the manifest then."""


def _files(results: Path) -> Iterator[str]:
    """The paths of all files that the manifest should name."""
    for top, folders, files in os.walk(results):
        folder = Path(top).relative_to(results)
        folders[:] = sorted(name for name in folders if not _is_apart(results, folder / name))
        for name in files:
            path = (folder / name).as_posix()
            if path not in _KNOWN and name != TIMESTAMP:
                yield path


def _is_apart(results: Path, folder: Path) -> bool:
    """Known, or another scale's results, which have a manifest of their own."""
    path = folder.as_posix()
    return path in _KNOWN or bool(_CHECKPOINTS.fullmatch(path)) or (results / path / LOGS).is_dir()
