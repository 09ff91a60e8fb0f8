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
    legend,
    model_panels,
    nothing,
    panels_width,
)
from rlvf.analysis.labels import policy_key, reward_key, split_policy
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
    """Draw the mean reward by component, with a row for each model and a column for each reward."""
    if log.empty:
        return nothing("no training logs")
    models, rewards = sorted(log["model"].unique()), _rewards(log)
    figure, axes = plt.subplots(
        len(models),
        len(rewards),
        figsize=(panels_width(len(rewards)), (PANEL_HEIGHT - 0.1) * len(models) + 0.3),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    components = sorted(
        (name.removeprefix("rewards.") for name in log if name.startswith("rewards.")),
        key=reward_key,
    )
    # A component looks like the reward that consists of it alone.
    names = sorted({*components, *look.rewards}, key=reward_key)
    looks = Look(look.algorithms, names)
    total = {"color": BLACK, "marker": ""}
    for row, model in enumerate(models):
        for column, reward in enumerate(rewards):
            ax = axes[row, column]
            for policy in sorted(log["policy"].unique(), key=policy_key):
                algorithm, policy_reward = split_policy(policy)
                runs = log[(log["model"] == model) & (log["policy"] == policy)]
                if policy_reward != reward or runs.empty:
                    continue
                shown = [name for name in components if runs[f"rewards.{name}"].notna().any()]
                for name in shown:
                    style = looks.reward(name) | look.algorithm(algorithm)
                    _curve(ax, runs, f"rewards.{name}", style)
                # If there is a single component, the total would only repeat it.
                if len(shown) > 1:
                    _curve(ax, runs, "reward", total | look.algorithm(algorithm))
            if row == 0:
                ax.set_title(f"reward: {reward}")
            if row == len(models) - 1:
                ax.set_xlabel(_generation_label(log))
            if column == 0:
                ax.set_ylabel(f"{model}\nmean reward")
    handles = [
        Line2D([], [], label=f"{name} component", **looks.reward(name)) for name in components
    ]
    if any(log[[f"rewards.{name}" for name in components]].notna().sum(axis=1) > 1):
        handles.append(Line2D([], [], label="weighted sum", **total))
    legend(figure, handles + _algorithm_lines(log, look))
    return figure


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
        for policy in sorted(log["policy"].unique(), key=policy_key):
            algorithm, reward = split_policy(policy)
            runs = log[(log["model"] == model) & (log["policy"] == policy)]
            _curve(ax, runs, quantity, look.reward(reward) | look.algorithm(algorithm))
        ax.set_xlabel(_generation_label(log))
    axes[0].set_ylabel(label)
    handles = [
        Line2D([], [], label=f"reward: {name}", **look.reward(name)) for name in _rewards(log)
    ]
    legend(figure, handles + _algorithm_lines(log, look))
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


def _rewards(log: pd.DataFrame) -> list[str]:
    return sorted({split_policy(policy)[1] for policy in log["policy"]}, key=reward_key)


def _algorithm_lines(log: pd.DataFrame, look: Look) -> list[Line2D]:
    algorithms = sorted({split_policy(policy)[0] for policy in log["policy"]})
    return [
        Line2D([], [], color=DARK, marker="o", label=name.upper(), **look.algorithm(name))
        for name in algorithms
    ]
