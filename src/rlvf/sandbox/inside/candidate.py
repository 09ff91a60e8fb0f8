"""The process that runs one candidate, from just after the fork to its end.

It reports in frames on one pipe. The first frame is empty and says that the candidate's own code
begins. Where the code cannot begin, that frame says why, and the machine is at fault. The further
frames are JSON: how the task's prelude went, if it has one, how loading went, and one frame per
test. The candidate's code runs in this process, so it may write to that pipe itself. Whatever is
written there after it has begun counts as values that it returned, never as a verdict.

A program, which reads standard input, is run and ended as the interpreter does with a file. Only
its failures are reported on the pipe, since its output goes elsewhere.
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
    """Import the module with one seed for all candidates, so that no verdict is left to chance. By
    itself the module would take another seed in each process that is forked."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        module = importlib.import_module("random")
    finally:
        os.register_at_fork = register
    module.seed(0)
    return module


random = _import_random()
statistics = importlib.import_module("statistics")  # which imports `random`

# These are loaded here once, since candidates that import them would need ten times as long.
PRELOADED = (
    *(array, bisect, cmath, collections, copy, functools, heapq, itertools, math, operator),
    *(random, re, statistics, string, typing),
)

# The process ends with this status when memory is too short even for a report. A candidate that
# ends itself with it fails as well.
EXIT_NO_MEMORY = 86

RESULTS = 3
# The first frame of the results says that the candidate's own code begins.
_BEGINS = wire.frame(b"")
# Under this number the first run of a candidate finds a file, in which it leaves the compiled code
# for further runs. The file is closed before any line of that code is executed.
KEPT = 4
_MAX_MESSAGE = 1000
_MAIN = "__main__"
# The limit that a program finds when the interpreter runs it.
_RECURSION = sys.getrecursionlimit()
# The interpreter ends with this status where the last output could not be written.
_UNWRITTEN = 120
_MAX_TEXT = 1 << 16
# After so many rounds Python has adapted its code to the kinds of objects that it meets.
_ROUNDS = 20


def main(
    jobs: int, outputs: tuple[int, int, int], limits: isolation.Limits, cpu: int, more: bool
) -> typing.NoReturn:
    """Read a job from the descriptor `jobs`, run it and end the process. `outputs` are the
    descriptors for stdout, stderr and results, `cpu` is how many seconds of processor time the
    process may have, and `more` says whether further runs of this candidate are to come."""
    status, results = 1, outputs[2]
    try:
        isolation.die_with_parent()
        # The job comes from the client, which is trusted, so marshal may read it.
        job = marshal.loads(wire.read(jobs))
        _take_descriptors((_stdin(job["stdin"]), *outputs))
        results = RESULTS
        # Until here, no line of the candidate's code has been looked at.
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
    """Prepare this process for all candidates to come: do what Python does slowly the first times,
    and what it does for programs when it starts with `site`."""
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
    """Give imported packages one seed as well, where they would choose one by chance."""
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random").seed(0)


def _renew_stdin() -> None:
    """Make `sys.stdin` anew, as Python makes it for a file. It made the old one for the pipe that
    the server reads from, in which nobody can seek."""
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
    """Make `open` and `os.open` accept /dev/stdin and the like. These are links into /proc, which
    candidates cannot reach."""
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
    """A descriptor to read the text from. It is a file without a name, so that no process has to
    write the text into a pipe meanwhile."""
    if not text:
        return os.open(os.devnull, os.O_RDONLY)
    descriptor = os.memfd_create("stdin")
    os.pwrite(descriptor, text.encode("utf-8", "surrogatepass"), 0)
    return descriptor


def _take_descriptors(descriptors: tuple[int, int, int, int]) -> None:
    """Give these descriptors, which are all above `KEPT`, the numbers 0 to 3, and close all others
    but `KEPT`."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.closerange(KEPT + 1, 256)


def _allow_recursion(between: int) -> None:
    """Give the candidate's code the depth of recursion that it has in a file. `between` is the
    number of calls between the caller and that code."""
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
    del module, namespace  # they have to end with the program
    return _run_program(code, failed)


@functools.cache
def _file_name() -> str:
    return f"{os.getcwd()}/candidate.py"


def _compiled(job: dict, more: bool) -> tuple[types.CodeType | None, list | None]:
    """The candidate's code, or what is wrong with it. The first run compiles the code and leaves
    the result for further runs, if there are `more`. These take what it has left."""
    if job["code"] is None:
        size = os.fstat(KEPT).st_size
        if not size:
            raise MemoryError  # as the earlier run did
        return marshal.loads(os.pread(KEPT, size, 0))
    try:
        found = compiled(job["code"]), None
    except Exception as error:
        # Which exception there is for null bytes, surrogates or deep nesting depends on Python's
        # version, so all of them are reported as a SyntaxError.
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
    """Execute the code. Returns what is to be reported if that fails, else None."""
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
        # The set-up code runs again, so that what it binds is fresh for each test.
        wrong = _execute(setup, namespace) if number > 1 else None
        outcomes = [wrong] * len(step["codes"]) if wrong else _take(namespace, **step)
        _report(outcomes, last=number == len(steps))
    return 0


def _take(namespace: dict, codes: list[types.CodeType], args: list | None) -> list:
    """One outcome for each code. If there are arguments, the value of the code is called."""
    return [_outcome(namespace, code, args) for code in codes]


def _outcome(namespace: dict, code: types.CodeType, args: list | None) -> list:
    try:
        value = eval(code, namespace)
        return ["value", values.encode(value if args is None else value(*args))]
    except BaseException as error:
        return ["error", *_describe(error)]


# ---------------------------------------------------------------- programs


def _run_program(code: types.CodeType | None, failed: list | None) -> int:
    """Run the code. Returns the status with which the interpreter would end if the code were a
    file."""
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
    """How many collections there were that may have moved objects to the oldest generation."""
    _, middle, oldest = gc.get_stats()
    return middle["collections"] + oldest["collections"]


def _end_program(status: int, oldest: int) -> int:
    """Do what the interpreter does when a program ends. Returns the status, or another one where
    output could not be written.

    Threads and exit handlers come first. Then objects write what they write when they go: those in
    the program's namespace, and those that it has put in place of the standard streams. `oldest` is
    the generation that holds the program's oldest objects; to look through all generations would
    take long.
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
    """Flush the standard streams. Returns whether they have taken all that was written to them."""
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
        # Addresses are replaced before the message is cut, since a part of an address cannot be
        # told from other text.
        text = values.without_addresses(str(error)[:_MAX_TEXT])[:_MAX_MESSAGE]
    except BaseException:
        text = ""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return type(error).__name__[:100], text if line is None else f"{text} (line {line})"
