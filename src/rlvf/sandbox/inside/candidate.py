"""The process that runs one candidate, from just after the fork to its end.

It reports in frames of JSON on one pipe: first how loading went, then one frame per test. Both
sides of that pipe belong to the candidate for all we know: whatever is written there counts as
values that the candidate returned, never as a verdict.
"""

import atexit
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import types
from typing import Any

from . import values, wire

# Leaves when memory is too short even for a report. A candidate that leaves so fails as well.
EXIT_NO_MEMORY = 86

RESULTS = 3
_MAX_DESCRIPTORS = 64
_MAX_FILE_BYTES = 16 << 20
_MAX_MESSAGE = 1000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def main(job: dict, scratch: str, descriptors: tuple[int, int, int, int]) -> None:
    """Run the job and leave the process. `descriptors`: stdin, stdout, stderr, results."""
    status = 1
    try:
        _detach(scratch, descriptors)
        _confine(job)
        status = _run(job)
    except MemoryError:
        status = EXIT_NO_MEMORY
    finally:
        os._exit(status)


def _detach(scratch: str, descriptors: tuple[int, int, int, int]) -> None:
    """Cut every tie to the server but the four descriptors, which become 0 to 3."""
    os.setsid()
    # Not even a server that was killed leaves its candidate running.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # First out of the way of 0 to 3, since the targets may be among the sources.
    high = [os.dup(descriptor) for descriptor in descriptors]
    for target, descriptor in enumerate(high):
        os.dup2(descriptor, target)
    os.closerange(RESULTS + 1, 256)
    os.chdir(scratch)
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", LANG="C.UTF-8", HOME=scratch, TMPDIR=scratch)


def _confine(job: dict) -> None:
    """Give up rights, for good. ISOLATION LAYERS (seccomp, Landlock, namespaces) BELONG HERE:
    the last place where no line of the candidate has been looked at."""
    for limit, value in (
        (resource.RLIMIT_AS, job["memory"]),
        (resource.RLIMIT_CPU, job["cpu"]),
        (resource.RLIMIT_FSIZE, _MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _run(job: dict) -> int:
    module = types.ModuleType(job["name"])
    sys.modules[job["name"]] = module
    loaded = _load(module.__dict__, job)
    if job["name"] == "__main__":
        _end_program()
    _report(loaded)
    if loaded == ["ok"]:
        for step in job["steps"]:
            _report(_take(module.__dict__, step))
    return 0 if loaded == ["ok"] else 1


def _report(content: list) -> None:
    _flush()
    payload = json.dumps(content).encode()
    if len(payload) > wire.MAX_CANDIDATE_FRAME:
        payload = json.dumps(
            [["value", values.opaque(content, "too large")]] * len(content)
        ).encode()
    wire.send(RESULTS, payload)


def _load(namespace: dict, job: dict) -> list:
    try:
        code = compile(job["code"], "<candidate>", "exec", dont_inherit=True)
    except Exception as error:  # not only SyntaxError: null bytes, surrogates, nesting too deep
        return ["syntax_error", *_describe(error)]
    try:
        exec(code, namespace)
        exec(compile(job["setup"], "<setup>", "exec", dont_inherit=True), namespace)
    except SystemExit as error:
        # A program may end this way; a module that is to be tested may not.
        if job["name"] == "__main__" and error.code in (None, 0):
            return ["ok"]
        return ["error", *_describe(error)]
    except BaseException as error:
        return ["error", *_describe(error)]
    return ["ok"]


def _end_program() -> None:
    """What the interpreter does when a program ends."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    atexit._run_exitfuncs()


def _take(namespace: dict, step: dict) -> list:
    """One outcome for each expression of the step."""
    if "call" in step:
        return [_outcome(lambda: _call(namespace, **step["call"]))]
    if "statement" in step:
        return [_outcome(lambda: exec(_compile(step["statement"], "exec"), namespace))]
    return [
        _outcome(lambda source=source: eval(_compile(source, "eval"), namespace))
        for source in step["expressions"]
    ]


def _call(namespace: dict, function: str, args: list) -> Any:
    return eval(_compile(function, "eval"), namespace)(*args)


def _compile(source: str, mode: str) -> types.CodeType:
    return compile(source, "<test>", mode, dont_inherit=True)


def _outcome(evaluate: Any) -> list:
    try:
        return ["value", values.encode(evaluate())]
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
