"""Where tasks come from. A benchmark gives `Task` records.

Adding one is a module here, its settings in rlvf.config, and a case in `load_tasks`.
"""

from rlvf.benchmarks.mbpp import SPLITS, load_mbpp
from rlvf.benchmarks.minimbpp import TEST, TRAIN, generate_tasks
from rlvf.config import Benchmark, MbppSettings, MiniMbppSettings
from rlvf.errors import RlvfError
from rlvf.records import Task


def load_tasks(settings: Benchmark, split: str, limit: int | None = None) -> list[Task]:
    """The tasks of one split in the benchmark's order, the first `limit` of them.

    Raises:
        RlvfError: there is no such split, or the benchmark cannot be read.
    """
    match settings:
        case MbppSettings():
            splits: tuple[str, ...] = tuple(SPLITS)
        case MiniMbppSettings():
            splits = (TRAIN, TEST)
    if split not in splits:
        raise RlvfError(f"{settings.kind} has no split {split!r} (allowed: {', '.join(splits)})")
    match settings:
        case MbppSettings():
            tasks = [task for task in load_mbpp(settings) if task.split == split]
        case MiniMbppSettings():
            tasks = generate_tasks(settings, split)
    return tasks[:limit]
