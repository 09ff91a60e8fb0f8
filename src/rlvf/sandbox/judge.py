"""From a task to what the candidate's process is asked, and from its answers to verdicts.

This is the only place where expected values meet the candidate's values.
"""

import json
import reprlib
import signal
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from rlvf.errors import RlvfError
from rlvf.records import AssertTest, CallTest, Execution, StdioTest, Task, TestResult, Verdict
from rlvf.sandbox.inside import values
from rlvf.sandbox.inside.candidate import EXIT_NO_MEMORY
from rlvf.sandbox.split import SplitAssert, split_assert

_MAX_MESSAGE = 2000


class Finding(NamedTuple):
    """A verdict and what explains it."""

    verdict: Verdict
    error_type: str | None = None
    message: str = ""


PASSED = Finding("passed")


@dataclass
class Reply:
    """What a server said about one job: the candidate's frames, unread, and how it ended.

    `end`: `done` (all frames are there), `exit` (with `status`, negative for a signal), `cpu` or
    `wall` (a time limit), `scratch` (too much written), or `protocol` (a frame was too long).
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
    def died(self) -> bool:
        """Whether the process was lost, and with it the tests that were still to come."""
        return self.end in ("cpu", "wall", "scratch") or (self.end == "exit" and self.status < 0)


class CandidateError(Exception):
    """The candidate's process reported an exception in place of a value."""

    def __init__(self, error_type: str, message: str):
        super().__init__(error_type, message)
        self.finding = _error(error_type, message)


# ---------------------------------------------------------------- one test


class Check(Protocol):
    """One test of the kinds that run inside a loaded module. `step` is the candidate's share."""

    step: dict
    whole: bool

    def judge(self, outcomes: list) -> Finding:
        """The verdict on the step's outcomes, one for each of its expressions."""


class _Split:
    whole = False

    def __init__(self, code: str, split: SplitAssert):
        self._code = code
        self._split = split
        self.step = {"expressions": split.expressions}

    def judge(self, outcomes: list) -> Finding:
        decoded = [_Outcome(outcome) for outcome in outcomes]
        if len(decoded) != len(self._split.expressions):
            raise ValueError("wrong number of outcomes")
        try:
            if self._split.holds(lambda index: decoded[index].value()):
                return PASSED
        except CandidateError as error:
            return error.finding
        except Exception as error:  # as the assert itself would have raised: None < 3
            return _error(type(error).__name__, str(error))
        shown = ", ".join(_show(outcome) for outcome in decoded)
        return Finding("wrong_answer", None, f"{self._code} (values: {shown})")


class _Whole:
    whole = True

    def __init__(self, code: str):
        self._code = code
        self.step = {"statement": code}

    def judge(self, outcomes: list) -> Finding:
        try:
            _Outcome(*outcomes).value()
        except CandidateError as error:
            if error.finding.error_type == "AssertionError":
                return Finding("wrong_answer", None, self._code)
            return error.finding
        return PASSED


class _Call:
    whole = False

    def __init__(self, test: CallTest):
        self._test = test
        self.step = {"call": {"function": test.function, "args": test.args}}

    def judge(self, outcomes: list) -> Finding:
        outcome = _Outcome(*outcomes)
        try:
            if _close(outcome.value(), self._test.expected, self._test.atol):
                return PASSED
        except CandidateError as error:
            return error.finding
        call = f"{self._test.function}({', '.join(map(reprlib.repr, self._test.args))})"
        return Finding("wrong_answer", None, f"{call} gave {_show(outcome)}")


class _Outcome:
    """A value or an exception, decoded. Raises ValueError or TypeError for anything else."""

    def __init__(self, outcome: list):
        kind, *content = outcome
        if kind == "value":
            (encoded,) = content
            self._value = values.decode(encoded)
            self._error = None
        elif kind == "error":
            self._error = CandidateError(*content)
        else:
            raise ValueError("neither value nor error")

    def value(self) -> Any:
        if self._error:
            raise self._error
        return self._value


def _show(outcome: _Outcome) -> str:
    try:
        return reprlib.repr(outcome.value())
    except CandidateError as error:
        return error.finding.error_type or "error"
    except Exception:  # integers of thousands of digits have no repr
        return "..."


def _close(value: Any, expected: Any, atol: float) -> bool:
    """Equality with a tolerance for numbers. Lists and tuples are one: JSON has only lists."""
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
        return value == expected or abs(value - expected) <= atol
    except (TypeError, ArithmeticError):
        return False


# ---------------------------------------------------------------- jobs


@dataclass(frozen=True)
class TestsJob:
    """Asserts and calls, all in the namespace of one loaded module."""

    tests: list[int]  # which of the task's tests
    setup: str
    checks: list[Check]
    name: str = "candidate"
    stdin: str = ""
    until_exit: bool = False

    @property
    def frames(self) -> int:
        """How many frames the candidate owes: one for loading, one for each check."""
        return 1 + len(self.checks)

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
        """What the test at this place took; nothing if the process was lost before."""
        times = reply.milliseconds[1:]
        return times[place] if place < len(times) else 0.0

    def judge(self, reply: Reply) -> list[Finding]:
        loaded = _loaded(reply)
        if loaded is not PASSED:
            return [loaded] * len(self.checks)
        findings = []
        for index, check in enumerate(self.checks, 1):
            if index >= len(reply.frames):
                findings.append(_ending(reply))
                continue
            try:
                findings.append(check.judge(json.loads(reply.frames[index])))
            except (ValueError, TypeError, RecursionError) as error:
                findings.append(_protocol_error(error))
        return findings


@dataclass(frozen=True)
class ProgramJob:
    """The code as a program of its own: `test.stdin` in, `test.stdout` out."""

    tests: list[int]
    test: StdioTest
    name = "__main__"
    setup = ""
    steps = ()
    whole = (False,)
    frames = 1  # at most: how loading went, which here is all of it
    until_exit = True

    @property
    def stdin(self) -> str:
        return self.test.stdin

    def output_bytes(self, wanted: int) -> int:
        """Enough to compare all of it, with room for white space that does not count."""
        return max(wanted, 2 * len(self.test.stdout.encode()) + 4096)

    def milliseconds(self, place: int, reply: Reply) -> float:
        return reply.seconds * 1000

    def judge(self, reply: Reply) -> list[Finding]:
        if reply.frames:
            loaded = _loaded(reply)
            if loaded is not PASSED:
                return [loaded]
        if reply.end != "exit" or reply.status != 0:
            return [_ending(reply)]
        if reply.stdout_cut or _lines(reply.stdout) != _lines(self.test.stdout):
            return [Finding("wrong_answer", None, "the output differs")]
        return [PASSED]


Job = TestsJob | ProgramJob


def plan(task: Task) -> list[Job]:
    """The jobs of a task: its asserts and calls together, then each program run by itself.

    Raises:
        RlvfError: a test of the task is not valid Python.
    """
    checks: dict[int, Check] = {}
    programs: list[Job] = []
    for index, test in enumerate(task.tests):
        if isinstance(test, StdioTest):
            programs.append(ProgramJob([index], test))
        else:
            checks[index] = _check(task, test)
    first = [TestsJob(list(checks), task.setup, list(checks.values()))] if checks else []
    return [*first, *programs]


def _check(task: Task, test: AssertTest | CallTest) -> Check:
    if isinstance(test, CallTest):
        return _Call(test)
    try:
        split = split_assert(test.code, task.entry_point, task.setup)
    except RlvfError as error:
        raise RlvfError(f"{task.task_id}: {error}") from error
    return _Split(test.code, split) if split else _Whole(test.code)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _loaded(reply: Reply) -> Finding:
    if not reply.frames:
        return _ending(reply)
    try:
        status, *error = json.loads(reply.frames[0])
        if status == "ok":
            return PASSED
        finding = _error(*error)
        return finding._replace(verdict="syntax_error") if status == "syntax_error" else finding
    except (ValueError, TypeError, RecursionError) as error:
        return _protocol_error(error)


def _ending(reply: Reply) -> Finding:
    """Why frames are missing."""
    if reply.end == "wall":
        return Finding("timeout", None, "time limit exceeded")
    # The two signals are the kernel's for RLIMIT_CPU, had the server been late.
    late = reply.end == "exit" and reply.status in (-signal.SIGXCPU, -signal.SIGKILL)
    if reply.end == "cpu" or late:
        return Finding("timeout", None, "processor time limit exceeded")
    if reply.end == "scratch":
        return Finding("blocked", None, "too much written to the scratch folder")
    if reply.end == "exit" and reply.status == -signal.SIGSYS:
        return Finding("blocked", None, "killed for a system call that the sandbox forbids")
    if reply.end == "exit" and reply.status < 0:
        message = f"killed by {_signal_name(-reply.status)}\n{reply.stderr[-_MAX_MESSAGE:]}"
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


def _error(error_type: str, message: str) -> Finding:
    """An exception in the candidate's process, or in an expression on its values."""
    if not isinstance(error_type, str) or not isinstance(message, str):
        raise TypeError("an error is two strings")
    verdict: Verdict = "out_of_memory" if error_type == "MemoryError" else "runtime_error"
    return Finding(verdict, _clean(error_type)[:100], message[:_MAX_MESSAGE])


def _protocol_error(error: Exception) -> Finding:
    return _error("ProtocolError", f"not a result: {error}")


def _clean(text: str) -> str:
    """Lone surrogates cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------- one candidate


class Judged(NamedTuple):
    """A job that was run, and a finding for each of its tests."""

    job: Job
    reply: Reply
    findings: list[Finding]


def unrun(task: Task, sample_id: int, finding: Finding) -> Execution:
    """The Execution of a candidate of which nothing was run."""
    tests = [TestResult(verdict=finding.verdict, milliseconds=0.0) for _ in task.tests]
    return _execution(task, sample_id, finding, tests, [])


def merge(task: Task, sample_id: int, judged: list[Judged]) -> Execution:
    """The Execution, with results in the order of the task's tests. Tests of jobs that were not
    run share the verdict of the last one that was."""
    last = judged[-1].findings[-1]
    findings = dict.fromkeys(range(len(task.tests)), last)
    results = {index: TestResult(verdict=last.verdict, milliseconds=0.0) for index in findings}
    for job, reply, found in judged:
        for place, index in enumerate(job.tests):
            findings[index] = found[place]
            results[index] = TestResult(
                verdict=found[place].verdict,
                milliseconds=job.milliseconds(place, reply),
                whole=job.whole[place],
            )
    first = next((finding for finding in findings.values() if finding is not PASSED), PASSED)
    replies = [reply for _, reply, _ in judged]
    return _execution(task, sample_id, first, list(results.values()), replies)


def _execution(
    task: Task, sample_id: int, finding: Finding, tests: list[TestResult], replies: list[Reply]
) -> Execution:
    return Execution(
        task_id=task.task_id,
        sample_id=sample_id,
        verdict=finding.verdict,
        error_type=finding.error_type,
        tests=tests,
        passed=sum(test.verdict == "passed" for test in tests),
        total=len(tests),
        seconds=sum(reply.seconds for reply in replies),
        stdout="".join(reply.stdout for reply in replies),
        message=_clean(finding.message)[-_MAX_MESSAGE:],
    )
