"""Finds the code in a completion. docs/extraction.md states the rule, with examples that test it.

Blocks are found as CommonMark finds them, and more leniently where models are careless. A library
for Markdown would not do, since where a block ends depends on its code as well.
"""

import re
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import NamedTuple

from rlvf.parsing import Parsed, parse
from rlvf.records import Completion, Task

# The prompt of a base model leaves this open at its end, for the completion to go on in.
OPEN_BLOCK = "```python\n"


def extract_code(completion: str, entry_point: str | None, opened: str = "") -> str | None:
    """The code in a completion, ending with exactly one newline, or None if there is none.

    `entry_point` is the name that the answer should define, None where it is not known; `opened`
    is what the prompt left open (see rlvf.prompts.opened_by_prompt).
    """
    text = opened + completion.removeprefix("\ufeff")
    lines = _answer(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    blocks = list(_blocks(lines))
    if not blocks:
        code = _tidy(lines)
    elif opened == OPEN_BLOCK and _is_answer(blocks[0]):
        code = blocks[0].code
    else:
        before = takewhile(lambda line: _opening(line) is None, lines)
        code = _choose(blocks, _tidy(list(before)), entry_point)
    return code + "\n" if code else None


def code_of(completion: Completion, task: Task | None) -> str | None:
    """The code of a record: as extracted earlier, or now if the record has no such field."""
    if "code" in completion.model_fields_set:
        return completion.code
    return extract_code(completion.completion, task.entry_point if task else None)


_THOUGHT = re.compile(r"\s*<think>.*?(?:</think>|\Z)", re.DOTALL)


def _answer(text: str) -> str:
    """What follows the thoughts at the beginning. It is empty where a thought has no end."""
    place = 0
    while thought := _THOUGHT.match(text, place):
        place = thought.end()
    return text[place:]


def _tidy(lines: list[str]) -> str:
    """Code without blank lines around it, or "" if it is blank. The extraction decides how code
    ends, not the policy."""
    return "\n".join(lines).lstrip("\ufeff\n").rstrip()


def _parse(code: str) -> Parsed:
    return parse(code + "\n")


# ---------------------------------------------------------------- which block

_OTHER, _UNLABELLED, _PYTHON = range(3)


class _Block(NamedTuple):
    """A fenced block. `closed` is False where another is opened before this one is closed."""

    code: str
    language: int
    closed: bool


def _is_answer(opened: _Block) -> bool:
    """Whether a policy filled the block that its prompt opened, rather than open one itself."""
    return opened.code != "" and (opened.closed or _parse(opened.code).compiles)


def _choose(blocks: list[_Block], before: str, entry_point: str | None) -> str:
    """The code of the block that is the answer, or ""; `before` is the text before the first."""
    candidates = [block for block in reversed(blocks) if block.code]
    # This text may be the end of a block that the prompt opened, although `opened` did not say so.
    if before and (_announces(before, entry_point) or _parse(before).names):
        candidates.append(_Block(before, _UNLABELLED, True))
    if entry_point is not None and len(candidates) > 1:
        for block in candidates:
            if _parse(block.code).defines(entry_point):
                return block.code
    for block in candidates:
        if _announces(block.code, entry_point):
            return block.code
    best = max((block.language for block in candidates), default=_OTHER)
    if best == _OTHER:
        lone = len(blocks) == 1 and blocks[0].language == _UNLABELLED
        return before if lone else ""
    candidates = [block for block in candidates if block.language == best]
    if len(candidates) > 1:
        for block in candidates:
            if _parse(block.code).compiles:
                return block.code
    return candidates[0].code


_BEGINNING = re.compile(
    r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*=(?!=)", re.MULTILINE
)


def _announces(code: str, entry_point: str | None) -> bool:
    """Whether a line begins to define the entry point, whether or not the code compiles."""
    lines = _BEGINNING.finditer(code)
    return entry_point is not None and any(entry_point in line.groups() for line in lines)


# ---------------------------------------------------------------- which blocks there are

# The signs of quotes and list items, and white space.
_PREFIX = re.compile(r"(?:\s*(?:>|(?:[-*+]|\d{1,9}[.)])(?=\s))){0,9}\s*")
_FENCE = re.compile(rf"({_PREFIX.pattern})(`{{3,}}(?=[^`]*$)|~{{3,}})(.*)")
_BACKTICKS = re.compile(r"`{3,}")
_PYTHON_LABEL = re.compile(r"\{?\s*\.?py(?:thon)?[\d.]*(?![\w+#-])", re.IGNORECASE)
_TAB = 4
# A fence that is indented by so many columns more than that of its block belongs to the code.
_INDENTED = 4
# So many possible ends of a block are looked at.
_ENDS = 8


class _Fence(NamedTuple):
    """What opens a block, in how many quotes, and at which column in them."""

    mark: str
    language: int
    quotes: int
    column: int


class _End(NamedTuple):
    """A place where a block may end, with its lines up to there and the place of the line to go on
    with. An end that is not `sure` is taken only if the code is whole there."""

    content: list[str]
    further: int
    closed: bool
    sure: bool


def _blocks(lines: list[str], within: bool = False) -> Iterator[_Block]:
    """Yield all blocks in order. After a block that is not labelled as Python come those within
    it."""
    place = 0
    while place < len(lines):
        fence = _opening(lines[place])
        place += 1
        if fence is None:
            continue
        end = _end(lines, place, fence)
        place = end.further
        yield _Block(_tidy(end.content), fence.language, end.closed)
        if fence.language != _PYTHON and not within:
            yield from _blocks(end.content, within=True)


def _opening(line: str) -> _Fence | None:
    """The fence that a line is, or that it ends with after words."""
    if "```" not in line and "~~~" not in line:
        return None
    if alone := _FENCE.fullmatch(line):
        prefix, mark, label = alone.groups()
    else:
        marks = list(_BACKTICKS.finditer(line))
        if not marks:
            return None
        prefix, mark, label = _PREFIX.match(line)[0], marks[-1][0], line[marks[-1].end() :]
        # Two marks enclose a span of code.
        opens = _PYTHON_LABEL.fullmatch(label.strip()) if label.strip() else len(marks) % 2
        if not opens:
            return None
    language = _UNLABELLED
    if label := label.strip():
        language = _PYTHON if _PYTHON_LABEL.match(label) else _OTHER
    quotes = prefix.count(">")
    column = _width(prefix.rpartition(">")[2].removeprefix(" " if quotes else ""))
    return _Fence(mark, language, quotes, column)


def _end(lines: list[str], start: int, fence: _Fence) -> _End:
    """The first end at which the code is whole. If there is none, it is the first sure one."""
    best = None
    for end in islice(_ends(lines, start, fence), _ENDS):
        code = _tidy(end.content)
        in_string = code.count('"""') % 2 or code.count("'''") % 2
        if end.sure and best is None and (fence.language == _OTHER or not in_string):
            return end
        if fence.language != _OTHER and _parse(code).compiles:
            return end
        if best is None or (end.sure and not best.sure):
            best = end
    return best


def _ends(lines: list[str], start: int, fence: _Fence) -> Iterator[_End]:
    """Yield where a block may end whose first line is at `start`."""
    content: list[str] = []

    def end(further: int, closed: bool = True, sure: bool = True, last: str = "") -> _End:
        return _End(_outdented([*content, last], fence.column), further, closed, sure)

    for place in range(start, len(lines)):
        line = _unquoted(lines[place], fence.quotes)
        if line is None:
            yield end(place)
            return
        if fence.mark in line:
            alone = _FENCE.fullmatch(line)
            if alone and alone[2].startswith(fence.mark):
                if alone[3].strip():
                    yield end(place, closed=False)
                elif not alone[1].strip():
                    sure = _width(alone[1]) < fence.column + _INDENTED
                    yield end(place + 1, sure=sure)
            elif fence.mark[0] == "`" and line.rstrip().endswith(fence.mark):
                yield end(place + 1, sure=False, last=line.rstrip().rstrip("`"))
        content.append(line)
    yield end(len(lines))


def _unquoted(line: str, quotes: int) -> str | None:
    """A line without the signs of so many quotes, or None if it is not in as many."""
    for _ in range(quotes):
        line = line.lstrip()
        if not line.startswith(">"):
            return None
        line = line[1:]
    return line.removeprefix(" ") if quotes else line


def _outdented(lines: list[str], column: int) -> list[str]:
    """Lines without the indentation of their block, or that of the first of them if it is less."""
    first = next(filter(str.strip, lines), "")
    column = min(column, _width(first[: len(first) - len(first.lstrip())]))
    return [_cut(line, column) for line in lines] if column else lines


def _cut(line: str, column: int) -> str:
    """A line without its first columns of white space. So many are cut, or all if it has fewer."""
    width = place = 0
    while width < column and place < len(line) and line[place].isspace():
        width += _TAB - width % _TAB if line[place] == "\t" else 1
        place += 1
    return " " * (width - column) + line[place:]


def _width(indentation: str) -> int:
    return len(indentation.expandtabs(_TAB))
