"""Where tasks come from. A benchmark is a module here with its SPLITS and a `load`.

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
    module = _MODULES[settings.kind]
    if split not in module.SPLITS:
        raise RlvfError(
            f"{settings.kind} has no split {split!r} (allowed: {', '.join(module.SPLITS)})"
        )
    return module.load(settings, split)[:limit]
