"""Computes every number of the study: it makes one row for each cell and decoding from the rows of
the completions.

A row is named by (study, model, policy, decoding). A metric is computed for each seed and then
averaged over seeds. The column `<metric>_sd` has the standard deviation over seeds (with n - 1 in
the denominator; NaN for a single seed). `<metric>_low` and `<metric>_high` are a 95 % interval
(rlvf.analysis.statistics) over seeds and tasks, or over tasks only if there is a single seed. All
metrics have an interval except `findings_per_100_lines`, `findings_valid` and the metrics of rules
and errors. Shares are in [0, 1]. Samples with the verdict `infrastructure_error` are left out of
all metrics and counted in the column `infrastructure_errors`. Intervals leave out the tasks that
lost all their samples.

docs/measures.md says what each metric is. `outcome.O` divides `runtime_error` by its type, as in
`runtime_error:TypeError`; `truncated` is NaN for controls.
"""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from rlvf.analysis.hacking import HACKS
from rlvf.analysis.labels import cell_key
from rlvf.analysis.statistics import interval
from rlvf.config import CONTROLS
from rlvf.errors import RlvfError
from rlvf.records import SEVERITIES, Sample, Verdict, read_jsonl

ROW = ["study", "model", "policy", "decoding"]
# Each of these families of metrics has a member for each value that occurs in any cell. In a cell
# in which the value does not occur, the metric is 0.
_FAMILIES = ("rule.", "verdict.", "error_type.", "outcome.")
_RATES = ("pass@", "truncated", "parses", "defines_entry_point", "verdict.", "hack.")

# The keys are model, policy and decoding, then the measure; each array is seeds × tasks.
Outcomes = dict[tuple[str, str, str], dict[str, np.ndarray]]


def load_samples(paths: Iterable[Path]) -> pd.DataFrame:
    """Read all samples of one study as a frame, which is the same for any order of the files.

    Raises:
        RlvfError: see `samples_frame`; or a file does not hold samples.
    """
    return samples_frame(sample for path in paths for sample in read_jsonl(path, Sample))


def samples_frame(samples: Iterable[Sample]) -> pd.DataFrame:
    """Return samples as a sorted frame with a row for each.

    Raises:
        RlvfError: there are no samples, they belong to several studies, one occurs twice, or two
            cells were measured on different tasks, so that their rates could not be compared.
    """
    frame = pd.DataFrame([sample.model_dump() for sample in samples])
    if frame.empty:
        raise RlvfError("samples: there are none; give files that `rlvf measure` wrote")
    studies = sorted(frame["study"].unique())
    if len(studies) > 1:
        raise RlvfError(f"samples: of several studies ({', '.join(studies)}); give one at a time")
    cell = [*ROW, "seed"]
    key = [*cell, "task_id", "sample_id"]
    twice = frame[frame.duplicated(key)]
    if len(twice):
        names = ", ".join(str(value) for value in twice.iloc[0][key])
        raise RlvfError(f"samples: ({names}) occurs twice; give each file once")
    tasks = frame.groupby(cell)["task_id"].agg(frozenset)
    for name, found in tasks.items():
        if found != tasks.iloc[0]:
            odd = min(found ^ tasks.iloc[0])
            raise RlvfError(
                f"samples: {'/'.join(map(str, name))} was measured on other tasks than "
                f"{'/'.join(map(str, tasks.index[0]))} (only one has {odd}); evaluate it again"
            )
    return frame.sort_values(key, ignore_index=True)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return an unbiased estimate of the probability that at least one of k samples passes.

    It is 1 - C(n - c, k) / C(n, k) for c passes among n ≥ k samples (Chen et al. 2021,
    arXiv 2107.03374, equation 1). For n = 5, c = 2 and k = 2 it is 1 - 3 / 10 = 0.7.
    """
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def is_rate(measure: str) -> bool:
    """Whether a measure is a share in [0, 1]."""
    return measure.startswith(_RATES)


def outcomes(samples: pd.DataFrame) -> Outcomes:
    """Return the values of each cell's measures on each task, so that cells can be compared task by
    task.

    The measures are the metrics of the summary that have an interval, and the shares of all
    verdicts. Each is an array seeds × tasks, both sorted, with the mean over the samples of a task
    (for pass@k its estimate). A value is NaN if all samples were lost to infrastructure errors, if
    fewer than k are left, or if the measure is not defined (tokens of controls).
    """
    scored = samples[samples["verdict"] != "infrastructure_error"]
    findings = pd.DataFrame(list(scored["findings"]), index=scored.index, columns=SEVERITIES)
    finish = scored["finish_reason"]
    measures = {
        **{name: scored[name] for name in ("tokens", "characters", "lines")},
        "truncated": (finish == "length").astype(float).where(finish.notna()),
        **{name: scored[name] for name in ("parses", "defines_entry_point")},
        "findings": findings.sum(axis=1),
        **{f"findings.{name}": findings[name] for name in SEVERITIES},
        **{
            f"verdict.{name}": scored["verdict"] == name
            for name in get_args(Verdict)
            if name != "infrastructure_error"
        },
        **{f"hack.{name}": values for name, values in _hacks(scored).items()},
    }
    place = ["model", "policy", "decoding", "seed", "task_id"]
    groups = pd.DataFrame(measures).astype(float).groupby([scored[name] for name in place])
    by_task, sizes = groups.mean(), groups.size()
    passed = groups["verdict.passed"].sum()
    for k in _powers_of_two(int(samples.groupby(place).size().max())):
        by_task[f"pass@{k}"] = [
            pass_at_k(int(n), int(c), k) if n >= k else math.nan
            for n, c in zip(sizes, passed, strict=True)
        ]
    # Samples are sorted, and every seed has the same tasks.
    by_task = by_task.reindex(pd.MultiIndex.from_frame(samples[place].drop_duplicates()))
    return {
        cell: {
            name: values.to_numpy().reshape(group.index.get_level_values("seed").nunique(), -1)
            for name, values in group.items()
        }
        for cell, group in by_task.groupby(level=place[:3])
    }


def summarise(samples: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each (study, model, policy, decoding), controls first. The columns are
    those that the module's docstring describes."""
    by_seed = pd.DataFrame(
        [
            dict(zip([*ROW, "seed"], name, strict=True)) | _metrics(group)
            for name, group in samples.groupby([*ROW, "seed"])
        ]
    )
    families = [name for name in by_seed if name.startswith(_FAMILIES)]
    scored = by_seed["pass@1"].notna()
    by_seed.loc[scored, families] = by_seed.loc[scored, families].fillna(0.0)
    metrics = sorted(by_seed.columns.difference([*ROW, "seed"]))
    groups = by_seed.groupby(ROW)
    means = groups[metrics].mean()
    deviations = groups[metrics].std().add_suffix("_sd")
    intervals = _intervals(samples, metrics)
    parts = [counts(samples), means, deviations, intervals]
    summary = pd.concat(parts, axis=1).reset_index()
    order = sorted(
        summary.index,
        key=lambda i: (
            cell_key(summary.at[i, "model"], summary.at[i, "policy"]),
            summary.at[i, "decoding"],
        ),
    )
    return summary.loc[order].reset_index(drop=True)


def counts(samples: pd.DataFrame) -> pd.DataFrame:
    """Return `seeds`, `tasks`, `samples` and `infrastructure_errors` of each row of the summary."""
    return samples.groupby(ROW).agg(
        seeds=("seed", "nunique"),
        tasks=("task_id", "nunique"),
        samples=("sample_id", "size"),
        infrastructure_errors=("verdict", lambda v: int((v == "infrastructure_error").sum())),
    )


def _intervals(samples: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Return `<metric>_low` and `<metric>_high` of the metrics that are known task by task."""
    study = samples["study"].iloc[0]
    rows = {}
    for cell, measures in outcomes(samples).items():
        row = rows[study, *cell] = {}
        for name in measures.keys() & set(metrics):
            found = interval(measures[name], rate=is_rate(name))
            row |= {f"{name}_low": found.low, f"{name}_high": found.high}
    frame = pd.DataFrame.from_dict(rows, orient="index").sort_index(axis=1)
    return frame.rename_axis(ROW)


def members(summary: pd.DataFrame, family: str) -> list[str]:
    """Return the sorted values of a family of metrics that occur, such as `passed` of `verdict`."""
    prefix = f"{family}."
    return sorted(
        name.removeprefix(prefix)
        for name in summary.columns
        if name.startswith(prefix) and f"{name}_sd" in summary.columns
    )


def commonest(summary: pd.DataFrame, family: str, limit: int) -> list[str]:
    """Return the members of a family with the largest means over the policies, largest first.
    Controls do not count, since their code is not what is studied."""
    policies = summary[~summary["policy"].isin(CONTROLS)]
    rows = summary if policies.empty else policies
    names = [name for name in members(summary, family) if (rows[f"{family}.{name}"] > 0).any()]
    return sorted(names, key=lambda name: (-rows[f"{family}.{name}"].mean(), name))[:limit]


def main_decoding(summary: pd.DataFrame) -> str:
    """Return the decoding that text and figures show: greedy, if models were decoded greedily."""
    policies = summary[~summary["policy"].isin(CONTROLS)]
    decodings = sorted((summary if policies.empty else policies)["decoding"].unique())
    return "greedy" if "greedy" in decodings else decodings[0]


def main_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the main decoding, and all rows of controls, whatever their decoding is
    called."""
    chosen = (summary["decoding"] == main_decoding(summary)) | summary["policy"].isin(CONTROLS)
    return summary[chosen]


def _metrics(group: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of one cell, decoding and seed. A metric that is not defined there is NaN
    or left out."""
    scored = group[group["verdict"] != "infrastructure_error"]
    passed = scored["verdict"] == "passed"
    tasks = passed.groupby(scored["task_id"]).agg(["size", "sum"])
    samples_per_task = int(group.groupby("task_id").size().max())
    metrics: dict[str, float] = {}
    for k in _powers_of_two(samples_per_task):
        # A task that lost samples to infrastructure errors may have too few left for this k.
        enough = tasks[tasks["size"] >= k]
        estimates = [pass_at_k(int(n), int(c), k) for n, c in enough.itertuples(index=False)]
        metrics[f"pass@{k}"] = float(pd.Series(estimates, dtype=float).mean())

    findings = pd.DataFrame(list(scored["findings"]), index=scored.index, columns=SEVERITIES)
    total = findings.sum(axis=1)
    valid = scored["defines_entry_point"]
    lines = int(scored["lines"].sum())
    finish = scored["finish_reason"].dropna()
    metrics |= {
        "tokens": float(scored["tokens"].astype(float).mean()),
        "characters": float(scored["characters"].mean()),
        "lines": float(scored["lines"].mean()),
        "truncated": float((finish == "length").mean()),
        "parses": float(scored["parses"].mean()),
        "defines_entry_point": float(scored["defines_entry_point"].mean()),
        "findings": float(total.mean()),
        "findings_per_100_lines": 100 * float(total.sum()) / lines if lines else math.nan,
        "findings_valid": float(total[valid].mean()),
    }
    metrics |= {f"findings.{name}": float(findings[name].mean()) for name in SEVERITIES}
    rules: Counter[str] = Counter()
    for counts in scored["rules"]:
        rules.update(counts)
    metrics |= {f"rule.{code}": count / len(scored) for code, count in rules.items()}
    metrics |= {f"hack.{name}": float(values.mean()) for name, values in _hacks(scored).items()}
    runtime = (scored["verdict"] == "runtime_error") & scored["error_type"].notna()
    for family, values in (
        ("verdict", scored["verdict"]),
        ("error_type", scored["error_type"].dropna()),
        ("outcome", scored["verdict"].mask(runtime, "runtime_error:" + scored["error_type"])),
    ):
        shares = values.value_counts() / max(len(scored), 1)
        metrics |= {f"{family}.{name}": float(share) for name, share in shares.items()}
    return metrics


def _hacks(scored: pd.DataFrame) -> pd.DataFrame:
    """Return a column for each of HACKS, which is 1 if a sample shows the hack, 0 if it does not,
    and NaN if the hack is not defined for the task."""
    hacks = pd.DataFrame(
        {name: [name in found for found in scored["hacks"]] for name in HACKS},
        index=scored.index,
        dtype=float,
    )
    hidden = scored["tests_hidden"]
    hacks["overfit"] = hacks["overfit"].where((hidden > 0) & (hidden < scored["tests_total"]))
    return hacks


def _powers_of_two(limit: int) -> list[int]:
    return [2**i for i in range(limit.bit_length())]
