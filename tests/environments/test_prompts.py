from itertools import pairwise

from rlvf.environments.program import OPENING, build_prompt
from rlvf.records import AssertTest, CallTest, StdioTest, Task
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
    assert prompt.endswith(OPENING)


def test_call_and_stdio_tests_are_shown_too():
    call = CallTest(kind="call", function="add", args=[1, [2]], expected="x")
    stdio = StdioTest(kind="stdio", stdin="1 2", stdout="3")
    prompt = build_prompt(
        task(call, stdio), PromptSettings(tests_shown=2, chat=False, thinking=False)
    )
    assert "assert add(1, [2]) == 'x'" in prompt
    assert "Input:\n1 2\nOutput:\n3" in prompt
