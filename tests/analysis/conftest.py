"""A tiny study, made by hand so that every number can be checked on paper."""

from itertools import product

import numpy as np
import pytest

from rlvf.analysis.results import Results
from rlvf.analysis.summary import samples_frame
from rlvf.cells import Cell, Cells
from rlvf.environments.program import Sample

# The axes of the studies made here.
ALGORITHMS, REWARDS = ["grpo", "gspo"], ["tests", "ruff", "combined"]


@pytest.fixture(scope="session")
def cells():
    """The cells that samples made here may belong to."""
    kinds = {"reference": "control", "empty": "control", "base": "base"}
    levels = {
        f"{algorithm}-{reward}": {"algorithm": algorithm, "reward": reward}
        for algorithm in ALGORITHMS
        for reward in REWARDS
    }
    found = [
        Cell(
            study="rlvr",
            model=model,
            policy=policy,
            seed=seed,
            kind=kinds.get(policy, "trained"),
            levels=levels.get(policy, {}),
        )
        for policy in (*kinds, *levels)
        for model in (
            ["none"] if kinds.get(policy) == "control" else ["mini-llama", "mini-qwen3", "other"]
        )
        for seed in range(8)
    ]
    axes = {"algorithm": ALGORITHMS, "reward": REWARDS}
    return Cells(study="rlvr", axes=axes, cells=found)


@pytest.fixture(scope="session")
def results_of(cells):
    """Makes the results of samples."""

    def results_of(samples, scale="mini", **more):
        return Results(cells, samples_frame(samples, cells), scale, **more)

    return results_of


@pytest.fixture(scope="session")
def make_sample():
    def make(task, policy="base", *, passed=True, seed=0, sample_id=0, **changes):
        control = policy in ("reference", "empty")
        findings = {"error": 0, "warning": 0, "info": 0} | changes.pop("findings", {})
        values = {
            "study": "rlvr",
            "model": "none" if control else "mini-qwen3",
            "policy": policy,
            "seed": seed,
            "evaluation": "greedy",
            "task_id": f"minimbpp/{task}",
            "sample_id": sample_id,
            "verdict": "passed" if passed else "wrong_answer",
            "error_type": None,
            "tests_passed": 3 if passed else 0,
            "tests_total": 3,
            "tests_hidden": 2,
            "tokens": None if control else 20,
            "finish_reason": None if control else "stop",
            "characters": 60,
            "lines": 4,
            "parses": True,
            "defines_entry_point": True,
            "findings": findings,
            "rules": {},
            "hacks": [],
        }
        return Sample(**(values | changes))

    return make


@pytest.fixture(scope="session")
def study(make_sample):
    """Two tasks; controls, base and two trained policies, each with one or two seeds."""
    samples = []
    for task in (1, 2):
        samples.append(make_sample(task, "reference"))
        samples.append(
            make_sample(
                task,
                "empty",
                passed=False,
                verdict="no_code",
                characters=0,
                lines=0,
                parses=False,
                defines_entry_point=False,
            )
        )
        for seed in (0, 1):
            samples.append(make_sample(task, passed=task == 1, seed=seed))
            samples.append(make_sample(task, "grpo-tests", seed=seed))
            samples.append(
                make_sample(
                    task,
                    "gspo-ruff",
                    seed=seed,
                    passed=False,
                    verdict="runtime_error",
                    error_type="Odd_$Error",
                    findings={"error": seed},
                    rules={"F401": seed} if seed else {},
                )
            )
    return samples


@pytest.fixture(scope="session")
def make_study(make_sample):
    """Samples whose truth is known: of each policy its log odds of passing, mean tokens and mean
    findings. Tasks differ in difficulty, for all policies alike; seeds in how well training went.
    """

    def make(
        policies, *, models=("mini-llama", "mini-qwen3"), tasks=120, seeds=(1, 2, 3), **spread
    ):
        rng = np.random.default_rng(1)
        difficulty = rng.standard_normal(tasks)
        samples = []
        for model, policy, seed in product(models, policies, seeds):
            odds, tokens, findings = policies[policy]
            odds = odds + spread.get("seeds_differ", 0.1) * rng.standard_normal() + difficulty
            passed = rng.random(tasks) < 1 / (1 + np.exp(-odds))
            counts = rng.poisson([[tokens], [findings]], size=(2, tasks)).tolist()
            samples += [
                make_sample(
                    f"{task:03}",
                    policy,
                    model=model,
                    seed=seed,
                    passed=bool(passed[task]),
                    tokens=counts[0][task],
                    findings={"warning": counts[1][task]},
                )
                for task in range(tasks)
            ]
        return samples

    return make
