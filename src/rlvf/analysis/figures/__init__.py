"""Draws figures, as PDF for papers and as PNG for the report.

`style` defines how they look, `training` draws figures from the training logs and `evaluation`
figures from the samples. A study says which of them it has.
"""

from pathlib import Path

from rlvf.analysis.figures.style import save, styled
from rlvf.analysis.results import Results
from rlvf.studies import study_of


def write_figures(results: Results, out_dir: Path) -> None:
    """Write NAME.pdf and NAME.png for each figure of the study.

    Figures of an evaluation show the main one (see `rlvf.analysis.summary`). Lines and bars are
    means over seeds, bands are their range, and error bars are 95 % intervals. Results of equal
    content give byte-identical files.
    """
    with styled():
        for name, figure in study_of(results.cells).figures(results).items():
            save(figure, Path(out_dir), name, results.scale)
