"""A tiny study, made by hand so that every number can be checked on paper."""

import json
from itertools import product

import numpy as np
import pytest

from rlvf.records import Sample, TrainingStep, TrainingStepTimes


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
            "decoding": "greedy",
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


@pytest.fixture(scope="session")
def steps():
    def step(policy, seed, number):
        first = number % 2 == 0
        return TrainingStep(
            study="rlvr",
            model="mini-qwen3",
            policy=policy,
            seed=seed,
            step=number,
            generation=number // 2,
            learning_rate=1e-3,
            loss=0.0,
            grad_norm=1.0,
            entropy=0.5,
            kl=None,
            clip_fraction=0.0,
            reward=0.5 if first else None,
            reward_std=0.1 if first else None,
            rewards={"tests": 0.5 if first else None},
            completion_length=20.0 if first else None,
            completion_tokens=320 if first else None,
            truncated_fraction=0.0 if first else None,
        )

    return [step("grpo-tests", seed, number) for seed in (0, 1) for number in range(4)]


@pytest.fixture(scope="session")
def times(steps):
    """Of those steps."""
    return [
        TrainingStepTimes(
            **{name: getattr(step, name) for name in ("study", "model", "policy", "seed")},
            step=step.step,
            generation=step.generation,
            generation_seconds=2.0 if step.reward is not None else None,
            reward_seconds=1.0 if step.reward is not None else None,
            update_seconds=0.5,
            memory_mb=500.0 + step.step,
            gpu_memory_mb=None,
        )
        for step in steps
    ]


@pytest.fixture
def write_benchmark(tmp_path):
    """Writes a benchmark file as Snakemake does with --benchmark-extended, into `benchmarks`."""

    def write(rule, seconds=60.0, memory=500.0, *, params=None, resources=None, **wildcards):
        folder = tmp_path / "benchmarks" / "/".join(wildcards.values())
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "rule_name": rule,
            "wildcards": wildcards,
            "params": params or {},
            "threads": 1,
            "resources": resources or {},
            "s": seconds,
            "max_rss": memory,
            "cpu_time": seconds / 2,
        }
        path = folder / f"{rule}.jsonl"
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")
        return path

    return write
