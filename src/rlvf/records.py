"""The records that travel between stages, and reading and writing them.

Every stage reads and writes JSON Lines: UTF-8, one object a line. Reading checks each line
against its record type and names the file and line of the first that does not fit. Writing goes
to a temporary name first and is renamed at the end, so the final name never holds half a file.

Numbers are read as they stand: an integer may have thousands of digits, and what is not a number
or infinite is written `NaN` and `Infinity`, as Python's own json module does.
"""

import codecs
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticSerializationError

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer

# Far above any generation limit: a longer text is a damaged file, not a completion.
MAX_COMPLETION_CHARACTERS = 500_000
# One integer may have so many digits. A candidate's value may have a few more
# (values.MAX_INT_BYTES).
_MAX_DIGITS = 150_000
# Python reads an integer of so many digits fast, whatever its own limit is set to (at least 640).
_FEW_DIGITS = 640

Verdict = Literal[
    "passed",
    "wrong_answer",
    "syntax_error",
    "runtime_error",
    "timeout",
    "out_of_memory",
    "crashed",
    "blocked",
    "no_code",
    "infrastructure_error",
]
Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")


R = TypeVar("R", bound=Record)
T = TypeVar("T", bound="BaseTask")


# Numbers may differ by so much.
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AssertTest(Record):
    """`assert f(1) == 2`, as MBPP writes its tests."""

    kind: Literal["assert"]
    code: str


class CallTest(Record):
    """`function(*args)` must equal `expected` (numbers within `atol`)."""

    kind: Literal["call"]
    function: str
    args: list[Any]
    expected: Any
    atol: Tolerance = 0.0


class StdioTest(Record):
    """The program reads `stdin` and must print `stdout`, but for white space at the ends of lines
    and lines at the end. With `atol`, numbers between white space may differ by that."""

    kind: Literal["stdio"]
    stdin: str
    stdout: str
    atol: Tolerance = 0.0


Test = Annotated[AssertTest | CallTest | StdioTest, Field(discriminator="kind")]


class BaseTask(Record):
    """What tasks of all environments have (see rlvf.environments)."""

    task_id: str


class Task(BaseTask):
    """A task that asks for a program. `prelude` runs before the candidate, in the same namespace;
    `setup` runs after the candidate and before the tests. A prelude that is empty is not written.
    """

    prompt: str
    entry_point: str
    prelude: str = Field(default="", exclude_if=lambda prelude: not prelude)
    setup: str = ""
    tests: list[Test] = Field(min_length=1)
    reference: str
    split: str


class Completion(Record):
    """What a policy wrote. `code` is the answer that the environment found in it, or None; it is
    code if the task asks for a program.

    `tokens` and `finish_reason` are None where no model generated the text (controls).
    """

    task_id: str
    sample_id: int = Field(ge=0, lt=1 << 53)
    completion: str = Field(max_length=MAX_COMPLETION_CHARACTERS)
    code: str | None = None
    tokens: int | None = None
    finish_reason: Literal["stop", "length"] | None = None


class TestResult(Record):
    """One test's verdict. `whole` marks a test that could not be split (see rlvf.sandbox)."""

    verdict: Verdict
    whole: bool = False


class ExecutionTimes(Record):
    """How long one completion's execution took, in `seconds`, and each test, in `milliseconds`."""

    task_id: str
    sample_id: int
    seconds: float
    milliseconds: list[float]


class Execution(Record):
    """What the sandbox found out about one completion. `stdout` and `message` are tails;
    `isolation` names the layers that were in force (see rlvf.sandbox).

    `times` is not written with the rest: it differs between equal runs, and has a file of its own.
    """

    task_id: str
    sample_id: int
    verdict: Verdict
    error_type: str | None
    tests: list[TestResult]
    passed: int
    total: int
    stdout: str
    message: str
    isolation: list[str] = []
    times: ExecutionTimes | None = Field(default=None, exclude=True)


class Diagnostic(Record):
    """One Ruff finding. `line` and `column` count from 1."""

    code: str
    severity: Severity
    line: int
    column: int
    message: str


class LintReport(Record):
    """All Ruff findings of one completion's code; `lines` counts its non-blank lines."""

    task_id: str
    sample_id: int
    diagnostics: list[Diagnostic]
    counts: dict[Severity, int]
    lines: int


class CellId(Record):
    """Which cell of a study's grid a measurement belongs to."""

    study: str
    model: str
    policy: str
    seed: int


class EvaluatedCellId(CellId):
    """Which cell of a study's grid a measurement belongs to, and which of its evaluations."""

    evaluation: str


class BaseSample(EvaluatedCellId):
    """Everything measured about one completion, from which all tables are made. Each environment
    has its own such record, whose `environment` is its name."""

    environment: str
    task_id: str
    sample_id: int

    @property
    def scored(self) -> bool:
        """Whether the sample counts. It does not if a fault of the machine hid what it is."""
        return True


class TrainingStep(CellId):
    """One optimiser step of training. What belongs to a generation (rewards, lengths) stands in
    the first step after it and is None in the others.

    `rewards` holds the mean of each component over the batch, `reward` of their weighted sum.
    Lengths are in tokens, `completion_length` their mean and `completion_tokens` their sum; entropy
    is in nats per token. `kl` is None when the loss has no KL term.
    """

    step: int
    generation: int
    learning_rate: float
    loss: float
    grad_norm: float
    entropy: float
    kl: float | None
    clip_fraction: float
    reward: float | None
    reward_std: float | None
    rewards: dict[str, float | None]
    completion_length: float | None
    completion_tokens: int | None
    truncated_fraction: float | None


class TrainingStepTimes(CellId):
    """How long one optimiser step took and, if it begins a generation, that one and its rewards.

    Memory is the peak so far, in MiB. `memory_mb` is what the process had resident, without that of
    the sandbox's processes. `gpu_memory_mb` is what was allocated of the GPU's memory, None without
    a GPU. They start anew where an interrupted run goes on.
    """

    step: int
    generation: int
    generation_seconds: float | None
    reward_seconds: float | None
    update_seconds: float
    memory_mb: float
    gpu_memory_mb: float | None


class KeptRollout(Record):
    """One training completion with its rewards. Only a sample of them is kept."""

    generation: int
    task_id: str
    completion: str
    code: str | None
    verdict: Verdict | None
    rewards: dict[str, float | None]


def read_jsonl(path: Path, record: type[R]) -> list[R]:
    """All records of a file, in order.

    Raises:
        RlvfError: as `json_lines`, or a line is not such a record.
    """
    what = f"a {record.__name__} record"
    return [_checked(content, record, where) for where, content in json_lines(path, what)]


def read_tasks(path: Path, record: type[T] = Task) -> list[T]:
    """A tasks file, each task once. `record` is the environment's.

    Raises:
        RlvfError: as `read_jsonl`, or a task_id stands in two lines, or there is no task.
    """
    tasks = read_jsonl(path, record)
    seen: dict[str, int] = {}
    for number, task in enumerate(tasks, 1):
        if task.task_id in seen:
            raise RlvfError(
                f"{path}:{number}: task {task.task_id!r} stands in line {seen[task.task_id]} too"
            )
        seen[task.task_id] = number
    if not tasks:
        raise RlvfError(f"{path}: holds no task")
    return tasks


def json_lines(path: Path, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object of each line of a file, and where it stands; `what` says what they should be.

    Raises:
        RlvfError: the file cannot be read, or a line is blank, cut short, not UTF-8 or no JSON
            object; names the file and the line.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                yield where, _parse(line if number > 1 else _without_mark(line, path), what, where)
    except OSError as error:
        raise RlvfError(f"{path}: cannot read: {error.strerror}") from error


def _without_mark(line: bytes, path: Path) -> bytes:
    """The first line of a file without the byte order mark that some editors write."""
    for begin, name in _COMPRESSED.items():
        if line.startswith(begin):
            raise RlvfError(f"{path}: is compressed ({name}); unpack it first")
    return line.removeprefix(codecs.BOM_UTF8)


_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
}


def _parse(line: bytes, what: str, where: str) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RlvfError(
            f"{where}: not valid UTF-8 at byte {error.start}; write the file as UTF-8"
        ) from error
    if not text.strip():
        raise RlvfError(f"{where}: blank line where {what} was expected")
    try:
        content = _JSON.decode(text)
    except json.JSONDecodeError as error:
        cut = " (the line is cut short?)" if not text.rstrip().endswith("}") else ""
        raise RlvfError(f"{where}: not valid JSON: {error.msg}{cut}") from error
    except _NotRead as error:
        raise RlvfError(f"{where}: {error}") from error
    except RecursionError as error:
        raise RlvfError(f"{where}: not {what}: nested too deeply") from error
    if not isinstance(content, dict):
        raise RlvfError(f"{where}: not {what}: a JSON object was expected")
    return content


def _checked(content: dict[str, Any], record: type[R], where: str) -> R:
    try:
        return record.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise RlvfError(
            f"{where}: not a {record.__name__} record: {key}: {describe_problem(problem)}"
        ) from error


class _NotRead(Exception):
    """The JSON is valid, but nobody can have meant what it says."""


def _integer(text: str) -> int:
    """Read any integer that values can hold, since `int` refuses more than 4,300 digits."""
    if len(text) <= _FEW_DIGITS:
        return int(text)
    digits = text.removeprefix("-")
    if len(digits) > _MAX_DIGITS:
        raise _NotRead(f"an integer of {len(digits)} digits; at most {_MAX_DIGITS} are read")
    return _of_digits(digits) if digits == text else -_of_digits(digits)


def _of_digits(digits: str) -> int:
    if len(digits) <= _FEW_DIGITS:
        return int(digits)
    half = len(digits) // 2
    return _of_digits(digits[:-half]) * 10**half + _of_digits(digits[-half:])


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotRead(f"the number {text[:40]} is larger than a number can be; write Infinity")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _NotRead(f"the key {twice!r} stands twice in one object")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_integer)


def describe_problem(problem: dict[str, Any]) -> str:
    """One entry of pydantic's `errors()` as `what is wrong (given: ...)`."""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in ("missing", "value_error"):
        return message
    try:
        given = repr(problem["input"])
    except (ValueError, RecursionError):  # an integer of thousands of digits; deep nesting
        given = f"{type(problem['input']).__name__}, too long to show"
    return f"{message} (given: {given if len(given) <= 60 else given[:57] + '...'})"


def write_jsonl(path: Path, records: Iterable[Record]) -> None:
    """Write records in order, all or nothing (see `atomic_writer`).

    Raises:
        RlvfError: a record holds what no file can: half a character, or values nested too deeply.
    """
    with atomic_writer(path) as file:
        for number, record in enumerate(records, 1):
            try:
                text = record.model_dump_json()
            except PydanticSerializationError as error:
                problem = str(error).partition("\n")[0]
                raise RlvfError(f"{path}: record {number} cannot be written: {problem}") from error
            file.write(text + "\n")


# ---------------------------------------------------------------- records that belong together


def check_complete(keys: Sequence[tuple[str, int]], tasks: Sequence[BaseTask]) -> None:
    """Check that completions, named by (task_id, sample_id), answer these tasks, each equally
    often.

    Raises:
        RlvfError: they are not; the message names the first task where they differ.
    """
    remedy = "; generate the completions again from this tasks file"
    repeated = next((key for key, count in Counter(keys).items() if count > 1), None)
    if repeated:
        raise RlvfError(f"completions: {repeated[0]} has sample {repeated[1]} twice{remedy}")
    asked = {task.task_id for task in tasks}
    counts = Counter(task_id for task_id, _ in keys)
    for task_id in counts:
        if task_id not in asked:
            raise RlvfError(f"completions: {task_id} is not in the tasks{remedy}")
    expected = max(counts.values(), default=0)
    for task in tasks:
        if not counts[task.task_id]:
            raise RlvfError(f"completions: {task.task_id} has none{remedy}")
        if counts[task.task_id] != expected:
            raise RlvfError(
                f"completions: {task.task_id} has {counts[task.task_id]} samples, "
                f"others {expected}{remedy}"
            )


def check_same(
    keys: list[tuple[str, int]],
    records: Sequence[Execution] | Sequence[LintReport] | Sequence[BaseSample],
    what: str,
    stage: str,
) -> None:
    """Check that records belong to these completions, named by (task_id, sample_id), in this order.

    Raises:
        RlvfError: they do not; the message names the first record that differs and the stage that
            makes them.
    """
    others = [(record.task_id, record.sample_id) for record in records]
    if others == keys:
        return
    at = next(
        (i for i, (ours, theirs) in enumerate(zip(keys, others, strict=False)) if ours != theirs),
        min(len(keys), len(others)),
    )
    found = [f"{k[at][0]} sample {k[at][1]}" if at < len(k) else "the end" for k in (keys, others)]
    raise RlvfError(
        f"{what} do not match the completions: at record {at + 1} the completions have {found[0]}, "
        f"the {what} {found[1]}; run `{stage}` again on these completions"
    )
