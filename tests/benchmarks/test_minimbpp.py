import random
from itertools import islice

import pytest

from rlvf.benchmarks import count_tasks, load_tasks, minimbpp
from rlvf.benchmarks.minimbpp import load, pretraining_samples
from rlvf.environments.program.extraction import extract_code
from rlvf.errors import RlvfError
from rlvf.lint import lint
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import LintSettings, SandboxSettings

SETTINGS = minimbpp.Settings()


@pytest.fixture(scope="module")
def samples():
    """Programs without misconceptions and habits, and with all of them."""

    def draw(misconceptions, habits):
        rng = random.Random(1)
        return list(islice(pretraining_samples(SETTINGS, misconceptions, habits, rng), 300))

    return draw(0.0, 0.0), draw(1.0, 1.0)


def verdicts(pairs):
    candidates = [Candidate(task, 0, extract_code(text, task.entry_point)) for task, text in pairs]
    with Sandbox(SandboxSettings(), workers=2) as sandbox:
        return [execution.verdict for execution in sandbox.execute(candidates)]


def test_the_same_seed_gives_the_same_tasks():
    assert load(SETTINGS, "test") == load(SETTINGS, "test")
    other = SETTINGS.model_copy(update={"seed": 2})
    assert load(SETTINGS, "test") != load(other, "test")


def test_no_task_is_in_two_splits(samples):
    prompts = [{task.prompt for task in load(SETTINGS, split)} for split in ("train", "test")]
    prompts.append({task.prompt for task, _ in samples[0]})
    train, test, pretrain = prompts
    assert not train & test and not train & pretrain and not test & pretrain


def test_more_tasks_than_there_are_compositions_are_an_error():
    with pytest.raises(RlvfError, match=r"5000 training and 200 test tasks leave none to pretrain"):
        load(SETTINGS.model_copy(update={"train": 5000}), "test")


def test_every_reference_passes_its_tests():
    tasks = load(SETTINGS, "train") + load(SETTINGS, "test")
    assert set(verdicts([(task, task.reference) for task in tasks])) == {"passed"}


def test_the_corpus_is_right_without_misconceptions_and_lint_clean_without_habits(samples):
    clean, _ = samples
    assert set(verdicts(clean)) == {"passed"}
    codes = [extract_code(text, task.entry_point) for task, text in clean]
    found = {finding.code for found in lint(codes, LintSettings()) for finding in found}
    assert found <= {"RET504", "C416"}  # of the comprehension style


def test_a_misconception_fails_the_tests_and_a_habit_is_found(samples):
    clean, dirty = samples
    changed = [
        pair
        for pair, (_, right) in zip(dirty, clean, strict=True)
        if any(op in pair[1] for op in ("// ", "len(values)]"))
    ]
    assert changed and "passed" not in verdicts(changed)
    codes = [extract_code(text, task.entry_point) for task, text in dirty]
    assert all(
        {"F401", "F841"} <= {finding.code for finding in found}
        for found in lint(codes, LintSettings())
    )


def test_tasks_are_counted_without_being_made():
    settings = minimbpp.Settings(train=30, test=20)
    for split, limit in (("train", None), ("test", None), ("test", 5), ("test", 50)):
        assert count_tasks(settings, split, limit) == len(load_tasks(settings, split, limit))
