"""Where tasks come from.

A benchmark is a module here, which the configuration's `kind` names. It has its `Settings`, its
SPLITS, its ENVIRONMENT, which says what the tasks ask (see rlvf.environments),
`load(settings, split) -> list[Task]` and `size(settings, split) -> int`. There is no list of
benchmarks: adding one is adding its file.
"""

from types import ModuleType
from typing import Annotated, Union

from pydantic import Field

from rlvf.errors import RlvfError
from rlvf.records import BaseTask
from rlvf.settings import kinds

BENCHMARKS = kinds(__name__, __path__)
Benchmark = Annotated[
    Union[tuple(module.Settings for module in BENCHMARKS.values())],  # noqa: UP007
    Field(discriminator="kind"),
]


def load_tasks(settings: Benchmark, split: str, limit: int | None = None) -> list[BaseTask]:
    """The tasks of one split in the benchmark's order, the first `limit` of them.

    Raises:
        RlvfError: there is no such split, or the benchmark cannot be read.
    """
    return _module(settings, split).load(settings, split)[:limit]


def count_tasks(settings: Benchmark, split: str, limit: int | None = None) -> int:
    """How many tasks `load_tasks` gives, without reading the benchmark.

    Raises:
        RlvfError: there is no such split.
    """
    return len(range(_module(settings, split).size(settings, split))[:limit])


def _module(settings: Benchmark, split: str) -> ModuleType:
    module = BENCHMARKS[settings.kind]
    if split not in module.SPLITS:
        raise RlvfError(
            f"{settings.kind} has no split {split!r} (allowed: {', '.join(module.SPLITS)})"
        )
    return module
