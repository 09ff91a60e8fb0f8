"""The small process that forks candidates and watches over them.

It reads jobs as frames on its standard input and answers each on its standard output with
`c` + a frame that the candidate wrote (passed on unread), any number of times, and then
`s` + how it ended. It is kept small because it is forked once per candidate. When its standard
input closes, or on SIGTERM, it ends its candidate and itself and leaves nothing behind.
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import sys
import time

from . import candidate, wire

_JOBS, _REPLIES = 0, 1
_CHUNK = 1 << 16
# What may still lie in a pipe whose writers are dead; those who escaped could write for ever.
_PIPE_BYTES = 1 << 20


def main(scratch: str) -> None:
    """Serve until the client goes. Candidates get folders below `scratch`, an existing folder."""
    wake, poke = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    jobs = wire.Unpacker()
    number = 0
    try:
        while data := os.read(_JOBS, _CHUNK):
            for frame in jobs.feed(data):
                number += 1
                _serve(json.loads(frame), f"{scratch}/{number}", wake)
    except BrokenPipeError:
        pass
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _serve(job: dict, scratch: str, wake: int) -> None:
    try:
        pathlib.Path(scratch).mkdir(mode=0o700)
        run = _Run(job, scratch, wake)
    except OSError as error:
        _reply(b"s", json.dumps({"end": "infrastructure", "message": str(error)}).encode())
        return
    try:
        end = run.watch()
    finally:
        run.kill()
        shutil.rmtree(scratch, ignore_errors=True)
    _reply(b"s", json.dumps(run.summary(end)).encode())


def _reply(kind: bytes, payload: bytes) -> None:
    wire.send(_REPLIES, kind + payload)


class _Run:
    """One candidate's process."""

    def __init__(self, job: dict, scratch: str, wake: int):
        self._timeout = job["timeout"]
        self._expected = job["frames"]
        self._until_exit = job["until_exit"]
        self._wake = wake
        stdin = _stdin(job["stdin"], scratch)
        pipes = [os.pipe() for _ in range(3)]
        reading, writing = zip(*pipes, strict=True)
        self.pid = os.fork()
        if self.pid == 0:
            candidate.main(job, scratch, (stdin, *writing))
        for descriptor in (stdin, *writing):
            os.close(descriptor)
        stdout, stderr, self._results = reading
        self._open = set(reading)
        self._output = {stdout: _Tail(job["output"]), stderr: _Tail(job["output"])}
        self._stdout, self._stderr = self._output.values()
        self._frames = wire.Unpacker(wire.MAX_CANDIDATE_FRAME)
        self._started = self._step = time.monotonic()
        self._milliseconds: list[float] = []
        self._garbled = False
        self._status = 0

    def watch(self) -> str:
        """Collect what the candidate writes until it has said all, ends, or takes too long."""
        poll = select.poll()
        for descriptor in (*self._open, self._wake, _JOBS):
            poll.register(descriptor, select.POLLIN)
        exited = False
        while not exited:
            left = self._step + self._timeout - time.monotonic()
            if left <= 0:
                return "timeout"
            for descriptor, _ in poll.poll(left * 1000 + 1):
                if descriptor == _JOBS:
                    sys.exit()  # nothing is sent during a job: the client is gone
                elif descriptor == self._wake:
                    os.read(self._wake, _CHUNK)
                    exited = self._has_exited()
                elif not self._read(descriptor):
                    poll.unregister(descriptor)
            if self._garbled:
                return "protocol"
            if len(self._milliseconds) == self._expected and not self._until_exit:
                return "done"
        return "exit"

    def _has_exited(self) -> bool:
        # Not reaped yet, so that its number, which names the group to kill, is not reused.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

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
                    self._step = now
                _reply(b"c", frame)
        else:
            self._output[descriptor].append(data)
        return len(data)

    def _cut(self, data: bytes) -> list[bytes]:
        try:
            return [] if self._garbled else self._frames.feed(data)
        except wire.FrameTooLong:
            self._garbled = True
            return []

    def kill(self) -> None:
        """End the whole process group, then read what it left in the pipes. Harmless twice."""
        if self.pid == 0:
            return
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):  # no group yet, or only a zombie
                kill(self.pid, signal.SIGKILL)
        self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        for descriptor in tuple(self._open):
            os.set_blocking(descriptor, False)
            left = _PIPE_BYTES
            with contextlib.suppress(BlockingIOError):
                while left > 0 and (count := self._read(descriptor)):
                    left -= count
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def summary(self, end: str) -> dict:
        now = time.monotonic()
        return {
            "end": end,
            "status": self._status,
            "milliseconds": [*self._milliseconds, (now - self._step) * 1000],
            "seconds": now - self._started,
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


def _stdin(text: str, scratch: str) -> int:
    """A descriptor to read the text from: a file without a name, so that nobody need feed it."""
    if not text:
        return os.open(os.devnull, os.O_RDONLY)
    path = f"{scratch}/stdin"
    with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        file.write(text)
    descriptor = os.open(path, os.O_RDONLY)
    os.unlink(path)
    return descriptor
