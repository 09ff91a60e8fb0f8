"""`Sandbox`: keeps the server processes, hands them candidates, and returns verdicts in order."""

import json
import marshal
import math
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rlvf.config import SandboxSettings
from rlvf.errors import RlvfError
from rlvf.records import Execution, Task
from rlvf.sandbox import judge, syscalls
from rlvf.sandbox.inside import wire

_ATTEMPTS = 3
# Between attempts, in seconds, times the number of the attempt: the machine may be overloaded.
_PAUSE = 0.1
# Beyond the candidate's own limits: a server that is silent for longer is taken to be broken.
_PATIENCE = 30.0
_CHUNK = 1 << 18
# How many candidates for each worker may wait for one before them that takes long.
_AHEAD = 32
_PLANS_KEPT = 4096
# A file system in memory, where there is one.
_MEMORY = "/dev/shm"

# Like -I, but for PYTHONHASHSEED: the order of a set of strings must not decide a verdict.
_PYTHON = (sys.executable, "-s", "-P", "-S", "-B", "-X", "utf8", "-c")
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
from inside import server
del sys.path[0], sys.argv[1:]
server.main()
"""

_REMEDIES = {
    "namespaces": "sysctl user.max_user_namespaces and, on Ubuntu 24.04 or newer, "
    "kernel.apparmor_restrict_unprivileged_userns decide on them; containers often deny them",
    "landlock": "it takes a kernel of 5.13 or newer that names landlock in "
    "/sys/kernel/security/lsm; elsewhere namespaces guard files as well",
    "seccomp": "it takes libseccomp and a kernel with CONFIG_SECCOMP_FILTER",
    "account": "do not run it as root, or install Python where other users can read it",
}


@dataclass(frozen=True)
class Candidate:
    """A completion's code to be run against its task's tests; None where no code was found."""

    task: Task
    sample_id: int
    code: str | None


class Sandbox:
    """Executes candidates on `workers` processes at a time. A context manager.

    Raises:
        RlvfError: a layer of isolation that the settings ask for cannot be had on this machine.
    """

    def __init__(self, settings: SandboxSettings, workers: int = 2):
        if sys.platform != "linux":
            raise RlvfError("the sandbox needs Linux, whose kernel confines the candidates")
        self._settings = settings
        self._plans: dict[int, tuple[Task, list[judge.Job]]] = {}
        self._window = workers * _AHEAD
        self._servers = [_Server() for _ in range(workers)]
        self._idle: queue.SimpleQueue[_Server] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(workers, "rlvf-sandbox")
        # Also runs at the end of the interpreter, where nobody closed the sandbox.
        self._finalizer = weakref.finalize(self, _shut_down, self._servers, self._threads)
        try:
            for server in self._servers:
                server.start()
            for server in self._servers:
                self._check(server.greet())
                self._idle.put(server)
        except _ServerLost as error:
            self.close()
            raise RlvfError(f"the sandbox cannot start: {error}") from error
        except BaseException:
            self.close()
            raise

    def _check(self, missing: dict[str, str]) -> None:
        for layer in self._settings.minimum:
            if layer in missing:
                raise RlvfError(
                    f"the sandbox lacks {layer}: {missing[layer]}; {_REMEDIES[layer]}; "
                    f"sandbox.minimum says which layers it must have"
                )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """The process of each worker: the leader of its session."""
        return [server.pid for server in self._servers]

    def close(self) -> None:
        """End all processes and remove all scratch folders. Harmless twice."""
        self._finalizer()

    def execute(self, candidates: Iterable[Candidate]) -> Iterator[Execution]:
        """One Execution for each candidate, in the same order, each as soon as it and those
        before it are done. `candidates` is read a little ahead of that.

        An error while waiting, Ctrl-C included, closes the sandbox.

        Raises:
            RlvfError: a task's test is not valid Python, or the sandbox is closed.
        """
        if not self._finalizer.alive:
            raise RlvfError("the sandbox is closed; make a new one")
        pending: deque[Future[Execution]] = deque()
        try:
            for candidate in candidates:
                pending.append(self._threads.submit(self._execute, candidate))
                if len(pending) >= self._window:
                    yield self._result(pending)
            while pending:
                yield self._result(pending)
        finally:
            for future in pending:  # nobody waits for them any more
                future.cancel()

    def _result(self, pending: deque[Future[Execution]]) -> Execution:
        try:
            return pending[0].result()
        except BaseException:
            self.close()
            raise
        finally:
            pending.popleft()

    def _execute(self, candidate: Candidate) -> Execution:
        server = self._idle.get()
        try:
            execution = self._execute_on(server, candidate)
            return execution.model_copy(update={"isolation": list(server.layers)})
        finally:
            self._idle.put(server)

    def _execute_on(self, server: "_Server", candidate: Candidate) -> Execution:
        task, sample_id, code = candidate.task, candidate.sample_id, candidate.code
        if code is None or not code.strip():
            return judge.unrun(task, sample_id, judge.Finding("no_code"))
        judged: list[judge.Judged] = []
        used = 0.0
        for job in self._plan(task):
            try:
                reply = self._run(server, self._limits(job, used), _content(job, code))
            except _ServerLost as error:
                finding = judge.Finding("infrastructure_error", None, f"the sandbox: {error}")
                return judge.unrun(task, sample_id, finding)
            judged.append(judge.Judged(job, reply, job.judge(reply)))
            used += reply.cpu_seconds
            if reply.died:
                break
        return judge.merge(task, sample_id, judged)

    def _plan(self, task: Task) -> list[judge.Job]:
        # Samples of one task share its object, mostly: it is planned once.
        known = self._plans.get(id(task))
        if known is None or known[0] is not task:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            known = self._plans[id(task)] = (task, judge.plan(task))
        return known[1]

    def _limits(self, job: judge.Job, used: float) -> dict:
        settings = self._settings
        total = max(settings.total_timeout - used, 0.01)
        return {
            "frames": job.frames,
            "until_exit": job.until_exit,
            "timeout": settings.timeout,
            "timeout_wall": settings.timeout * settings.wall_factor,
            "total": total,
            "total_wall": total * settings.wall_factor,
            "cpu": math.ceil(total),
            "memory": settings.memory_mb << 20,
            "output": job.output_bytes(settings.output_kb << 10),
        }

    def _run(self, server: "_Server", limits: dict, content: dict) -> judge.Reply:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return server.run(limits, content)
            except _ServerLost:
                server.end()
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * attempt)
        raise AssertionError("not reached")


def _content(job: judge.Job, code: str) -> dict:
    return {
        "name": job.name,
        "code": code,
        "setup": job.setup_code,
        "stdin": job.stdin,
        "steps": job.steps,
    }


class _ServerLost(Exception):
    """The server died, is silent, or could not run the candidate."""


class _Server:
    """A server process, replaced when it is lost, and the client's end of the pipes to it."""

    def __init__(self):
        self.layers: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._terminated = False
        self._process: subprocess.Popen | None = None
        self._folder = ""
        self._unpacker = wire.Unpacker()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start a process; it gets ready while the caller goes on. Raises _ServerLost."""
        try:
            filters, self._problem = syscalls.filters(), None
        except OSError as error:
            filters, self._problem = (b"", b""), str(error)
        with self._lock:
            if self._terminated:
                raise RlvfError("the sandbox was closed")
            kept = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}
            # More arenas than one take 64 MiB of a candidate's address space for each thread.
            python = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}
            home = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
            try:
                self._folder = tempfile.mkdtemp(prefix="rlvf-sandbox-", dir=home)
                self._process = subprocess.Popen(
                    [*_PYTHON, _BOOT, str(Path(__file__).parent)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,
                    cwd="/",
                    env={**python, **kept},
                    start_new_session=True,  # Ctrl-C in a terminal is for the client alone
                )
            except OSError as error:
                raise _ServerLost(f"its process cannot be started: {error}") from error
        self._unpacker = wire.Unpacker()
        os.set_blocking(self._process.stdin.fileno(), False)
        filters = [program.hex() for program in filters]
        start = {"folder": self._folder, "filters": filters}
        self._send(time.monotonic() + _PATIENCE, json.dumps(start).encode())

    def greet(self) -> dict[str, str]:
        """Wait for a process that was started: the layers that it lacks, each with the reason.
        Raises _ServerLost."""
        (frame,) = self._receive(time.monotonic() + _PATIENCE)
        greeting = json.loads(frame[1:])
        self.layers = tuple(greeting["layers"])
        if self._problem:
            greeting["missing"]["seccomp"] = self._problem
        return greeting["missing"]

    def terminate(self) -> None:
        """Have the process end soon, and none start after it. Safe while `run` is running."""
        with self._lock:
            self._terminated = True
            if self._process:
                self._process.terminate()

    def end(self) -> None:
        """End the process, which removes what it left. The next `run` starts another one."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, limits: dict, content: dict) -> judge.Reply:
        """Have one job done. Raises _ServerLost."""
        if self._process is None:
            self._restart()
        deadline = time.monotonic() + limits["total_wall"] + _PATIENCE
        self._send(deadline, json.dumps(limits).encode(), marshal.dumps(content))
        results = b""
        while True:
            for frame in self._receive(deadline):
                kind, content = frame[:1], frame[1:]
                if kind == b"c":
                    results += content
                elif kind == b"s":
                    fields = json.loads(content)
                    if fields["end"] == "infrastructure":
                        raise _ServerLost(f"it cannot run a candidate: {fields['message']}")
                elif kind == b"o":
                    stdout = content.decode(errors="replace")
                else:
                    stderr = content.decode(errors="replace")
                    frames = wire.Unpacker().feed(results)[: limits["frames"]]
                    return _checked(
                        judge.Reply(frames, **fields, stdout=stdout, stderr=stderr), limits
                    )

    def _restart(self) -> None:
        before = self.layers
        self.start()
        self.greet()
        if self.layers != before:
            self.layers = before
            raise _ServerLost("its new process is not confined as the first one was")

    def _send(self, deadline: float, *contents: bytes) -> None:
        descriptor = self._process.stdin.fileno()
        data = b"".join(map(wire.frame, contents))
        try:
            while data:
                self._wait(descriptor, select.POLLOUT, deadline)
                data = data[os.write(descriptor, data) :]
        except OSError as error:
            raise _ServerLost(f"its process cannot be reached: {error}") from error

    def _receive(self, deadline: float) -> list[bytes]:
        """The next frames, at least one."""
        descriptor = self._process.stdout.fileno()
        while True:
            self._wait(descriptor, select.POLLIN, deadline)
            data = os.read(descriptor, _CHUNK)
            if not data:
                raise _ServerLost("its process has ended")
            if frames := self._unpacker.feed(data):
                return frames

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise _ServerLost("its process is silent")


def _checked(reply: judge.Reply, limits: dict) -> judge.Reply:
    killed = reply.end == "exit" and reply.status == -signal.SIGKILL
    if killed and reply.cpu_seconds < limits["cpu"]:
        # Neither the server did that nor a limit, and the candidate has no means to.
        raise _ServerLost("something outside, for want of memory perhaps, killed a candidate")
    return reply


def _shut_down(servers: list[_Server], threads: ThreadPoolExecutor) -> None:
    for server in servers:
        server.terminate()
    threads.shutdown(cancel_futures=True)
    for server in servers:
        server.end()
