"""The rule of docs/extraction.md, by its own examples and beside a library for Markdown."""

import random
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from rlvf.environments.program.extraction import OPEN_BLOCK, code_of, extract_code
from rlvf.prompts import OPEN_THOUGHT
from rlvf.records import AssertTest, Completion, Task

RULE = Path(__file__).parents[2] / "docs" / "extraction.md"
OPENED = {"": "", "block": OPEN_BLOCK, "thought": OPEN_THOUGHT}
CODE = "def f(x):\n    return x\n"
TASK = Task(
    task_id="t/1",
    prompt="Write a function.",
    entry_point="f",
    tests=[AssertTest(kind="assert", code="assert f(1) == 1")],
    reference=CODE,
    split="test",
)


def examples():
    row = re.compile(r"\| (\w*) \| (`*)(.*)\2 \| (`*)(.*)\4 \|")
    for line in RULE.read_text(encoding="utf-8").splitlines():
        found = row.fullmatch(line)
        if found and found[1] != "prompt":
            yield found[1], _text(found[3]), _text(found[5])


def _text(span):
    """What a span of code stands for: white space next to its backticks separates them."""
    if span.startswith(" ") and span.endswith(" ") and span.strip():
        span = span[1:-1]
    return span.encode("ascii").decode("unicode_escape")


@pytest.mark.parametrize(("prompt", "completion", "code"), list(examples()))
def test_the_examples_of_the_rule(prompt, completion, code):
    assert extract_code(completion, "f", OPENED[prompt]) == (code + "\n" if code else None)


def test_the_rule_has_examples_of_everything_that_a_prompt_opens():
    assert {prompt for prompt, _, _ in examples()} == OPENED.keys()


# ---------------------------------------------------------------- beside a library

_LINES = ("def f(x):", "    return x", "", "x = 1", "# c", "print(`)", "        z")
_CONTAINERS = (
    ("", ""),
    ("- ", "  "),
    ("- item\n\n  ", "  "),
    ("10) ", "    "),
    ("1. item\n\n   ", "   "),
    ("> ", "> "),
    ("> > ", "> > "),
    ("- item\n\n  > ", "  > "),
)


def _document(rng):
    """Markdown with one block in a container, in words: of either mark, of any length, indented or
    not, with or without a label, an end, and a shorter fence inside."""
    mark, length, indent = rng.choice("`~"), rng.choice((3, 3, 4, 6)), " " * rng.randrange(4)
    label = rng.choice(("", "python", " py", "bash", 'python title="x"'))
    code = [line for line in rng.choices(_LINES, k=rng.randrange(6)) if line or rng.random() < 0.5]
    if length > 3:
        code.insert(rng.randrange(len(code) + 1), 3 * mark + rng.choice(("", "python")))
    opening = indent + mark * length + label
    lines = [opening, *(indent + line if line else "" for line in code)]
    closed = rng.random() < 0.8
    if closed:
        lines.append(indent + mark * (length + rng.randrange(2)))
    first, others = rng.choice(_CONTAINERS)
    if first.endswith(("- ", ") ")):  # further in, it would be another construct
        lines = [line.removeprefix(indent) for line in lines]
    block = first + f"\n{others}".join(lines)
    # A list item's end ends its blocks as well, but models often forget the indentation.
    after = "\n\nWords and `span`.\n" if closed or ">" in others else "\n"
    return f"Words.\n\n{block}{after}"


def test_blocks_are_those_of_commonmark():
    rng, markdown = random.Random(1), MarkdownIt("commonmark")
    compared = 0
    for _ in range(1000):
        document = _document(rng)
        (fence,) = (token for token in markdown.parse(document) if token.type == "fence")
        label, code = fence.info.strip(), fence.content.strip("\n").rstrip()
        # Blocks in a block without a label, and of other languages, have rules of their own.
        if label not in ("", "bash") and code:
            assert extract_code(document, "f") == code + "\n", document
            compared += 1
    assert compared > 300


@pytest.mark.parametrize(
    "text",
    ["`" * 500_000, "> " * 249_000 + "```", "x\n" * 250_000, "".join("`" * n for n in range(999))],
    ids=["backticks", "quotes", "lines", "fences"],
)
def test_long_texts_of_nothing_are_read(text):
    extract_code(text, "f")


# ---------------------------------------------------------------- what is known of the task


def test_a_recorded_extraction_is_kept_and_a_missing_one_is_made():
    text = f"```python\n{CODE}```\n```python\nprint(f(1))\n```"
    recorded = Completion(task_id="t/1", sample_id=0, completion=text, code=None)
    bare = Completion(task_id="t/1", sample_id=0, completion=text)
    assert code_of(recorded, TASK) is None
    assert code_of(bare, TASK) == CODE
    assert code_of(bare, None) == "print(f(1))\n"


def test_the_answer_to_a_task_for_a_program_is_the_last_python_block():
    text = "```python\nprint(input())\n```\nor\n```python\nprint(2)\n```\n```\n2\n```"
    assert extract_code(text, "") == "print(2)\n"
