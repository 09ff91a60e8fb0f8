"""The small process that forks candidates and watches over them.

The first frame on its standard input says what to confine candidates with, and it answers with a
frame `h` that says what is in force. Then orders come, one for each candidate. An order is a frame
of limits, which are numbers, and a frame of content for each run of the candidate. The candidate's
own process reads that content.

The answer to each run is a frame `r`: how the run ended (`wire.RUN`), what the candidate's process
wrote as results, and the output. Results that are too many to be kept until then go ahead of it in
frames `c` of any length. After the last run comes a frame `s`, or a frame `x` that says why a run
could not be begun. A run that is lost to a limit or a signal is the last one. While a candidate
runs, the server also sends a frame `b` each second.

The candidate's process writes the first of the results before it looks at the first line of the
candidate's code. If that result is missing or not empty, nothing that happened is the candidate's
doing.

A candidate is a fork of this process and could search its memory. So nothing of any job becomes
an object here: results pass through a buffer that is wiped, and output lies in files without a
name. The process is also kept small and does little for each candidate: it is forked for each of
them, and a page that it writes to after a fork costs time. It ends when its standard input closes.
"""

import gc
import importlib
import json
import marshal
import math
import os
import select
import signal
import struct
import sys
import time

from . import candidate, isolation, wire

_JOBS, _REPLIES = 0, 1
_BUFFER = 1 << 16
# At most so many bytes of replies are collected before they are sent.
_TOGETHER = 1 << 20
# At most so many bytes may still lie in a pipe whose writer is dead.
_PIPE_BYTES = 1 << 20
# The seconds between two looks whether a candidate has ended, on kernels before 5.3, which do not
# tell.
_END_PERIOD = 0.01
# A run gets at least so many seconds, even if the candidate's budget is used up.
_LEAST = 0.01
# The seconds between two looks at what a candidate does, and between two signs of life.
_PERIOD, _BEAT = 0.1, 1.0
# A candidate's process must be ready after so many seconds.
_PREPARATION = 30.0
# These tell libraries that compute to use one thread. A server that forks may have no others, and
# more threads would give a candidate no more processor time.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Python places objects of up to _SMALL bytes by size, in steps of _STEP bytes, in pools of _POOL
# bytes that begin with a head of _POOL_HEAD bytes.
_SMALL, _STEP, _POOL, _POOL_HEAD = 512, 16, 1 << 14, 48
# A bytes object takes so many bytes beside its content.
_BYTES_HEAD = 33
# The gaps of one size hold fewer bytes than this.
_GAPS = 1 << 22
# Threads in these states have nothing to do. Of the other states, R means that a thread computes or
# waits for a core, D that it waits for a disk, and T that it was stopped. None of these is the
# candidate's choice: it may send no signals, so it cannot stop itself.
_IDLE = frozenset("SZXI")


def main() -> None:
    """Serve until the client goes."""
    isolation.forget_the_session()
    # A candidate has its own pipe and files under the numbers up to KEPT. They are all taken here,
    # so that nothing else gets one of them.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= candidate.KEPT:
        pass
    os.close(descriptor)
    start = json.loads(wire.read(_JOBS))
    own, candidates = (bytes.fromhex(program) for program in start["filters"])
    limits = isolation.Limits(candidates, start["memory"], start["cpu"])
    packages = start["packages"]
    refusal = None
    try:
        # This returns in another process.
        entered = isolation.enter(
            start["folder"], own, limits, packages["paths"], packages["search"]
        )
        _make_at_home(entered.scratch, packages)
        refusal = _import_packages(packages)
    except OSError as error:
        refusal = str(error)
    if refusal := limits.shortage() or refusal:
        _answer("h", json.dumps({"refusal": refusal}).encode())
        sys.exit()
    candidate.warm_up()
    filling = _fill_gaps()  # noqa: F841 (the objects must stay alive)
    limits.take()
    gc.freeze()  # without it, each candidate's first collection would copy the server's memory
    _answer("h", json.dumps({"layers": entered.layers, "missing": entered.missing}).encode())
    server = _Server(entered, limits)
    program = os.memfd_create("program")
    os.dup2(program, candidate.KEPT)
    os.close(program)
    while True:
        try:
            order = marshal.loads(wire.read(_JOBS))
        except EOFError:
            sys.exit()
        server.serve(order)
        _empty(candidate.KEPT)


def _fill_gaps() -> list:
    """Fill the free places between existing objects with others, which the caller keeps. Objects
    that are made later then lie close together, on few pages. This saves time: each page that the
    server or a candidate writes to after a fork is copied first, which is most of what an execution
    costs."""
    kept: list = []
    for size in range(2 * _STEP, _SMALL + 1, _STEP):
        for number in range(_GAPS // size):
            # The smallest size has no room for a bytes object, so an integer takes its place.
            block = bytes(size - _BYTES_HEAD) if size > _BYTES_HEAD else 1000 + number
            if id(block) % _POOL == _POOL_HEAD:
                break  # this block began a new pool, which is freed together with the block
            kept.append(block)
    # Larger objects are in no pool but in the first gap that is large enough. So one that lies
    # beyond `end`, the farthest place so far, shows that no gap of its size is left.
    end = 0
    for size in (65536, 32768, 16384, 8192, 6144, 4096, 3072, 2048, 1536, 1024, 768, 640, 528):
        for _ in range(_GAPS // size):
            kept.append(bytes(size - _BYTES_HEAD))
            if id(kept[-1]) > end:
                end = id(kept[-1])
                break
    return kept


def _make_at_home(scratch: str, packages: dict) -> None:
    """Set what candidates find around them."""
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", LANG="C.UTF-8", TZ="UTC", HOME=scratch, TMPDIR=scratch)
    if packages["modules"]:
        os.environ.update(_ONE_THREAD)
    os.chdir(scratch)


def _import_packages(packages: dict) -> str | None:
    """Import the packages that candidates may import, so that they need not. Returns why that
    failed, or None."""
    sys.path += packages["search"]
    for name in packages["modules"]:
        try:
            importlib.import_module(name)
        except Exception as error:
            return f"sandbox.packages: import {name} fails: {type(error).__name__}: {error}"
    candidate.seed_packages()
    return None


def _answer(kind: str, *content: bytes | memoryview) -> None:
    wire.write(_REPLIES, *_framed(kind, *content))


def _empty(file: int) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)


def _framed(kind: str, *content: bytes | memoryview) -> list[bytes | memoryview]:
    length = 1 + sum(map(len, content))
    return [wire.LENGTH.pack(length) + kind.encode(), *content]


class _Server:
    """Carries out orders, with what is the same for all candidates."""

    def __init__(self, entered: isolation.Entered, limits: isolation.Limits):
        self.limits = limits
        self.replies = _Replies()
        self.results = _Results(self.replies)
        self._watchman = entered.watchman
        # Without a filter a candidate could stop itself, so being stopped counts as idle then.
        self._idle = _IDLE if "seccomp" in entered.layers else _IDLE | {"T", "t"}

    def is_idle(self) -> bool:
        """Whether all threads of the candidate that runs now wait by their own choice."""
        return self._watchman.states() <= self._idle

    def serve(self, order: dict) -> None:
        """Run a candidate as often as the order says, unless it is lost before, and answer."""
        budget = _Budget(order)
        runs = order["runs"]
        for left, settings in zip(range(len(runs) - 1, -1, -1), runs, strict=True):
            try:
                run = _Run(settings, budget, self, more=left > 0)
            except OSError as error:
                _answer("x", str(error).encode())
                return
            try:
                end = run.watch()
            finally:
                run.kill()
            run.reply(end)
            for name in os.listdir():
                os.unlink(name)
            if run.is_lost(end):
                for _ in range(left):
                    self.results.skip(_JOBS)
                break
            budget.take(run)
        self.replies.send()
        _answer("s")


class _Budget:
    """The time that a candidate has for each test, and what is left for all its runs together. It
    is in seconds of processor time or, in the attributes with `wall`, on the clock."""

    def __init__(self, order: dict):
        self.test, self.test_wall = order["timeout"], order["timeout_wall"]
        self.total, self.total_wall = order["total"], order["total_wall"]

    def take(self, run: "_Run") -> None:
        """Take off the time of a run that has ended."""
        used, passed = run.taken
        self.total = max(self.total - used, _LEAST)
        self.total_wall = max(self.total_wall - passed, _LEAST)


class _Run:
    """One candidate's process."""

    def __init__(self, settings: dict, budget: _Budget, server: _Server, more: bool):
        self._server, self._results = server, server.results
        self._timeout, self._timeout_wall = budget.test, budget.test_wall
        self._total, self._total_wall = budget.total, budget.total_wall
        self._cpu_limit = math.ceil(self._total)
        self._expected = 1 + settings["frames"]
        self._until_exit = settings["until_exit"]
        self._output = settings["output"]
        self._stdout, self._stderr = os.memfd_create("stdout"), os.memfd_create("stderr")
        self._pipe, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            outputs = self._stdout, self._stderr, writing
            candidate.main(_JOBS, outputs, server.limits, self._cpu_limit, more)
        os.close(writing)
        # Reading must not wait: the candidate could empty the pipe just before it is read here.
        os.set_blocking(self._pipe, False)
        self._is_open = True
        try:
            self._process = os.pidfd_open(self.pid)
        except OSError:
            self._process = None
        # The processor clock of all threads of that process together, as clock_getcpuclockid(3)
        # makes its number.
        self._clock = (~self.pid << 3) | 2
        # The seconds that passed on the candidate's clock, and until when they were counted; see
        # _count_time.
        self._passed, self._counted = 0.0, time.monotonic()
        self._beat = self._started = self._step = self._counted
        self._cpu = self._counted_cpu = 0.0
        # When the candidate's first line began, and the test that runs: the seconds on the clock
        # and of the processor by then.
        self._began = self._step_began = (0.0, 0.0)
        self._milliseconds: list[float] = []
        self._status = 0

    def watch(self) -> str:
        """Collect the results until all are there, the candidate ends, or it takes too much."""
        poll = select.poll()
        # A program's results are only looked at now and then, since no test begins or ends with
        # them.
        if not self._until_exit:
            poll.register(self._pipe, select.POLLIN)
        if self._process is not None:
            poll.register(self._process, select.POLLIN)
        poll.register(_JOBS, 0)  # this tells when the client is gone
        while True:
            left, limit = self._left()
            if left <= 0:
                return limit
            left = min(left, _PERIOD)
            # In this case nothing that is polled tells when the process has ended.
            if self._process is None and (self._until_exit or not self._is_open):
                if self._has_ended():
                    return "exit"
                left = min(left, _END_PERIOD)
            ready = dict(poll.poll(left * 1000 + 1))
            if _JOBS in ready:
                sys.exit()
            # This may wait for the client, which must not count as the candidate's time.
            self._results.make_room()
            self._cpu = time.clock_gettime(self._clock)
            if is_due := time.monotonic() - self._counted >= left:
                self._count_time(left)
            if (
                self._is_open
                and (is_due or self._pipe in ready)
                and self._read() == 0
                and not self._until_exit
            ):
                poll.unregister(self._pipe)
            if self._results.garbled:
                return "protocol"
            if len(self._milliseconds) == self._expected and not self._until_exit:
                return "done"
            if self._process in ready:
                return "exit"

    def _has_ended(self) -> bool:
        # The process is not reaped yet, since its clock is still to be read.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _count_time(self, asked: float) -> None:
        """Add to the candidate's clock what has passed since the last call. `asked` is how many
        seconds this process wanted to sleep meanwhile.

        While the candidate waits by its own choice, real time is added. It is cut where this
        process slept much longer than it asked for, since the whole machine may have stood still.
        While the candidate wants to compute, only the processor time that it got is added.
        """
        now = time.monotonic()
        elapsed = min(now - self._counted, asked + _PERIOD)
        used = self._cpu - self._counted_cpu
        self._passed += max(elapsed, used) if self._server.is_idle() else used
        self._counted, self._counted_cpu = now, self._cpu
        if now - self._beat >= _BEAT:
            self._beat = now
            _answer("b")

    def _left(self) -> tuple[float, str]:
        """The seconds until a limit can be reached at the earliest, and which limit that is."""
        if not self._milliseconds:
            return _PREPARATION - self._passed, "unprepared"
        (began, began_cpu), (step, step_cpu) = self._began, self._step_began
        return min(
            (self._timeout - (self._cpu - step_cpu), "cpu"),
            (self._total - (self._cpu - began_cpu), "cpu"),
            (self._timeout_wall - (self._passed - step), "wall"),
            (self._total_wall - (self._passed - began), "wall"),
        )

    def _read(self) -> int | None:
        """Read results once. Returns how many bytes came, 0 at the end of the pipe, and None if
        there is nothing now."""
        try:
            count = self._results.read(self._pipe)
        except BlockingIOError:
            return None
        self._is_open = count > 0
        # Frames beyond those that are due are ignored, since each frame gives its sender more time.
        while len(self._milliseconds) < min(self._results.frames, self._expected):
            now = time.monotonic()
            self._milliseconds.append((now - self._step) * 1000)
            if len(self._milliseconds) == 1:
                self._began = (self._passed, self._cpu)
                if not self._until_exit:
                    self._started = now
            elif self._until_exit:
                continue
            self._step, self._step_began = now, (self._passed, self._cpu)
        return count

    def kill(self) -> None:
        """End the process with all its threads, then read what it left in the pipe."""
        os.kill(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        self._cpu = usage.ru_utime + usage.ru_stime
        left = _PIPE_BYTES
        while self._is_open and left > 0 and (count := self._read()):
            left -= count
        os.close(self._pipe)
        if self._process is not None:
            os.close(self._process)

    def is_lost(self, end: str) -> bool:
        """Whether the process was lost, and with it the tests that were still to come."""
        ended_by_itself = end == "exit" and self._status >= 0
        return not ended_by_itself and end not in ("done", "protocol")

    def reply(self, end: str) -> None:
        """Answer with how the process ended, its results and the last of its output."""
        now = time.monotonic()
        times = *self._milliseconds[1:], (now - self._step) * 1000
        out, err = os.lseek(self._stdout, 0, os.SEEK_END), os.lseek(self._stderr, 0, os.SEEK_END)
        last_out, last_err = min(out, self._output), min(err, self._output)
        ended = wire.ENDS.index(end), self._status, now - self._started, self._cpu, self._cpu_limit
        summary = wire.RUN.pack(last_out, last_err, out > last_out, *ended, len(times))
        summary += struct.pack(wire.TIMES.format(len(times)), *times)
        kept = (self._stdout, out, last_out), (self._stderr, err, last_err)
        self._server.replies.add_run(summary, self._results.take(), kept)
        self._results.wipe()
        os.close(self._stdout)
        os.close(self._stderr)

    @property
    def taken(self) -> tuple[float, float]:
        """The time that the process has taken, of the processor and on the clock."""
        return self._cpu, self._passed


class _Replies:
    """Collects the answers to an order and sends them together, so that the client need not wake up
    for each run. Until then they lie where no candidate can read: in a file without a name."""

    def __init__(self):
        self._file = os.memfd_create("replies")

    def add_results(self, results: memoryview) -> None:
        """Add some of the results of a run that goes on."""
        frame = _framed("c", results)
        wire.write(self._place(sum(map(len, frame))), *frame)

    def add_run(
        self, summary: bytes, results: memoryview, kept: tuple[tuple[int, int, int], ...]
    ) -> None:
        """Add what there is of a run that has ended. `kept` names files, each with its size and how
        many of its last bytes to add."""
        length = 1 + len(summary) + len(results) + sum(count for *_, count in kept)
        place = self._place(wire.LENGTH.size + length)
        wire.write(place, wire.LENGTH.pack(length) + b"r" + summary, results)
        for file, size, count in kept:
            _copy(file, size - count, count, place)

    def _place(self, size: int) -> int:
        """The descriptor to write the next `size` bytes to."""
        if os.lseek(self._file, 0, os.SEEK_CUR) + size > _TOGETHER:
            self.send()
        return self._file if size <= _TOGETHER else _REPLIES

    def send(self) -> None:
        """Send what has been collected."""
        _copy(self._file, 0, os.lseek(self._file, 0, os.SEEK_CUR), _REPLIES)
        _empty(self._file)


def _copy(file: int, start: int, count: int, target: int) -> None:
    """Write a part of a file to the descriptor `target`, without looking at it."""
    while count:
        copied = os.sendfile(target, file, start, count)
        if not copied:
            raise OSError("a file is shorter than it was")
        start += copied
        count -= copied


class _Results:
    """Frames on their way to the client. They are counted, but not looked into."""

    def __init__(self, replies: _Replies):
        self._view = memoryview(bytearray(_BUFFER))
        self._end = 0
        self._most = 0
        self._replies = replies
        self._reset()

    def _reset(self) -> None:
        self.frames = 0
        # Whether a frame, or all frames together, are longer than they may be.
        self.garbled = False
        self._total = 0
        self._left = 0
        self._length = self._digits = 0

    def make_room(self) -> None:
        """Hand on the content of the buffer if it is full. This may wait for the client."""
        if self._end == len(self._view):
            self._replies.add_results(self.take())

    def read(self, descriptor: int) -> int:
        self.make_room()
        start = self._end
        count = os.readv(descriptor, [self._view[start:]])
        self._end += count
        self._most = max(self._most, self._end)
        if not self.garbled:
            self._count(start)
            self._total += count
            self.garbled |= self._total > wire.MAX_CANDIDATE_TOTAL
        return count

    def _count(self, place: int) -> None:
        while place < self._end:
            if self._left == 0:
                self._length = self._length << 8 | self._view[place]
                self._digits += 1
                place += 1
                if self._digits < wire.LENGTH.size:
                    continue
                self._left, self._length, self._digits = self._length, 0, 0
                if self._left > wire.MAX_CANDIDATE_FRAME:
                    self.garbled = True
                    return
            step = min(self._left, self._end - place)
            self._left -= step
            place += step
            self.frames += self._left == 0

    def take(self) -> memoryview:
        content, self._end = self._view[: self._end], 0
        return content

    def skip(self, descriptor: int) -> None:
        """Pass over a frame that nobody will read."""
        (left,) = wire.LENGTH.unpack(wire.read_exactly(descriptor, wire.LENGTH.size))
        while left > 0:
            count = os.readv(descriptor, [self._view[:left]])
            if not count:
                sys.exit()
            left -= count
            self._most = max(self._most, count)
        self.wipe()

    def wipe(self) -> None:
        self._view[: self._most] = bytes(self._most)
        self._end = self._most = 0
        self._reset()
