"""Computes rates and ratios from seconds, and makes tables of them."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from speed.contenders import CONTENDERS, PASSES, PROGRAM_CONTENDERS

_LINT = {"batch": "batches of {batch}", "process-each": "a Ruff process for each"}
_REWARDS = {"grpo-tests": "unit tests", "grpo-ruff": "Ruff", "grpo-combined": "both"}
_PLANNING = {"start": "`snakemake --version`", "plan": "`snakemake --profile slurm -n`"}
_QUANTITIES = {
    "rate": ("executions/s per core", ".0f"),
    "memory": ("memory of the calling process, MiB", ".1f"),
    "files": ("its open files", "d"),
    "threads": ("its threads", "d"),
    "processes": ("processes of the sandbox", "d"),
    "processes_memory": ("their memory, MiB", ".1f"),
}


def contender_rates(rows: dict[str, dict[str, Any]], count: int, cores: int) -> dict[str, Any]:
    """Add `rates` for each of PASSES. A contender that failed has none."""
    measured = {name: row["seconds"] for name, row in rows.items() if "seconds" in row}
    by_pass = {
        one: rates({name: {"seconds": row[one]} for name, row in measured.items()}, count, cores)
        for one in PASSES
    }
    return {
        name: {**row, **{one: by_pass[one][name] for one in PASSES}} if name in measured else row
        for name, row in rows.items()
    }


def rates(rows: dict[str, dict[str, Any]], count: int, cores: int = 1) -> dict[str, Any]:
    """Add to the seconds of each name how many are done in a second (and core), and how many times
    as fast the first one is.

    The ratio is the median of the repetitions' ratios, since what slows the machine down for a
    while mostly slows down both sides of a repetition.
    """
    first = next(iter(rows.values()))["seconds"]
    return {
        name: {
            **spread([count / one / cores for one in row["seconds"]]),
            "ratio": median(one / own for one, own in zip(row["seconds"], first, strict=True)),
            **row,
        }
        for name, row in rows.items()
    }


def shares(times: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return, by policy, the share of rewards in a generation with its optimiser steps."""
    return {
        policy: {**spread([one["rewards"] / one["all"] for one in each]), "generations": each}
        for policy, each in times.items()
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def markdown(results: dict[str, Any]) -> str:
    """Return the tables of a run as Markdown."""
    parts = []
    if part := results.get("execution"):
        parts.append(
            "**On their own.** Solutions of MBPP run against their tests, from a small process on "
            f"{part['cores']} cores: the first sample of each of {part['tasks']} tasks "
            f"({len(part['left_out'])} tasks left out), and further ones. Executions a second and "
            f"core, medians of {part['repeat']} repetitions and of their ratios:"
            "\n\n" + _contenders(part)
        )
    if part := results.get("trainer"):
        process = part["contenders"]["sandbox"]["process"]
        parts.append(
            f"**Inside a trainer.** The same {part['tasks']} solutions, but from a process that "
            "has loaded torch, transformers and trl and taken a step of training "
            f"({process['memory_mib']} MiB, {process['threads']} threads); the sandbox was made "
            f"before. Executions a second and core on {part['cores']} cores; medians of "
            f"{part['repeat']} repetitions and of their ratios:\n\n" + _contenders(part)
        )
    if part := results.get("programs"):
        parts.append(
            f"**Programs.** {part['programs']} programs that read standard input, {part['faulty']} "
            f"of them faulty, with {part['tests']} tests, each run in a process of its own by the "
            "sandbox, and all of a program's in one by the other, up to the first that fails. "
            f"Tests a second on one core; medians of {part['repeat']} repetitions and of their "
            "ratios:\n\n" + _contenders(part)
        )
    if part := results.get("endurance"):
        kinds = ", ".join(f"{count} {kind}" for kind, count in part["kinds"].items())
        parts.append(
            f"**Endurance.** {part['executions']} candidates in one run ({kinds}), on "
            f"{part['cores']} cores, looked at {len(part['samples'])} times. Each got the verdict "
            "of its kind, and no process and no scratch folder was left:\n\n"
            + _table(["", "first", "last", "lowest", "highest"], _quantities(part["samples"]))
        )
    if part := results.get("lint"):
        parts.append(
            f"**Ruff.** The same {part['snippets']} solutions checked, on {part['cores']} cores; "
            f"medians of {part['repeat']} repetitions and of their ratios:\n\n"
            + _table(
                ["", "snippets/s", "lowest", "highest", "batch ÷ this"],
                [_rate(_LINT[name].format(**part), row) for name, row in part["ways"].items()],
            )
        )
    if part := results.get("rewards"):
        rows = [
            [_REWARDS[policy], *_numbers(row, ".1%")] for policy, row in part["policies"].items()
        ]
        parts.append(
            f"**A training's share.** What of the time goes into rewards while {part['model']} is "
            f"trained as at mini scale; median of {part['generations']} generations with their "
            "optimiser steps:\n\n" + _table(["reward", "share", "lowest", "highest"], rows)
        )
    if part := results.get("planning"):
        rows = [[_PLANNING[name], *_numbers(row, ".2f")] for name, row in part["ways"].items()]
        parts.append(
            f"**Planning.** Seconds that a dry run takes for a grid of {part['jobs']} jobs, none "
            f"of which is made yet; medians of {part['repeat']} repetitions:\n\n"
            + _table(["", "seconds", "lowest", "highest"], rows)
        )
    parts.append(_origin(results))
    return "\n\n".join(parts) + "\n"


def _contenders(part: dict[str, Any]) -> str:
    rows = []
    for name, row in part["contenders"].items():
        if "failure" in row:
            numbers = [row["failure"], "", "", ""]
        else:
            spread = "{median:.0f} ({min:.0f} to {max:.0f})"
            numbers = [
                text
                for one in PASSES
                for text in (spread.format(**row[one]), f"{row[one]['ratio']:.3g}")
            ]
        rows.append([(CONTENDERS | PROGRAM_CONTENDERS)[name], *numbers])
    return _table(["", "first samples", "sandbox ÷ this", "further ones", "sandbox ÷ this"], rows)


def _rate(name: str, row: dict[str, Any]) -> list[str]:
    return [name, *_numbers(row, ".0f"), f"{row['ratio']:.3g}"]


def _quantities(samples: list[dict[str, float]]) -> list[list[str]]:
    rows = []
    for key, (name, form) in _QUANTITIES.items():
        values = [sample[key] for sample in samples]
        shown = (values[0], values[-1], min(values), max(values))
        rows.append([name, *(f"{value:{form}}" for value in shown)])
    return rows


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
        f"isolation by {', '.join(results['isolation'])}; "
        f"commit {results['commit']}; {results['date']}."
    )
