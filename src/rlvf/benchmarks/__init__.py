"""Where tasks come from. A benchmark is a module here with its SPLITS, a `load` and a `size`.

Adding one takes the module, its settings in rlvf.config (`Benchmark`, `BENCHMARKS`), and a line
below.
"""

from types import ModuleType

from rlvf.benchmarks import mbpp, minimbpp
from rlvf.config import Benchmark
from rlvf.errors import RlvfError
from rlvf.records import Task

_MODULES: dict[str, ModuleType] = {"mbpp": mbpp, "minimbpp": minimbpp}


def load_tasks(settings: Benchmark, split: str, limit: int | None = None) -> list[Task]:
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
    module = _MODULES[settings.kind]
    if split not in module.SPLITS:
        raise RlvfError(
            f"{settings.kind} has no split {split!r} (allowed: {', '.join(module.SPLITS)})"
        )
    return module
