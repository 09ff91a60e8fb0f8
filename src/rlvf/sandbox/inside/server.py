"""The small process that forks candidates and watches over them.

Its first frame on standard input says what to confine candidates with; it answers `h` + what is
in force. Then it reads jobs, and answers each with `c` + a frame that the candidate wrote (passed
on unread), any number of times, and `s` + how it ended. It is kept small because it is forked
once per candidate. When its standard input closes it ends its candidate and itself.
"""

import gc
import json
import os
import select
import signal
import sys
import time

from . import candidate, isolation, wire

_JOBS, _REPLIES = 0, 1
_CHUNK = 1 << 16
# What may still lie in a pipe whose writer is dead.
_PIPE_BYTES = 1 << 20
# How often a scratch folder is measured for which the kernel knows no limit, in seconds.
_SCRATCH_PERIOD = 0.1
# How often to look whether a candidate has ended that cannot be heard any more.
_END_PERIOD = 0.01


def main() -> None:
    """Serve until the client goes."""
    jobs = wire.Unpacker()
    frames: list[bytes] = []
    while not frames:
        frames = jobs.feed(_receive())
    start = json.loads(frames[0])
    own, candidates = (bytes.fromhex(program) for program in start["filters"])
    limits = isolation.Limits(candidates)
    entered = isolation.enter(start["folder"], own, limits)  # and go on in another process
    candidate.warm_up()
    gc.freeze()  # else each candidate's first collection would copy all of the server's memory
    _answer(wire.frame(b"h" + _json({"layers": entered.layers, "missing": entered.missing})))
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", LANG="C.UTF-8")
    os.environ.update(HOME=entered.scratch, TMPDIR=entered.scratch)
    os.chdir(entered.scratch)
    os.dup2(os.open(os.devnull, os.O_RDONLY), candidate.RESULTS)  # no pipe is to get this number
    scratch = _Scratch(entered.scratch, "namespaces" not in entered.layers)
    while True:
        for frame in jobs.feed(_receive()):
            _serve(json.loads(frame), scratch, limits)


def _receive() -> bytes:
    data = os.read(_JOBS, _CHUNK)
    if not data:
        sys.exit()
    return data


def _answer(frames: bytes) -> None:
    wire.write(_REPLIES, frames)


def _json(content: dict) -> bytes:
    return json.dumps(content).encode()


def _serve(job: dict, scratch: "_Scratch", limits: isolation.Limits) -> None:
    try:
        scratch.check()
        run = _Run(job, limits)
    except OSError as error:
        _answer(wire.frame(b"s" + _json({"end": "infrastructure", "message": str(error)})))
        return
    try:
        end = run.watch(scratch)
    finally:
        run.kill()
    scratch.clear()
    _answer(run.frames + wire.frame(b"s" + _json(run.summary(end))))


class _Scratch:
    """The folder in which candidates may make files, but no folders."""

    def __init__(self, path: str, unlimited: bool):
        self._path = path
        # None where the kernel limits it.
        self.period = _SCRATCH_PERIOD if unlimited else None

    def check(self) -> None:
        """Raises OSError where others have used up what a candidate may use."""
        state = os.statvfs(self._path)
        if state.f_bavail * state.f_frsize < isolation.SCRATCH_BYTES // 2:
            raise OSError(f"no space left for scratch files in {self._path}")

    def is_too_large(self) -> bool:
        sizes = [entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self._path)]
        return len(sizes) > isolation.SCRATCH_FILES or sum(sizes) > isolation.SCRATCH_BYTES

    def clear(self) -> None:
        for name in os.listdir(self._path):
            os.unlink(f"{self._path}/{name}")


class _Run:
    """One candidate's process."""

    def __init__(self, job: dict, limits: isolation.Limits):
        self._timeout, self._timeout_wall = job["timeout"], job["timeout_wall"]
        self._total, self._total_wall = job["total"], job["total_wall"]
        self._expected = job["frames"]
        self._until_exit = job["until_exit"]
        stdin = _stdin(job["stdin"])
        pipes = [os.pipe() for _ in range(3)]
        reading, writing = zip(*pipes, strict=True)
        self.pid = os.fork()
        if self.pid == 0:
            candidate.main(job, limits, (stdin, *writing))
        for descriptor in (stdin, *writing):
            os.close(descriptor)
        # The clock of all threads of that process together: clock_getcpuclockid(3).
        self._clock = (~self.pid << 3) | 2
        stdout, stderr, self._results = reading
        self._open = set(reading)
        self._output = {stdout: _Tail(job["output"]), stderr: _Tail(job["output"])}
        self._stdout, self._stderr = self._output.values()
        self.frames = bytearray()
        self._unpacker = wire.Unpacker(wire.MAX_CANDIDATE_FRAME)
        self._started = self._step = time.monotonic()
        self._cpu = self._step_cpu = 0.0
        self._milliseconds: list[float] = []
        self._garbled = False
        self._status = 0

    def watch(self, scratch: _Scratch) -> str:
        """Collect what the candidate writes until it has said all, ends, or takes too much."""
        poll = select.poll()
        for descriptor in (*self._open, _JOBS):
            poll.register(descriptor, select.POLLIN)
        while True:
            left, limit = self._left()
            if left <= 0:
                return limit
            if scratch.period:
                left = min(left, scratch.period)
                if scratch.is_too_large():
                    return "scratch"
            if not self._open:  # it has ended, or closed all that it could be heard by
                if self._has_ended():
                    return "exit"
                left = min(left, _END_PERIOD)
            ready = {descriptor for descriptor, _ in poll.poll(left * 1000 + 1)}
            if _JOBS in ready:
                sys.exit()  # nothing is sent during a job: the client is gone
            self._cpu = time.clock_gettime(self._clock)
            for descriptor in ready:
                if not self._read(descriptor):
                    poll.unregister(descriptor)
            if self._garbled:
                return "protocol"
            if len(self._milliseconds) == self._expected and not self._until_exit:
                return "done"

    def _has_ended(self) -> bool:
        # Not reaped yet: its clock is still to be read.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _left(self) -> tuple[float, str]:
        """The seconds until the next limit, at the earliest, and which limit that is."""
        now = time.monotonic()
        return min(
            (self._timeout - (self._cpu - self._step_cpu), "cpu"),
            (self._total - self._cpu, "cpu"),
            (self._timeout_wall - (now - self._step), "wall"),
            (self._total_wall - (now - self._started), "wall"),
        )

    def _read(self, descriptor: int) -> int:
        data = os.read(descriptor, _CHUNK)
        if not data:
            os.close(descriptor)
            self._open.discard(descriptor)
        elif descriptor == self._results:
            # No more frames than are due: each one buys its sender time and memory.
            for frame in self._cut(data)[: self._expected - len(self._milliseconds)]:
                now = time.monotonic()
                self._milliseconds.append((now - self._step) * 1000)
                if not self._until_exit:
                    self._step, self._step_cpu = now, self._cpu
                self.frames += wire.frame(b"c" + frame)
        else:
            self._output[descriptor].append(data)
        return len(data)

    def _cut(self, data: bytes) -> list[bytes]:
        try:
            frames = [] if self._garbled else self._unpacker.feed(data)
        except wire.FrameTooLong:
            frames, self._garbled = [], True
        self._garbled |= len(self.frames) > wire.MAX_CANDIDATE_TOTAL
        return frames

    def kill(self) -> None:
        """End the process, threads and all, then read what it left in the pipes."""
        os.kill(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        self._cpu = usage.ru_utime + usage.ru_stime
        for descriptor in tuple(self._open):
            os.set_blocking(descriptor, False)
            left = _PIPE_BYTES
            try:
                while left > 0 and (count := self._read(descriptor)):
                    left -= count
            except BlockingIOError:
                pass
        for descriptor in self._open:
            os.close(descriptor)

    def summary(self, end: str) -> dict:
        now = time.monotonic()
        return {
            "end": end,
            "status": self._status,
            "milliseconds": [*self._milliseconds, (now - self._step) * 1000],
            "seconds": now - self._started,
            "cpu_seconds": self._cpu,
            "stdout": self._stdout.text(),
            "stdout_cut": self._stdout.cut,
            "stderr": self._stderr.text(),
        }


class _Tail:
    """The last `size` bytes of a stream."""

    def __init__(self, size: int):
        self._size = size
        self._data = bytearray()
        self.cut = False

    def append(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > self._size:
            self.cut = True
            if len(self._data) > 2 * self._size + _CHUNK:
                del self._data[: -self._size]

    def text(self) -> str:
        return self._data[-self._size :].decode("utf-8", "replace")


def _stdin(text: str) -> int:
    """A descriptor to read the text from: a file without a name, so that nobody need feed it."""
    if not text:
        return os.open(os.devnull, os.O_RDONLY)
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    descriptor = os.memfd_create("stdin")
    while data:
        data = data[os.write(descriptor, data) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
