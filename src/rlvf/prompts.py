"""Task -> prompt; completion -> code. The one place for both, since both move scores by points.

The prompt, for chat and base models alike, is the task's text and, as MBPP's authors do
(Austin et al. 2021, arXiv 2108.07732, section 3.1), some of its tests:

    {task text}
    Your code should pass this test:

    assert f(1) == 2

A chat model gets it as its single user message through its own chat template. A base model gets
it as a docstring-like opening of a fenced block, which it goes on to fill.

Extraction: the code is what follows the *last* line ```python (or ```py), up to the next fence or
the end of the text. Without such a line, unlabelled fences count in pairs, and the last block
opened is taken; a single fence ends the code that stands before it (a base model that closes
the block its prompt opened). Without any fence the whole text is code. The code ends with
exactly one newline; blank code is no code.
"""

import re

from rlvf.records import AssertTest, CallTest, Completion, StdioTest, Task, Test
from rlvf.settings import PromptSettings

_FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)
_PYTHON_FENCE = re.compile(
    r"^[ \t]*```[ \t]*(?:python3?|py)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)

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
    return f"{text}\n\n```python\n"


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


def extract_code(completion: str) -> str | None:
    """The code in a completion (see the module's rule), or None if there is none."""
    if labelled := list(_PYTHON_FENCE.finditer(completion)):
        code = _FENCE.split(completion[labelled[-1].end() :], maxsplit=1)[0]
    else:
        parts = _FENCE.split(completion)
        inside = parts[1::2]
        if len(parts) == 2 and parts[0].strip():
            code = parts[0]
        else:
            code = inside[-1] if inside else parts[0]
    code = code.replace("\r\n", "\n").strip("\n").rstrip()
    return code + "\n" if code else None


def code_of(completion: Completion) -> str | None:
    """The code of a record: as extracted earlier, or now if the record has no such field."""
    if "code" in completion.model_fields_set:
        return completion.code
    return extract_code(completion.completion)
