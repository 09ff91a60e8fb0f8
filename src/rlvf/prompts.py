"""Makes prompts of tasks, and says what a prompt leaves open. rlvf.extraction is the way back, from
completions to code.

The prompt, for chat and base models alike, is the task's text and, as MBPP's authors do
(Austin et al. 2021, arXiv 2108.07732, section 3.1), some of its tests:

    {task text}
    Your code should pass this test:

    assert f(1) == 2

A chat model gets it as its single user message through its own chat template. A base model gets
it as a docstring-like opening of a fenced block, which it goes on to fill.
"""

from rlvf.extraction import OPEN_BLOCK, OPEN_THOUGHT
from rlvf.records import AssertTest, CallTest, StdioTest, Task, Test
from rlvf.settings import PromptSettings

# What Llama 3.2's template writes where it is not told the date.
_LLAMA_DATE = "26 Jul 2024"

Message = dict[str, str]


def build_prompt(task: Task, settings: PromptSettings) -> str | list[Message]:
    """The prompt of a task: messages for a chat model, text for a base model."""
    text = task.prompt.strip()
    shown = [show_test(test) for test in task.tests[: settings.tests_shown]]
    if shown:
        noun = "this test" if len(shown) == 1 else "these tests"
        text += f"\nYour code should pass {noun}:\n\n" + "\n".join(shown)
    if settings.chat:
        return [{"role": "user", "content": text}]
    return f"{text}\n\n{OPEN_BLOCK}"


def chat_template_options(settings: PromptSettings) -> dict[str, bool | str]:
    """What every call of a chat template is given; templates ignore what they do not know.

    Qwen3 thinks by default, and a thought is cut off by any sensible completion length. Llama 3
    writes today's date into its prompt, so that equal runs on two days would differ.
    """
    return {"enable_thinking": settings.thinking, "date_string": _LLAMA_DATE}


def tokenize_prompt(tokenizer, prompt: str | list[Message], settings: PromptSettings) -> list[int]:
    """Token ids of a prompt, exactly as TRL's GRPOTrainer makes them in training."""
    if isinstance(prompt, str):
        return tokenizer(prompt)["input_ids"]
    return tokenizer.apply_chat_template(
        prompt,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        **chat_template_options(settings),
    )["input_ids"]


def opened_by_prompt(tokenizer, settings: PromptSettings) -> str:
    """What each prompt leaves open at its end, for extraction: a block of code, a thought, or "".

    Some chat templates open a thought for the model, which then only closes it.
    """
    if not settings.chat:
        return OPEN_BLOCK
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}],
        add_generation_prompt=True,
        tokenize=False,
        **chat_template_options(settings),
    )
    return OPEN_THOUGHT if prompt.rstrip().endswith(OPEN_THOUGHT.strip()) else ""


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
