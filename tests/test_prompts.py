from itertools import pairwise

import pytest

from rlvf.prompts import build_prompt, code_of, extract_code
from rlvf.records import AssertTest, CallTest, Completion, StdioTest, Task
from rlvf.settings import PromptSettings


def task(*tests):
    return Task(
        task_id="t/1",
        prompt="Write a function to add.\n",
        entry_point="add",
        tests=list(tests),
        reference="def add(a, b):\n    return a + b\n",
        split="test",
    )


ASSERTS = [AssertTest(kind="assert", code=f"assert add({n}, 1) == {n + 1}") for n in range(3)]


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        # the last labelled block, whatever stands around it
        ("Sure:\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("```python\nx = 1\n```\nBetter:\n```python\nx = 2\n```", "x = 2\n"),
        ("```py\nx = 1\n```\nprints\n```\n1\n```", "x = 1\n"),
        # cut off by the length limit
        ("```python\nx = 1", "x = 1\n"),
        # unlabelled blocks
        ("```\nx = 1\n```", "x = 1\n"),
        ("```\nx = 1\n```\nor\n```\nx = 2\n```", "x = 2\n"),
        # a base model that closes the block which its prompt opened
        ("x = 1\n```\nThis sets x.", "x = 1\n"),
        # no fence at all
        ("x = 1", "x = 1\n"),
        # the end of the code is the extraction's, not the policy's
        ("x = 1\n\n\n", "x = 1\n"),
        ("```python\nif x:\r\n    y = 1\r\n```", "if x:\n    y = 1\n"),
        ("```python\n    x = 1\n```", "    x = 1\n"),
        # nothing
        ("", None),
        ("   \n\n", None),
        ("```python\n```", None),
        ("Sure:\n```python\n\n```", None),
    ],
)
def test_extraction(completion, code):
    assert extract_code(completion) == code


def test_the_number_of_tests_shown_is_a_setting():
    prompts = [
        build_prompt(task(*ASSERTS), PromptSettings(tests_shown=n, chat=True, thinking=False))
        for n in range(4)
    ]
    shown = [prompt[0]["content"].count("assert") for prompt in prompts]
    assert shown == [0, 1, 2, 3]
    assert all(a[0]["content"] != b[0]["content"] for a, b in pairwise(prompts))


def test_a_chat_prompt_is_one_user_message():
    prompt = build_prompt(task(*ASSERTS), PromptSettings(tests_shown=1, chat=True, thinking=False))
    assert prompt == [
        {
            "role": "user",
            "content": "Write a function to add.\n"
            "Your code should pass this test:\n\nassert add(0, 1) == 1",
        }
    ]


def test_a_base_prompt_opens_the_block_that_the_model_goes_on_in():
    prompt = build_prompt(task(*ASSERTS), PromptSettings(tests_shown=0, chat=False, thinking=False))
    assert prompt == "Write a function to add.\n\n```python\n"


def test_call_and_stdio_tests_are_shown_too():
    call = CallTest(kind="call", function="add", args=[1, [2]], expected="x")
    stdio = StdioTest(kind="stdio", stdin="1 2", stdout="3")
    prompt = build_prompt(
        task(call, stdio), PromptSettings(tests_shown=2, chat=False, thinking=False)
    )
    assert "assert add(1, [2]) == 'x'" in prompt
    assert "Input:\n1 2\nOutput:\n3" in prompt


def test_a_recorded_extraction_is_kept_and_a_missing_one_is_made():
    text = "```python\nx = 1\n```"
    recorded = Completion(task_id="t/1", sample_id=0, completion=text, code=None)
    bare = Completion(task_id="t/1", sample_id=0, completion=text)
    assert code_of(recorded) is None
    assert code_of(bare) == "x = 1\n"
