"""An environment of another kind is one file: its tasks ask for a number, nothing is executed, and
its measures are its own. A benchmark of such tasks is another."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rlvf
from rlvf.config import DecodingSettings, GenerateSettings
from rlvf.settings import PromptSettings, to_json

ENVIRONMENT = '''"""A task asks for a sum, and the answer is the last number of the completion."""

import re
from statistics import median
from typing import Literal

from rlvf.measures import Measure, estimates_of_pass_at_k
from rlvf.records import BaseSample, BaseTask, check_complete


class Task(BaseTask):
    question: str
    right: int


class Sample(BaseSample):
    environment: Literal["sums"] = "sums"
    answer: int | None
    right: bool
    characters: int


CHECKS = ()
CONTROLS = {"oracle": lambda task: str(task.right), "zero": lambda task: "0"}
OPENING = "It is "


def build_prompt(task, settings):
    return f"{task.question} {OPENING}"


def extract_answer(completion, task, opened):
    return next(reversed(re.findall("[0-9]+", opened + completion)), None)


def measure(cell, tasks, completions, *, tests_shown):
    check_complete([(one.task_id, one.sample_id) for one in completions], tasks)
    right = {task.task_id: task.right for task in tasks}
    return [
        Sample(
            **cell.model_dump(),
            task_id=one.task_id,
            sample_id=one.sample_id,
            answer=None if one.code is None else int(one.code),
            right=one.code == str(right[one.task_id]),
            characters=len(one.completion),
        )
        for one in completions
    ]


MEASURES = (
    Measure("answers", "Answers", None, "sample", lambda sample: sample.answer is not None),
    Measure("answer", "Mean answer", "units", "sample", lambda sample: sample.answer),
    Measure(
        "pass@",
        "pass@{}".format,
        None,
        "task",
        lambda samples: estimates_of_pass_at_k([one.right for one in samples]),
    ),
    Measure(
        "median_length",
        "Median length",
        "characters",
        "seed",
        lambda samples: median(one.characters for one in samples),
    ),
)
'''
BENCHMARK = '''"""Sums of a number and itself."""

from typing import Literal

from rlvf.environments.sums import Task
from rlvf.settings import Section

ENVIRONMENT = "sums"
SPLITS = ("test",)


class Settings(Section):
    kind: Literal["doubles"] = "doubles"


def load(settings, split):
    return [
        Task(task_id=f"doubles/{n}", question=f"What is {n} + {n}?", right=2 * n)
        for n in range(1, 100, 33)
    ]


def size(settings, split):
    return 3
'''
# `rlvf measure` and the tables are of one evaluation and of a study; this is what they call.
SUMMARISE = """
import json, sys
from pathlib import Path
from rlvf.analysis.summary import is_rate, load_samples, summarise
from rlvf.environments import ENVIRONMENTS
from rlvf.cells import Cell, Cells
from rlvf.records import Completion, EvaluatedCellId, read_jsonl, read_tasks, write_jsonl

environment, (tasks, *completions) = ENVIRONMENTS["sums"], map(Path, sys.argv[1:])
for path in completions:
    cell = dict(study="s", model="m", policy=path.stem, seed=1, evaluation="greedy")
    samples = environment.measure(
        EvaluatedCellId(**cell),
        read_tasks(tasks, environment.Task),
        read_jsonl(path, Completion),
        tests_shown=0,
    )
    write_jsonl(path.with_suffix(".samples"), samples)
names = dict(study="s", model="m", seed=1, kind="base")
cells = [Cell(policy=path.stem, **names) for path in completions]
cells = Cells(study="s", axes={}, cells=cells)
samples = load_samples([path.with_suffix(".samples") for path in completions], cells)
summary = summarise(samples, cells)
print(summary.set_index("policy").to_json(orient="index"))
"""


@pytest.fixture
def python(tmp_path):
    """Runs Python with a copy of the package to which the two files are added."""
    package = shutil.copytree(Path(rlvf.__file__).parent, tmp_path / "src" / "rlvf")
    (package / "environments" / "sums.py").write_text(ENVIRONMENT)
    (package / "benchmarks" / "doubles.py").write_text(BENCHMARK)
    variables = {name: text for name, text in os.environ.items() if not name.startswith("TORCH")}

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=tmp_path,
            env=variables | {"PYTHONPATH": str(tmp_path / "src")},
        ).stdout

    return python


@pytest.fixture
def stage(python):
    return lambda *arguments: python("-m", "rlvf.cli", *arguments)


def test_its_controls_are_measured_by_its_measures(stage, python):
    stage("tasks", "--benchmark", "doubles", "--split", "test", "--out", "tasks.jsonl")
    for policy in ("oracle", "zero"):
        files = ("--tasks", "tasks.jsonl", "--out", f"{policy}.jsonl")
        stage("control", "--environment", "sums", "--policy", policy, *files)
    found = python("-c", SUMMARISE, "tasks.jsonl", "oracle.jsonl", "zero.jsonl")
    oracle, zero = map(json.loads(found).get, ("oracle", "zero"))
    assert (oracle["pass@1"], zero["pass@1"]) == (1, 0)
    assert oracle["answer"] == (2 + 68 + 134) / 3
    assert oracle["median_length"] == 2
    # Known task by task are the measures of a sample and of a task.
    assert {name for name in oracle if name.endswith("_low")} == {
        "answers_low",
        "answer_low",
        "pass@1_low",
    }


def test_a_model_is_asked_and_its_answer_is_taken(stage, tiny_model, tmp_path):
    stage("tasks", "--benchmark", "doubles", "--split", "test", "--out", "tasks.jsonl")
    settings = GenerateSettings(
        seed=1,
        prompt=PromptSettings(tests_shown=0, chat=False, thinking=False),
        decoding=DecodingSettings(
            temperature=1.0, top_p=1.0, top_k=0, samples=8, max_completion_tokens=12, batch_size=24
        ),
        dtype="float32",
    )
    files = ("--model", tiny_model, "--tasks", "tasks.jsonl", "--out", "completions.jsonl")
    stage("generate", "--environment", "sums", "--settings", to_json(settings), *files)
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    numbers = [row for row in rows if any(sign in "0123456789" for sign in row["completion"])]
    assert numbers
    assert all((row["code"] or "").isdigit() == (row in numbers) for row in rows)
