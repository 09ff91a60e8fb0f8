"""Collects the data of the explorer's page: each completion and what was found out about it.

Completions of small models are often equal, and so is what is found out about them. To save space,
each distinct value is stored once in a table, and a record, which is one completion, refers to an
entry of each table by its number. These numbers are stored in a column for each table. Records are
in the order in which they are listed: by task, then by slot. A slot is what completions of
different tasks have in common: the model, policy, seed, evaluation and number of the sample.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pygments.lexers import PythonLexer
from pygments.token import Token

from rlvf.analysis.labels import cell_key, model_label
from rlvf.cells import Cells
from rlvf.environments.program.extraction import code_of
from rlvf.environments.program.prompts import show_test
from rlvf.environments.program.samples import Sample
from rlvf.errors import RlvfError
from rlvf.progress import Progress
from rlvf.records import Completion, Execution, LintReport, Task, check_same

# Code of more characters is shown without colours, since nobody would read it.
_MAX_HIGHLIGHTED = 20_000
# The page's names of kinds of tokens (page.css). The first kind that fits a token is used.
_KINDS = {
    Token.Keyword: "k",
    Token.Operator.Word: "k",
    Token.Comment: "c",
    Token.Literal.String: "s",
    Token.Literal.Number: "n",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Decorator: "f",
    Token.Name.Builtin: "b",
    Token.Name.Exception: "b",
}
_PLAIN = "."
_LEXER = PythonLexer()


@dataclass(frozen=True)
class Evaluated:
    """One evaluation of one cell. `tasks` are those that it is on. The other four lists belong to
    the same completions, in the same order."""

    tasks: list[Task]
    completions: list[Completion]
    executions: list[Execution]
    reports: list[LintReport]
    samples: list[Sample]


class _Slot(NamedTuple):
    model: str
    policy: str
    seed: int
    evaluation: str
    sample_id: int


class _Record(NamedTuple):
    """A completion. Each field is a column and a table of the page; `collect` describes them."""

    slot: _Slot
    code: str | None
    frame: tuple[str, ...]
    outcome: tuple[str, str | None, str, str]
    results: tuple[tuple[str, bool], ...]
    findings: tuple[tuple[str, str, int, int, str], ...]
    length: tuple[int | None, str | None]
    hacks: tuple[str, ...]


def collect(cells: Cells, evaluated: Iterable[Evaluated]) -> dict[str, Any]:
    """Return the page's data for JSON.

    They have `tasks`, those of each evaluation in their order, `tables`, and `columns` with the
    same names; a further column `task` has the numbers of the tasks. These are the entries of the
    tables:

    | table | an entry |
    |---|---|
    | `slot` | model, policy, seed, evaluation, number of the sample; in the order of all tables |
    | `code` | the code without its last line break, or null |
    | `frame` | the completion before and after its code; or all of it where it differs in more |
    | `outcome` | verdict, error type or null, message, standard output |
    | `results` | of each test: verdict, and whether it was run whole |
    | `findings` | of each Ruff finding: rule, severity, line, column, message |
    | `length` | tokens, and why generation ended; null for controls |
    | `hacks` | the names of the reward hacks that were recognised |

    `marks` has an entry for each entry of the table `code`: runs of tokens, each with its kind and
    its length in UTF-16.

    Raises:
        RlvfError: there are no completions, files do not belong together, completions belong to
            other cells or to other tasks, or some are given twice.
    """
    tasks, records = _records(cells, evaluated)
    key = cell_key(cells)
    slots = sorted(
        {slot for _, slot in records},
        key=lambda one: (*key(one.model, one.policy), one.seed, one.evaluation, one.sample_id),
    )
    rank = {slot: number for number, slot in enumerate(slots)}
    order = sorted(records, key=lambda key: (key[0], rank[key[1]]))
    # Values are numbered in the order of the records, so that similar texts are side by side, which
    # compresses well.
    tables: dict[str, dict[Any, int]] = {name: {} for name in _Record._fields}
    tables["slot"] = rank
    columns: dict[str, list[int]] = {name: [] for name in _Record._fields}
    for key in order:
        for name, value in records[key]._asdict().items():
            columns[name].append(tables[name].setdefault(value, len(tables[name])))
    codes = tables["code"]
    shown = [_shown(task, codes) for task in tasks]
    listed = {name: list(table) for name, table in tables.items()}
    listed["slot"] = [slot._replace(model=model_label(slot.model)) for slot in slots]
    progress = Progress("highlighting", len(codes))
    return {
        "study": cells.study,
        "tasks": shown,
        "tables": listed,
        "marks": [_marks(code or "") for code in progress.count(codes)],
        "columns": {"task": [place for place, _ in order], **columns},
    }


def _shown(task: Task, codes: dict[Any, int]) -> dict[str, Any]:
    """Return what the page shows of a task. Its reference is added to the table of codes."""
    return {
        "id": task.task_id,
        "prompt": task.prompt,
        "setup": task.setup,
        "tests": [show_test(test) for test in task.tests],
        "reference": codes.setdefault(task.reference.removesuffix("\n"), len(codes)),
    }


def _records(
    cells: Cells, evaluated: Iterable[Evaluated]
) -> tuple[list[Task], dict[tuple[int, _Slot], _Record]]:
    """Return the tasks of all evaluations, and the records by the number of the task and slot."""
    places: dict[str, int] = {}
    tasks: list[Task] = []
    records: dict[tuple[int, _Slot], _Record] = {}
    for one in evaluated:
        for task in one.tasks:
            place = places.setdefault(task.task_id, len(tasks))
            if place == len(tasks):
                tasks.append(task)
            elif task != tasks[place]:
                raise RlvfError(
                    f"tasks: two different ones are called {task.task_id}; give evaluations of one "
                    "benchmark"
                )
        keys = [(item.task_id, item.sample_id) for item in one.completions]
        check_same(keys, one.executions, "executions", "rlvf execute")
        check_same(keys, one.reports, "Ruff reports", "rlvf lint")
        check_same(keys, one.samples, "samples", "rlvf measure")
        for parts in zip(one.completions, one.executions, one.reports, one.samples, strict=True):
            sample = parts[-1]
            if sample.study != cells.study or sample.policy not in cells.policies:
                raise RlvfError(
                    f"completions: {cells.study} has no policy {sample.policy!r} of "
                    f"{sample.study}; give --cells of the same study"
                )
            if sample.task_id not in places:
                raise RlvfError(f"completions: {sample.task_id} is not in the tasks file")
            record = _record(tasks[places[sample.task_id]], *parts)
            key = places[sample.task_id], record.slot
            if key in records:
                raise RlvfError(
                    f"completions: {sample.task_id} of {'/'.join(map(str, record.slot))} "
                    "is given twice; give each evaluation of a cell once"
                )
            records[key] = record
    if not records:
        raise RlvfError("completions: there are none")
    return tasks, records


def _record(
    task: Task, completion: Completion, execution: Execution, report: LintReport, sample: Sample
) -> _Record:
    code, frame = code_of(completion, task), (completion.completion,)
    if code is not None:
        code = code.removesuffix("\n")
        before, found, after = completion.completion.partition(code)
        frame = (before, after) if found else frame
    return _Record(
        slot=_Slot(sample.model, sample.policy, sample.seed, sample.evaluation, sample.sample_id),
        code=code,
        frame=frame,
        outcome=(execution.verdict, execution.error_type, execution.message, execution.stdout),
        results=tuple((test.verdict, test.whole) for test in execution.tests),
        findings=tuple(
            (one.code, one.severity, one.line, one.column, one.message)
            for one in report.diagnostics
        ),
        length=(completion.tokens, completion.finish_reason),
        hacks=tuple(sample.hacks),
    )


def _marks(code: str) -> str:
    """Return the kinds and lengths of a code's tokens: `k3.1f4` for `def name`, which has a
    keyword, a blank and a function's name. Neighbours of the same kind are joined."""
    if len(code) > _MAX_HIGHLIGHTED:
        return f"{_PLAIN}{_utf16_length(code)}"
    runs: list[list] = []
    for _, token, text in _LEXER.get_tokens_unprocessed(code):
        kind = _kind(token)
        if runs and runs[-1][0] == kind:
            runs[-1][1] += _utf16_length(text)
        else:
            runs.append([kind, _utf16_length(text)])
    return "".join(f"{kind}{length}" for kind, length in runs)


@cache
def _kind(token: tuple[str, ...]) -> str:
    return next((name for family, name in _KINDS.items() if token in family), _PLAIN)


def _utf16_length(text: str) -> int:
    """Return the length of a text as JavaScript counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
