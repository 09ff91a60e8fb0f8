"""Runs Ruff over many snippets in one process, and gives its findings severities.

Ruff runs isolated from any configuration file and from the environment, with named rules only, and
blind to suppression comments, which a policy would otherwise learn to write (`# noqa`). Its target
is the Python that runs candidates. Ruff calls every finding an "error"; levels come from the
configured table.

`invalid-syntax` is found, once, in exactly the snippets that rlvf.parsing says do not compile: what
Ruff's own parser thinks of them does not count. A snippet on which Ruff dies is set apart, is named
on standard error and has that one finding; the others keep theirs.
"""

import io
import json
import math
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.machine import cores
from rlvf.parsing import SyntaxProblem, parse
from rlvf.records import SEVERITIES, Diagnostic, LintReport, Severity
from rlvf.settings import LintSettings

INVALID_SYNTAX = "invalid-syntax"

# The stack of each thread of Ruff. Expressions 2,031 levels deep exhaust its default. This is
# enough for some 65,000 levels, and no code that compiles has more than 3,000.
_STACK_BYTES = 64 << 20
# The seconds of processor time for a run, and for each snippet in it, which takes milliseconds.
_SECONDS, _SECONDS_EACH = 60, 0.1
# If Ruff hardly uses a processor for so many seconds on the clock, it waits for what will not come.
_PATIENCE = 60
_HARDLY = 0.05
# Ruff needs so many bytes of address space besides the stacks.
_ADDRESSES = 256 << 20
_MOST_THREADS = 8
_LONGEST_MESSAGE = 1000
# Signals by which others end a process, and what Ruff says when there is no more memory.
_ENDED_BY_OTHERS = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
_NO_MEMORY = "memory allocation of"


def lint(
    snippets: Sequence[str | None], settings: LintSettings, names: Sequence[str] | None = None
) -> list[list[Diagnostic]]:
    """The findings of each snippet, by line and column; none where there is no code. `names` are
    what to call the snippets in the log.

    Raises:
        RlvfError: Ruff refuses the rules, did not see every snippet, or the machine fails it.
    """
    numbers = [number for number, code in enumerate(snippets) if code is not None]
    raw: list[list[dict]] = [[] for _ in snippets]
    problems: dict[int, SyntaxProblem | None] = {n: parse(snippets[n]).problem for n in numbers}
    for number, outcome in _check_all(snippets, numbers, settings):
        if isinstance(outcome, str):
            name = names[number] if names else f"snippet {number}"
            print(f"{name}: {outcome}; it counts as a syntax error", file=sys.stderr)
            problems[number] = problems[number] or SyntaxProblem(1, 1, "Ruff dies on this code")
        else:
            raw[number].append(outcome)
    return [_diagnostics(found, problems.get(number), settings) for number, found in enumerate(raw)]


def _diagnostics(
    found: list[dict], problem: SyntaxProblem | None, settings: LintSettings
) -> list[Diagnostic]:
    places = [
        (
            finding["location"]["row"],
            finding["location"]["column"],
            finding["code"] or INVALID_SYNTAX,
            finding["message"][:_LONGEST_MESSAGE],
        )
        for finding in found
    ]
    syntax = [place for place in places if place[2] == INVALID_SYNTAX]
    places = [place for place in places if place[2] != INVALID_SYNTAX]
    if problem:
        own = (problem.line, problem.column, INVALID_SYNTAX, problem.message)
        places.append(syntax[0] if syntax else own)
    return [
        Diagnostic(
            code=code,
            severity=severity_of(code, settings),
            line=line,
            column=column,
            message=message,
        )
        for line, column, code, message in sorted(places, key=lambda place: place[:3])
    ]


def lint_report(
    task_id: str, sample_id: int, code: str | None, findings: list[Diagnostic]
) -> LintReport:
    """The record of one completion's findings."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return LintReport(
        task_id=task_id,
        sample_id=sample_id,
        diagnostics=findings,
        counts=counts,
        lines=count_lines(code),
    )


def count_lines(code: str | None) -> int:
    """The number of lines that are not blank. Lines end where Python's lines end."""
    return sum(bool(line.strip()) for line in io.StringIO(code or "", newline=None))


def severity_of(code: str, settings: LintSettings) -> Severity:
    """The level of a rule: that of the longest configured prefix of its code."""
    best, level = "", settings.default_severity
    for severity, prefixes in settings.severities.items():
        for prefix in prefixes:
            if code.startswith(prefix) and len(prefix) > len(best):
                best, level = prefix, severity
    return level


# ---------------------------------------------------------------- Ruff's process


class _RuffDied(Exception):
    """Ruff ended without an answer."""


def _check_all(
    snippets: Sequence[str | None], numbers: list[int], settings: LintSettings
) -> Iterator[tuple[int, dict | str]]:
    """Ruff's findings, each with the number of its snippet. A text in place of a finding says how
    Ruff died on the snippet."""
    if not numbers:
        return
    # Ruff skips what git ignores and says "All checks passed". So this works outside any checkout,
    # names every file, and checks that each was seen.
    try:
        with tempfile.TemporaryDirectory(prefix="rlvf-lint-") as name:
            folder = Path(name)
            folder.chmod(0o700)  # the umask may have removed some of these rights
            _write(folder / _EMPTY, "")
            for number in numbers:
                _write(folder / f"{number}.py", snippets[number])
            yield from _check(folder, numbers, settings)
    except OSError as error:
        raise RlvfError(f"Ruff cannot be given the code: {error}") from error


# Ruff reads a single file on its main thread, whose stack is as large as the user's limits say. So
# this file always goes with the others.
_EMPTY = "empty.py"


def _write(path: Path, text: str) -> None:
    path.touch()
    path.chmod(0o600)
    # A lone surrogate cannot be in a file; it is a syntax error anyway.
    path.write_bytes(text.encode("utf-8", errors="replace"))


def _check(
    folder: Path, numbers: list[int], settings: LintSettings
) -> Iterator[tuple[int, dict | str]]:
    try:
        found = _run_ruff(folder, numbers, settings)
    except _RuffDied as death:
        if not numbers:  # the code is not the reason
            raise RlvfError(f"ruff {death}") from death
        if len(numbers) == 1:
            yield from _check(folder, [], settings)
            yield numbers[0], f"Ruff {death}"
        else:
            half = len(numbers) // 2
            yield from _check(folder, numbers[:half], settings)
            yield from _check(folder, numbers[half:], settings)
        return
    for finding in found:
        yield int(Path(finding["filename"]).stem), finding


def _run_ruff(folder: Path, numbers: list[int], settings: LintSettings) -> list[dict]:
    """Ruff's findings on the files of these numbers. Raises _RuffDied."""
    # Reading the list from a file keeps thousands of names off the command line.
    names = [_EMPTY, *(f"{number}.py" for number in numbers)]
    _write(folder / "files.txt", "\n".join(names))
    command = [
        _ruff_program(),
        "check",
        "--isolated",
        "--no-cache",
        "--ignore-noqa",
        "--unfixable=ALL",  # fixes are long where findings are nested
        "--exit-zero",
        "--verbose",
        "--output-format=json",
        f"--target-version=py{sys.version_info.major}{sys.version_info.minor}",
        f"--line-length={settings.line_length}",
        *(f"--select={rule}" for rule in settings.select),
        *(f"--ignore={rule}" for rule in settings.ignore),
        "@files.txt",
    ]
    threads = min(_MOST_THREADS, cores())
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = threads * _STACK_BYTES + _ADDRESSES
    if allowed != resource.RLIM_INFINITY and allowed < needed:  # Ruff would hang
        raise RlvfError(
            f"ruff needs {needed >> 20} MiB of address space; this session allows "
            f"{allowed >> 20} (ulimit -v)"
        )
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        cwd=folder,
        # Our environment is not handed on: RUFF_OUTPUT_FILE and others would change what comes
        # back.
        env={"RUST_MIN_STACK": str(_STACK_BYTES), "RAYON_NUM_THREADS": str(threads)},
    )
    with process:
        try:
            _limit_time(process.pid, int(_SECONDS + _SECONDS_EACH * len(numbers)))
            output, log = _answer(process)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        said = [line for line in log.splitlines() if "][DEBUG] " not in line]
        reason = " ".join(" ".join(said).split())[-300:]
        ending = f"failed with status {process.returncode}: {reason}".rstrip(": ")
        if process.returncode in _ENDED_BY_OTHERS or _NO_MEMORY in log:
            raise RlvfError(f"ruff {ending}; is memory short?")
        raise _RuffDied(ending)
    seen = log.count("][DEBUG] Checking: ")
    if seen != len(names):
        raise RlvfError(f"ruff saw {seen} of {len(names)} files; nothing was counted")
    return json.loads(output)


def _answer(process: subprocess.Popen) -> tuple[str, str]:
    used = math.inf  # the first wait may have been cut short: the job may have been suspended
    while True:
        try:
            return process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            before, used = used, time.clock_gettime((~process.pid << 3) | 2)
            if 0 <= used - before < _HARDLY * _PATIENCE:
                raise RlvfError(
                    "ruff hangs; can it not start threads, by ulimit -v or -u?"
                ) from None


def _limit_time(pid: int, seconds: int) -> None:
    """Limit a process's processor time, of which it takes no more on a busy machine."""
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
        soft = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
        resource.prlimit(pid, resource.RLIMIT_CPU, (soft, hard))
    except ProcessLookupError:  # it has ended already
        pass


def _ruff_program() -> str:
    """Ruff from this very environment, so that its pinned version is the one that runs."""
    return str(Path(sysconfig.get_path("scripts"), "ruff"))
