"""Computes every number of a study: it makes one row for each cell and evaluation from the
samples.

Which measures there are, an environment says (its `MEASURES`; see rlvf.measures). Each is computed
once, by `samples_frame`, `_by_task` or `_by_seed`; all else is taken from these.

A row is named by (study, model, policy, evaluation). A measure is computed for each seed and then
averaged over seeds. The column `<measure>_sd` has the standard deviation over seeds (with n - 1 in
the denominator; NaN for a single seed). `<measure>_low` and `<measure>_high` are a 95 % interval
(rlvf.analysis.statistics) over seeds and tasks, or over tasks only if there is a single seed. All
measures that are known task by task have an interval. Samples that are not scored are left out of
all measures and counted in the column `infrastructure_errors`. Intervals leave out the tasks that
lost all their samples.

docs/measures.md says what each measure is.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rlvf.analysis.labels import cell_key
from rlvf.analysis.statistics import interval
from rlvf.cells import NO_MODEL, Cells
from rlvf.environments import ENVIRONMENTS, measure_named, read_samples
from rlvf.errors import RlvfError
from rlvf.measures import Measure, evaluate
from rlvf.records import BaseSample

ROW = ["study", "model", "policy", "evaluation"]
_NAMES = [*ROW, "seed", "task_id", "sample_id"]
# These columns of a frame of samples are no measures.
_OTHERS = [*_NAMES, "environment", "sample", "scored"]

# The keys are model, policy and evaluation, then the measure; each array is seeds × tasks.
Outcomes = dict[tuple[str, str, str], dict[str, np.ndarray]]


def load_samples(paths: Iterable[Path], cells: Cells) -> pd.DataFrame:
    """Read all samples of one study as a frame, which is the same for any order of the files.

    Raises:
        RlvfError: see `samples_frame`; or a file does not hold samples.
    """
    return samples_frame((one for path in paths for one in read_samples(path)), cells)


def samples_frame(samples: Iterable[BaseSample], cells: Cells) -> pd.DataFrame:
    """Return samples as a sorted frame with a row for each: what names it, its environment, the
    record itself, whether it is scored, and all measures of a sample, which are NaN if it is not.

    Raises:
        RlvfError: there are no samples, they do not belong to these cells, one occurs twice, or two
            cells were measured on different tasks in one evaluation, so that their rates could not
            be compared.
    """
    samples = list(samples)
    if not samples:
        raise RlvfError("samples: there are none; give files that `rlvf measure` wrote")
    frame = pd.DataFrame([[getattr(one, name) for name in _NAMES] for one in samples])
    frame = frame.set_axis(_NAMES, axis=1)
    check_cells(frame, cells, "samples")
    twice = frame[frame.duplicated(_NAMES)]
    if len(twice):
        names = ", ".join(str(value) for value in twice.iloc[0])
        raise RlvfError(f"samples: ({names}) occurs twice; give each file once")
    _check_tasks(frame)
    values = pd.DataFrame([evaluate(_measures(one), "sample", one) for one in samples], dtype=float)
    scored = pd.Series([one.scored for one in samples])
    frame = frame.assign(
        environment=[one.environment for one in samples], sample=samples, scored=scored
    )
    frame = pd.concat([frame, values.where(scored, axis=0)], axis=1)
    return frame.sort_values(_NAMES, ignore_index=True)


def check_cells(frame: pd.DataFrame, cells: Cells, what: str) -> None:
    """Check that records, of which the frame has a row each, belong to cells of one study.

    Raises:
        RlvfError: they do not; the message begins with `what`.
    """
    if studies := sorted(set(frame["study"]) - {cells.study}):
        raise RlvfError(
            f"{what}: of another study than the cells ({studies[0]} instead of {cells.study}); "
            "give files of one study"
        )
    names = ["model", "policy", "seed"]
    known = {(cell.model, cell.policy, cell.seed) for cell in cells.cells}
    for found in frame[names].drop_duplicates().itertuples(index=False, name=None):
        if found not in known:
            raise RlvfError(
                f"{what}: {cells.study} has no cell {found[0]}/{found[1]}/seed{found[2]}; give "
                "--cells of the same study"
            )


def _check_tasks(frame: pd.DataFrame) -> None:
    """Check that all cells with the same evaluation were measured on the same tasks."""
    tasks = frame.groupby([*ROW, "seed"])["task_id"].agg(frozenset)
    for _, measured in tasks.groupby(level="evaluation"):
        for name, found in measured.items():
            if found != measured.iloc[0]:
                odd = min(found ^ measured.iloc[0])
                raise RlvfError(
                    f"samples: {'/'.join(map(str, name))} was measured on other tasks than "
                    f"{'/'.join(map(str, measured.index[0]))} (only one has {odd}); evaluate it "
                    "again"
                )


def _measures(sample: BaseSample) -> Sequence[Measure]:
    environment = ENVIRONMENTS[sample.environment]
    return environment.MEASURES


def is_rate(measure: str) -> bool:
    """Whether a measure is a share in [0, 1]."""
    return measure_named(measure).is_rate


def _by_task(samples: pd.DataFrame) -> pd.DataFrame:
    """Return all measures that are known task by task: the means of the measures of a sample, and
    the measures of a task. There is a row for each row of the summary, seed and task."""
    groups = samples.groupby([*ROW, "seed", "task_id"])
    means = groups[_of_samples(samples)].mean()
    of_tasks = [evaluate(_measures(one.iloc[0]), "task", list(one)) for _, one in groups["sample"]]
    return means.join(pd.DataFrame(of_tasks, index=means.index, dtype=float))


def _by_seed(samples: pd.DataFrame, by_task: pd.DataFrame) -> pd.DataFrame:
    """Return all measures, in a row for each row of the summary and seed."""
    place = [*ROW, "seed"]
    means = samples.groupby(place)[_of_samples(samples)].mean()
    of_tasks = by_task[by_task.columns.difference(means.columns)].groupby(level=place)
    return pd.concat(
        # A task that lost samples may have too few left for its measure to be defined.
        [means, of_tasks.agg(lambda values: values.dropna().mean()), _of_seeds(samples)],
        axis=1,
    )


def _of_seeds(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of a seed, in a row for each row of the summary and seed. A member of a
    family that occurs in any of them is 0 in those where it does not."""
    place = [*ROW, "seed"]
    rows = {}
    for _, alike in samples.groupby("environment"):
        scored = {key: list(one["sample"][one["scored"]]) for key, one in alike.groupby(place)}
        measures = _measures(alike["sample"].iloc[0])
        found = {key: evaluate(measures, "seed", given) for key, given in scored.items()}
        occurring = {name for values in found.values() for name in values}
        for key, values in found.items():
            rows[key] = (dict.fromkeys(occurring, 0.0) if scored[key] else {}) | values
    index = pd.MultiIndex.from_tuples(rows, names=place)
    return pd.DataFrame(list(rows.values()), index=index, dtype=float)


def _of_samples(samples: pd.DataFrame) -> list[str]:
    """Return the columns that are measures of a sample."""
    return [name for name in samples if name not in _OTHERS]


def outcomes(samples: pd.DataFrame) -> Outcomes:
    """Return the values of each cell's measures on each task, so that cells can be compared task by
    task.

    The measures are all those that are known task by task. Each is an array seeds × tasks, both
    sorted, with the mean over the samples of a task (for pass@k its estimate). A value is NaN if
    all samples were lost to infrastructure errors, if fewer than k are left, or if the measure is
    not defined (tokens of controls).
    """
    return {tuple(row[1:]): arrays for row, arrays in _arrays(_by_task(samples)).items()}


def _arrays(by_task: pd.DataFrame) -> dict[tuple, dict[str, np.ndarray]]:
    # Samples are sorted, and every seed has the same tasks.
    return {
        row: {
            name: values.to_numpy().reshape(group.index.get_level_values("seed").nunique(), -1)
            for name, values in group.items()
        }
        for row, group in by_task.groupby(level=ROW)
    }


def summarise(samples: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """Return one row for each (study, model, policy, evaluation), controls first. The columns are
    those that the module's docstring describes."""
    by_task = _by_task(samples)
    by_seed = _by_seed(samples, by_task)
    by_seed = by_seed[sorted(by_seed.columns)]
    groups = by_seed.groupby(level=ROW)
    deviations = groups.std().add_suffix("_sd")
    parts = [counts(samples), groups.mean(), deviations, _intervals(by_task)]
    summary = pd.concat(parts, axis=1).reset_index()
    key = cell_key(cells)
    order = sorted(
        summary.index,
        key=lambda i: (
            key(summary.at[i, "model"], summary.at[i, "policy"]),
            summary.at[i, "evaluation"],
        ),
    )
    return summary.loc[order].reset_index(drop=True)


def counts(samples: pd.DataFrame) -> pd.DataFrame:
    """Return `seeds`, `tasks`, `samples` and `infrastructure_errors` of each row of the summary."""
    return samples.groupby(ROW).agg(
        seeds=("seed", "nunique"),
        tasks=("task_id", "nunique"),
        samples=("sample_id", "size"),
        infrastructure_errors=("scored", lambda scored: int((~scored).sum())),
    )


def _intervals(by_task: pd.DataFrame) -> pd.DataFrame:
    """Return `<measure>_low` and `<measure>_high` of these measures."""
    rows = {}
    for row, arrays in _arrays(by_task).items():
        ends = rows[row] = {}
        for name, values in arrays.items():
            found = interval(values, rate=is_rate(name))
            ends |= {f"{name}_low": found.low, f"{name}_high": found.high}
    frame = pd.DataFrame.from_dict(rows, orient="index").sort_index(axis=1)
    return frame.rename_axis(ROW)


def members(summary: pd.DataFrame, family: str) -> list[str]:
    """Return the sorted members of a family of measures that occur, such as `passed` of
    `verdict`."""
    prefix = f"{family}."
    return sorted(
        name.removeprefix(prefix)
        for name in summary.columns
        if name.startswith(prefix) and f"{name}_sd" in summary.columns and (summary[name] > 0).any()
    )


def commonest(summary: pd.DataFrame, family: str, limit: int) -> list[str]:
    """Return the members of a family with the largest means over the policies, largest first.
    Controls do not count, since their code is not what is studied."""
    policies = summary[summary["model"] != NO_MODEL]
    rows = summary if policies.empty else policies
    names = [name for name in members(summary, family) if (rows[f"{family}.{name}"] > 0).any()]
    return sorted(names, key=lambda name: (-rows[f"{family}.{name}"].mean(), name))[:limit]


def main_evaluation(summary: pd.DataFrame) -> str:
    """Return the evaluation that text and figures show: greedy, where there is one."""
    policies = summary[summary["model"] != NO_MODEL]
    evaluations = sorted((summary if policies.empty else policies)["evaluation"].unique())
    return "greedy" if "greedy" in evaluations else evaluations[0]


def main_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the main evaluation, and all rows of controls, whatever their evaluation
    is called."""
    chosen = (summary["evaluation"] == main_evaluation(summary)) | (summary["model"] == NO_MODEL)
    return summary[chosen]
