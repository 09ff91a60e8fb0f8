"""Says how the results of each study are read.

A study is a module here, whose name is the study's, with `_` for `-`. It has its `Settings`, which
type the study's `analysis` in the configuration, `tables(results)` and `figures(results)`, which
choose and order what there is to see, and `numbers(results)`, which adds to the numbers of the
paper's text. There is no list of studies: adding one is adding its file. Since the configuration
is checked with them in Snakemake's process, these modules import pandas and matplotlib only within
functions.
"""

import importlib
import pkgutil
from types import ModuleType

from rlvf.cells import Cells


def module_name(study: str) -> str:
    return study.replace("-", "_")


def exists(study: str) -> bool:
    """Whether something says how the results of this study are read."""
    return module_name(study) in {module.name for module in pkgutil.iter_modules(__path__)}


def module(study: str) -> ModuleType:
    """Return the module of a study, which must exist."""
    return importlib.import_module(f"{__name__}.{module_name(study)}")


def study_of(cells: Cells) -> ModuleType:
    """Return the module of the study that these cells belong to."""
    return module(cells.study)
