"""Makes prompts of tasks. The module `extraction` is the way back, from completions to code.

The prompt, for chat and base models alike, is the task's text and, as MBPP's authors do
(Austin et al. 2021, arXiv 2108.07732, section 3.1), some of its tests:

    {task text}
    Your code should pass this test:

    assert f(1) == 2

A chat model gets it as its single user message through its own chat template. A base model gets
it as a docstring-like opening of a fenced block, which it goes on to fill.
"""

from rlvf.environments.program.extraction import OPEN_BLOCK
from rlvf.prompts import Prompt
from rlvf.records import AssertTest, CallTest, StdioTest, Task, Test
from rlvf.settings import PromptSettings


def build_prompt(task: Task, settings: PromptSettings) -> Prompt:
    """The prompt of a task: messages for a chat model, text for a base model."""
    text = task.prompt.strip()
    shown = [show_test(test) for test in task.tests[: settings.tests_shown]]
    if shown:
        noun = "this test" if len(shown) == 1 else "these tests"
        text += f"\nYour code should pass {noun}:\n\n" + "\n".join(shown)
    if settings.chat:
        return [{"role": "user", "content": text}]
    return f"{text}\n\n{OPEN_BLOCK}"


def show_test(test: Test) -> str:
    """A test as a reader likes it: an assert, or input and output."""
    match test:
        case AssertTest():
            return test.code
        case CallTest():
            arguments = ", ".join(map(repr, test.args))
            return f"assert {test.function}({arguments}) == {test.expected!r}"
        case StdioTest():
            return f"Input:\n{test.stdin}\nOutput:\n{test.stdout}"
