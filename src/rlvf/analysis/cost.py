"""Writes the tables of what training cost. Only these numbers differ between two equal runs, so
they are kept apart from the other tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rlvf.analysis.labels import Scale, cell_key
from rlvf.analysis.summary import check_cells
from rlvf.analysis.table import Table, show_number, write_numbers, write_table
from rlvf.cells import Cells
from rlvf.errors import RlvfError
from rlvf.records import CellId, TrainingStep, TrainingStepTimes

NUMBERS = "cost.json"


def write_cost(
    cells: Cells,
    steps: Sequence[TrainingStep],
    times: Sequence[TrainingStepTimes],
    out_dir: Path,
    scale: Scale,
) -> None:
    """Write cost.csv, cost.md, cost.html and cost.tex, which have a row for each training run, and
    cost.json, which has the sums over all runs and the highest peaks of memory.

    Times are wall-clock seconds; memory is in MiB. Tokens are counted in the completions that were
    trained on, without prompts; tokens per second are those per second of generation.

    Raises:
        RlvfError: `steps` and `times` do not belong to the same steps of the same runs, or not to
            these cells.
    """
    table = _cost(cells, steps, times)
    write_table(table, out_dir, scale)
    numbers = {
        "runs": len(table.data),
        "optimizer_steps": int(table.data["optimizer_steps"].sum()),
        "tokens": int(table.data["tokens"].sum()),
        "seconds": table.data[[*_TIMES, "total_seconds"]].sum(),
        "peak": table.data[_MEMORY].max(),
        "table": table.for_paper(),
    }
    write_numbers(numbers, Path(out_dir) / NUMBERS)


_RUN = list(CellId.model_fields)
_TIMES = ["generation_seconds", "reward_seconds", "update_seconds"]
_MEMORY = ["memory_mb", "gpu_memory_mb"]
# For each column of the data, this is its title in the table and the function that shows a value.
_SHOWN = {
    "model": ("Model", str),
    "policy": ("Policy", str),
    "seed": ("Seed", str),
    "generations": ("Generations", str),
    "optimizer_steps": ("Steps", str),
    "tokens": ("Tokens", str),
    "generation_seconds": ("Generate (s)", show_number),
    "reward_seconds": ("Reward (s)", show_number),
    "update_seconds": ("Update (s)", show_number),
    "total_seconds": ("Total (s)", show_number),
    "tokens_per_second": ("Tokens/s", show_number),
    "memory_mb": ("Memory (MiB)", show_number),
    "gpu_memory_mb": ("GPU (MiB)", show_number),
}


def _cost(cells: Cells, steps: Sequence[TrainingStep], times: Sequence[TrainingStepTimes]) -> Table:
    counts = _frame(steps, ["generation", "completion_tokens"])
    measured = _frame(times, [*_TIMES, *_MEMORY]).astype(float)
    if not counts.index.sort_values().equals(measured.index.sort_values()):
        raise RlvfError(
            "the training logs and the files of their times are not of the same steps; give "
            "--logs and --times of the same runs"
        )
    check_cells(counts.reset_index(), cells, "training logs")
    runs = counts.groupby(_RUN)
    data = pd.DataFrame(
        {
            "generations": runs["generation"].nunique(),
            "optimizer_steps": runs["generation"].size(),
            "tokens": runs["completion_tokens"].sum().astype(int),
        }
    )
    runs = measured.groupby(_RUN)
    data = data.join(runs[_TIMES].sum())
    data["total_seconds"] = data[_TIMES].sum(axis=1)
    data["tokens_per_second"] = data["tokens"] / data["generation_seconds"]
    data = data.join(runs[_MEMORY].max()).reset_index()
    key = cell_key(cells)
    order = sorted(
        data.index, key=lambda i: (*key(data["model"][i], data["policy"][i]), data["seed"][i])
    )
    data = data.loc[order]
    shown = pd.DataFrame({title: data[name].map(show) for name, (title, show) in _SHOWN.items()})
    caption = (
        "What each training run took: tokens of the completions it was trained on, wall-clock "
        "time, and peak memory of its process (without the sandbox's) and on the GPU"
    )
    return Table("cost", caption, data, shown)


def _frame(records: Sequence[CellId], fields: list[str]) -> pd.DataFrame:
    """Return these fields of the records of steps as a frame, indexed by run and step."""
    columns = [*_RUN, "step", *fields]
    rows = [record.model_dump(include=set(columns)) for record in records]
    return pd.DataFrame(rows, columns=columns).set_index([*_RUN, "step"])
