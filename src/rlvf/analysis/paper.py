"""Compiles a study's paper, a PDF, from its Typst source and results."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import typst

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer

# The source of a paper, in the study's folder.
_MAIN = "paper.typ"


def compile_paper(source: Path, common: Path, results: Mapping[str, Path], out: Path) -> None:
    """Compile the paper in the folder `source` to the PDF `out`.

    It finds the file `common`, which all papers import, and what the folders `results` hold, below
    their names beside itself: `tables/`, `figures/`, `cost/` and `claims/`, wherever these really
    are. Only Typst's embedded fonts are used and no date is written, so that equal inputs give an
    identical PDF.

    Raises:
        RlvfError: an input is missing, or Typst rejects the source; the message names the problem.
    """
    # Typst reads only files below its root, and the inputs may be in unrelated folders.
    with tempfile.TemporaryDirectory(prefix="rlvf-paper-") as name:
        folder = Path(name)
        try:
            shutil.copytree(source, folder, dirs_exist_ok=True)
            shutil.copyfile(common, folder / common.name)
            for part, path in results.items():
                shutil.copytree(path, folder / part)
        except (OSError, shutil.Error) as error:
            raise RlvfError(_unreadable(error)) from error
        try:
            pdf = typst.compile(str(folder / _MAIN), root=str(folder), ignore_system_fonts=True)
        except typst.TypstError as error:
            raise RlvfError(f"{Path(source) / _MAIN}: {_describe(error)}") from error
    with atomic_writer(Path(out)) as file:
        file.buffer.write(pdf)


def _unreadable(error: OSError) -> str:
    """Return which file cannot be read, and why. copytree collects several problems."""
    if isinstance(error, shutil.Error):
        path, _, reason = error.args[0][0]
        return f"{path}: cannot read: {reason}"
    return f"{error.filename}: cannot read: {error.strerror}"


def _describe(error: typst.TypstError) -> str:
    """Return Typst's message as one line, with the number of the source's line if it is known."""
    place = re.search(r"paper\.typ:(\d+):\d+", error.diagnostic)
    line = f"line {place[1]}: " if place else ""
    hints = "".join(f" ({hint})" for hint in error.hints)
    return " ".join(f"{line}{error.message}{hints}".split())
