"""Holds what is known of a study's results. Each part is computed once, when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from rlvf.analysis import comparisons
from rlvf.analysis.labels import Scale
from rlvf.analysis.summary import Outcomes, main_evaluation, outcomes, summarise
from rlvf.cells import Cells
from rlvf.records import TrainingStep
from rlvf.settings import Section


@dataclass(frozen=True)
class Results:
    """The results of one study.

    `samples` are those of `rlvf.analysis.summary.load_samples`, `steps` the training logs, and
    `settings` the study's own settings of its analysis. `hyperparameters` are those of
    `Config.hyperparameters`.
    """

    cells: Cells
    samples: pd.DataFrame
    scale: Scale
    settings: Section = field(default_factory=Section)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    steps: Sequence[TrainingStep] = ()

    @cached_property
    def outcomes(self) -> Outcomes:
        return outcomes(self.samples)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The rows of `rlvf.analysis.summary.summarise`, with the gains over base."""
        gained = comparisons.gains(self.outcomes, self.cells).reset_index()
        summary = summarise(self.samples, self.cells)
        return summary.merge(gained, "left", ["model", "policy", "evaluation"])

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The effects of the axes in the main evaluation."""
        return comparisons.effects(self.outcomes, self.cells, main_evaluation(self.summary))
