"""Reads the results of a made-up study."""

from typing import Literal

from rlvf.settings import Section


class Settings(Section):
    shown: Literal["passed", "length"]


def tables(results):
    from rlvf.analysis import tables

    return [tables.pass_at_1(results), tables.effects(results)]


def figures(results):
    from matplotlib import pyplot

    along = results.summary[results.summary["evaluation"].str.startswith("along-")]
    figure, axes = pyplot.subplots(figsize=(3, 2))
    for policy, rows in along.groupby("policy"):
        generations = rows["evaluation"].str.removeprefix("along-").astype(int)
        axes.plot(generations, rows["pass@1"], marker="o", label=policy)
    axes.set_xlabel("Generation")
    figure.legend()
    return {"along": figure}


def numbers(results):
    along = results.summary[results.summary["policy"] == "n-4"]
    return {"shown": results.settings.shown, "along": sorted(along["evaluation"])}
