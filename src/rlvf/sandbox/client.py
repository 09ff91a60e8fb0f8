"""`Sandbox`: keeps the server processes, hands them candidates, and returns verdicts in order."""

import json
import math
import os
import queue
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlvf.config import SandboxSettings
from rlvf.errors import RlvfError
from rlvf.records import Execution, Task
from rlvf.sandbox import judge
from rlvf.sandbox.inside import wire

_ATTEMPTS = 3
# Beyond the candidate's own limits: a server that is silent for longer is taken to be broken.
_PATIENCE = 30.0
_CHUNK = 1 << 18

# Like -I, but for PYTHONHASHSEED: the order of a set of strings must not decide a verdict.
_PYTHON = (sys.executable, "-s", "-P", "-S", "-X", "utf8", "-c")
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
from inside import server
del sys.path[0]
server.main(sys.argv[2])
"""


@dataclass(frozen=True)
class Candidate:
    """A completion's code to be run against its task's tests; None where no code was found."""

    task: Task
    sample_id: int
    code: str | None


class Sandbox:
    """Executes candidates on `workers` processes at a time. A context manager.

    An exception during `execute`, Ctrl-C included, closes the sandbox.
    """

    def __init__(self, settings: SandboxSettings, workers: int = 2):
        self._settings = settings
        self._servers = [_Server() for _ in range(workers)]
        # Also runs at the end of the interpreter, where nobody closed the sandbox.
        self._finalizer = weakref.finalize(self, _shut_down, self._servers)
        for server in self._servers:
            server.start()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes and remove all scratch folders. Harmless twice."""
        self._finalizer()

    def execute(
        self, candidates: Sequence[Candidate], progress: Callable[[int], None] | None = None
    ) -> list[Execution]:
        """One Execution for each candidate, in the same order.

        `progress` is called in this thread with the number of candidates that are done.

        Raises:
            RlvfError: a task's test is not valid Python, or the sandbox is closed.
        """
        if not self._finalizer.alive:
            raise RlvfError("the sandbox is closed; make a new one")
        # Samples of one task share its object, mostly: it is planned once.
        tasks = {id(candidate.task): candidate.task for candidate in candidates}
        plans = {key: judge.plan(task) for key, task in tasks.items()}
        # Shared by the threads: next() on a list's iterator is atomic.
        work = iter([(i, c, plans[id(c.task)]) for i, c in enumerate(candidates)])
        done: queue.SimpleQueue = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._work, args=(server, work, done), name="rlvf-sandbox")
            for server in self._servers[: len(candidates)]
        ]
        executions: dict[int, Execution] = {}
        try:
            for thread in threads:
                thread.start()
            while len(executions) < len(candidates):
                result = done.get()
                if isinstance(result, BaseException):
                    raise result
                executions.update([result])
                if progress:
                    progress(len(executions))
        except BaseException:
            for server in self._servers:
                server.terminate()  # which ends the threads
            _join(threads)
            self.close()
            raise
        _join(threads)
        return [executions[index] for index in range(len(candidates))]

    def _work(self, server: "_Server", work: Iterator, done: queue.SimpleQueue) -> None:
        try:
            for index, candidate, jobs in work:
                done.put((index, self._execute(server, candidate, jobs)))
        except BaseException as error:
            done.put(error)

    def _execute(self, server: "_Server", candidate: Candidate, jobs: list) -> Execution:
        task, sample_id, code = candidate.task, candidate.sample_id, candidate.code
        if code is None or not code.strip():
            return judge.unrun(task, sample_id, judge.Finding("no_code"))
        judged: list[judge.Judged] = []
        for job in jobs:
            try:
                reply = self._run(server, self._request(job, code), job.frames)
            except _ServerLost as error:
                finding = judge.Finding("infrastructure_error", None, str(error))
                return judge.unrun(task, sample_id, finding)
            judged.append(judge.Judged(job, reply, job.judge(reply)))
            if reply.died:
                break
        return judge.merge(task, sample_id, judged)

    def _request(self, job: judge.Job, code: str) -> dict:
        settings = self._settings
        return {
            "name": job.name,
            "code": code,
            "setup": job.setup,
            "stdin": job.stdin,
            "steps": job.steps,
            "frames": job.frames,
            "until_exit": job.until_exit,
            "timeout": settings.timeout,
            "cpu": math.ceil(settings.timeout * job.frames) + 1,
            "memory": settings.memory_mb << 20,
            "output": job.output_bytes(settings.output_kb << 10),
        }

    def _run(self, server: "_Server", request: dict, phases: int) -> judge.Reply:
        patience = phases * self._settings.timeout + _PATIENCE
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return server.run(request, patience)
            except _ServerLost:
                server.end()
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("not reached")


class _ServerLost(Exception):
    """The server died, is silent, or could not start the candidate."""


class _Terminated(Exception):
    """The sandbox is being closed."""


class _Server:
    """A server process, replaced when it is lost, and the client's end of the pipes to it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._terminated = False
        self._process: subprocess.Popen | None = None
        self._scratch = ""

    def start(self) -> None:
        """Start a process; it gets ready while the caller goes on."""
        with self._lock:
            if self._terminated:
                raise _Terminated
            self._scratch = tempfile.mkdtemp(prefix="rlvf-sandbox-")
            kept = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}
            self._process = subprocess.Popen(
                [*_PYTHON, _BOOT, str(Path(__file__).parent), self._scratch],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", **kept},
                start_new_session=True,  # Ctrl-C in a terminal is for the client alone
            )

    def terminate(self) -> None:
        """Have the process end soon, and none start after it. Safe while `run` is running."""
        with self._lock:
            self._terminated = True
            if self._process:
                self._process.terminate()

    def end(self) -> None:
        """End the process and remove what it left. The next `run` starts another one."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process = None
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, request: dict, patience: float) -> judge.Reply:
        """Have one job done. Raises _ServerLost."""
        try:
            if self._process is None:
                self.start()
            wire.send(self._process.stdin.fileno(), json.dumps(request).encode())
        except OSError as error:
            raise _ServerLost(f"the sandbox's server process cannot be reached: {error}") from error
        frames = []
        for frame in self._receive(time.monotonic() + patience):
            if frame[:1] == b"c":
                frames.append(frame[1:])
                continue
            summary = json.loads(frame[1:])
            if summary["end"] == "infrastructure":
                raise _ServerLost(f"cannot start a process: {summary['message']}")
            return judge.Reply(frames, **summary)
        raise _ServerLost("the sandbox's server process has ended")

    def _receive(self, deadline: float) -> Iterator[bytes]:
        descriptor = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        unpacker = wire.Unpacker()
        while True:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise _ServerLost("the sandbox's server process is silent")
            data = os.read(descriptor, _CHUNK)
            if not data:
                return
            yield from unpacker.feed(data)


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is not None:  # it was started
            thread.join()


def _shut_down(servers: list[_Server]) -> None:
    for server in servers:
        server.terminate()
    for server in servers:
        server.end()
