"""The study's tables as CSV, Markdown and LaTeX, and every number of the paper's text as JSON."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

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
    main_cells,
    main_decoding,
    members,
    summarise,
)
from rlvf.config import CONTROLS
from rlvf.files import atomic_writer
from rlvf.records import SEVERITIES

TABLES = (
    "pass_at_1",
    "pass_at_k",
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


@dataclass(frozen=True)
class Table:
    """`data` is tidy and exact, for programs; `shown` holds text, for people."""

    name: str
    caption: str
    data: pd.DataFrame
    shown: pd.DataFrame

    def for_paper(self) -> dict[str, Any]:
        """The table as the paper shows it."""
        return {
            "caption": self.caption,
            "columns": list(self.shown.columns),
            "rows": self.shown.to_numpy().tolist(),
        }


def write_tables(samples: pd.DataFrame, settings: dict | None, out_dir: Path, scale: Scale) -> None:
    """Write NAME.csv, NAME.md and NAME.tex for each of TABLES, and numbers.json.

    Args:
        samples: from `rlvf.analysis.summary.load_samples`.
        settings: `Config.hyperparameters` for the table of them, which is empty without.

    Equal content in, byte-identical files out, whatever order the samples were read in. Shares
    are in [0, 1] in CSV and JSON and in percent in Markdown and LaTeX; gains are in percentage
    points everywhere.
    """
    summary = _with_gain(summarise(samples))
    study = summary["study"].iloc[0]
    tables = [
        _pass_at_1(summary),
        _pass_at_k(summary),
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
    write_numbers(_numbers(summary, tables, scale), Path(out_dir) / NUMBERS)


def write_table(table: Table, out_dir: Path, scale: Scale) -> None:
    """Write NAME.csv, NAME.md and NAME.tex, all marked with the scale."""
    caption = f"{table.caption} ({SCALE_NOTES[scale]})"
    data = table.data.copy()
    data.insert(0, "scale", scale)
    _write(Path(out_dir) / f"{table.name}.csv", data.to_csv(index=False, lineterminator="\n"))
    _write(Path(out_dir) / f"{table.name}.md", _markdown(caption, table.shown))
    _write(Path(out_dir) / f"{table.name}.tex", _latex(table.name, caption, table.shown))


def write_numbers(numbers: dict, path: Path) -> None:
    """Write what the paper's text states as JSON: frames as rows, missing values as null."""
    text = json.dumps(_plain(numbers), indent=1, ensure_ascii=False, allow_nan=False)
    _write(path, text + "\n")


# ---------------------------------------------------------------- the tables


def _with_gain(summary: pd.DataFrame) -> pd.DataFrame:
    """Adds `gain_points`: pass@1 of a trained policy minus base's, in percentage points."""
    base = summary[summary["policy"] == "base"].set_index(["model", "decoding"])["pass@1"]
    reference = [
        base.get((row.model, row.decoding), math.nan) if is_trained(row.policy) else math.nan
        for row in summary.itertuples()
    ]
    return summary.assign(gain_points=100 * (summary["pass@1"] - reference))


def _pass_at_1(summary: pd.DataFrame) -> Table:
    columns = ["pass@1", "pass@1_sd", "gain_points"]
    counts = ["seeds", "tasks", "samples", "infrastructure_errors"]
    data = summary[ROW + columns + counts].rename(columns=lambda name: name.replace("@", "_at_"))
    main = main_decoding(summary)
    decodings = sorted(summary["decoding"].unique(), key=lambda name: (name != main, name))
    rows = []
    for (model, policy), group in summary.groupby(["model", "policy"], sort=False):
        row = {"Model": model_label(model), "Policy": policy}
        by_decoding = group.set_index("decoding")
        for decoding in decodings:
            found = decoding in by_decoding.index
            cell = by_decoding.loc[decoding] if found else {}
            row[f"{decoding} pass@1 (%)"] = _percent(cell.get("pass@1"), cell.get("pass@1_sd"))
            row[f"{decoding} gain (points)"] = _signed(cell.get("gain_points"))
        row["Seeds"] = str(group["seeds"].max())
        row["Not scored"] = str(group["infrastructure_errors"].sum())
        rows.append(row)
    return Table("pass_at_1", "pass@1, and its gain over base", data, pd.DataFrame(rows))


def _pass_at_k(summary: pd.DataFrame) -> Table:
    ks = sorted(int(name[5:]) for name in summary.columns if re.fullmatch(r"pass@\d+", name))
    data = pd.concat(
        [
            summary[[*ROW, f"pass@{k}", f"pass@{k}_sd", "seeds"]]
            .set_axis([*ROW, "pass_at_k", "pass_at_k_sd", "seeds"], axis=1)
            .assign(k=k)
            for k in ks
        ]
    )
    data = data[data["pass_at_k"].notna()][[*ROW, "k", "pass_at_k", "pass_at_k_sd", "seeds"]]
    columns = {f"pass@{k} (%)": (f"pass@{k}", _percent) for k in ks}
    return Table("pass_at_k", "pass@k, unbiased estimate", data, _shown(summary, columns))


def _length(summary: pd.DataFrame) -> Table:
    columns = {
        "Tokens": ("tokens", show_number),
        "Characters": ("characters", show_number),
        "Lines of code": ("lines", show_number),
        "Truncated (%)": ("truncated", _percent),
    }
    return _table("length", "Length of a completion, mean", summary, columns)


def _ruff(summary: pd.DataFrame) -> Table:
    columns = {
        **{words(name).capitalize(): (f"findings.{name}", show_number) for name in SEVERITIES},
        "All": ("findings", show_number),
        "Per 100 lines": ("findings_per_100_lines", show_number),
        "All, if valid": ("findings_valid", show_number),
        "Valid (%)": ("defines_entry_point", _percent),
    }
    caption = "Ruff findings per completion by severity; valid: parses and defines the entry point"
    return _table("ruff", caption, summary, columns)


def _ruff_rules(summary: pd.DataFrame) -> Table:
    chosen = commonest(summary, "rule", _COMMONEST_RULES)
    columns = {code: (f"rule.{code}", show_number) for code in chosen}
    caption = "Findings per completion of the Ruff rules that base and trained policies break most"
    shown = _shown(summary, columns)
    return Table("ruff_rules", caption, _long(summary, "rule", chosen, "findings"), shown)


def _errors(summary: pd.DataFrame) -> Table:
    verdicts = sorted(members(summary, "verdict"), key=lambda name: (name != "passed", name))
    columns = {
        **{words(name).capitalize(): (f"verdict.{name}", _percent) for name in verdicts},
        "Parses": ("parses", _percent),
    }
    caption = "Verdicts, and completions that parse, in percent of the completions"
    shown = _shown(summary, columns)
    return Table("errors", caption, _long(summary, "verdict", verdicts, "share"), shown)


def _error_types(summary: pd.DataFrame) -> Table:
    types = members(summary, "error_type")
    columns = {
        name: (f"error_type.{name}", _percent)
        for name in commonest(summary, "error_type", _COMMONEST_ERROR_TYPES)
    }
    caption = "The commonest error types, in percent of the completions"
    shown = _shown(summary, columns)
    return Table("error_types", caption, _long(summary, "error_type", types, "share"), shown)


def _hacking(summary: pd.DataFrame) -> Table:
    columns = {words(name).capitalize(): (f"hack.{name}", _percent) for name in HACKS}
    caption = (
        "Signs of reward hacking, in percent of the completions; overfit: passes the visible tests "
        "and fails a hidden one, in percent of the completions of tasks that have both"
    )
    return _table("hacking", caption, summary, columns)


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
    return Table("hyperparameters", caption, data, shown)


def _origin(key: str, published: list[str]) -> str:
    hit = any(key == name or key.startswith(f"{name}.") for name in published)
    return "published" if hit else "our choice"


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Dotted keys and values as text; a list of plain values is one value."""
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


Columns = dict[str, tuple[str, Callable[..., str]]]


def _table(name: str, caption: str, summary: pd.DataFrame, columns: Columns) -> Table:
    """A table whose CSV has the same columns, with their standard deviations."""
    metrics = [metric for metric, _ in columns.values()]
    exact = [name for metric in metrics for name in (metric, f"{metric}_sd")]
    data = summary[[*ROW, *exact, "seeds"]].rename(columns=lambda name: name.replace(".", "_"))
    return Table(name, caption, data, _shown(summary, columns))


def _shown(summary: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    shown = pd.DataFrame(
        {
            "Model": summary["model"].map(model_label),
            "Policy": summary["policy"],
            "Decoding": summary["decoding"],
        }
    )
    for title, (metric, text) in columns.items():
        pairs = zip(summary[metric], summary[f"{metric}_sd"], strict=True)
        shown[title] = [text(mean, deviation) for mean, deviation in pairs]
    return shown


def _long(summary: pd.DataFrame, family: str, chosen: list[str], value: str) -> pd.DataFrame:
    """One row for each row of the summary and chosen member of the family."""
    names = [*ROW, value, f"{value}_sd", "seeds", family]
    parts = [
        summary[[*ROW, f"{family}.{name}", f"{family}.{name}_sd", "seeds"]]
        .assign(member=name)
        .set_axis(names, axis=1)
        for name in chosen
    ]
    data = pd.concat(parts) if parts else pd.DataFrame(columns=names)
    return data[[*ROW, family, value, f"{value}_sd", "seeds"]].sort_index(kind="stable")


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def show_number(mean: float | None, deviation: float | None = None) -> str:
    """Two decimals, with ± the standard deviation over seeds where there are several."""
    if _missing(mean):
        return "–"
    digits = 2 if abs(mean) < 100 else 0
    spread = "" if _missing(deviation) else f" ± {deviation:.{digits}f}"
    return f"{mean:.{digits}f}{spread}"


def _percent(mean: float | None, deviation: float | None = None) -> str:
    if _missing(mean):
        return "–"
    spread = "" if _missing(deviation) else f" ± {100 * deviation:.1f}"
    return f"{100 * mean:.1f}{spread}"


def _signed(value: float | None) -> str:
    if _missing(value):
        return "–"
    return f"{value:+.1f}".replace("-", "−")


# ---------------------------------------------------------------- the numbers


def _numbers(summary: pd.DataFrame, tables: list[Table], scale: Scale) -> dict:
    """All that the paper's text states. Shares in [0, 1]; gains in points."""
    main = main_decoding(summary)
    cells = main_cells(summary)
    trained = cells[cells["policy"].map(is_trained)]
    families = tuple(f"{f}." for f in ("rule", "verdict", "error_type", "outcome"))
    results = summary[[name for name in summary if not name.startswith(families)]]
    models = [name for name in summary["model"].unique() if model_label(name) == name]
    samples_per_task = {
        row.decoding: round(row.samples / row.seeds / row.tasks) for row in summary.itertuples()
    }
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
        "tables": {table.name: table.for_paper() for table in tables},
    }


def _at(group: pd.DataFrame, index: int) -> pd.Series:
    return group.loc[index, ["policy", "pass@1", "gain_points"]]


def _mean_by(trained: pd.DataFrame, part: int) -> pd.DataFrame:
    """Means over the trained cells that share an algorithm (part 0) or a reward (part 1)."""
    names = trained["policy"].map(lambda policy: split_policy(policy)[part])
    means = trained.groupby(names)[["pass@1", "gain_points", "tokens", "findings"]].mean()
    return means.loc[sorted(means.index, key=reward_key)]


def _plain(value: Any) -> Any:
    """What JSON can hold: frames become lists or mappings of rows, NaN becomes null."""
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


def _markdown(caption: str, shown: pd.DataFrame) -> str:
    def line(cells: Iterable[str]) -> str:
        return (
            "| " + " | ".join(re.sub(r"([\\`*_|<>\[\]])", r"\\\1", cell) for cell in cells) + " |"
        )

    rows = [line(_one_line(cell) for cell in row) for row in shown.to_numpy()]
    head = [line(shown.columns), "|" + "---|" * len(shown.columns)]
    return "\n".join([f"**{caption}**", "", *head, *rows]) + "\n"


# Columns of text are aligned left, columns of numbers right.
_TEXT_COLUMNS = {"Model", "Policy", "Decoding", "Key", "Value", "Origin"}
_ROWS_ON_A_PAGE = 45
_LATEX = {
    **{character: f"\\{character}" for character in "{}#$%&_"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    # Plain pdfLaTeX knows none of these.
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "–": "--",
}


def latex_escape(text: str) -> str:
    """Text that LaTeX sets as it stands here, e.g. `a_b` -> `a\\_b`."""
    return _one_line(text).translate(str.maketrans(_LATEX))


def _latex(name: str, caption: str, shown: pd.DataFrame) -> str:
    def line(cells: Iterable[str]) -> str:
        return "    " + " & ".join(latex_escape(cell) for cell in cells) + r" \\"

    texts = sum(title in _TEXT_COLUMNS for title in shown.columns)
    alignment = "l" * texts + "r" * (len(shown.columns) - texts)
    heading = f"\\caption{{{latex_escape(caption)}}}\\label{{tab:{name.replace('_', '-')}}}"
    head = [r"    \toprule", line(shown.columns), r"    \midrule"]
    body = [*(line(row) for row in shown.to_numpy()), r"    \bottomrule"]
    if len(shown) > _ROWS_ON_A_PAGE:
        first, last = f"  \\begin{{longtable}}{{{alignment}}}", r"  \end{longtable}"
        needs = "booktabs, longtable"
        lines = [first, f"    {heading} \\\\", *head, r"    \endhead", *body, last]
    else:
        first, last = f"  \\begin{{tabular}}{{{alignment}}}", r"  \end{tabular}"
        needs = "booktabs"
        lines = [r"\begin{table}", r"  \centering", f"  {heading}", first, *head, *body, last]
        lines.append(r"\end{table}")
    return "\n".join([f"% Needs \\usepackage{{{needs}}}.", *lines]) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
