"""Makes the tables that studies choose from, each of a study's results, and writes the chosen."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from rlvf.analysis.comparisons import EFFECT_MEASURES
from rlvf.analysis.labels import model_label, words
from rlvf.analysis.numbers import NUMBERS, numbers
from rlvf.analysis.results import Results
from rlvf.analysis.summary import ROW, commonest, is_rate, main_evaluation, members
from rlvf.analysis.table import (
    SIGNIFICANT,
    Columns,
    Table,
    basis,
    design,
    fewest_seeds,
    interval_text,
    long_form,
    mark,
    measures_table,
    show_number,
    show_percent,
    show_signed,
    shown_columns,
    test_name,
    write_numbers,
    write_table,
)
from rlvf.environments import ENVIRONMENTS
from rlvf.environments.program.hacking import HACKS
from rlvf.records import SEVERITIES
from rlvf.studies import study_of

_COMMONEST_RULES = 10
_COMMONEST_ERROR_TYPES = 8


def write_tables(results: Results, out_dir: Path) -> None:
    """Write NAME.csv, NAME.md, NAME.html and NAME.tex for each table of the study and for its
    hyperparameters, and numbers.json.

    Results of equal content give byte-identical files. Shares are in [0, 1] in CSV and JSON and in
    percent in the other formats; gains are in percentage points everywhere.
    """
    study = study_of(results.cells)
    chosen = [*study.tables(results), hyperparameters(results)]
    for table in chosen:
        write_table(table, out_dir, results.scale)
    found = numbers(results, chosen) | study.numbers(results)
    write_numbers(found, Path(out_dir) / NUMBERS)


def pass_at_1(results: Results) -> Table:
    summary = results.summary
    columns = ["pass@1", "pass@1_sd", "pass@1_low", "pass@1_high"]
    columns += [name for name in summary if name.startswith("gain_")]
    counts = ["seeds", "tasks", "samples", "infrastructure_errors"]
    data = summary[ROW + columns + counts].rename(columns=lambda name: name.replace("@", "_at_"))
    main = main_evaluation(summary)
    evaluations = sorted(summary["evaluation"].unique(), key=lambda name: (name != main, name))
    rows = []
    for (model, policy), group in summary.groupby(["model", "policy"], sort=False):
        row = {"Model": model_label(model), "Policy": policy}
        by_evaluation = group.set_index("evaluation").to_dict("index")
        for evaluation in evaluations:
            cell = by_evaluation.get(evaluation, {})
            row[f"{evaluation} pass@1 (%)"] = interval_text(show_percent, cell, "pass@1")
            gain = {"": cell.get("gain_points"), "_low": cell.get("gain_low")}
            gain["_high"] = cell.get("gain_high")
            star = mark(cell.get("gain_p_adjusted"))
            row[f"{evaluation} gain (points)"] = interval_text(show_signed, gain, "") + star
        row["Seeds"] = str(group["seeds"].max())
        row["Not scored"] = str(group["infrastructure_errors"].sum())
        rows.append(row)
    family = int(summary[summary["evaluation"] == main]["gain_p"].notna().sum())
    exact = "where each task has one outcome McNemar's exact test, else "
    test = (exact if fewest_seeds(summary) == 1 else "") + test_name(summary)
    note = (
        f"{basis(summary)} * differs from base, p < {SIGNIFICANT} ({test}), by Holm's correction "
        f"for the {family} comparisons of an evaluation."
    )
    return Table("pass_at_1", "pass@1, and its gain over base", data, pd.DataFrame(rows), note)


def pass_at_k(results: Results) -> Table:
    summary = results.summary
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
    columns = {f"pass@{k} (%)": (f"pass@{k}", show_percent) for k in ks}
    shown = shown_columns(summary, columns, with_interval=columns)
    return Table("pass_at_k", "pass@k, unbiased estimate", data, shown, basis(summary))


def effects(results: Results) -> Table:
    summary, effect = results.summary, results.effects
    titles = {"pass@1": "pass@1 (points)", "tokens": "Tokens", "findings": "Findings"}
    rows = []
    for (factor, first, second), group in effect.groupby(["factor", "first", "second"], sort=False):
        row = {"Factor": factor, "Difference": f"{first} − {second}"}
        for cell in group.rename(columns={"low": "_low", "high": "_high"}).to_dict("records"):
            digits = 1 if is_rate(cell["measure"]) else 2
            text = interval_text(lambda x, n=digits: show_signed(x, n), cell, "estimate", ends="")
            row[titles[cell["measure"]]] = text + mark(cell["p_adjusted"])
        rows.append(row | {"Cells": f"{group['cells'].iloc[0]} each"})
    evaluation = main_evaluation(summary)
    data = effect.assign(study=summary["study"].iloc[0], evaluation=evaluation)
    data = data[["study", "evaluation", *effect.columns]]
    note = (
        f"{basis(summary)} Cells that differ in nothing else are compared task by task, and the "
        f"differences averaged; evaluation {evaluation}. * p < {SIGNIFICANT} "
        f"({test_name(summary)}), by Holm's correction for the {len(rows)} comparisons of a "
        "measure."
    )
    columns = ["Factor", "Difference", *(titles[name] for name in EFFECT_MEASURES), "Cells"]
    axes = " and of ".join(f"the {axis}" for axis in reversed(results.cells.axes))
    caption = f"Effect of {axes}, averaged over the rest of the grid"
    return Table("effects", caption, data, pd.DataFrame(rows, columns=columns), note)


def length(results: Results) -> Table:
    columns = _columns_of("length")
    caption = "Length of a completion, mean"
    return measures_table("length", caption, results.summary, columns, {"Tokens"})


def _columns_of(table: str) -> Columns:
    """Return the columns of the measures that say that they belong into this table."""
    columns: Columns = {}
    for environment in ENVIRONMENTS.values():
        for measure in environment.MEASURES:
            if measure.table == table and measure.is_rate:
                columns[f"{measure.title} (%)"] = measure.name, show_percent
            elif measure.table == table:
                columns[measure.title] = measure.name, show_number
    return columns


def ruff(results: Results) -> Table:
    summary = results.summary
    columns = {
        **{words(name).capitalize(): (f"findings.{name}", show_number) for name in SEVERITIES},
        "All": ("findings", show_number),
        "Per 100 lines": ("findings_per_100_lines", show_number),
        "All, if valid": ("findings_valid", show_number),
        "Valid (%)": ("defines_entry_point", show_percent),
    }
    caption = "Ruff findings per completion by severity; valid: parses and defines the entry point"
    return measures_table("ruff", caption, summary, columns, {"All"})


def ruff_rules(results: Results) -> Table:
    summary = results.summary
    chosen = commonest(summary, "rule", _COMMONEST_RULES)
    columns = {code: (f"rule.{code}", show_number) for code in chosen}
    caption = "Findings per completion of the Ruff rules that base and trained policies break most"
    data = long_form(summary, "rule", chosen, "findings")
    return Table("ruff_rules", caption, data, shown_columns(summary, columns), design(summary))


def errors(results: Results) -> Table:
    summary = results.summary
    verdicts = sorted(members(summary, "verdict"), key=lambda name: (name != "passed", name))
    columns = {
        **{words(name).capitalize(): (f"verdict.{name}", show_percent) for name in verdicts},
        "Parses": ("parses", show_percent),
    }
    caption = "Verdicts, and completions that parse, in percent of the completions"
    data = long_form(summary, "verdict", verdicts, "share")
    return Table("errors", caption, data, shown_columns(summary, columns), design(summary))


def error_types(results: Results) -> Table:
    summary = results.summary
    types = members(summary, "error_type")
    columns = {
        name: (f"error_type.{name}", show_percent)
        for name in commonest(summary, "error_type", _COMMONEST_ERROR_TYPES)
    }
    caption = "The commonest error types, in percent of the completions"
    data = long_form(summary, "error_type", types, "share")
    return Table("error_types", caption, data, shown_columns(summary, columns), design(summary))


def hacking(results: Results) -> Table:
    summary = results.summary
    columns = {words(name).capitalize(): (f"hack.{name}", show_percent) for name in HACKS}
    caption = (
        "Signs of reward hacking, in percent of the completions; overfit: passes the visible tests "
        "and fails a hidden one, in percent of the completions of tasks that have both"
    )
    return measures_table("hacking", caption, summary, columns, {"Overfit"})


def hyperparameters(results: Results) -> Table:
    settings = results.hyperparameters
    published = settings.get("studies", {}).get(results.cells.study, {}).get("published", [])
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
