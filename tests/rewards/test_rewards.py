import pytest

from rlvf.lint import LintSettings
from rlvf.records import AssertTest, Execution, Task
from rlvf.rewards import component_rewards, ruff, tests
from rlvf.settings import SandboxSettings
from rlvf.verification import Verified, Verifier

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
def verified():
    """What sandbox and Ruff say of four completions."""
    texts = [RIGHT, ONE_OF_THREE, BROKEN, EMPTY]
    with Verifier(SandboxSettings(), LintSettings(), workers=2) as verifier:
        return verifier.verify([TASK] * 4, texts)


def rewards(verified, component):
    return [component_rewards(one, {"it": component})["it"] for one in verified]


def execution_component(credit):
    return tests.Settings(kind="tests", credit=credit)


def ruff_component(**changes):
    fields = {"kind": "ruff", "weights": WEIGHTS, "cap": 4.0, "per_lines": None}
    return ruff.Settings(**(fields | changes))


def test_a_fraction_of_the_tests_counts(verified):
    assert rewards(verified, execution_component("fraction")) == [1, pytest.approx(1 / 3), 0, 0]


def test_all_or_nothing(verified):
    assert rewards(verified, execution_component("all")) == [1, 0, 0, 0]


def test_ruff_weighs_findings_and_gives_nothing_for_no_code(verified):
    # One error (the unused import) of weight 1, capped at 4.
    assert rewards(verified, ruff_component()) == [1, 0.75, 0, 0]


def test_ruff_per_lines_of_code(verified):
    # One error in three lines is 10/3 in ten, of at most 4.
    per_ten = rewards(verified, ruff_component(per_lines=10))
    assert per_ten == [1, pytest.approx(1 - 10 / 3 / 4), 0, 0]


def test_the_cap_bounds_the_burden(verified):
    assert rewards(verified, ruff_component(cap=0.5)) == [1, 0, 0, 0]


def test_a_mix_has_every_component(verified, paper_config):
    components = paper_config.rewards.components
    assert component_rewards(verified[1], components) == {
        "tests": pytest.approx(1 / 3),
        "ruff": 0.75,
    }


def test_a_failure_of_the_infrastructure_is_no_reward_at_all(verified, paper_config):
    failed = Execution.model_validate(
        verified[0].execution.model_dump() | {"verdict": "infrastructure_error"}
    )
    one = Verified(TASK, RIGHT, verified[0].code, failed, [])
    assert component_rewards(one, paper_config.rewards.components) == {"tests": None, "ruff": None}


def test_only_what_a_reward_needs_is_run():
    with Verifier(None, LintSettings(), workers=1) as verifier:
        (one,) = verifier.verify([TASK], [RIGHT])
    assert one.execution is None and one.findings == []
    with Verifier(SandboxSettings(), None, workers=1) as verifier:
        (one,) = verifier.verify([TASK], [RIGHT])
    assert one.findings is None and one.execution.verdict == "passed"


def test_equal_code_for_one_task_is_verified_once():
    other = TASK.model_copy(update={"entry_point": "plus"})
    with Verifier(SandboxSettings(), LintSettings(), workers=2) as verifier:
        first, second, third, fourth = verifier.verify(
            [TASK, TASK, TASK, other], [RIGHT, f"Text, then\n{RIGHT}", ONE_OF_THREE, RIGHT]
        )
    assert first.execution is second.execution and first.findings is second.findings
    assert [v.execution.passed for v in (first, third, fourth)] == [3, 1, 3]
    assert fourth.execution is not first.execution
