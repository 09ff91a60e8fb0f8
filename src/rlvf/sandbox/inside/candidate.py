"""The process that runs one candidate, from just after the fork to its end.

It reports in frames on one pipe. The first is empty and says that the candidate's own code begins;
where that could not be, it says why, and is a fault of the machine. Then, in JSON, come how loading
went and one frame per test. Both sides of that pipe belong to the candidate for all we know:
whatever is written there after the first frame counts as values that the candidate returned, never
as a verdict.
"""

import array
import atexit
import bisect
import cmath
import collections
import contextlib
import copy
import functools
import heapq
import itertools
import json
import marshal
import math
import operator
import os
import random
import re
import string
import sys
import types
import typing

from . import isolation, values, wire
from .source import compiled

# Loaded here once, since candidates that import them would need ten times as long.
PRELOADED = (
    *(array, bisect, cmath, collections, copy, functools, heapq, itertools, math, operator),
    *(random, re, string, typing),
)

# Leaves when memory is too short even for a report. A candidate that leaves so fails as well.
EXIT_NO_MEMORY = 86

RESULTS = 3
_MAX_MESSAGE = 1000


def main(
    jobs: int, limits: isolation.Limits, memory: int, cpu: int, writing: tuple[int, int, int]
) -> typing.NoReturn:
    """Read a job from the descriptor `jobs`, run it and leave the process. `memory` in bytes, `cpu`
    in seconds; `writing`: the ends of pipes for stdout, stderr, results."""
    status, results = 1, writing[2]
    try:
        isolation.die_with_parent()
        # It comes from the client, which may be trusted with code.
        job = marshal.loads(wire.read(jobs))
        _take_descriptors((_stdin(job["stdin"]), *writing))
        results = RESULTS
        # The last place where no line of the candidate has been looked at.
        limits.confine(memory, cpu)
        random.seed(0)  # no verdict is left to chance
        wire.write(results, wire.frame(b""))
    except BaseException as error:
        try:
            wire.write(results, wire.frame(f"{type(error).__name__}: {error}".encode()))
        finally:
            os._exit(status)
    try:
        status = _run(job)
    except MemoryError:
        status = EXIT_NO_MEMORY
    finally:
        os._exit(status)


def warm_up() -> None:
    """Do once what Python does slowly the first time, for all candidates to come."""
    setup = compile("import math", "<setup>", "exec")
    namespace: dict = {}
    outcomes = [_load(namespace, {"name": "warm", "code": _WARM, "setup": setup})]
    for source, args in (("f(3)", None), ("C(1).m", None), ("1 / 0", None), ("f", [1])):
        code = marshal.loads(marshal.dumps(compile(source, "<test>", "eval")))
        outcomes += _take(namespace, [code], args)
    json.dumps(outcomes)


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
    wire.write(descriptor, text.encode("utf-8", "surrogatepass"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _take_descriptors(descriptors: tuple[int, int, int, int]) -> None:
    """Make these, all above 3, 0 to 3, and close all others."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.closerange(RESULTS + 1, 256)


def _run(job: dict) -> int:
    module = types.ModuleType(job["name"])
    sys.modules[job["name"]] = module
    loaded = _load(module.__dict__, job)
    if job["name"] == "__main__":
        _end_program()
    steps = job["steps"] if loaded == ["ok"] else []
    _report(loaded, last=not steps)
    for number, step in enumerate(steps, 1):
        # Again, so that what it binds is fresh for each test.
        failed = _set_up(module.__dict__, job["setup"]) if number > 1 else None
        outcomes = _take(module.__dict__, **step) if not failed else [failed] * len(step["codes"])
        _report(outcomes, last=number == len(steps))
    return 0 if loaded == ["ok"] else 1


def _report(content: list, last: bool) -> None:
    if last:
        _flush()  # the server kills this process when it has all that is due
    payload = json.dumps(content).encode()
    if len(payload) > wire.MAX_CANDIDATE_FRAME:
        payload = json.dumps(
            [["value", values.opaque(content, "too large")]] * len(content)
        ).encode()
    wire.write(RESULTS, wire.frame(payload))


def _load(namespace: dict, job: dict) -> list:
    try:
        code = compiled(job["code"])
    except Exception as error:
        # Null bytes, surrogates, nesting too deep: what that is called depends on the version.
        name, text = _describe(error)
        return ["syntax_error", name if isinstance(error, SyntaxError) else "SyntaxError", text]
    try:
        exec(code, namespace)
    except SystemExit as error:
        # A program may end this way; a module that is to be tested may not.
        if job["name"] == "__main__" and error.code in (None, 0):
            return ["ok"]
        return ["error", *_describe(error)]
    except BaseException as error:
        return ["error", *_describe(error)]
    return _set_up(namespace, job["setup"]) or ["ok"]


def _set_up(namespace: dict, setup: types.CodeType | None) -> list | None:
    try:
        if setup:
            exec(setup, namespace)
    except BaseException as error:
        return ["error", *_describe(error)]
    return None


def _end_program() -> None:
    """What the interpreter does when a program ends."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    atexit._run_exitfuncs()


def _take(namespace: dict, codes: list[types.CodeType], args: list | None) -> list:
    """One outcome for each code, which is called if there are arguments."""
    return [_outcome(namespace, code, args) for code in codes]


def _outcome(namespace: dict, code: types.CodeType, args: list | None) -> list:
    try:
        value = eval(code, namespace)
        return ["value", values.encode(value if args is None else value(*args))]
    except BaseException as error:
        return ["error", *_describe(error)]


def _describe(error: BaseException) -> tuple[str, str]:
    try:
        text = str(error)[:_MAX_MESSAGE]
    except BaseException:
        text = ""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return type(error).__name__[:100], text if line is None else f"{text} (line {line})"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the candidate may have put anything there
            stream.flush()
