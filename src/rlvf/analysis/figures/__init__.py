"""Draws the study's figures, as PDF for the paper and as PNG for the report.

`style` defines how they look, `training` draws figures from the training logs and `evaluation`
figures from the samples.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rlvf.analysis.figures import evaluation, training
from rlvf.analysis.figures.style import Look, save, styled
from rlvf.analysis.labels import Scale, is_trained, reward_key, split_policy
from rlvf.analysis.summary import main_cells, summarise
from rlvf.records import TrainingStep

FIGURES = (
    "learning_curves",
    "length",
    "entropy",
    "pass_at_1",
    "tradeoff",
    "errors",
    "severity",
    "rules",
)


def write_figures(
    samples: pd.DataFrame, steps: Sequence[TrainingStep], out_dir: Path, scale: Scale
) -> None:
    """Write NAME.pdf and NAME.png for each of FIGURES.

    Args:
        samples: from `rlvf.analysis.summary.load_samples`.
        steps: the training logs. If there are none, the figures of training say so.

    Figures of the evaluation show the main decoding (see `rlvf.analysis.summary`). Lines and bars
    are means over seeds, bands are their range, and error bars are 95 % intervals. Arguments of
    equal content give byte-identical files.
    """
    summary = summarise(samples)
    cells = main_cells(summary)
    log = training.per_generation(steps)
    trained = [split_policy(policy) for policy in cells["policy"] if is_trained(policy)]
    look = Look(
        algorithms=sorted({algorithm for algorithm, _ in trained}),
        rewards=sorted({reward for _, reward in trained}, key=reward_key),
    )
    with styled():
        for name, figure in (
            ("learning_curves", training.learning_curves(log, look)),
            ("length", training.length(log, look)),
            ("entropy", training.entropy(log, look)),
            ("pass_at_1", evaluation.pass_at_1(cells, look)),
            ("tradeoff", evaluation.tradeoff(cells, look)),
            ("errors", evaluation.errors(cells)),
            ("severity", evaluation.severity(cells)),
            ("rules", evaluation.rules(cells)),
        ):
            save(figure, Path(out_dir), name, scale)
