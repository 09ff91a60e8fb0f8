"""Writes the study's tables, and every number of the paper's text as JSON."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rlvf.analysis.comparisons import EFFECT_MEASURES, effects, gains
from rlvf.analysis.formats import html, latex, markdown
from rlvf.analysis.hacking import HACKS
from rlvf.analysis.labels import (
    SCALE_NOTES,
    Scale,
    is_trained,
    model_label,
    reward_key,
    split_policy,
    words,
)
from rlvf.analysis.summary import (
    ROW,
    commonest,
    is_rate,
    main_cells,
    main_decoding,
    members,
    outcomes,
    summarise,
)
from rlvf.config import CONTROLS, NO_MODEL
from rlvf.files import atomic_writer
from rlvf.records import SEVERITIES

TABLES = (
    "pass_at_1",
    "pass_at_k",
    "effects",
    "length",
    "ruff",
    "ruff_rules",
    "errors",
    "error_types",
    "hacking",
    "hyperparameters",
)
NUMBERS = "numbers.json"

_COMMONEST_RULES = 10
_COMMONEST_ERROR_TYPES = 8
_SIGNIFICANT = 0.05


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


def write_tables(samples: pd.DataFrame, settings: dict | None, out_dir: Path, scale: Scale) -> None:
    """Write NAME.csv, NAME.md, NAME.html and NAME.tex for each of TABLES, and numbers.json.

    Args:
        samples: from `rlvf.analysis.summary.load_samples`.
        settings: `Config.hyperparameters` for the table of hyperparameters, which is empty without.

    Samples of equal content give byte-identical files, in whatever order they were read. Shares
    are in [0, 1] in CSV and JSON and in percent in the other formats; gains are in percentage
    points everywhere.
    """
    measured = outcomes(samples)
    gained = gains(measured).reset_index()
    summary = summarise(samples).merge(gained, "left", ["model", "policy", "decoding"])
    study = summary["study"].iloc[0]
    effect = effects(measured, main_decoding(summary))
    tables = [
        _pass_at_1(summary),
        _pass_at_k(summary),
        _effects(summary, effect),
        _length(summary),
        _ruff(summary),
        _ruff_rules(summary),
        _errors(summary),
        _error_types(summary),
        _hacking(summary),
        _hyperparameters(settings or {}, study),
    ]
    for table in tables:
        write_table(table, out_dir, scale)
    write_numbers(_numbers(summary, effect, tables, scale), Path(out_dir) / NUMBERS)


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


# ---------------------------------------------------------------- the tables


def _pass_at_1(summary: pd.DataFrame) -> Table:
    columns = ["pass@1", "pass@1_sd", "pass@1_low", "pass@1_high"]
    columns += [name for name in summary if name.startswith("gain_")]
    counts = ["seeds", "tasks", "samples", "infrastructure_errors"]
    data = summary[ROW + columns + counts].rename(columns=lambda name: name.replace("@", "_at_"))
    main = main_decoding(summary)
    decodings = sorted(summary["decoding"].unique(), key=lambda name: (name != main, name))
    rows = []
    for (model, policy), group in summary.groupby(["model", "policy"], sort=False):
        row = {"Model": model_label(model), "Policy": policy}
        by_decoding = group.set_index("decoding").to_dict("index")
        for decoding in decodings:
            cell = by_decoding.get(decoding, {})
            row[f"{decoding} pass@1 (%)"] = _interval_text(_percent, cell, "pass@1")
            gain = {"": cell.get("gain_points"), "_low": cell.get("gain_low")}
            gain["_high"] = cell.get("gain_high")
            mark = _mark(cell.get("gain_p_adjusted"))
            row[f"{decoding} gain (points)"] = _interval_text(show_signed, gain, "") + mark
        row["Seeds"] = str(group["seeds"].max())
        row["Not scored"] = str(group["infrastructure_errors"].sum())
        rows.append(row)
    family = int(summary[summary["decoding"] == main]["gain_p"].notna().sum())
    exact = "where each task has one outcome McNemar's exact test, else "
    test = (exact if _seeds(summary) == 1 else "") + _test(summary)
    note = (
        f"{basis(summary)} * differs from base, p < {_SIGNIFICANT} ({test}), by Holm's correction "
        f"for the {family} comparisons of a decoding."
    )
    return Table("pass_at_1", "pass@1, and its gain over base", data, pd.DataFrame(rows), note)


def _pass_at_k(summary: pd.DataFrame) -> Table:
    ks = sorted(int(name[5:]) for name in summary.columns if re.fullmatch(r"pass@\d+", name))
    suffixes = ("", "_sd", "_low", "_high")
    names = [f"pass_at_k{suffix}" for suffix in suffixes]
    data = pd.concat(
        [
            summary[[*ROW, *(f"pass@{k}{suffix}" for suffix in suffixes), "seeds"]]
            .set_axis([*ROW, *names, "seeds"], axis=1)
            .assign(k=k)
            for k in ks
        ]
    )
    data = data[data["pass_at_k"].notna()][[*ROW, "k", *names, "seeds"]]
    columns = {f"pass@{k} (%)": (f"pass@{k}", _percent) for k in ks}
    shown = _shown(summary, columns, with_interval=columns)
    return Table("pass_at_k", "pass@k, unbiased estimate", data, shown, basis(summary))


def _effects(summary: pd.DataFrame, effect: pd.DataFrame) -> Table:
    titles = {"pass@1": "pass@1 (points)", "tokens": "Tokens", "findings": "Findings"}
    rows = []
    for (factor, first, second), group in effect.groupby(["factor", "first", "second"], sort=False):
        row = {"Factor": factor, "Difference": f"{first} − {second}"}
        for cell in group.rename(columns={"low": "_low", "high": "_high"}).to_dict("records"):
            digits = 1 if is_rate(cell["measure"]) else 2
            text = _interval_text(lambda x, n=digits: show_signed(x, n), cell, "estimate", ends="")
            row[titles[cell["measure"]]] = text + _mark(cell["p_adjusted"])
        rows.append(row | {"Cells": f"{group['cells'].iloc[0]} each"})
    decoding = main_decoding(summary)
    data = effect.assign(study=summary["study"].iloc[0], decoding=decoding)
    data = data[["study", "decoding", *effect.columns]]
    note = (
        f"{basis(summary)} Cells that differ in nothing else are compared task by task, and the "
        f"differences averaged; decoding {decoding}. * p < {_SIGNIFICANT} ({_test(summary)}), by "
        f"Holm's correction for the {len(rows)} comparisons of a measure."
    )
    columns = ["Factor", "Difference", *(titles[name] for name in EFFECT_MEASURES), "Cells"]
    caption = "Effect of the reward and of the algorithm, averaged over the rest of the grid"
    return Table("effects", caption, data, pd.DataFrame(rows, columns=columns), note)


def _length(summary: pd.DataFrame) -> Table:
    columns = {
        "Tokens": ("tokens", show_number),
        "Characters": ("characters", show_number),
        "Lines of code": ("lines", show_number),
        "Truncated (%)": ("truncated", _percent),
    }
    return _table("length", "Length of a completion, mean", summary, columns, {"Tokens"})


def _ruff(summary: pd.DataFrame) -> Table:
    columns = {
        **{words(name).capitalize(): (f"findings.{name}", show_number) for name in SEVERITIES},
        "All": ("findings", show_number),
        "Per 100 lines": ("findings_per_100_lines", show_number),
        "All, if valid": ("findings_valid", show_number),
        "Valid (%)": ("defines_entry_point", _percent),
    }
    caption = "Ruff findings per completion by severity; valid: parses and defines the entry point"
    return _table("ruff", caption, summary, columns, {"All"})


def _ruff_rules(summary: pd.DataFrame) -> Table:
    chosen = commonest(summary, "rule", _COMMONEST_RULES)
    columns = {code: (f"rule.{code}", show_number) for code in chosen}
    caption = "Findings per completion of the Ruff rules that base and trained policies break most"
    data = _long(summary, "rule", chosen, "findings")
    return Table("ruff_rules", caption, data, _shown(summary, columns), _design(summary))


def _errors(summary: pd.DataFrame) -> Table:
    verdicts = sorted(members(summary, "verdict"), key=lambda name: (name != "passed", name))
    columns = {
        **{words(name).capitalize(): (f"verdict.{name}", _percent) for name in verdicts},
        "Parses": ("parses", _percent),
    }
    caption = "Verdicts, and completions that parse, in percent of the completions"
    data = _long(summary, "verdict", verdicts, "share")
    return Table("errors", caption, data, _shown(summary, columns), _design(summary))


def _error_types(summary: pd.DataFrame) -> Table:
    types = members(summary, "error_type")
    columns = {
        name: (f"error_type.{name}", _percent)
        for name in commonest(summary, "error_type", _COMMONEST_ERROR_TYPES)
    }
    caption = "The commonest error types, in percent of the completions"
    data = _long(summary, "error_type", types, "share")
    return Table("error_types", caption, data, _shown(summary, columns), _design(summary))


def _hacking(summary: pd.DataFrame) -> Table:
    columns = {words(name).capitalize(): (f"hack.{name}", _percent) for name in HACKS}
    caption = (
        "Signs of reward hacking, in percent of the completions; overfit: passes the visible tests "
        "and fails a hidden one, in percent of the completions of tasks that have both"
    )
    return _table("hacking", caption, summary, columns, {"Overfit"})


def _hyperparameters(settings: dict, study: str) -> Table:
    published = settings.get("studies", {}).get(study, {}).get("published", [])
    rows = [
        {"key": key, "value": value, "origin": _origin(key, published)}
        for section in sorted(settings)
        for key, value in _flatten(section, settings[section])
        if not key.endswith(".published")
    ]
    data = pd.DataFrame(rows, columns=["key", "value", "origin"]).sort_values("key")
    shown = data.rename(columns=str.capitalize)
    caption = "Hyperparameters: published with the study, or our choice"
    note = "Our choice: the publication does not state it." if rows else ""
    return Table("hyperparameters", caption, data, shown, note)


def _origin(key: str, published: list[str]) -> str:
    hit = any(key == name or key.startswith(f"{name}.") for name in published)
    return "published" if hit else "our choice"


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield dotted keys with their values as text. A list of plain values is one value."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(number): item for number, item in enumerate(value)}
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flatten(f"{key}.{name}", item)
    elif isinstance(value, list | dict):
        yield key, ", ".join(map(str, value)) or "none"
    else:
        yield key, "none" if value is None else str(value)


# ---------------------------------------------------------------- their parts


# For each title, this has a metric of the summary and the function that shows its values.
Columns = dict[str, tuple[str, Callable[[float | None], str]]]


def _table(
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
    shown = _shown(summary, columns, with_interval)
    return Table(name, caption, data, shown, basis(summary))


def _shown(
    summary: pd.DataFrame, columns: Columns, with_interval: Collection[str] = ()
) -> pd.DataFrame:
    """Return the columns as text, with intervals for the titles in `with_interval`."""
    shown = pd.DataFrame(
        {
            "Model": summary["model"].map(model_label),
            "Policy": summary["policy"],
            "Decoding": summary["decoding"],
        }
    )
    rows = summary.to_dict("records")
    for title, (metric, text) in columns.items():
        if title in with_interval:
            shown[title] = [_interval_text(text, row, metric) for row in rows]
        else:
            shown[title] = [text(row[metric]) for row in rows]
    return shown


def _interval_text(
    text: Callable[[float | None], str], row: dict, name: str, ends: str | None = None
) -> str:
    """Return a text such as `52.0 (45.1 to 58.8)`. The interval of `name` is in `NAME_low` and
    `NAME_high`, or is named by `ends` instead of `name`."""
    ends = name if ends is None else ends
    value, low, high = row.get(name), row.get(f"{ends}_low"), row.get(f"{ends}_high")
    if _missing(value) or _missing(low):
        return text(value)
    return f"{text(value)} ({text(low)} to {text(high)})"


def _mark(p: float | None) -> str:
    return "*" if not _missing(p) and p < _SIGNIFICANT else ""


def _design(summary: pd.DataFrame) -> str:
    """Say how many tasks, seeds and samples the numbers are based on."""
    policies = summary[summary["model"] != NO_MODEL]
    rows = summary if policies.empty else policies
    seeds = sorted(rows["seeds"].unique())
    samples = [f"{n} {name}" for name, n in _samples_per_task(rows).items()]
    return (
        f"{rows['tasks'].max()} tasks; {' or '.join(map(str, seeds))} "
        f"{'seed' if seeds == [1] else 'seeds'} per cell; samples per task and seed: "
        f"{', '.join(samples)}."
    )


def _seeds(summary: pd.DataFrame) -> int:
    """Return the smallest number of seeds of a cell. Controls do not count, since they have only
    one, unless there is nothing else."""
    policies = summary[summary["model"] != NO_MODEL]
    return int((summary if policies.empty else policies)["seeds"].min())


def basis(summary: pd.DataFrame) -> str:
    """Return the part of a table's note that tells the design and what the intervals are about.

    `summary` needs only the columns of `rlvf.analysis.summary.counts`.
    """
    if _seeds(summary) == 1:
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
    return f"{_design(summary)} In parentheses: {about}."


def _test(summary: pd.DataFrame) -> str:
    over = "tasks" if _seeds(summary) == 1 else "tasks and seeds"
    return f"paired bootstrap over {over}"


def _samples_per_task(summary: pd.DataFrame) -> dict[str, int]:
    """Return the number of samples for each task and seed, by decoding."""
    return {
        row.decoding: round(row.samples / row.seeds / row.tasks) for row in summary.itertuples()
    }


def _long(summary: pd.DataFrame, family: str, chosen: list[str], value: str) -> pd.DataFrame:
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


def _percent(share: float | None) -> str:
    return "–" if _missing(share) else f"{100 * share:.1f}"


def show_signed(value: float | None, digits: int = 1) -> str:
    """Show a number with its sign, even if that is a plus."""
    if _missing(value):
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−")


# ---------------------------------------------------------------- the numbers


def _numbers(
    summary: pd.DataFrame, effect: pd.DataFrame, tables: list[Table], scale: Scale
) -> dict:
    """Return all numbers of the paper's text. Shares are in [0, 1], gains in percentage points."""
    main = main_decoding(summary)
    cells = main_cells(summary)
    trained = cells[cells["policy"].map(is_trained)]
    families = tuple(f"{f}." for f in ("rule", "verdict", "error_type", "outcome"))
    results = summary[[name for name in summary if not name.startswith(families)]]
    models = [name for name in summary["model"].unique() if model_label(name) == name]
    samples_per_task = _samples_per_task(summary)
    return {
        "scale": scale,
        "scale_note": SCALE_NOTES[scale],
        "study": summary["study"].iloc[0],
        "models": models,
        "policies": list(dict.fromkeys(trained["policy"])),
        "tasks": int(summary["tasks"].max()),
        "seeds": int(summary["seeds"].max()),
        "completions": int(summary["samples"].sum()),
        "infrastructure_errors": int(summary["infrastructure_errors"].sum()),
        "main_decoding": main,
        "most_samples_decoding": max(samples_per_task, key=lambda name: samples_per_task[name]),
        "samples_per_task": samples_per_task,
        "controls": cells[cells["policy"].isin(CONTROLS)].set_index("policy")[
            ["pass@1", "findings"]
        ],
        "cells": main_cells(results),
        "extremes": {
            model: {
                "highest": _at(group, group["pass@1"].idxmax()),
                "lowest": _at(group, group["pass@1"].idxmin()),
            }
            for model, group in trained[trained["pass@1"].notna()].groupby("model", sort=False)
        },
        "mean_by_algorithm": _mean_by(trained, 0),
        "mean_by_reward": _mean_by(trained, 1),
        "effects": effect,
        "tables": {table.name: table.for_paper() for table in tables},
    }


def _at(group: pd.DataFrame, index: int) -> pd.Series:
    return group.loc[index, ["policy", "pass@1", "gain_points"]]


def _mean_by(trained: pd.DataFrame, part: int) -> pd.DataFrame:
    """Return means over the trained cells that share an algorithm (part 0) or a reward (part 1)."""
    names = trained["policy"].map(lambda policy: split_policy(policy)[part])
    means = trained.groupby(names)[["pass@1", "gain_points", "tokens", "findings"]].mean()
    return means.loc[sorted(means.index, key=reward_key)]


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


# ---------------------------------------------------------------- writing


def _write(path: Path, text: str) -> None:
    with atomic_writer(path) as file:
        file.write(text)
