"""A task asks for a Python program, which is run against tests and checked with Ruff.

The answer is code. The modules here are one part each: `prompts`, `extraction` (code from a
completion; docs/extraction.md), `samples` (what is known of each completion) with `hacking`, and
`measures`. What each part is, rlvf.environments says.
"""

from collections.abc import Callable

from rlvf.environments.program.extraction import OPEN_BLOCK, extract_code
from rlvf.environments.program.measures import MEASURES
from rlvf.environments.program.prompts import build_prompt
from rlvf.environments.program.samples import Sample, measure
from rlvf.records import Task

__all__ = [
    "CHECKS",
    "CONTROLS",
    "MEASURES",
    "OPENING",
    "Sample",
    "Task",
    "build_prompt",
    "extract_answer",
    "measure",
]

CHECKS = ("execute", "lint")
CONTROLS: dict[str, Callable[[Task], str | None]] = {
    "reference": lambda task: task.reference,
    "empty": lambda task: None,
}
OPENING = OPEN_BLOCK


def extract_answer(completion: str, task: Task, opened: str) -> str | None:
    """Return the code in a completion, or None if there is none."""
    return extract_code(completion, task.entry_point, opened)
