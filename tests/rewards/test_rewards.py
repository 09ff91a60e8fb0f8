from dataclasses import replace

import pytest

from rlvf.checking import Checker
from rlvf.lint import LintSettings
from rlvf.records import AssertTest, Execution, Task
from rlvf.rewards import Rollout, component_rewards, ruff, tests
from rlvf.settings import SandboxSettings

TASK = Task(
    task_id="t/1",
    prompt="Add.",
    entry_point="add",
    tests=[
        AssertTest(kind="assert", code=f"assert add({a}, {b}) == {a + b}")
        for a, b in ((1, 1), (2, 0), (2, 2))
    ],
    reference="def add(a, b):\n    return a + b\n",
    split="train",
)
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
ONE_OF_THREE = "```python\nimport os\ndef add(a, b):\n    return a + 2\n```"
BROKEN = "```python\ndef add(a, b:\n```"
EMPTY = "I do not know.\n```python\n```"

WEIGHTS = {"error": 1.0, "warning": 0.5, "info": 0.25}


@pytest.fixture(scope="module")
def rollouts():
    """What sandbox and Ruff say of a group of four completions."""
    texts = [RIGHT, ONE_OF_THREE, BROKEN, EMPTY]
    with Checker(SandboxSettings(), LintSettings(), workers=2) as checker:
        checked = checker.check([TASK] * 4, texts)
    return [
        Rollout(TASK, 0, text, one.code, [1, 2], "stop", one.execution, one.findings)
        for text, one in zip(texts, checked, strict=True)
    ]


def rewards(rollouts, component):
    return component_rewards(rollouts, {"it": component})["it"]


def execution_component(credit):
    return tests.Settings(kind="tests", credit=credit)


def ruff_component(**changes):
    fields = {"kind": "ruff", "weights": WEIGHTS, "cap": 4.0, "per_lines": None}
    return ruff.Settings(**(fields | changes))


def test_a_fraction_of_the_tests_counts(rollouts):
    assert rewards(rollouts, execution_component("fraction")) == [1, pytest.approx(1 / 3), 0, 0]


def test_all_or_nothing(rollouts):
    assert rewards(rollouts, execution_component("all")) == [1, 0, 0, 0]


def test_ruff_weighs_findings_and_gives_nothing_for_no_code(rollouts):
    # One error (the unused import) of weight 1, capped at 4.
    assert rewards(rollouts, ruff_component()) == [1, 0.75, 0, 0]


def test_ruff_per_lines_of_code(rollouts):
    # One error in three lines is 10/3 in ten, of at most 4.
    per_ten = rewards(rollouts, ruff_component(per_lines=10))
    assert per_ten == [1, pytest.approx(1 - 10 / 3 / 4), 0, 0]


def test_the_cap_bounds_the_burden(rollouts):
    assert rewards(rollouts, ruff_component(cap=0.5)) == [1, 0, 0, 0]


def test_a_mix_has_every_component(rollouts, paper_config):
    assert component_rewards(rollouts[1:2], paper_config.rewards) == {
        "tests": [pytest.approx(1 / 3)],
        "ruff": [0.75],
    }


def test_a_failure_of_the_infrastructure_is_no_reward_at_all(rollouts, paper_config):
    failed = Execution.model_validate(
        rollouts[0].execution.model_dump() | {"verdict": "infrastructure_error"}
    )
    generation = [replace(rollouts[0], execution=failed), rollouts[1]]
    found = component_rewards(generation, paper_config.rewards)
    assert found == {"tests": [None, pytest.approx(1 / 3)], "ruff": [None, 0.75]}


def test_only_what_a_reward_needs_is_run():
    with Checker(None, LintSettings(), workers=1) as checker:
        (one,) = checker.check([TASK], [RIGHT])
    assert one.execution is None and one.findings == []
    with Checker(SandboxSettings(), None, workers=1) as checker:
        (one,) = checker.check([TASK], [RIGHT])
    assert one.findings is None and one.execution.verdict == "passed"


def test_equal_code_for_one_task_is_checked_once():
    other = TASK.model_copy(update={"entry_point": "plus"})
    with Checker(SandboxSettings(), LintSettings(), workers=2) as checker:
        first, second, third, fourth = checker.check(
            [TASK, TASK, TASK, other], [RIGHT, f"Text, then\n{RIGHT}", ONE_OF_THREE, RIGHT]
        )
    assert first.execution is second.execution and first.findings is second.findings
    assert [v.execution.passed for v in (first, third, fourth)] == [3, 1, 3]
    assert fourth.execution is not first.execution
