"""What training cost: the only numbers that differ between two equal runs, so they lie apart."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rlvf.analysis.labels import Scale, cell_key
from rlvf.analysis.tables import Table, show_number, write_numbers, write_table
from rlvf.records import TrainingStep

NUMBERS = "cost.json"


def write_cost(steps: Sequence[TrainingStep], out_dir: Path, scale: Scale) -> None:
    """Write cost.csv, cost.md and cost.tex, a row per training run, and the sums in cost.json.

    Times are wall-clock seconds as the training logs have them.
    """
    table = _cost(steps)
    write_table(table, out_dir, scale)
    numbers = {
        "runs": len(table.data),
        "optimizer_steps": int(table.data["optimizer_steps"].sum()),
        "seconds": table.data[[*_TIMES, "total_seconds"]].sum(),
        "table": table.for_paper(),
    }
    write_numbers(numbers, Path(out_dir) / NUMBERS)


_TIMES = ["generation_seconds", "reward_seconds", "update_seconds"]


def _cost(steps: Sequence[TrainingStep]) -> Table:
    runs = ["study", "model", "policy", "seed"]
    fields = [*runs, "step", "generation", *_TIMES]
    frame = pd.DataFrame([step.model_dump(include=set(fields)) for step in steps], columns=fields)
    frame[_TIMES] = frame[_TIMES].astype(float)
    frame = frame.sort_values([*runs, "step"])
    groups = frame.groupby(runs)
    data = groups[_TIMES].sum().assign(total_seconds=lambda sums: sums.sum(axis=1))
    data.insert(0, "optimizer_steps", groups["step"].nunique())
    data.insert(0, "generations", groups["generation"].nunique())
    data = data.reset_index()
    order = sorted(
        data.index, key=lambda i: (*cell_key(data["model"][i], data["policy"][i]), data["seed"][i])
    )
    data = data.loc[order]
    titles = ["Model", "Policy", "Seed", "Generations", "Steps", "Generate (s)", "Reward (s)"]
    titles += ["Update (s)", "Total (s)"]
    shown = data.drop(columns="study").set_axis(titles, axis=1)
    for title in titles[2:5]:
        shown[title] = shown[title].map(str)
    for title in titles[5:]:
        shown[title] = shown[title].map(show_number)
    return Table("cost", "Wall-clock time of each training run", data, shown)
