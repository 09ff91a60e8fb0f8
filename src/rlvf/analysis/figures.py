"""The study's figures, as PDF for the paper and PNG for the report.

Colours are those of Okabe and Ito (2008), which stay apart for colour-blind readers; a reward or
an algorithm keeps its colour, marker or line style in every figure. Widths are those of a
two-column page: 3.4 in for a column, 7 in for the text.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rlvf.analysis.labels import (
    SCALE_NOTES,
    Scale,
    is_trained,
    model_label,
    policy_key,
    reward_key,
    split_policy,
    words,
)
from rlvf.analysis.summary import main_cells, main_decoding, members, summarise
from rlvf.config import CONTROLS, NO_MODEL
from rlvf.files import atomic_writer
from rlvf.records import SEVERITIES, TrainingStep

FIGURES = (
    "learning_curves",
    "length",
    "entropy",
    "pass_at_1",
    "tradeoff",
    "errors",
    "severity",
)

_TEXT_WIDTH = 7.0
_COLUMN_WIDTH = 3.4
_PANEL_HEIGHT = 1.9
_BLACK, _GREY = "#000000", "#999999"
_ORANGE, _SKY, _GREEN, _YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
_BLUE, _VERMILLION, _PURPLE = "#0072B2", "#D55E00", "#CC79A7"
_COLOURS = (_BLUE, _VERMILLION, _GREEN, _PURPLE, _ORANGE, _SKY, _YELLOW)
_LINE_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = ("o", "^", "s", "v", "P", "X")
_HATCHES = ("", "////", "....", "xxxx")
_SEVERITY_COLOURS = {"error": _VERMILLION, "warning": _ORANGE, "info": _SKY}
_VERDICT_COLOURS = {
    "passed": _GREEN,
    "wrong_answer": _ORANGE,
    "syntax_error": _VERMILLION,
    "timeout": _PURPLE,
    "no_code": "#444444",
    "out_of_memory": _YELLOW,
    "crashed": "#8C6D1F",
    "blocked": _GREY,
}
# Runtime errors are divided by type, in shades of one colour; the rest of them is the last shade.
_RUNTIME_SHADES = (_BLUE, _SKY, "#9BD3F5")
_OTHER_RUNTIME_COLOUR = "#D3ECFA"
_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}


def write_figures(
    samples: pd.DataFrame, steps: Sequence[TrainingStep], out_dir: Path, scale: Scale
) -> None:
    """Write NAME.pdf and NAME.png for each of FIGURES.

    Args:
        samples: from `rlvf.analysis.summary.load_samples`.
        steps: the training logs; without them the figures of training say that there are none.

    Figures of the evaluation show the main decoding (see `rlvf.analysis.summary`); lines and bars
    are means over seeds, bands their range, error bars their standard deviation. Equal content
    in, byte-identical files out.
    """
    summary = summarise(samples)
    cells = main_cells(summary)
    log = _per_generation(steps)
    rewards = sorted({split_policy(p)[1] for p in cells["policy"] if is_trained(p)}, key=reward_key)
    algorithms = sorted({split_policy(p)[0] for p in cells["policy"] if is_trained(p)})
    look = _Look(algorithms, rewards)
    with plt.rc_context(_STYLE):
        for name, figure in (
            ("learning_curves", _learning_curves(log, look)),
            ("length", _over_training(log, look, "completion_length", "Completion (tokens)")),
            ("entropy", _over_training(log, look, "entropy", "Entropy (nats per token)")),
            ("pass_at_1", _pass_at_1(cells, look)),
            ("tradeoff", _tradeoff(cells, look)),
            ("errors", _errors(cells)),
            ("severity", _severity(cells)),
        ):
            _save(figure, Path(out_dir), name, scale)


class _Look:
    """The colour of each reward; the line style, marker and hatch of each algorithm."""

    def __init__(self, algorithms: list[str], rewards: list[str]) -> None:
        self.algorithms, self.rewards = algorithms, rewards

    def colour(self, reward: str) -> str:
        return _COLOURS[self._index(self.rewards, reward) % len(_COLOURS)]

    def line(self, algorithm: str) -> str | tuple:
        return _LINE_STYLES[self._index(self.algorithms, algorithm) % len(_LINE_STYLES)]

    def marker(self, algorithm: str) -> str:
        return _MARKERS[self._index(self.algorithms, algorithm) % len(_MARKERS)]

    def hatch(self, algorithm: str) -> str:
        return _HATCHES[self._index(self.algorithms, algorithm) % len(_HATCHES)]

    @staticmethod
    def _index(names: list[str], name: str) -> int:
        # A run that was trained and not evaluated yet takes the next free look.
        return names.index(name) if name in names else len(names)


# ---------------------------------------------------------------- training


def _per_generation(steps: Sequence[TrainingStep]) -> pd.DataFrame:
    """Mean of each quantity over the optimiser steps of a generation that have it."""
    rows = [
        {
            "model": step.model,
            "policy": step.policy,
            "seed": step.seed,
            "generation": step.generation,
            "entropy": step.entropy,
            "completion_length": step.completion_length,
            "reward": step.reward,
            **{f"rewards.{name}": value for name, value in step.rewards.items()},
        }
        for step in sorted(steps, key=lambda step: (step.model, step.policy, step.seed, step.step))
    ]
    if not rows:
        return pd.DataFrame()
    return (
        pd.DataFrame(rows)
        .groupby(["model", "policy", "seed", "generation"])
        .mean()
        .astype(float)
        .reset_index()
    )


def _learning_curves(log: pd.DataFrame, look: _Look) -> Figure:
    if log.empty:
        return _nothing("no training logs")
    models = sorted(log["model"].unique())
    rewards = sorted({split_policy(policy)[1] for policy in log["policy"]}, key=reward_key)
    figure, axes = plt.subplots(
        len(models),
        len(rewards),
        figsize=(_panels_width(len(rewards)), _PANEL_HEIGHT * len(models) + 0.4),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    components = sorted(
        (name for name in log if name.startswith("rewards.")),
        key=lambda name: reward_key(name.removeprefix("rewards.")),
    )
    colours = dict(zip(components, _COLOURS, strict=False)) | {"reward": _BLACK}
    for row, model in enumerate(models):
        for column, reward in enumerate(rewards):
            ax = axes[row, column]
            for policy in sorted(log["policy"].unique(), key=policy_key):
                algorithm, policy_reward = split_policy(policy)
                runs = log[(log["model"] == model) & (log["policy"] == policy)]
                if policy_reward != reward or runs.empty:
                    continue
                shown = [name for name in components if runs[name].notna().any()]
                # The total of a single component says nothing that the component does not.
                for name in shown + (["reward"] if len(shown) > 1 else []):
                    _curve(ax, runs, name, colours[name], look.line(algorithm))
            if row == 0:
                ax.set_title(f"reward: {reward}")
            if row == len(models) - 1:
                ax.set_xlabel("Generation")
            if column == 0:
                ax.set_ylabel(f"{model}\nmean reward")
    handles = [
        Line2D([], [], color=colours[name], label=f"{name.removeprefix('rewards.')} component")
        for name in components
    ]
    if any(log[components].notna().sum(axis=1) > 1):
        handles.append(Line2D([], [], color=_BLACK, label="weighted sum"))
    _legend(figure, handles + _algorithm_lines(log, look))
    return figure


def _over_training(log: pd.DataFrame, look: _Look, quantity: str, label: str) -> Figure:
    if log.empty or log[quantity].isna().all():
        return _nothing("no training logs")
    models = sorted(log["model"].unique())
    figure, axes = _model_panels(models, _PANEL_HEIGHT + 0.3)
    for ax, model in zip(axes, models, strict=True):
        for policy in sorted(log["policy"].unique(), key=policy_key):
            algorithm, reward = split_policy(policy)
            runs = log[(log["model"] == model) & (log["policy"] == policy)]
            _curve(ax, runs, quantity, look.colour(reward), look.line(algorithm))
        ax.set_xlabel("Generation")
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel(label)
    rewards = sorted({split_policy(policy)[1] for policy in log["policy"]}, key=reward_key)
    handles = [Line2D([], [], color=look.colour(name), label=f"reward: {name}") for name in rewards]
    _legend(figure, handles + _algorithm_lines(log, look))
    return figure


def _curve(ax: Axes, runs: pd.DataFrame, quantity: str, colour: str, line: str | tuple) -> None:
    by_generation = runs.dropna(subset=[quantity]).groupby("generation")[quantity]
    mean, low, high = by_generation.mean(), by_generation.min(), by_generation.max()
    ax.plot(mean.index, mean, color=colour, linestyle=line)
    ax.fill_between(mean.index, low, high, color=colour, alpha=0.12, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _algorithm_lines(log: pd.DataFrame, look: _Look) -> list[Line2D]:
    algorithms = sorted({split_policy(policy)[0] for policy in log["policy"]})
    return [
        Line2D([], [], color="#555555", linestyle=look.line(name), label=name.upper())
        for name in algorithms
    ]


# ---------------------------------------------------------------- evaluation


def _pass_at_1(cells: pd.DataFrame, look: _Look) -> Figure:
    models = [model for model in cells["model"].unique() if model != NO_MODEL]
    if not models:
        return _nothing("only controls were evaluated")
    figure, axes = _model_panels(models, _PANEL_HEIGHT + 0.5)
    width = min(0.4, 0.8 / max(len(look.algorithms), 1))
    for ax, model in zip(axes, models, strict=True):
        rows = cells[cells["model"] == model].set_index("policy")
        for i, algorithm in enumerate(look.algorithms):
            for j, reward in enumerate(look.rewards):
                policy = f"{algorithm}-{reward}"
                if policy not in rows.index:
                    continue
                x = j + (i - (len(look.algorithms) - 1) / 2) * width
                value, spread = rows.at[policy, "pass@1"], rows.at[policy, "pass@1_sd"]
                ax.bar(
                    x,
                    value,
                    width * 0.92,
                    color=look.colour(reward),
                    hatch=look.hatch(algorithm),
                    edgecolor="white",
                    linewidth=0,
                    yerr=None if math.isnan(spread) else spread,
                    error_kw={"elinewidth": 0.8, "capsize": 1.5, "capthick": 0.8},
                )
        if "base" in rows.index:
            ax.axhline(rows.at["base", "pass@1"], color=_BLACK, linestyle="--", linewidth=0.9)
        ax.set_xticks(range(len(look.rewards)), look.rewards)
        ax.set_xlim(-0.6, max(len(look.rewards), 1) - 0.4)
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_xlabel("Reward")
    axes[0].set_ylabel(f"pass@1, {main_decoding(cells)}")
    handles = [
        plt.Rectangle((0, 0), 1, 1, fc=_GREY, ec="white", hatch=look.hatch(name), lw=0)
        for name in look.algorithms
    ]
    handles.append(Line2D([], [], color=_BLACK, linestyle="--", linewidth=0.9))
    _legend(figure, handles, [*(name.upper() for name in look.algorithms), "base"])
    return figure


def _tradeoff(cells: pd.DataFrame, look: _Look) -> Figure:
    models = [model for model in cells["model"].unique() if model != NO_MODEL] or [NO_MODEL]
    figure, axes = _model_panels(models, _PANEL_HEIGHT + 0.7)
    for ax, model in zip(axes, models, strict=True):
        # A control belongs beside every model.
        for row in cells[cells["model"].isin([model, NO_MODEL])].to_dict("records"):
            error = {
                "xerr": None if math.isnan(row["findings_sd"]) else row["findings_sd"],
                "yerr": None if math.isnan(row["pass@1_sd"]) else row["pass@1_sd"],
            }
            point = (row["findings"], row["pass@1"])
            # Nothing is clipped: the controls lie on the axes.
            style = _point(row["policy"], look)
            colour = style["color"]
            ax.errorbar(*point, **error, color=colour, fmt="none", elinewidth=0.6, alpha=0.6)
            ax.plot(*point, **style, clip_on=False, zorder=3)
        ax.set_xlabel("Ruff findings per completion")
        ax.set_xlim(left=0)
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[0].set_ylabel(f"pass@1, {main_decoding(cells)}")
    policies = sorted(cells["policy"].unique(), key=policy_key)
    _legend(figure, [Line2D([], [], lw=0, label=name, **_point(name, look)) for name in policies])
    return figure


def _point(policy: str, look: _Look) -> dict:
    algorithm, reward = split_policy(policy)
    if policy in CONTROLS:
        # Hollow, so that a policy at the same place stays visible.
        marker = "Ds"[CONTROLS.index(policy)]
        return {"color": "#555555", "marker": marker, "markersize": 7, "mfc": "none"}
    if algorithm is None:
        return {"color": _BLACK, "marker": "*", "markersize": 8}
    return {"color": look.colour(reward), "marker": look.marker(algorithm), "markersize": 5}


def _errors(cells: pd.DataFrame) -> Figure:
    shares = {name: cells[f"outcome.{name}"] for name in members(cells, "outcome")}
    shares = {name: share for name, share in shares.items() if (share > 0).any()}
    types = sorted(
        (name for name in shares if name not in _VERDICT_COLOURS),
        key=lambda name: (-shares[name].sum(), name),
    )
    colours = _VERDICT_COLOURS | dict(zip(types, _RUNTIME_SHADES, strict=False))
    parts = {name: (shares[name], colour) for name, colour in colours.items() if name in shares}
    if rest := types[len(_RUNTIME_SHADES) :]:
        others = pd.DataFrame({name: shares[name] for name in rest}).sum(axis=1)
        parts["other runtime error"] = (others, _OTHER_RUNTIME_COLOUR)
    figure = _stacked(cells, parts, f"Share of completions, {main_decoding(cells)}")
    for ax in figure.axes:
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def _severity(cells: pd.DataFrame) -> Figure:
    parts = {name: (cells[f"findings.{name}"], _SEVERITY_COLOURS[name]) for name in SEVERITIES}
    return _stacked(cells, parts, f"Ruff findings per completion, {main_decoding(cells)}")


def _stacked(cells: pd.DataFrame, parts: dict[str, tuple[pd.Series, str]], label: str) -> Figure:
    """A horizontal bar for each policy, a panel for each model, the controls in each of them."""
    models = [model for model in cells["model"].unique() if model != NO_MODEL] or [NO_MODEL]
    policies = sorted(cells["policy"].unique(), key=policy_key, reverse=True)
    labels = [_part_label(name) for name in parts]
    legend_rows = math.ceil(len(parts) / _columns(labels, _panels_width(len(models))))
    height = 0.19 * len(policies) + 0.15 * legend_rows + 0.8
    figure, axes = _model_panels(models, height)
    for ax, model in zip(axes, models, strict=True):
        chosen = cells[cells["model"].isin([model, NO_MODEL])]
        left = pd.Series(0.0, index=chosen.index)
        places = chosen["policy"].map(policies.index)
        for values, colour in parts.values():
            width = values[chosen.index].fillna(0.0)
            ax.barh(places, width, 0.75, left=left, color=colour, linewidth=0)
            left = left + width
        ax.set_yticks(range(len(policies)), policies)
        ax.set_xlabel(label)
    handles = [plt.Rectangle((0, 0), 1, 1, fc=colour) for _, colour in parts.values()]
    _legend(figure, handles, labels)
    return figure


def _part_label(name: str) -> str:
    """Error types are named by untrusted code: no mathematics, and not too long."""
    verdict, colon, error_type = name.partition(":")
    return error_type.replace("$", r"\$")[:24] if colon else words(verdict)


# ---------------------------------------------------------------- their parts


def _model_panels(models: list[str], height: float) -> tuple[Figure, Sequence[Axes]]:
    """A panel for each model on common axes: one fits a column, more take the text's width."""
    size = (_panels_width(len(models)), height)
    figure, axes = plt.subplots(
        1, len(models), figsize=size, sharex=True, sharey=True, squeeze=False
    )
    for ax, model in zip(axes[0], models, strict=True):
        ax.set_title(model_label(model))
    return figure, axes[0]


def _panels_width(panels: int) -> float:
    return _COLUMN_WIDTH if panels == 1 else _TEXT_WIDTH


def _legend(figure: Figure, handles: list, labels: list[str] | None = None) -> None:
    """One legend above the panels, in as many rows as the width asks for."""
    labels = labels or [handle.get_label() for handle in handles]
    if not handles:
        return
    columns = _columns(labels, figure.get_figwidth())
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=1.2)


def _columns(labels: list[str], width: float) -> int:
    # At 7 points a character takes about 0.055 in; a handle with its gaps 0.45 in.
    room = int(width / (0.45 + 0.055 * max(map(len, labels))))
    rows = math.ceil(len(labels) / max(room, 1))
    return math.ceil(len(labels) / rows)


def _nothing(text: str) -> Figure:
    figure = plt.figure(figsize=(_COLUMN_WIDTH, 1.0))
    figure.text(0.5, 0.6, text, ha="center", va="center")
    return figure


def _save(figure: Figure, out_dir: Path, name: str, scale: Scale) -> None:
    if scale == "mini":
        _note(figure, SCALE_NOTES[scale])
    # Dates and versions in the files would make equal figures differ.
    metadata = {"pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    metadata["png"] = {"Software": None}
    for suffix, entries in metadata.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=200, metadata=entries)
        with atomic_writer(out_dir / f"{name}.{suffix}") as file:
            file.buffer.write(buffer.getvalue())
    plt.close(figure)


def _note(figure: Figure, text: str) -> None:
    """A footnote below everything else."""
    width, height = figure.get_size_inches()
    room = 0.16 if width > _COLUMN_WIDTH else 0.27
    figure.set_size_inches(width, height + room)
    share = room / (height + room)
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    wrapped = text if width > _COLUMN_WIDTH else text.replace("; ", ";\n")
    figure.text(0.5, 0.02 / (height + room), wrapped, ha="center", va="bottom", fontsize=6.5)
