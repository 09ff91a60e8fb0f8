"""Studies that are not like rlvr: with other axes, without training, with several sets of tasks."""

import json
from itertools import product

import matplotlib.pyplot as plt
import pytest
import yaml

from rlvf.analysis.claims import write_claims
from rlvf.analysis.claims.vocabulary import Claims
from rlvf.analysis.cost import write_cost
from rlvf.analysis.explorer.data import Evaluated, collect
from rlvf.analysis.figures import evaluation, training, write_figures
from rlvf.analysis.figures.style import Look
from rlvf.analysis.results import Results
from rlvf.analysis.summary import main_cells, samples_frame
from rlvf.analysis.tables import pass_at_1, write_tables
from rlvf.benchmarks import minimbpp
from rlvf.cells import Cell, Cells
from rlvf.errors import RlvfError
from rlvf.records import Completion, Execution, LintReport
from rlvf.settings import parse_settings

# Names have dashes, and the level `all` is the centre of its axis, which names leave out.
AXES = {
    "algorithm": ["grpo", "dr-grpo"],
    "reward": ["self-certainty", "tests"],
    "size": ["all", "n32"],
}
LEVELS = {
    f"{algorithm}-{reward}{'' if size == 'all' else f'-{size}'}": {
        "algorithm": algorithm,
        "reward": reward,
        "size": size,
    }
    for algorithm, reward, size in product(*AXES.values())
}


def cells_of(axes, levels, controls):
    """Cells of two models and three seeds, or of one seed of a control."""
    found = [
        Cell(study="rlvr", model="none", policy=control, seed=0, kind="control")
        for control in controls
    ]
    kinds = {"base": "base"} | dict.fromkeys(levels, "trained")
    for model, seed in product(("mini-llama", "mini-qwen3"), (0, 1, 2, 3)):
        place = {"study": "rlvr", "model": model, "seed": seed}
        found += [
            Cell(**place, policy=policy, kind=kind, levels=levels.get(policy, {}))
            for policy, kind in kinds.items()
        ]
    return Cells(study="rlvr", axes=axes, cells=found)


SWEEP = cells_of(AXES, LEVELS, controls=("reference", "random-choice"))


def results_of(samples, cells):
    return Results(cells, samples_frame(samples, cells), "mini")


def chance(make_sample, task, **changes):
    """A sample of a control that a study may have besides the usual ones."""
    return make_sample(
        task, "random-choice", model="none", tokens=None, finish_reason=None, **changes
    )


def truth(levels):
    """Log odds of passing, tokens, findings: `dr-grpo` writes less, few tasks teach less."""
    odds = 1.5 if levels["reward"] == "tests" else 0.5
    odds -= 1.0 if levels["size"] == "n32" else 0.0
    return odds, 30 if levels["algorithm"] == "dr-grpo" else 40, 1.0


@pytest.fixture(scope="module")
def sweep(make_study, make_sample):
    policies = {"base": (-0.5, 40, 1.0)} | {name: truth(one) for name, one in LEVELS.items()}
    samples = make_study(policies)
    samples += [chance(make_sample, f"{i:03}", passed=i < 60) for i in range(120)]
    return results_of(samples, SWEEP)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_what_is_trained_is_not_told_by_dashes(sweep):
    gained = sweep.summary[sweep.summary["gain_points"].notna()]
    assert set(gained["policy"]) == set(LEVELS)
    assert list(sweep.summary["policy"])[:3] == ["random-choice", "base", "grpo-self-certainty"]


def test_each_axis_that_varies_has_its_effect(sweep):
    rows = sweep.effects.set_index(["factor", "measure"])
    assert list(dict.fromkeys(sweep.effects["factor"])) == ["size", "reward", "algorithm"]
    # Each level of an axis is in eight cells: two models, and two levels of both other axes.
    assert set(rows["cells"]) == {8}
    size = rows.loc["size", "pass@1"]
    assert (size["first"], size["second"]) == ("n32", "all")
    assert size["high"] < 0 and size["p_adjusted"] < 0.05
    tokens = rows.loc["algorithm", "tokens"]
    assert (tokens["first"], tokens["second"]) == ("dr-grpo", "grpo")
    assert tokens["low"] < -10 < tokens["high"]


def test_means_are_by_the_levels_of_each_axis(sweep, tmp_path):
    write_tables(sweep, tmp_path)
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert [*numbers["mean_by"]] == [*AXES]
    assert [*numbers["mean_by"]["size"]] == ["all", "n32"]
    assert numbers["mean_by"]["algorithm"]["dr-grpo"]["tokens"] == pytest.approx(30, abs=1)
    assert [*numbers["controls"]] == ["random-choice"]
    caption = numbers["tables"]["effects"]["caption"]
    assert "of the size and of the reward and of the algorithm" in caption


def claim(cells, against, expect, quantifier="all"):
    return {
        "says": "S",
        "cells": cells,
        "against": against,
        "quantifier": quantifier,
        "expect": expect,
    }


@pytest.fixture
def judge(tmp_path):
    def judge(results, *predicates):
        path = tmp_path / "claims.yaml"
        claims = [{"id": "c", "title": "T", "quote": "Q", "predicates": list(predicates)}]
        path.write_text(yaml.safe_dump({"source": "us", "claims": claims}), encoding="utf-8")
        claims = parse_settings(str(path), Claims)
        write_claims(claims, str(path), results, "rlvf claims ...", tmp_path)
        text = (tmp_path / "claims.json").read_text(encoding="utf-8")
        return json.loads(text)["claims"][0]["predicates"]

    return judge


def test_claims_select_and_compare_by_any_axis(sweep, judge):
    less, shorter = {"pass@1": {"below": 0}}, {"tokens": {"below": 0}}
    by_size, by_reward, to_base = judge(
        sweep,
        claim({"size": "n32"}, {"size": "all"}, less, "mean"),
        claim({"reward": "self-certainty", "model": "mini-llama"}, {"reward": "tests"}, less),
        claim({"algorithm": "dr-grpo"}, {"policy": "base"}, shorter),
    )
    assert by_size["verdict"] == to_base["verdict"] == "supported"
    compared = [comparison["evidence"][0] for comparison in by_reward["comparisons"]]
    assert [(one["model"], one["policy"], one["other"]) for one in compared] == [
        ("mini-llama", "grpo-self-certainty", "grpo-tests"),
        ("mini-llama", "grpo-self-certainty-n32", "grpo-tests-n32"),
        ("mini-llama", "dr-grpo-self-certainty", "dr-grpo-tests"),
        ("mini-llama", "dr-grpo-self-certainty-n32", "dr-grpo-tests-n32"),
    ]


def test_figures_show_the_axes_that_the_study_chooses(sweep, steps):
    look = Look(SWEEP, colour="reward", line="size")
    figure = evaluation.pass_at_1(main_cells(sweep.summary), look)
    ax = figure.axes[0]
    assert ax.get_xlabel() == "Reward"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["self-certainty", "tests"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ALL", "N32", "base"]
    log = training.per_generation(
        [one.model_copy(update={"policy": "dr-grpo-tests-n32"}) for one in steps]
    )
    assert training.learning_curves(log, look).axes[0].get_title() == "reward: tests"


# ---------------------------------------------------------------- without training


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_study_need_not_train(make_study, make_sample, judge, tmp_path):
    cells = cells_of({}, {}, controls=("random-choice",))
    samples = make_study({"base": (0.0, 40, 1.0)}, tasks=20, seeds=[1])
    samples += [chance(make_sample, f"{i:03}") for i in range(20)]
    results = results_of(samples, cells)
    write_tables(results, tmp_path / "tables")
    write_figures(results, tmp_path / "figures")
    write_cost(cells, [], [], tmp_path / "cost", "mini")
    numbers = json.loads((tmp_path / "tables" / "numbers.json").read_text(encoding="utf-8"))
    assert (numbers["policies"], numbers["mean_by"], numbers["effects"]) == ([], {}, [])
    [found] = judge(results, claim({}, {"policy": "base"}, {"pass@1": {"above": 0}}))
    assert found["verdict"] == "undecided"
    with pytest.raises(RlvfError, match=r"there is no axis 'reward' \(allowed: model\)"):
        judge(results, claim({"reward": "tests"}, {"policy": "base"}, {"pass@1": {"above": 0}}))


# ---------------------------------------------------------------- several sets of tasks


@pytest.fixture
def two_sets(make_sample):
    """Of base and a trained policy the evaluation `greedy` on two tasks and `late` on three others,
    of the control `late` alone, and of the other model `greedy` alone."""
    policy = "grpo-tests"
    samples = [chance(make_sample, f"late/{i}", evaluation="late") for i in range(3)]
    for name in ("base", policy):
        samples += [make_sample(i, name, passed=name == policy) for i in range(2)]
        samples += [make_sample(f"late/{i}", name, evaluation="late") for i in range(3)]
    samples += [make_sample(i, model="mini-llama") for i in range(2)]
    return samples


def test_evaluations_may_have_different_tasks(two_sets):
    results = results_of(two_sets, SWEEP)
    measured = {key: one["pass@1"].shape for key, one in results.outcomes.items()}
    assert measured["mini-qwen3", "base", "greedy"] == (1, 2)
    assert measured["mini-qwen3", "base", "late"] == (1, 3)
    assert ("mini-llama", "base", "late") not in measured
    cells = main_cells(results.summary)
    assert list(cells["policy"]) == ["random-choice", "base", "base", "grpo-tests"]
    assert list(cells["evaluation"]) == ["late", "greedy", "greedy", "greedy"]
    table = pass_at_1(results)
    assert table.note.startswith("2 tasks (greedy), 3 tasks (late); ")
    llama = table.shown[table.shown["Model"] == "mini-llama"].iloc[0]
    assert llama["late pass@1 (%)"] == "–"


def test_claims_are_about_the_cells_that_have_the_main_evaluation(two_sets, judge):
    more = [one for one in two_sets if (one.policy, one.evaluation) != ("grpo-tests", "greedy")]
    predicate = claim({}, {"policy": "base"}, {"pass@1": {"above": 0}})
    [with_it] = judge(results_of(two_sets, SWEEP), predicate)
    [without] = judge(results_of(more, SWEEP), predicate)
    assert (len(with_it["comparisons"]), len(without["comparisons"])) == (1, 0)


def test_within_an_evaluation_tasks_are_the_same(two_sets, make_sample):
    two_sets.append(make_sample("late/9", model="mini-llama", evaluation="late"))
    with pytest.raises(RlvfError, match="base/late/0 was measured on other tasks than"):
        samples_frame(two_sets, SWEEP)


@pytest.fixture
def evaluated(make_sample):
    """Of a policy an evaluation on the first two tasks, and one on the second and the third."""
    tasks = minimbpp.load(minimbpp.Settings(), "test")[:3]

    def one(name, tasks):
        places = [{"task_id": task.task_id, "sample_id": 0} for task in tasks]
        found = {"verdict": "passed", "error_type": None, "tests": [], "passed": 3, "total": 3}
        return Evaluated(
            tasks,
            [Completion(**place, completion="", code=None) for place in places],
            [Execution(**place, **found, stdout="", message="") for place in places],
            [LintReport(**place, diagnostics=[], counts={}, lines=0) for place in places],
            [make_sample(0, task_id=task.task_id, evaluation=name) for task in tasks],
        )

    return [one("early", tasks[:2]), one("late", tasks[1:])]


def test_the_explorer_lists_the_tasks_of_all_evaluations(evaluated):
    data = collect(SWEEP, evaluated)
    expected = [evaluated[0].tasks[0], evaluated[0].tasks[1], evaluated[1].tasks[1]]
    assert [task["id"] for task in data["tasks"]] == [task.task_id for task in expected]
    assert data["columns"]["task"] == [0, 1, 1, 2]


def test_two_tasks_of_one_name_are_refused(evaluated):
    evaluated[1].tasks[0] = evaluated[1].tasks[0].model_copy(update={"prompt": "another"})
    with pytest.raises(RlvfError, match="two different ones are called minimbpp/test/2; give"):
        collect(SWEEP, evaluated)
