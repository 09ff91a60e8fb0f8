"""Draws the figures of the evaluation. Each has a panel for each model."""

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from rlvf.analysis.figures.style import (
    BLACK,
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PANEL_HEIGHT,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Look,
    legend,
    model_panels,
    nothing,
)
from rlvf.analysis.labels import words
from rlvf.analysis.summary import commonest, main_evaluation, members
from rlvf.cells import BASE, NO_MODEL, Cells
from rlvf.records import SEVERITIES

# A part of a stacked bar has a colour, a hatch and the hatch's colour. Parts without a hatch differ
# in lightness.
_Part = tuple[str, str, str]
_SEVERITY_PARTS: dict[str, _Part] = {
    "error": (VERMILLION, "", "white"),
    "warning": (ORANGE, "////", BLACK),
    "info": ("#C6E5F8", "", "white"),
}
_VERDICT_PARTS: dict[str, _Part] = {
    "passed": (GREEN, "", "white"),
    "wrong_answer": (ORANGE, "////", BLACK),
    "syntax_error": (VERMILLION, "xxxx", "white"),
    "timeout": (PURPLE, "\\\\\\\\", BLACK),
    "no_code": (DARK, "", "white"),
    "out_of_memory": (YELLOW, "----", BLACK),
    "crashed": ("#8C6D1F", "++++", "white"),
    "blocked": (GREY, "oooo", BLACK),
}
# Runtime errors are divided by type, in shades of one colour. All further types share the last one.
_RUNTIME_PARTS: tuple[_Part, ...] = (
    (BLUE, "....", "white"),
    (SKY, "", "white"),
    ("#9BD3F5", "", "white"),
)
_OTHER_RUNTIME_PART: _Part = ("#D9EEFB", "", "white")

_CONTROL_MARKERS = "Dph8"
_RULES_SHOWN = 12
# The dot for the largest change of a rule has this diameter, in points.
_LARGEST_DOT = 10.0


def pass_at_1(cells: pd.DataFrame, look: Look) -> Figure:
    """Draw a bar for each trained policy, grouped by the level that decides on its colour, and a
    line for base."""
    models = [model for model in cells["model"].unique() if model != NO_MODEL]
    if not models:
        return nothing("only controls were evaluated")
    figure, axes = model_panels(models, PANEL_HEIGHT + 0.3)
    width = min(0.4, 0.8 / max(len(look.lines), 1))
    base_line = {"color": BLACK, "linestyle": "--", "linewidth": 0.9}
    for ax, model in zip(axes, models, strict=True):
        rows = cells[cells["model"] == model].set_index("policy")
        for policy in look.cells.of_kind("trained"):
            if policy not in rows.index:
                continue
            colour, line = look.levels(policy)
            place = look.lines.index(line) - (len(look.lines) - 1) / 2
            x = look.colours.index(colour) + place * width
            value = rows.at[policy, "pass@1"]
            ax.bar(x, value, width * 0.92, **look.bar(line, colour))
            error = _error(rows.loc[policy], "pass@1")
            ax.errorbar(x, value, error, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=1.5)
        if BASE in rows.index:
            ax.axhline(rows.at[BASE, "pass@1"], **base_line)
        ax.set_xticks(range(len(look.colours)), look.colours)
        ax.set_xlim(-0.6, max(len(look.colours), 1) - 0.4)
        ax.grid(False, axis="x")
        _share_axis(ax)
        ax.set_xlabel(look.colour_axis.capitalize())
    axes[0].set_ylabel(f"pass@1, {main_evaluation(cells)}")
    handles = [Patch(label=level.upper(), **look.bar(level)) for level in look.lines]
    legend(figure, [*handles, Line2D([], [], label=BASE, **base_line)])
    return figure


def tradeoff(cells: pd.DataFrame, look: Look) -> Figure:
    """Draw pass@1 against Ruff findings, with a point for each policy."""
    models = [model for model in cells["model"].unique() if model != NO_MODEL] or [NO_MODEL]
    figure, axes = model_panels(models, PANEL_HEIGHT + 0.4)
    for ax, model in zip(axes, models, strict=True):
        # The controls, which have no model, are shown in every panel.
        for row in cells[cells["model"].isin([model, NO_MODEL])].to_dict("records"):
            x, y = row["findings"], row["pass@1"]
            style = _point(row["policy"], look)
            errors = _error(row, "pass@1"), _error(row, "findings")
            ax.errorbar(x, y, *errors, fmt="none", ecolor=style["color"], elinewidth=0.7)
            # Points are not clipped, since those of the controls lie on the axes.
            ax.plot(x, y, **style, clip_on=False, zorder=3)
        ax.set_xlabel("Ruff findings per completion")
        ax.set_xlim(left=0)
        _share_axis(ax)
    axes[0].set_ylabel(f"pass@1, {main_evaluation(cells)}")
    found = set(cells["policy"])
    others = [name for name in look.cells.of_kind("control", "base", "untrained") if name in found]
    handles = [Line2D([], [], label=name, **_point(name, look)) for name in others]
    for level in look.colours:
        style = look.colour(level) | {"linestyle": ""}
        handles.append(Line2D([], [], label=f"{look.colour_axis}: {level}", **style))
    for level in look.lines:
        style = look.line(level) | {"linestyle": "", "marker": "o", "color": DARK}
        handles.append(Line2D([], [], label=level.upper(), **style))
    legend(figure, handles)
    return figure


def _point(policy: str, look: Look) -> dict[str, Any]:
    kind = look.cells.policies[policy].kind
    if kind == "trained":
        return look.policy(policy) | {"linestyle": "", "markersize": 5.5}
    if kind == "control":
        place = list(look.cells.of_kind("control")).index(policy)
        style = {"color": GREY, "marker": _CONTROL_MARKERS[place % len(_CONTROL_MARKERS)]}
        return style | {"markersize": 7.5, "mfc": "none", "linestyle": ""}
    marker = "*" if kind == "base" else "x"
    return {"color": BLACK, "marker": marker, "markersize": 8, "linestyle": ""}


def _share_axis(ax: Axes) -> None:
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))


def _error(row: pd.Series | dict[Hashable, Any], metric: str) -> list[list[float]] | None:
    """Return the 95 % interval, which all error bars show, as distances below and above the value,
    or None if there is no interval."""
    value, low, high = (row[f"{metric}{suffix}"] for suffix in ("", "_low", "_high"))
    if math.isnan(value) or math.isnan(low):
        return None
    return [[value - low], [high - value]]


# ---------------------------------------------------------------- profiles


def errors(cells: pd.DataFrame, study: Cells) -> Figure:
    """Draw the shares of completions by verdict, with runtime errors divided by type."""
    shares = {name: cells[f"outcome.{name}"] for name in members(cells, "outcome")}
    shares = {name: share for name, share in shares.items() if (share > 0).any()}
    types = sorted(
        (name for name in shares if name not in _VERDICT_PARTS),
        key=lambda name: (-shares[name].sum(), name),
    )
    looks = _VERDICT_PARTS | dict(zip(types, _RUNTIME_PARTS, strict=False))
    parts = {name: (shares[name], look) for name, look in looks.items() if name in shares}
    if rest := types[len(_RUNTIME_PARTS) :]:
        others = pd.DataFrame({name: shares[name] for name in rest}).sum(axis=1)
        parts["other runtime error"] = (others, _OTHER_RUNTIME_PART)
    figure = _stacked(cells, study, parts, f"Share of completions, {main_evaluation(cells)}")
    for ax in figure.axes:
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def severity(cells: pd.DataFrame, study: Cells) -> Figure:
    """Draw Ruff findings per completion by severity."""
    parts = {name: (cells[f"findings.{name}"], _SEVERITY_PARTS[name]) for name in SEVERITIES}
    return _stacked(cells, study, parts, f"Ruff findings per completion, {main_evaluation(cells)}")


def _stacked(
    cells: pd.DataFrame, study: Cells, parts: dict[str, tuple[pd.Series, _Part]], label: str
) -> Figure:
    """Draw a stacked horizontal bar for each policy."""
    models = [model for model in cells["model"].unique() if model != NO_MODEL] or [NO_MODEL]
    found = set(cells["policy"])
    policies = [policy for policy in reversed(study.policies) if policy in found]
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor=lines, linewidth=0, label=_part_label(name))
        for name, (_, (colour, hatch, lines)) in parts.items()
    ]
    figure, axes = model_panels(models, 0.19 * len(policies) + 0.7)
    for ax, model in zip(axes, models, strict=True):
        chosen = cells[cells["model"].isin([model, NO_MODEL])]
        places = chosen["policy"].map(policies.index)
        left = pd.Series(0.0, index=chosen.index)
        for values, (colour, hatch, lines) in parts.values():
            width = values[chosen.index].fillna(0.0)
            place = {"y": places, "width": width, "height": 0.75, "left": left}
            ax.barh(**place, facecolor=colour, hatch=hatch, edgecolor=lines, linewidth=0)
            ax.barh(**place, fill=False, edgecolor="white", linewidth=0.5)
            left = left + width
        ax.set_yticks(range(len(policies)), policies)
        ax.grid(False, axis="y")
        ax.set_xlabel(label)
    legend(figure, handles)
    return figure


def _part_label(name: str) -> str:
    """Return a part's label. Untrusted code chooses the names of error types, so they are
    shortened, and matplotlib is kept from reading them as formulas."""
    verdict, colon, error_type = name.partition(":")
    return error_type.replace("$", r"\$")[:24] if colon else words(verdict)


# ---------------------------------------------------------------- rules


def rules(cells: pd.DataFrame, study: Cells) -> Figure:
    """Draw the commonest Ruff rules, with the findings of base and a dot for the change that each
    trained policy made. The dot's area shows how large the change is, its filling the direction."""
    with_base = cells[cells["policy"] == BASE].set_index("model")
    of_grid = cells["policy"].isin(set(study.of_kind("trained")))
    trained = cells[of_grid & cells["model"].isin(with_base.index)]
    codes = commonest(cells, "rule", _RULES_SHOWN)
    if trained.empty or not codes:
        return nothing("no trained policy beside its base, or no findings")
    found = set(trained["policy"])
    policies = [policy for policy in study.policies if policy in found]
    changes = {
        code: trained[f"rule.{code}"] - trained["model"].map(with_base[f"rule.{code}"])
        for code in codes
    }
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    largest = max(change.abs().max() for change in changes.values())
    models = [model for model in cells["model"].unique() if model in set(trained["model"])]
    figure, axes = model_panels(models, 0.19 * len(codes) + 1.3)
    for ax, model in zip(axes, models, strict=True):
        rows = trained[trained["model"] == model]
        for y, code in enumerate(codes):
            ax.text(
                0, y, f"{with_base.at[model, f'rule.{code}']:.2f}", ha="center", va="center", size=7
            )
            for row in rows.itertuples():
                change = changes[code][row.Index]
                ax.plot(1 + policies.index(row.policy), y, **_dot(change, largest))
        ax.set_xticks(range(len(policies) + 1), [BASE, *policies], **slanted)
        ax.set_yticks(range(len(codes)), codes)
        ax.set_xlim(-0.7, len(policies) + 0.6)
        ax.set_ylim(len(codes) - 0.4, -0.6)
        ax.set_xlabel(
            f"Findings per completion, {main_evaluation(cells)}:\nbase, and change against it"
        )
    axes[0].set_ylabel("Ruff rule")
    legend(
        figure,
        [
            Line2D([], [], label=f"{change:+.2f}".replace("-", "−"), **_dot(change, largest))
            for change in (-largest, -largest / 4, largest / 4, largest)
        ],
    )
    return figure


def _dot(change: float, largest: float) -> dict[str, Any]:
    """Return the style of a dot: it is filled for fewer findings and a ring for more."""
    size = _LARGEST_DOT * math.sqrt(abs(change) / largest) if largest else 0.0
    colour = BLUE if change < 0 else VERMILLION
    filling = "full" if change < 0 else "none"
    style = {"marker": "o", "linestyle": "", "color": colour, "fillstyle": filling}
    return style | {"markersize": size, "markeredgewidth": 1.0 if size > 1 else 0.0}
