"""Compiles the paper, a PDF, from its Typst source, tables and figures."""

import re
import shutil
import tempfile
from pathlib import Path

import typst

from rlvf.analysis.claims import NUMBERS as CLAIMS
from rlvf.analysis.cost import NUMBERS as COST
from rlvf.analysis.figures import FIGURES
from rlvf.analysis.tables import NUMBERS, TABLES
from rlvf.errors import RlvfError
from rlvf.files import atomic_writer


def compile_paper(
    source: Path, tables: Path, figures: Path, cost: Path, claims: Path, out: Path
) -> None:
    """Compile `source` to the PDF `out`.

    The source finds the tables' CSV files and numbers.json in `tables/`, the figures' PDF files in
    `figures/`, cost.json in `cost/` and claims.json in `claims/`, wherever these really are.
    Only Typst's embedded fonts are used and no date is written, so that equal inputs give an
    identical PDF.

    Raises:
        RlvfError: an input is missing, or Typst rejects the source; the message names the problem.
    """
    inputs = [(Path(source), "paper.typ")]
    inputs += [(Path(tables) / f"{name}.csv", f"tables/{name}.csv") for name in TABLES]
    inputs += [(Path(tables) / NUMBERS, f"tables/{NUMBERS}")]
    inputs += [(Path(figures) / f"{name}.pdf", f"figures/{name}.pdf") for name in FIGURES]
    inputs += [(Path(cost) / COST, f"cost/{COST}"), (Path(claims) / CLAIMS, f"claims/{CLAIMS}")]
    # Typst reads only files below its root, and the inputs may be in unrelated folders.
    with tempfile.TemporaryDirectory(prefix="rlvf-paper-") as folder:
        for path, name in inputs:
            try:
                (Path(folder) / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, Path(folder) / name)
            except OSError as error:
                raise RlvfError(f"{path}: cannot read: {error.strerror}") from error
        try:
            pdf = typst.compile(
                str(Path(folder) / "paper.typ"),
                root=folder,
                ignore_system_fonts=True,
            )
        except typst.TypstError as error:
            raise RlvfError(f"{source}: {_describe(error)}") from error
    with atomic_writer(Path(out)) as file:
        file.buffer.write(pdf)


def _describe(error: typst.TypstError) -> str:
    """Return Typst's message as one line, with the number of the source's line if it is known."""
    place = re.search(r"paper\.typ:(\d+):\d+", error.diagnostic)
    line = f"line {place[1]}: " if place else ""
    hints = "".join(f" ({hint})" for hint in error.hints)
    return " ".join(f"{line}{error.message}{hints}".split())
