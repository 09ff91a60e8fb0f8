"""Draws figures of the training. Each policy has a line, the mean over its seeds, in a band that
shows their range.

Since the values of long runs change much from one generation to the next, lines are running means.
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rlvf.analysis.figures.style import (
    BLACK,
    DARK,
    PANEL_HEIGHT,
    Look,
    colour_at,
    legend,
    model_panels,
    nothing,
    panels_width,
)
from rlvf.records import TrainingStep

# A running mean is taken over this share of a run.
_SMOOTHED_SHARE = 1 / 20


def per_generation(steps: Sequence[TrainingStep]) -> pd.DataFrame:
    """Return the mean of each quantity over those optimiser steps of a generation that have it."""
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


def learning_curves(log: pd.DataFrame, look: Look) -> Figure:
    """Draw the mean reward by component, with a row for each model and a column for each level of
    the axis that decides on colours, which is that of the rewards."""
    if log.empty:
        return nothing("no training logs")
    models, rewards = sorted(log["model"].unique()), _levels(log, look, 0)
    figure, axes = plt.subplots(
        len(models),
        len(rewards),
        figsize=(panels_width(len(rewards)), (PANEL_HEIGHT - 0.1) * len(models) + 0.3),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    # A component looks like the reward that consists of it alone.
    found = {name.removeprefix("rewards.") for name in log if name.startswith("rewards.")}
    order = [*look.colours, *sorted(found - {*look.colours})]
    looks = {name: colour_at(order.index(name)) for name in order if name in found}
    total = {"color": BLACK, "marker": ""}
    for row, model in enumerate(models):
        for column, reward in enumerate(rewards):
            ax = axes[row, column]
            for policy in _policies(log, look):
                runs = log[(log["model"] == model) & (log["policy"] == policy)]
                policy_reward, line = look.levels(policy)
                if policy_reward == reward and not runs.empty:
                    _reward_curves(ax, runs, looks, total, look.line(line))
            if row == 0:
                ax.set_title(f"{look.colour_axis}: {reward}")
            if row == len(models) - 1:
                ax.set_xlabel(_generation_label(log))
            if column == 0:
                ax.set_ylabel(f"{model}\nmean reward")
    handles = [Line2D([], [], label=f"{name} component", **one) for name, one in looks.items()]
    if any(log[[f"rewards.{name}" for name in looks]].notna().sum(axis=1) > 1):
        handles.append(Line2D([], [], label="weighted sum", **total))
    legend(figure, handles + _line_handles(log, look))
    return figure


def _reward_curves(ax: Axes, runs: pd.DataFrame, looks: dict, total: dict, line: dict) -> None:
    """Draw the components of one policy's reward, and their weighted sum. If there is a single
    component, the sum would only repeat it."""
    shown = [name for name in looks if runs[f"rewards.{name}"].notna().any()]
    for name in shown:
        _curve(ax, runs, f"rewards.{name}", looks[name] | line)
    if len(shown) > 1:
        _curve(ax, runs, "reward", total | line)


def length(log: pd.DataFrame, look: Look) -> Figure:
    """Draw the length of the training completions."""
    return _over_training(log, look, "completion_length", "Completion (tokens)")


def entropy(log: pd.DataFrame, look: Look) -> Figure:
    """Draw the entropy of the policy, on an axis from 0, where nothing is left to learn from."""
    figure = _over_training(log, look, "entropy", "Entropy (nats per token)")
    for ax in figure.axes:
        ax.set_ylim(bottom=0)
    return figure


def _over_training(log: pd.DataFrame, look: Look, quantity: str, label: str) -> Figure:
    if log.empty or log[quantity].isna().all():
        return nothing("no training logs")
    models = sorted(log["model"].unique())
    figure, axes = model_panels(models, PANEL_HEIGHT + 0.4)
    for ax, model in zip(axes, models, strict=True):
        for policy in _policies(log, look):
            runs = log[(log["model"] == model) & (log["policy"] == policy)]
            _curve(ax, runs, quantity, look.policy(policy))
        ax.set_xlabel(_generation_label(log))
    axes[0].set_ylabel(label)
    handles = [
        Line2D([], [], label=f"{look.colour_axis}: {level}", **look.colour(level))
        for level in _levels(log, look, 0)
    ]
    legend(figure, handles + _line_handles(log, look))
    return figure


def _curve(ax: Axes, runs: pd.DataFrame, quantity: str, style: dict) -> None:
    by_seed = runs.pivot(index="generation", columns="seed", values=quantity).dropna(how="all")
    smooth = by_seed.rolling(_window(runs), center=True, min_periods=1).mean()
    mean = smooth.mean(axis=1)
    # Each line has its markers in other places, so that lines can be told apart where they overlap.
    first = 0.02 + 0.04 * (len(ax.lines) % 5)
    ax.plot(mean.index, mean, markevery=(first, 0.22), **style)
    low, high = smooth.min(axis=1), smooth.max(axis=1)
    ax.fill_between(mean.index, low, high, color=style["color"], alpha=0.12, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _window(log: pd.DataFrame) -> int:
    return max(1, round(_SMOOTHED_SHARE * log["generation"].nunique()))


def _generation_label(log: pd.DataFrame) -> str:
    window = _window(log)
    return f"Generation\n(running mean of {window})" if window > 1 else "Generation"


def _policies(log: pd.DataFrame, look: Look) -> list[str]:
    """Return the policies of the logs, in the study's order."""
    found = set(log["policy"])
    return [policy for policy in look.cells.policies if policy in found]


def _levels(log: pd.DataFrame, look: Look, place: int) -> list[str]:
    """Return the levels of the logs' policies that decide on colours (place 0) or lines (1)."""
    found = {look.levels(policy)[place] for policy in _policies(log, look)}
    return [level for level in (look.colours, look.lines)[place] if level in found]


def _line_handles(log: pd.DataFrame, look: Look) -> list[Line2D]:
    return [
        Line2D([], [], color=DARK, marker="o", label=level.upper(), **look.line(level))
        for level in _levels(log, look, 1)
    ]
