"""Defines what a table is, its parts, and how it is written."""

import json
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rlvf.analysis.formats import html, latex, markdown
from rlvf.analysis.labels import SCALE_NOTES, Scale, model_label
from rlvf.analysis.summary import ROW
from rlvf.cells import NO_MODEL
from rlvf.files import atomic_writer

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """A table of the study. `data` has exact values for programs, `shown` has texts for people.
    `note` stands below the table and says what its numbers are based on."""

    name: str
    caption: str
    data: pd.DataFrame
    shown: pd.DataFrame
    note: str = ""

    def for_paper(self) -> dict[str, Any]:
        """Return what the paper shows of the table."""
        return {
            "caption": self.caption,
            "columns": list(self.shown.columns),
            "rows": self.shown.to_numpy().tolist(),
            "note": self.note,
        }


def write_table(table: Table, out_dir: Path, scale: Scale) -> None:
    """Write NAME.csv, NAME.md, NAME.html and NAME.tex, which all name the scale."""
    caption = f"{table.caption} ({SCALE_NOTES[scale]})"
    data = table.data.copy()
    data.insert(0, "scale", scale)
    _write(Path(out_dir) / f"{table.name}.csv", data.to_csv(index=False, lineterminator="\n"))
    _write(Path(out_dir) / f"{table.name}.md", markdown(caption, table.shown, table.note))
    _write(Path(out_dir) / f"{table.name}.html", html(caption, table.shown, table.note))
    text = latex(table.name, caption, table.shown, table.note)
    _write(Path(out_dir) / f"{table.name}.tex", text)


def write_numbers(numbers: dict, path: Path) -> None:
    """Write the numbers of the paper's text as JSON. Frames become rows, missing values null."""
    text = json.dumps(_plain(numbers), indent=1, ensure_ascii=False, allow_nan=False)
    _write(path, text + "\n")


def _plain(value: Any) -> Any:
    """Convert a value to what JSON can hold: frames become lists or mappings of rows, NaN becomes
    null."""
    if isinstance(value, pd.DataFrame):
        if value.index.name:
            return {name: _plain(row) for name, row in value.iterrows()}
        return [_plain(row) for _, row in value.iterrows()]
    if isinstance(value, pd.Series):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _write(path: Path, text: str) -> None:
    with atomic_writer(path) as file:
        file.write(text)


# ---------------------------------------------------------------- parts of tables


# For each title, this has a metric of the summary and the function that shows its values.
Columns = dict[str, tuple[str, Callable[[float | None], str]]]


def measures_table(
    name: str, caption: str, summary: pd.DataFrame, columns: Columns, with_interval: Collection[str]
) -> Table:
    """Make a table whose CSV has the same columns, with standard deviations and intervals."""
    exact = [
        f"{metric}{suffix}"
        for metric, _ in columns.values()
        for suffix in ("", "_sd", "_low", "_high")
        if f"{metric}{suffix}" in summary
    ]
    data = summary[[*ROW, *exact, "seeds"]].rename(columns=lambda name: name.replace(".", "_"))
    shown = shown_columns(summary, columns, with_interval)
    return Table(name, caption, data, shown, basis(summary))


def shown_columns(
    summary: pd.DataFrame, columns: Columns, with_interval: Collection[str] = ()
) -> pd.DataFrame:
    """Return the columns as text, with intervals for the titles in `with_interval`."""
    shown = pd.DataFrame(
        {
            "Model": summary["model"].map(model_label),
            "Policy": summary["policy"],
            "Evaluation": summary["evaluation"],
        }
    )
    rows = summary.to_dict("records")
    for title, (metric, text) in columns.items():
        if title in with_interval:
            shown[title] = [interval_text(text, row, metric) for row in rows]
        else:
            shown[title] = [text(row[metric]) for row in rows]
    return shown


def interval_text(
    text: Callable[[float | None], str], row: dict, name: str, ends: str | None = None
) -> str:
    """Return a text such as `52.0 (45.1 to 58.8)`. The interval of `name` is in `NAME_low` and
    `NAME_high`, or is named by `ends` instead of `name`."""
    ends = name if ends is None else ends
    value, low, high = row.get(name), row.get(f"{ends}_low"), row.get(f"{ends}_high")
    if _missing(value) or _missing(low):
        return text(value)
    return f"{text(value)} ({text(low)} to {text(high)})"


def mark(p: float | None) -> str:
    return "*" if not _missing(p) and p < SIGNIFICANT else ""


def design(summary: pd.DataFrame) -> str:
    """Say how many tasks, seeds and samples the numbers are based on."""
    policies = summary[summary["model"] != NO_MODEL]
    rows = summary if policies.empty else policies
    seeds = sorted(rows["seeds"].unique())
    samples = [f"{n} {name}" for name, n in samples_per_task(rows).items()]
    tasks = rows.groupby("evaluation", sort=False)["tasks"].max()
    counted = [f"{n} tasks ({name})" for name, n in tasks.items()]
    if tasks.nunique() == 1:
        counted = [f"{tasks.iloc[0]} tasks"]
    return (
        f"{', '.join(counted)}; {' or '.join(map(str, seeds))} "
        f"{'seed' if seeds == [1] else 'seeds'} per cell; samples per task and seed: "
        f"{', '.join(samples)}."
    )


def fewest_seeds(summary: pd.DataFrame) -> int:
    """Return the smallest number of seeds of a cell. Controls do not count, since they have only
    one, unless there is nothing else."""
    policies = summary[summary["model"] != NO_MODEL]
    return int((summary if policies.empty else policies)["seeds"].min())


def basis(summary: pd.DataFrame) -> str:
    """Return the part of a table's note that tells the design and what the intervals are about.

    `summary` needs only the columns of `rlvf.analysis.summary.counts`.
    """
    if fewest_seeds(summary) == 1:
        about = (
            "95 % intervals over tasks only, as cells have one seed: they say nothing about other "
            "training runs (rates: Wilson; differences of rates with one outcome for each task: "
            "Newcombe; else bootstrap over tasks)"
        )
    else:
        about = (
            "95 % intervals for tasks and seeds like these (rates: Wilson with the effective "
            "number of tasks; else hierarchical bootstrap over tasks and seeds)"
        )
    return f"{design(summary)} In parentheses: {about}."


def test_name(summary: pd.DataFrame) -> str:
    over = "tasks" if fewest_seeds(summary) == 1 else "tasks and seeds"
    return f"paired bootstrap over {over}"


def samples_per_task(summary: pd.DataFrame) -> dict[str, int]:
    """Return the number of samples for each task and seed, by evaluation."""
    return {
        row.evaluation: round(row.samples / row.seeds / row.tasks) for row in summary.itertuples()
    }


def long_form(summary: pd.DataFrame, family: str, chosen: list[str], value: str) -> pd.DataFrame:
    """Return a row for each row of the summary and each chosen member of the family."""
    suffixes = [
        suffix
        for suffix in ("", "_sd", "_low", "_high")
        if chosen and f"{family}.{chosen[0]}{suffix}" in summary
    ]
    values = [f"{value}{suffix}" for suffix in suffixes or ("", "_sd")]
    parts = [
        summary[[*ROW, *(f"{family}.{name}{suffix}" for suffix in suffixes), "seeds"]]
        .set_axis([*ROW, *values, "seeds"], axis=1)
        .assign(**{family: name})
        for name in chosen
    ]
    names = [*ROW, family, *values, "seeds"]
    data = pd.concat(parts) if parts else pd.DataFrame(columns=names)
    return data[names].sort_index(kind="stable")


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def show_number(value: float | None) -> str:
    """Show a number with two decimals, or with none if it is large."""
    if _missing(value):
        return "–"
    return f"{value:.{2 if abs(value) < 100 else 0}f}"


def show_percent(share: float | None) -> str:
    return "–" if _missing(share) else f"{100 * share:.1f}"


def show_signed(value: float | None, digits: int = 1) -> str:
    """Show a number with its sign, even if that is a plus."""
    if _missing(value):
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−")
