"""Turns a task into what the candidate's process is asked, and its answers into verdicts.

This is the only place where expected values meet the candidate's values.
"""

import ast
import contextlib
import json
import math
import numbers
import re
import reprlib
import signal
from collections.abc import Mapping, MappingView, Set
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple, Protocol

from rlvf.errors import RlvfError
from rlvf.records import (
    AssertTest,
    CallTest,
    Execution,
    ExecutionTimes,
    StdioTest,
    Task,
    TestResult,
    Verdict,
)
from rlvf.sandbox.inside import values
from rlvf.sandbox.inside.candidate import EXIT_NO_MEMORY
from rlvf.sandbox.split import SplitAssert, names_in, set_up, split_around_objects, split_assert

_MAX_MESSAGE = 2000
# Reading a frame may raise these, since the candidate may have written it itself.
_MALFORMED = (ValueError, TypeError, LookupError, RecursionError)
# No two alternatives begin alike, so that matching takes linear time.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Finding(NamedTuple):
    """A verdict and what explains it."""

    verdict: Verdict
    error_type: str | None = None
    message: str = ""


PASSED = Finding("passed")
# A test is still to be settled if its decision asked something of an object that did not travel.
NOT_PLAIN = "NotPlainData"
UNDECIDED = Finding("wrong_answer", NOT_PLAIN)


@dataclass
class Reply:
    """What a server said about one job: the candidate's frames, unread, and how it ended.

    `end`: `done` (all frames are there), `exit` (with `status`, negative for a signal), `cpu` or
    `wall` (a time limit), or `protocol` (a frame was too long).
    """

    frames: list[bytes] = field(default_factory=list)
    end: str = "done"
    status: int = 0
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stdout: str = ""
    stdout_cut: bool = False
    stderr: str = ""

    @property
    def timed_out(self) -> bool:
        # The kernel sends these two signals for RLIMIT_CPU, in case the server is late.
        late = self.end == "exit" and self.status in (-signal.SIGXCPU, -signal.SIGKILL)
        return late or self.end in ("cpu", "wall")


class CandidateError(Exception):
    """The candidate's process reported an exception in place of a value."""

    def __init__(self, error_type: str, message: str):
        super().__init__(error_type, message)
        self.finding = _error(error_type, message)


# ---------------------------------------------------------------- one test


class Check(Protocol):
    """One test of the kinds that run inside a loaded module. `step` is the candidate's share: the
    code to evaluate, and the arguments to call its value with, if any. `inside` are the names that
    this share uses, and `outside` are those of the test's share."""

    step: dict
    whole: bool
    inside: Set[str]
    outside: Set[str]

    def judge(self, outcomes: list) -> Finding:
        """The verdict on the step's outcomes, one for each of its expressions, or UNDECIDED.

        Raises ValueError or TypeError when these are no outcomes.
        """

    def settled(self, task: Task, undecided: bool) -> "Check":
        """The check that decides what this one left undecided. If it left nothing, the candidate's
        share stays as it is."""


class _Split:
    """An assert of which the candidate evaluates parts. Once it is `settled`, it is judged without
    asking anything more of objects that did not travel."""

    def __init__(self, code: str, split: SplitAssert, whole: bool = False, settled: bool = False):
        self._code = code
        self._split = split
        self._settled = settled
        self.whole = whole
        self.step = {"codes": split.codes, "args": None}
        self.inside, self.outside = split.inside, split.outside

    def judge(self, outcomes: list) -> Finding:
        strangers: list[str] | None = [] if self._settled else None
        decoded = _decoded(outcomes, len(self._split.codes), strangers)
        try:
            if self._split.holds(lambda index: _value(decoded[index])):
                return PASSED
        except CandidateError as error:
            return error.finding
        except values.Undecided:
            if not self._settled:
                return UNDECIDED
            return Finding("wrong_answer", NOT_PLAIN, f"{self._shown(decoded)}: {_UNDECIDABLE}")
        except Exception as error:  # the assert itself would have raised it: None < 3
            return _error(type(error).__name__, str(error))
        return _wrong(self._shown(decoded), strangers)

    def _shown(self, decoded: list) -> str:
        return f"{self._code} (values: {', '.join(map(_show, decoded))})"

    def settled(self, task: Task, undecided: bool) -> Check:
        split = None
        if undecided:
            of_class = _is_class(task.reference, task.entry_point)
            split = split_around_objects(self._code, task.entry_point, task.setup, of_class)
        return _Split(self._code, split or self._split, whole=undecided, settled=True)


def _wrong(message: str, strangers: list[str] | None) -> Finding:
    """A wrong answer. It may be unjust if there are strangers, which are taken to equal nothing."""
    if strangers:
        return Finding("wrong_answer", NOT_PLAIN, f"{message}: {_EQUALS_NOTHING}")
    return Finding("wrong_answer", None, message)


_EQUALS_NOTHING = "an object that is no plain data counts as equal to none"
_UNDECIDABLE = "this cannot be decided on plain data, and counts as wrong"


@lru_cache(maxsize=4096)
def _is_class(reference: str, name: str) -> bool:
    """Whether the reference defines a class of that name. Where it defines nothing of that name, a
    name that begins with a capital letter is taken for a class."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in reversed(ast.parse(reference).body):
            if getattr(node, "name", None) == name:
                return isinstance(node, ast.ClassDef)
    return name[:1].isupper()


class _Whole:
    whole = True
    inside = outside = frozenset()

    def __init__(self, code: str):
        self._code = code
        self.step = {"codes": [_compiled(code, "exec")], "args": None}

    def judge(self, outcomes: list) -> Finding:
        (outcome,) = _decoded(outcomes, 1)
        if not isinstance(outcome, CandidateError):
            return PASSED
        if outcome.finding.error_type == "AssertionError":
            return Finding("wrong_answer", None, self._code)
        return outcome.finding

    def settled(self, task: Task, undecided: bool) -> Check:
        return self


class _Call:
    whole = False
    outside = frozenset()

    def __init__(self, test: CallTest):
        self._test = test
        self.inside = names_in(test.function)
        self.step = {"codes": [_compiled(test.function, "eval")], "args": test.args}

    def judge(self, outcomes: list) -> Finding:
        strangers: list[str] = []
        (outcome,) = _decoded(outcomes, 1, strangers)
        if isinstance(outcome, CandidateError):
            return outcome.finding
        if _close(outcome, self._test.expected, self._test.atol):
            return PASSED
        call = f"{self._test.function}({', '.join(map(_show, self._test.args))})"
        return _wrong(f"{call} gave {_show(outcome)}", strangers)

    def settled(self, task: Task, undecided: bool) -> Check:
        return self


def _decoded(outcomes: list, count: int, strangers: list[str] | None = None) -> list:
    """The values of the outcomes, with a CandidateError in place of each exception."""
    if not isinstance(outcomes, list) or len(outcomes) != count:
        raise ValueError("wrong number of outcomes")
    return [_outcome(strangers, *outcome) for outcome in outcomes]


def _outcome(strangers: list[str] | None, kind: str, *content: Any) -> Any:
    if kind == "error":
        return CandidateError(*content)
    if kind != "value":
        raise ValueError(f"no kind of outcome: {str(kind)[:100]}")
    return values.decode(*content, strangers)


def _value(outcome: Any) -> Any:
    if isinstance(outcome, CandidateError):
        raise outcome
    return outcome


def _show(outcome: Any) -> str:
    if isinstance(outcome, CandidateError):
        return outcome.finding.error_type or "error"
    return _REPR.repr(outcome)


class _Repr(reprlib.Repr):
    """Makes short texts of values that are the same in every run. They hold no addresses of
    objects. Items of a set that have no order of their own are in the order of their texts, not of
    their hashes."""

    def repr1(self, value: Any, level: int) -> str:
        if isinstance(value, values.Lookalike):
            return f"{value.description}({self.repr1(value.plain, level)})"
        if isinstance(value, values.Opaque):
            return f"<{value.description}>"
        return super().repr1(value, level)

    def repr_int(self, value: int, level: int) -> str:
        if value.bit_length() < _LONG_INT_BITS:
            return super().repr_int(value, level)
        # Python refuses to write more than 4,300 digits.
        return f"<integer of about {value.bit_length() * 0.30103:.0f} digits>"

    def repr_instance(self, value: Any, level: int) -> str:
        name = type(value).__name__
        if isinstance(value, Mapping):
            return f"{name}({self.repr_dict(value, level)})"
        if isinstance(value, MappingView):
            return f"{name}({self.repr_list([*value], level)})"
        try:
            # The repr of a module says where it lies on this machine.
            text = value.__name__ if isinstance(value, ModuleType) else repr(value)
        except Exception:  # it holds an object that did not travel, or a long integer
            text = f"<{name}>"
        return text if len(text) <= _LONGEST_REPR else f"{text[: _LONGEST_REPR - 3]}..."

    def repr_set(self, items: set, level: int) -> str:
        return super().repr_set(sorted(items, key=self.repr), level)

    def repr_frozenset(self, items: frozenset, level: int) -> str:
        return super().repr_frozenset(sorted(items, key=self.repr), level)


_REPR = _Repr()
_LONG_INT_BITS = 10_000
_LONGEST_REPR = 60


def _close(value: Any, expected: Any, atol: float) -> bool:
    """Whether the two are equal. Numbers may differ by `atol`, and not-a-number equals itself here.
    Lists and tuples are not told apart, since JSON has only lists. Truth values do not count as
    numbers."""
    if isinstance(value, values.Opaque):
        return isinstance(value, values.Lookalike) and _close(value.plain, expected, atol)
    if isinstance(expected, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(expected)
            and all(_close(v, e, atol) for v, e in zip(value, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(_close(value[key], expected[key], atol) for key in expected)
        )
    try:
        if value == expected:
            return True
        if not _is_number(value) or not _is_number(expected):
            return False
        return abs(value - expected) <= atol or (value != value and expected != expected)
    except (TypeError, ArithmeticError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, bool)


# ---------------------------------------------------------------- jobs


@dataclass(frozen=True)
class TestsJob:
    """Asserts and calls, all in the namespace of one loaded module."""

    task: Task
    tests: list[int]  # which of the task's tests
    checks: list[Check]
    prelude_code: CodeType | None
    setup: str
    setup_code: CodeType | None
    name: str = "candidate"
    stdin: str = ""
    until_exit: bool = False

    @property
    def frames(self) -> int:
        """How many frames the candidate owes: one for the prelude, if there is one, one for
        loading, one for each check."""
        return self._first + len(self.checks)

    @property
    def _first(self) -> int:
        """The number of the first check's frame."""
        return 1 if self.prelude_code is None else 2

    @property
    def steps(self) -> list[dict]:
        return [check.step for check in self.checks]

    @property
    def whole(self) -> list[bool]:
        return [check.whole for check in self.checks]

    def output_bytes(self, wanted: int) -> int:
        """How much of the output to keep."""
        return wanted

    def milliseconds(self, place: int, reply: Reply) -> float:
        """How long the test at this place took. It is 0 if the process was lost before."""
        times = reply.milliseconds[self._first :]
        return times[place] if place < len(times) else 0.0

    def judge(self, reply: Reply) -> list[Finding]:
        loaded = _prepared(self, reply) or _loaded(reply, self._first - 1)
        if loaded is not PASSED:
            return [loaded] * len(self.checks)
        findings = []
        for index, check in enumerate(self.checks, self._first):
            if index >= len(reply.frames):
                findings.append(_ending(reply))
                continue
            try:
                findings.append(check.judge(json.loads(reply.frames[index])))
            except _MALFORMED as error:
                findings.append(_protocol_error(error))
        return findings

    def settled(self, findings: list[Finding]) -> "TestsJob | None":
        """The job that settles what these findings leave UNDECIDED; None if nothing is."""
        undecided = [finding is UNDECIDED for finding in findings]
        if not any(undecided):
            return None
        checks = [
            check.settled(self.task, left)
            for check, left in zip(self.checks, undecided, strict=True)
        ]
        return _tests_job(self.task, self.tests, checks, self.prelude_code)


@dataclass(frozen=True)
class ProgramJob:
    """The code as a program of its own, which reads `test.stdin` and should print `test.stdout`."""

    tests: list[int]
    prelude_code: CodeType | None
    test: StdioTest
    name = "__main__"
    setup_code = None
    steps: tuple = ()
    whole = (False,)
    until_exit = True

    @property
    def frames(self) -> int:
        """How many frames there are at most: one for the prelude, if there is one, one for what
        made the program fail."""
        return 1 if self.prelude_code is None else 2

    @property
    def stdin(self) -> str:
        return self.test.stdin

    def output_bytes(self, wanted: int) -> int:
        """How much of the output to keep. This is enough to compare all of it, with room for white
        space and digits that do not count. It is a power of two because the candidate could find
        out this number, and so learn the length of the expected output."""
        room = 16 if self.test.atol else 2
        needed = room * len(self.test.stdout.encode("utf-8", "replace")) + 4096
        return max(wanted, 1 << needed.bit_length())

    def milliseconds(self, place: int, reply: Reply) -> float:
        return reply.seconds * 1000

    def judge(self, reply: Reply) -> list[Finding]:
        if wrong := _prepared(self, reply):
            return [wrong]
        if len(reply.frames) == self.frames:
            failed = _loaded(reply, self.frames - 1)
            if failed is not PASSED:
                return [failed]
        if reply.end != "exit" or reply.status != 0:
            return [_ending(reply)]
        if reply.stdout_cut or not _same_output(reply.stdout, self.test.stdout, self.test.atol):
            return [Finding("wrong_answer", None, "the output differs")]
        return [PASSED]

    def settled(self, findings: list[Finding]) -> None:
        """Texts leave nothing undecided."""


Job = TestsJob | ProgramJob


def plan(task: Task) -> list[Job]:
    """The jobs of a task: its asserts and calls together, then each program run by itself.

    Raises:
        RlvfError: a test of the task, or its prelude, is not valid Python.
    """
    try:
        prelude = _compiled(task.prelude, "exec", "<prelude>") if task.prelude else None
    except (SyntaxError, ValueError) as error:
        raise RlvfError(f"{task.task_id}: its prelude is not valid Python: {error}") from error
    programs = [
        ProgramJob([n], prelude, t) for n, t in enumerate(task.tests) if isinstance(t, StdioTest)
    ]
    others = {n: t for n, t in enumerate(task.tests) if not isinstance(t, StdioTest)}
    if not others:
        return [*programs]
    try:
        checks = [_check(task, test) for test in others.values()]
        return [_tests_job(task, list(others), checks, prelude), *programs]
    except RlvfError as error:
        raise RlvfError(f"{task.task_id}: {error}") from error


def _tests_job(
    task: Task, tests: list[int], checks: list[Check], prelude: CodeType | None
) -> TestsJob:
    setup = _setup(task, checks)
    code = _compiled(setup, "exec", "<setup>") if setup else None
    return TestsJob(task, tests, checks, prelude, setup, code)


def _compiled(source: str, mode: str, name: str = "<test>") -> CodeType:
    # The code keeps its asserts, whatever PYTHONOPTIMIZE says in this process.
    return compile(source, name, mode, dont_inherit=True, optimize=0)


def _check(task: Task, test: AssertTest | CallTest) -> Check:
    if isinstance(test, CallTest):
        return _Call(test)
    split = split_assert(test.code, task.entry_point, task.setup)
    return _Split(test.code, split) if split else _Whole(test.code)


def _setup(task: Task, checks: list[Check]) -> str:
    """The part of the task's set-up code that belongs where the candidate is."""
    known = set_up(task.setup, task.entry_point)
    if any(check.whole for check in checks):
        return task.setup
    inside = set().union(*(check.inside for check in checks))
    return known.inside(inside, set().union(*(check.outside for check in checks)))


def _same_output(output: str, expected: str, atol: float) -> bool:
    """Whether the two are equal but for white space at the ends of lines and empty lines at the
    end. With `atol`, numbers between white space may differ by that."""
    lines, wanted = _lines(output), _lines(expected)
    if not atol or len(lines) != len(wanted):
        return lines == wanted
    return all(
        line == other or _same_tokens(line.split(), other.split(), atol)
        for line, other in zip(lines, wanted, strict=True)
    )


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _same_tokens(tokens: list[str], wanted: list[str], atol: float) -> bool:
    return len(tokens) == len(wanted) and all(
        token == other or abs(_number(token) - _number(other)) <= atol
        for token, other in zip(tokens, wanted, strict=True)
    )


def _number(token: str) -> float:
    """The finite number that the token spells, or not-a-number, which is close to nothing."""
    number = float(token) if _NUMBER.fullmatch(token) else math.nan
    return number if math.isfinite(number) else math.nan


def _prepared(job: Job, reply: Reply) -> Finding | None:
    """What is wrong with the task's prelude, if it has one.

    Its frame is written before any line of the candidate is executed, so this is no way to get out
    of a verdict.
    """
    if job.prelude_code is None:
        return None
    found = _loaded(reply, 0)
    if found is PASSED:
        return None
    kind = found.error_type or found.verdict
    message = f"the task's prelude does not run: {kind}: {found.message}"
    return Finding("infrastructure_error", found.error_type, message)


def _loaded(reply: Reply, place: int) -> Finding:
    """What the frame at this place says of code that was executed."""
    if len(reply.frames) <= place:
        return _ending(reply)
    try:
        status, *error = json.loads(reply.frames[place])
        if status == "ok":
            return PASSED
        finding = _error(*error)
        return finding._replace(verdict="syntax_error") if status == "syntax_error" else finding
    except _MALFORMED as error:
        return _protocol_error(error)


def _ending(reply: Reply) -> Finding:
    """Why frames are missing."""
    if reply.timed_out:  # which limit came first depends on how busy the machine is
        return Finding("timeout", None, "time limit exceeded")
    if reply.end == "exit" and reply.status == -signal.SIGSYS:
        return Finding("blocked", None, "killed for a system call that the sandbox forbids")
    if reply.end == "exit" and reply.status < 0:
        message = f"killed by {_signal_name(-reply.status)}\n{_tail(reply.stderr)}"
        return Finding("crashed", None, message.strip())
    if reply.end == "exit" and reply.status == EXIT_NO_MEMORY:
        return _error("MemoryError", "no memory left to report")
    if reply.end == "exit":
        return _error("SystemExit", f"the process left early with status {reply.status}")
    return _protocol_error(ValueError("a result is too long"))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals
        return f"signal {number}"


# These exceptions have verdicts of their own. The sandbox refuses things with PermissionError.
_VERDICTS: dict[str, Verdict] = {"MemoryError": "out_of_memory", "PermissionError": "blocked"}


def _error(error_type: str, message: str) -> Finding:
    """An exception in the candidate's process, or in an expression on its values."""
    if not isinstance(error_type, str) or not isinstance(message, str):
        raise TypeError("an error is two strings")
    verdict = _VERDICTS.get(error_type, "runtime_error")
    return Finding(verdict, _clean(error_type[:100]), message[:_MAX_MESSAGE])


def _protocol_error(error: Exception) -> Finding:
    return _error("ProtocolError", f"not a result: {error}")


def _tail(message: str) -> str:
    return values.without_addresses(message)[-_MAX_MESSAGE:]


def _clean(text: str) -> str:
    """Replace lone surrogates, which cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------- one candidate


class Judged(NamedTuple):
    """A job that was run, and a finding for each of its tests."""

    job: Job
    reply: Reply
    findings: list[Finding]


def unrun(task: Task, sample_id: int, finding: Finding, isolation: list[str]) -> Execution:
    """The Execution of a candidate of which nothing was run."""
    tests = [TestResult(verdict=finding.verdict) for _ in task.tests]
    return _execution(task, sample_id, finding, tests, {}, [], isolation)


def merge(task: Task, sample_id: int, judged: list[Judged], isolation: list[str]) -> Execution:
    """The Execution, with results in the order of the task's tests. Tests of jobs that were not
    run get the verdict with which the last job that was run ended."""
    findings: dict[int, Finding] = {}
    results: dict[int, TestResult] = {}
    milliseconds: dict[int, float] = {}
    for job, reply, found in judged:
        for place, index in enumerate(job.tests):
            findings[index] = found[place]
            results[index] = TestResult(verdict=found[place].verdict, whole=job.whole[place])
            milliseconds[index] = job.milliseconds(place, reply)
    for index in set(range(len(task.tests))) - results.keys():
        findings[index] = _ending(judged[-1].reply)
        results[index] = TestResult(verdict=findings[index].verdict)
    order = range(len(task.tests))
    failed = (findings[index] for index in order if findings[index] is not PASSED)
    replies = [reply for _, reply, _ in judged]
    tests = [results[index] for index in order]
    finding = next(failed, PASSED)
    return _execution(task, sample_id, finding, tests, milliseconds, replies, isolation)


def _execution(
    task: Task,
    sample_id: int,
    finding: Finding,
    tests: list[TestResult],
    milliseconds: dict[int, float],
    replies: list[Reply],
    isolation: list[str],
) -> Execution:
    """The record. `milliseconds` has an entry for the number of each test that was run."""
    times = ExecutionTimes(
        task_id=task.task_id,
        sample_id=sample_id,
        seconds=sum(reply.seconds for reply in replies),
        milliseconds=[milliseconds.get(index, 0.0) for index in range(len(tests))],
    )
    return Execution(
        task_id=task.task_id,
        sample_id=sample_id,
        verdict=finding.verdict,
        error_type=finding.error_type,
        tests=tests,
        passed=sum(test.verdict == "passed" for test in tests),
        total=len(tests),
        # How far a candidate came until its time was up differs from run to run, so its output is
        # left out then.
        stdout=values.without_addresses("".join(r.stdout for r in replies if not r.timed_out)),
        message=_tail(_clean(finding.message)),
        isolation=isolation,
        times=times,
    )
