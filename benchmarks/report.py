"""From seconds to rates, ratios and tables."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.contenders import CONTENDERS

_LINT = {"batch": "batches of {batch}", "process-each": "a Ruff process for each"}
_REWARDS = {"grpo-tests": "unit tests", "grpo-ruff": "Ruff", "grpo-combined": "both"}


def rates(seconds: dict[str, list[float]], count: int, cores: int = 1) -> dict[str, Any]:
    """By name: how many a second (and core), and how many times that the first one does.

    The latter is the median of the repetitions' own ratios: what slows the machine down for a
    while slows down both sides of most of them.
    """
    first = next(iter(seconds.values()))
    return {
        name: {
            **_spread([count / one / cores for one in taken]),
            "ratio": median(one / other for one, other in zip(taken, first, strict=True)),
            "seconds": taken,
        }
        for name, taken in seconds.items()
    }


def shares(times: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """By policy: the share of rewards in a generation with its optimiser steps."""
    return {
        policy: {**_spread([one["rewards"] / one["all"] for one in each]), "generations": each}
        for policy, each in times.items()
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def markdown(results: dict[str, Any]) -> str:
    """The tables of a run."""
    parts = []
    if part := results.get("execution"):
        rows = [
            [CONTENDERS[name], *_numbers(row, ".0f"), f"{row['ratio']:.3g}"]
            for name, row in part["contenders"].items()
        ]
        parts.append(
            f"Solutions of MBPP run against their tests, each of {part['tasks']} tasks once "
            f"({len(part['left_out'])} tasks left out), on {part['cores']} cores; medians of "
            f"{part['repeat']} repetitions and of their ratios:\n\n"
            + _table(["", "executions/s per core", "lowest", "highest", "sandbox ÷ this"], rows)
        )
    if part := results.get("lint"):
        rows = [
            [_LINT[name].format(**part), *_numbers(row, ".0f"), f"{row['ratio']:.3g}"]
            for name, row in part["ways"].items()
        ]
        parts.append(
            f"The same {part['snippets']} solutions checked by Ruff, on {part['cores']} cores; "
            f"medians of {part['repeat']} repetitions and of their ratios:\n\n"
            + _table(["", "snippets/s", "lowest", "highest", "batch ÷ this"], rows)
        )
    if part := results.get("rewards"):
        rows = [
            [_REWARDS[policy], *_numbers(row, ".1%")] for policy, row in part["policies"].items()
        ]
        parts.append(
            f"Share of the time that goes into rewards while {part['model']} is trained as at mini "
            f"scale; median of {part['generations']} generations with their optimiser steps:\n\n"
            + _table(["reward", "share", "lowest", "highest"], rows)
        )
    parts.append(_origin(results))
    return "\n\n".join(parts) + "\n"


def _numbers(row: dict[str, float], form: str) -> list[str]:
    return [f"{row[key]:{form}}" for key in ("median", "min", "max")]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _origin(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; {versions}; "
        f"commit {results['commit']}; {results['date']}."
    )
