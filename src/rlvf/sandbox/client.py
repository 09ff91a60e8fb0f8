"""`Sandbox`: keeps the servers busy with candidates, and returns verdicts in order."""

import math
import select
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

from rlvf import machine
from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Execution, Task
from rlvf.sandbox import guard, judge
from rlvf.sandbox.connection import Connection, Order, ServerLost
from rlvf.sandbox.inside import isolation
from rlvf.sandbox.packages import find_packages
from rlvf.settings import SandboxSettings

_ATTEMPTS = 3
# The seconds to wait after each failed attempt, times its number, since the machine may be
# overloaded.
_PAUSE = 0.1
# So many candidates for each worker may go ahead of one that takes long.
_AHEAD = 32
_PLANS_KEPT = 4096

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
    """A completion's code, which is None where none was found, to be run against its task's
    tests."""

    task: Task
    sample_id: int
    code: str | None


class Sandbox:
    """Executes candidates on `workers` processes at a time. It is a context manager.

    Raises:
        RlvfError: a layer of isolation that the settings ask for cannot be had on this machine, or
            a package is not installed.
    """

    def __init__(self, settings: SandboxSettings, workers: int = 2):
        if sys.platform != "linux":
            raise RlvfError("the sandbox needs Linux, whose kernel confines the candidates")
        _check_control_groups(settings)
        self._settings = settings
        self._plans: dict[int, tuple[Task, bool, list[judge.Job]]] = {}
        self._window = workers * _AHEAD
        memory, cpu = settings.memory_mb << 20, math.ceil(settings.total_timeout)
        packages = find_packages(settings.packages)
        # The versions by name, for the packages of the settings and those that they need.
        self.packages = packages.versions
        self._connections = [Connection(memory, cpu, packages) for _ in range(workers)]
        self._running: dict[Connection, _Work] = {}
        self._waiting: deque[_Work] = deque()
        self._lock = threading.RLock()
        # This also runs at the end of the interpreter, where nobody closed the sandbox.
        self._finalizer = weakref.finalize(self, _shut_down, self._connections, self._lock)
        try:
            for connection in self._connections:
                connection.start()
            for connection in self._connections:
                self._check(connection.greet())
            self._prove()
        except ServerLost as error:
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

    def _prove(self) -> None:
        """Raises RlvfError unless a right answer passes and a wrong one does not."""
        codes = [_RIGHT] * len(self._connections) + [_WRONG]
        found = [*self.execute(Candidate(_KNOWN, n, code) for n, code in enumerate(codes))]
        for code, execution in zip(codes, found, strict=True):
            expected = "passed" if code is _RIGHT else "wrong_answer"
            if {test.verdict for test in execution.tests} != {expected}:
                limits = self._settings.model_dump_json(exclude={"minimum", "output_kb"})
                raise RlvfError(
                    f"the sandbox cannot start: an answer that should be {expected} is "
                    f"{execution.verdict} ({' '.join(execution.message.split())}) with the "
                    f"limits {limits}"
                )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """The number of each worker's process, which leads a session of its own."""
        return [connection.pid for connection in self._connections]

    def close(self) -> None:
        """End all processes and remove all scratch folders. It is harmless to call this twice."""
        self._finalizer()

    def execute(self, candidates: Iterable[Candidate]) -> Iterator[Execution]:
        """Yield one Execution for each candidate, in the same order, each as soon as it and those
        before it are done. `candidates` is read a little ahead of that.

        An error while waiting, Ctrl-C included, closes the sandbox.

        Raises:
            RlvfError: a task's test is not valid Python, or the sandbox is closed.
        """
        pending: deque[_Work] = deque()
        try:
            for candidate in candidates:
                pending.append(_Work(self._course(candidate)))
                self._waiting.append(pending[-1])
                self._advance(wait=False)
                if len(pending) >= self._window:
                    yield self._finish(pending.popleft())
            while pending:
                yield self._finish(pending.popleft())
        finally:
            for work in pending:  # nobody waits for them any more
                work.drop()

    def _finish(self, work: "_Work") -> Execution:
        while work.execution is None:
            if work.error:
                self.close()
                raise work.error
            self._advance(wait=True)
        return work.execution

    # ------------------------------------------------------------ all candidates together

    def _advance(self, wait: bool) -> None:
        """Take what the servers have done, and keep them busy. With `wait`, this waits for a while
        if they have done nothing yet."""
        with self._lock:
            if not self._finalizer.alive:
                raise RlvfError("the sandbox is closed; make a new one")
            try:
                self._hand_out()
                for work in islice(self._waiting, len(self._connections)):
                    work.prepare()  # while the servers are busy
                answered = self._replies(wait)
                self._hand_out()  # before the replies are looked at, which takes time
                for work, replies in answered:
                    work.take(replies)
                    if work.order:  # what is left undecided is run once more
                        self._waiting.appendleft(work)
            except BaseException:
                self.close()
                raise

    def _hand_out(self) -> None:
        idle = (one for one in self._connections if one not in self._running)
        for connection in idle:
            while self._waiting:
                work = self._waiting.popleft()
                work.prepare()
                if work.order:
                    self._send(connection, work)
                    break

    def _send(self, connection: Connection, work: "_Work") -> None:
        try:
            connection.send(work.order)
            self._running[connection] = work
        except ServerLost as error:
            self._try_again(connection, work, error)

    def _replies(self, wait: bool) -> list[tuple["_Work", list[judge.Reply]]]:
        """The replies that have come by now. With `wait`, this waits for a while if there are
        none."""
        poll = select.poll()
        owners: dict[int, Connection] = {}
        for connection in self._running:
            for descriptor, event in connection.events():
                poll.register(descriptor, event)
                owners[descriptor] = connection
        if not owners:
            return []
        patience = min(one.patience for one in self._running) if wait else 0.0
        begin = time.monotonic()
        ready = {owners[descriptor] for descriptor, _ in poll.poll(patience * 1000)}
        waited = min(time.monotonic() - begin, patience) if ready else patience
        answered = []
        for connection, work in list(self._running.items()):
            try:
                if connection not in ready:
                    connection.wait(waited)
                    continue
                replies = connection.receive()
            except ServerLost as error:
                del self._running[connection]
                self._try_again(connection, work, error)
            else:
                if replies:
                    del self._running[connection]
                    answered.append((work, replies))
        return answered

    def _try_again(self, connection: Connection, work: "_Work", error: ServerLost) -> None:
        connection.end()
        work.attempts += 1
        if work.attempts == _ATTEMPTS:
            work.fail(error)
        else:
            time.sleep(_PAUSE * work.attempts)
            self._waiting.appendleft(work)

    # ------------------------------------------------------------ one candidate

    def _course(self, candidate: Candidate) -> "_Course":
        """Yields orders, is sent the replies to each, and returns the Execution."""
        task, sample_id, code = candidate.task, candidate.sample_id, candidate.code
        isolation = list(self._connections[0].layers)
        if code is None or not code.strip():
            return judge.unrun(task, sample_id, judge.Finding("no_code"), isolation)
        timely, jobs = self._plan(task)
        try:
            judged = yield from self._judged(jobs, code, timely)
        except ServerLost as error:
            finding = judge.Finding("infrastructure_error", None, f"the sandbox: {error}")
            return judge.unrun(task, sample_id, finding, isolation)
        return judge.merge(task, sample_id, judged, isolation)

    def _judged(self, jobs: list[judge.Job], code: str, timely: bool) -> "_Steps":
        """Yields orders until each test is decided; returns what is known in the end."""
        replies = yield self._order(jobs, code)
        judged = [
            judge.Judged(job, reply, _findings(job, reply, timely))
            for job, reply in zip(jobs, replies, strict=False)  # after a lost run there are none
        ]
        for place, (job, reply, findings) in enumerate(judged):
            settling = job.settled(findings)
            if settling is None:
                continue
            if settling.steps != job.steps:
                first = reply
                (reply,) = yield self._order([settling], code)
                reply.seconds += first.seconds
            judged[place] = judge.Judged(settling, reply, _findings(settling, reply, timely))
        return judged

    def _plan(self, task: Task) -> tuple[bool, list[judge.Job]]:
        """The task's jobs, and whether a decision may depend on the time zone."""
        # Samples of one task mostly share its object, so that it is planned once.
        known = self._plans.get(id(task))
        if known is None or known[0] is not task:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            codes = (test.code for test in task.tests if isinstance(test, AssertTest))
            timely = guard.asks_for_the_time("\n".join([task.setup, *codes]))
            with guard.utc() if timely else nullcontext():
                known = self._plans[id(task)] = (task, timely, judge.plan(task))
        return known[1:]

    def _order(self, jobs: list[judge.Job], code: str) -> Order:
        settings = self._settings
        limits = {
            "timeout": settings.timeout,
            "timeout_wall": settings.timeout * settings.wall_factor,
            "total": settings.total_timeout,
            "total_wall": settings.total_timeout * settings.wall_factor,
        }
        runs = [
            {
                "frames": job.frames,
                "until_exit": job.until_exit,
                "output": job.output_bytes(settings.output_kb << 10),
            }
            for job in jobs
        ]
        contents = [
            {
                "name": job.name,
                "code": None if number else code,  # later runs find what the first one made of it
                "prelude": job.prelude_code,
                "setup": job.setup_code,
                "stdin": job.stdin,
                "steps": job.steps,
            }
            for number, job in enumerate(jobs)
        ]
        return Order(limits, runs, contents)


# Every sandbox is tried with this task at first: its right answer starts a thread, and reads and
# prints as a program.
_KNOWN = Task.model_validate(
    {
        "task_id": "known",
        "prompt": "",
        "entry_point": "f",
        "tests": [
            {"kind": "assert", "code": "assert f([2, 1]) == [1, 2]"},
            {"kind": "stdio", "stdin": "1\n", "stdout": "1\n"},
        ],
        "reference": "",
        "split": "",
    }
)
_RIGHT = """
import _thread
_thread.start_new_thread(int, ())
def f(x): return sorted(x)
if __name__ == "__main__": print(input())
"""
_WRONG = "def f(x): return x"


def _check_control_groups(settings: SandboxSettings) -> None:
    """Raises RlvfError where control groups could end a candidate, or the run, that keeps to the
    limits of the sandbox."""
    if (allowed := machine.memory()) < settings.memory_mb << 20:
        raise RlvfError(
            f"the sandbox cannot start: this process's control group (a container's, a job's) may "
            f"have {allowed / (1 << 20):.0f} MiB of memory, and a candidate "
            f"sandbox.memory_mb = {settings.memory_mb}; raise one or lower the other"
        )
    if (threads := machine.free_threads()) < isolation.THREADS:
        raise RlvfError(
            f"the sandbox cannot start: this process's control group (a container's, a job's) may "
            f"have {threads:.0f} more threads (pids.max), and a candidate {isolation.THREADS}; "
            f"raise its limit"
        )


def _findings(job: judge.Job, reply: judge.Reply, timely: bool) -> list[judge.Finding]:
    with guard.utc() if timely else nullcontext():
        return job.judge(reply)


_Course = Generator[Order, list[judge.Reply], Execution]
_Steps = Generator[Order, list[judge.Reply], list[judge.Judged]]


class _Work:
    """A candidate on its way. It has the order that is to be run next and, in the end, an Execution
    or an error that is not the candidate's."""

    def __init__(self, course: _Course):
        self._course = course
        self._begun = False
        self.order: Order | None = None
        self.attempts = 0
        self.execution: Execution | None = None
        self.error: Exception | None = None

    def prepare(self) -> None:
        """Make the first order, or end if none is needed."""
        if not self._begun:
            self._begun = True
            self._go_on(lambda: next(self._course))

    def take(self, replies: list[judge.Reply]) -> None:
        """Look at the replies to the order, and make the next order or end."""
        self._go_on(lambda: self._course.send(replies))

    def fail(self, error: ServerLost) -> None:
        """End without a reply."""
        self._go_on(lambda: self._course.throw(error))

    def drop(self) -> None:
        """End at once, since nobody waits for the Execution any more."""
        self._begun, self.order = True, None
        self._course.close()

    def _go_on(self, step: Callable[[], Order]) -> None:
        self.order, self.attempts = None, 0
        try:
            self.order = guard.in_plain_surroundings(step)
        except StopIteration as end:
            self.execution = end.value
        except Exception as error:
            self.error = error


def _shut_down(connections: list[Connection], lock: threading.RLock) -> None:
    for connection in connections:
        connection.terminate()  # this also wakes the thread that holds the lock
    with lock:
        for connection in connections:
            connection.end()
