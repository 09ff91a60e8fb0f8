"""The process that runs one candidate, from just after the fork to its end.

It reports in frames on one pipe. The first is empty and says that the candidate's own code begins;
where that could not be, it says why, and is a fault of the machine. Then, in JSON, come how the
task's prelude went, if it has one, how loading went, and one frame per test. Both sides of that
pipe belong to the candidate for all we know: whatever is written there after its code has begun
counts as values that the candidate returned, never as a verdict.

A program, which reads standard input, is run and ended as the interpreter does with a file. It
reports failures only: its output is elsewhere.
"""

import array
import atexit
import bisect
import builtins
import cmath
import collections
import contextlib
import copy
import functools
import gc
import heapq
import importlib
import io
import itertools
import json
import marshal
import math
import operator
import os
import re
import site
import string
import sys
import types
import typing

from . import isolation, values, wire
from .source import compiled


def _import_random() -> types.ModuleType:
    """The module, with one seed for all candidates: no verdict is left to chance. By itself it
    would take another one in each process that is forked."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        module = importlib.import_module("random")
    finally:
        os.register_at_fork = register
    module.seed(0)
    return module


random = _import_random()
statistics = importlib.import_module("statistics")  # which imports `random`

# Loaded here once, since candidates that import them would need ten times as long.
PRELOADED = (
    *(array, bisect, cmath, collections, copy, functools, heapq, itertools, math, operator),
    *(random, re, statistics, string, typing),
)

# Leaves when memory is too short even for a report. A candidate that leaves so fails as well.
EXIT_NO_MEMORY = 86

RESULTS = 3
# The first of them: that the candidate's own code begins.
_BEGINS = wire.frame(b"")
# What the first run of a candidate leaves for further ones, before any line of it is executed: its
# code, compiled. Closed by then.
KEPT = 4
_MAX_MESSAGE = 1000
_MAIN = "__main__"
# As large as a program finds it that the interpreter runs.
_RECURSION = sys.getrecursionlimit()
# What the interpreter answers where the last output could not be written.
_UNWRITTEN = 120
_MAX_TEXT = 1 << 16
# After so many Python has changed code into what suits the objects that it meets.
_ROUNDS = 20


def main(
    jobs: int, outputs: tuple[int, int, int], limits: isolation.Limits, cpu: int, more: bool
) -> typing.NoReturn:
    """Read a job from the descriptor `jobs`, run it and leave the process. `outputs` are for
    stdout, stderr and results; `cpu` are the seconds that it may have; there may be `more` runs of
    this candidate to come."""
    status, results = 1, outputs[2]
    try:
        isolation.die_with_parent()
        # It comes from the client, which may be trusted with code.
        job = marshal.loads(wire.read(jobs))
        _take_descriptors((_stdin(job["stdin"]), *outputs))
        results = RESULTS
        # The last place where no line of the candidate has been looked at.
        limits.confine(cpu)
        os.write(results, _BEGINS)
    except BaseException as error:
        try:
            wire.write(results, wire.frame(f"{type(error).__name__}: {error}".encode()))
        finally:
            os._exit(status)
    try:
        status = _run(job, more)
    except MemoryError:
        status = EXIT_NO_MEMORY
    finally:
        os._exit(status)


def warm_up() -> None:
    """Do what Python does slowly the first times, and what it does for programs when it starts with
    `site`, for all candidates to come."""
    site.setquit()
    site.setcopyright()
    site.sethelper()
    _renew_stdin()
    _open_streams_by_name()
    _file_name()
    setup = compile("import math", "<setup>", "exec")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for _ in range(_ROUNDS):
        namespace: dict = {}
        outcomes = [_execute(compiled(_WARM), namespace), _execute(setup, namespace)]
        for source, args in (("f(3)", None), ("C(1).m", None), ("1 / 0", None), ("f", [1])):
            code = marshal.loads(marshal.dumps(compile(source, "<test>", "eval")))
            outcomes += _take(namespace, [code], args)
        wire.write(nowhere, wire.frame(json.dumps(outcomes).encode()))
        os.close(_stdin("1"))
        isolation.die_with_parent()
        _flush_all()
        isolation.flush_c()
    os.close(nowhere)


def seed_packages() -> None:
    """Give packages that were imported one seed as well, where they take another one by chance."""
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random").seed(0)


def _renew_stdin() -> None:
    """Have `sys.stdin` find a file: what the server reads is a pipe, where nobody can seek."""
    pipe, file = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(file, 0)
    old, raw = sys.stdin, io.FileIO(0, closefd=False)
    raw.name = old.name
    new = io.TextIOWrapper(io.BufferedReader(raw), old.encoding, old.errors, newline="\n")
    new.mode = old.mode
    sys.stdin = sys.__stdin__ = new
    os.dup2(pipe, 0)
    os.close(pipe)
    os.close(file)


def _open_streams_by_name() -> None:
    """Have /dev/stdin and its like be opened: they are links into /proc, which is out of reach."""
    folders = ("/dev/fd", "/proc/self/fd")
    streams = {f"{folder}/{number}": number for folder in folders for number in range(3)}
    streams |= {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}

    def descriptor(path: typing.Any) -> int | None:
        name = os.fspath(path) if isinstance(path, os.PathLike) else path
        number = streams.get(name) if isinstance(name, str) else None
        return None if number is None else os.dup(number)

    io_open, os_open = io.open, os.open

    @functools.wraps(io_open)
    def open_file(file, *arguments, **keywords):
        number = descriptor(file)
        return io_open(file if number is None else number, *arguments, **keywords)

    @functools.wraps(os_open)
    def open_descriptor(path, *arguments, **keywords):
        number = descriptor(path)
        return os_open(path, *arguments, **keywords) if number is None else number

    builtins.open = io.open = open_file
    os.open = open_descriptor


_WARM = """
import re
from collections import Counter
class C:
    def __init__(self, x): self.m = x
def f(x):
    found = [i * i for i in range(x) if i % 2 == 0]
    while x > 0:
        x -= 1
        try: found.append(f"{x}" + str(len({x: Counter([x])})))
        except ValueError as error: raise error
    return sorted(map(str, found)), set(found), tuple(found), lambda y: y
"""


def _stdin(text: str) -> int:
    """A descriptor to read the text from: a file without a name, so that nobody need feed it."""
    if not text:
        return os.open(os.devnull, os.O_RDONLY)
    descriptor = os.memfd_create("stdin")
    os.pwrite(descriptor, text.encode("utf-8", "surrogatepass"), 0)
    return descriptor


def _take_descriptors(descriptors: tuple[int, int, int, int]) -> None:
    """Make these, all above 4, 0 to 3, and close all others but `KEPT`."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.closerange(KEPT + 1, 256)


def _allow_recursion(between: int) -> None:
    """Give the candidate's code the depth of recursion that it has in a file: so many calls come
    `between` the caller and that code."""
    frame, depth = sys._getframe(1), between
    while frame:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(_RECURSION + depth)


def _run(job: dict, more: bool) -> int:
    code, failed = _compiled(job, more)
    os.close(KEPT)
    name = job["name"]
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__ = _file_name()
    namespace = vars(module)
    if job["prelude"]:
        wrong = _execute(job["prelude"], namespace)
        _report(wrong or ["ok"], last=wrong is not None)
        if wrong:
            return 1
    if name != _MAIN:
        return _run_tests(code, failed, namespace, job)
    module.__builtins__ = builtins
    sys.argv = [module.__file__]
    del module, namespace  # which are to end with the program
    return _run_program(code, failed)


@functools.cache
def _file_name() -> str:
    return f"{os.getcwd()}/candidate.py"


def _compiled(job: dict, more: bool) -> tuple[types.CodeType | None, list | None]:
    """The candidate's code, or what is wrong with it: as an earlier run has left it, or found now
    and, if there are more runs, left for them."""
    if job["code"] is None:
        size = os.fstat(KEPT).st_size
        if not size:
            raise MemoryError  # as in that run
        return marshal.loads(os.pread(KEPT, size, 0))
    try:
        found = compiled(job["code"]), None
    except Exception as error:
        # Null bytes, surrogates, nesting too deep: what that is called depends on the version.
        name, text = _describe(error)
        name = name if isinstance(error, SyntaxError) else "SyntaxError"
        found = None, ["syntax_error", name, text]
    if more:
        try:
            wire.write(KEPT, marshal.dumps(found))
        except OSError as error:  # it is larger than a file may be
            os.ftruncate(KEPT, 0)
            raise MemoryError from error
    return found


def _execute(code: types.CodeType | None, namespace: dict) -> list | None:
    """What is to be reported if that fails."""
    try:
        if code:
            exec(code, namespace)
    except BaseException as error:
        return ["error", *_describe(error)]
    return None


# ---------------------------------------------------------------- asserts and calls


def _run_tests(code: types.CodeType | None, failed: list | None, namespace: dict, job: dict) -> int:
    _allow_recursion(between=5)
    setup, steps = job["setup"], job["steps"]
    failed = failed or _execute(code, namespace) or _execute(setup, namespace)
    _report(failed or ["ok"], last=failed is not None or not steps)
    if failed:
        return 1
    for number, step in enumerate(steps, 1):
        # Again, so that what it binds is fresh for each test.
        wrong = _execute(setup, namespace) if number > 1 else None
        outcomes = [wrong] * len(step["codes"]) if wrong else _take(namespace, **step)
        _report(outcomes, last=number == len(steps))
    return 0


def _take(namespace: dict, codes: list[types.CodeType], args: list | None) -> list:
    """One outcome for each code, which is called if there are arguments."""
    return [_outcome(namespace, code, args) for code in codes]


def _outcome(namespace: dict, code: types.CodeType, args: list | None) -> list:
    try:
        value = eval(code, namespace)
        return ["value", values.encode(value if args is None else value(*args))]
    except BaseException as error:
        return ["error", *_describe(error)]


# ---------------------------------------------------------------- programs


def _run_program(code: types.CodeType | None, failed: list | None) -> int:
    """The status with which the interpreter ends when it runs the code as a file."""
    status, collected = 1, _older_collections()
    if not failed:
        status, failed = _status_of(code)
    status = _end_program(status, oldest=2 if _older_collections() > collected else 1)
    if failed:
        _report(failed, last=True)
    return status


def _status_of(code: types.CodeType) -> tuple[int, list | None]:
    _allow_recursion(between=2)
    try:
        exec(code, vars(sys.modules[_MAIN]))
    except SystemExit as error:
        status = _exit_status(error.code)
        return status, ["error", *_describe(error)] if status else None
    except BaseException as error:
        return 1, ["error", *_describe(error)]
    return 0, None


def _exit_status(code: typing.Any) -> int:
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 0xFF


def _older_collections() -> int:
    """How often objects may have come to the oldest generation."""
    _, middle, oldest = gc.get_stats()
    return middle["collections"] + oldest["collections"]


def _end_program(status: int, oldest: int) -> int:
    """Do what the interpreter does when a program ends; the status, or another one.

    Threads and exit handlers come first, then what objects write when they go: those of the
    program's namespace, and what it has put in place of the standard streams. `oldest` is the
    generation that the program's oldest objects are in: to look through all takes long.
    """
    if threading := sys.modules.get("threading"):
        with contextlib.suppress(BaseException):
            threading._shutdown()
    atexit._run_exitfuncs()
    written = _flush_all()
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, name, getattr(sys, f"__{name}__", None))
    sys.modules.pop(_MAIN, None)
    gc.collect(oldest)
    written &= _flush_all()
    isolation.flush_c()
    return status if written else _UNWRITTEN


def _flush_all() -> bool:
    """Whether the standard streams have taken all that was written to them."""
    written = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException:  # the candidate may have put anything there
            written = False
    return written


# ---------------------------------------------------------------- reports


def _report(content: list, last: bool) -> None:
    if last:
        _flush_all()  # the server kills this process when it has all that is due
    payload = json.dumps(content).encode()
    if len(payload) > wire.MAX_CANDIDATE_FRAME:
        payload = json.dumps([["value", values.too_large(content)]] * len(content)).encode()
    wire.write(RESULTS, wire.frame(payload))


def _describe(error: BaseException) -> tuple[str, str]:
    try:
        # Before it is cut, since a cut address cannot be told from other text.
        text = values.without_addresses(str(error)[:_MAX_TEXT])[:_MAX_MESSAGE]
    except BaseException:
        text = ""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return type(error).__name__[:100], text if line is None else f"{text} (line {line})"
