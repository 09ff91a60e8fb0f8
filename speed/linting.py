"""Measures how many snippets Ruff checks in a second: in batches, as rewards use it, and with one
process for each."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rlvf.errors import RlvfError
from rlvf.lint import lint
from rlvf.records import Diagnostic
from rlvf.settings import LintSettings
from speed import say


def measure_lint(
    snippets: Sequence[str], settings: LintSettings, batch: int, repeat: int, cores: int
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds that each way took for all snippets in each repetition.

    Raises:
        RlvfError: the two ways have different findings.
    """

    def batched() -> list[list[Diagnostic]]:
        starts = range(0, len(snippets), batch)
        return [found for i in starts for found in lint(snippets[i : i + batch], settings)]

    def one_by_one() -> list[list[Diagnostic]]:
        with ThreadPoolExecutor(cores) as threads:
            return [found for (found,) in threads.map(lambda one: lint([one], settings), snippets)]

    rows: dict[str, dict[str, list[float]]] = {
        "batch": {"seconds": []},
        "process-each": {"seconds": []},
    }
    for repetition in range(1, repeat + 1):
        findings = []
        for name, way in zip(rows, (batched, one_by_one), strict=True):
            start = time.perf_counter()
            findings.append(way())
            taken = time.perf_counter() - start
            rows[name]["seconds"].append(taken)
            say(
                f"lint {name} {repetition}/{repeat}: {taken:.1f} s, "
                f"{len(snippets) / taken:.0f} snippets/s"
            )
        if findings[0] != findings[1]:
            raise RlvfError("Ruff finds other things in a batch than in single snippets")
    return rows
