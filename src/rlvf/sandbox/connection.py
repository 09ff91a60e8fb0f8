"""`Connection`: one server process, and this end of the pipes to it."""

import json
import marshal
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.sandbox import judge, syscalls
from rlvf.sandbox.inside import wire
from rlvf.sandbox.packages import Packages

# A server says something each second. One that is silent for so many seconds is taken to be
# broken.
_PATIENCE = 30.0
_PERIOD = 1.0
_CHUNK = 1 << 18
# This is a file system in memory, where there is one.
_MEMORY = "/dev/shm"

# These options do what -I does, but leave PYTHONHASHSEED in force: the order of a set of strings
# must not decide a verdict.
_PYTHON = (sys.executable, "-s", "-P", "-S", "-B", "-X", "utf8", "-c")
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
from inside import server
del sys.path[0], sys.argv[1:]
server.main()
"""


class ServerLost(Exception):
    """The server died, is silent, or could not run the candidate."""


class Order:
    """A candidate's jobs as a server reads them: its limits, and for each run of it how much it may
    answer and what it is to do."""

    def __init__(self, limits: dict, runs: list[dict], contents: list[dict]):
        self.runs = runs
        head = marshal.dumps(limits | {"runs": runs})
        self.data = b"".join(map(wire.frame, (head, *map(marshal.dumps, contents))))


class Connection:
    """A server process, replaced when it is lost, and the client's end of the pipes to it.

    It does one order at a time: `send`, then `receive` whenever there are `events`, until that
    gives the reply. All methods that talk to the process raise ServerLost.
    """

    def __init__(self, memory: int, cpu: int, packages: Packages):
        """`memory` in bytes, `cpu` in seconds: the most that an order may allow."""
        self._most = {"memory": memory, "cpu": cpu}
        self._packages = packages._asdict()
        self.layers: tuple[str, ...] = ()
        # The process may stay silent for so many more seconds of listening.
        self._patience = 0.0
        self._lock = threading.Lock()
        self._terminated = False
        self._process: subprocess.Popen | None = None
        self._folder = ""

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start a process; it gets ready while the caller goes on."""
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
            # Without this each candidate would look up anew all functions of shared libraries that
            # it calls.
            python["LD_BIND_NOW"] = "1"
            kept["TZ"] = "UTC"
            try:
                self._folder = _scratch_folder()
                self._process = subprocess.Popen(
                    [*_PYTHON, _BOOT, str(Path(__file__).parent)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL if sys.__stderr__ is None else None,
                    bufsize=0,
                    cwd="/",
                    env={**python, **kept},
                    start_new_session=True,  # Ctrl-C in a terminal is for the client alone
                )
            except OSError as error:
                raise ServerLost(f"its process cannot be started: {error}") from error
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        for descriptor in (self._input, self._output):
            os.set_blocking(descriptor, False)
        self._unpacker = wire.Unpacker()
        self._results = b""
        start = {
            "folder": self._folder,
            "filters": [program.hex() for program in filters],
            "packages": self._packages,
            **self._most,
        }
        self._unsent = memoryview(wire.frame(json.dumps(start).encode()))
        self._patience = _PATIENCE
        self._write()

    def greet(self) -> dict[str, str]:
        """Wait until the process that was started is ready. Returns the layers that it lacks, each
        with the reason."""
        frames: list[bytes] = []
        while not frames:
            poll = select.poll()
            for event in self.events():
                poll.register(*event)
            if not poll.poll(self.patience * 1000):
                self.wait(self.patience)
                continue
            self._write()
            frames = self._read()
        greeting = json.loads(frames[0][1:])
        if "refusal" in greeting:
            raise ServerLost(greeting["refusal"])
        self.layers = tuple(greeting["layers"])
        if self._problem:
            greeting["missing"]["seccomp"] = self._problem
        return greeting["missing"]

    def terminate(self) -> None:
        """Make the process end soon, and let none start after it. Any thread may call this."""
        with self._lock:
            self._terminated = True
            if self._process:
                self._process.terminate()

    def end(self) -> None:
        """End the process, which removes what it left. The next `send` starts another one."""
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

    def send(self, order: Order) -> None:
        """Begin to send an order to the process, or to a new one if there is none."""
        if self._process is None:
            self._restart()
        self._runs = order.runs
        self._replies: list[judge.Reply] = []
        self._results = b""
        self._unsent = memoryview(order.data)
        self._patience = _PATIENCE
        self._write()

    def events(self) -> list[tuple[int, int]]:
        """The descriptors to wait for, each with its events, as select.poll takes them."""
        writing = [(self._input, select.POLLOUT)] if self._unsent else []
        return [(self._output, select.POLLIN), *writing]

    @property
    def patience(self) -> float:
        """How many seconds to listen at a time. If all processes are stopped meanwhile, the server
        is not at fault, and no more than these seconds count as its silence."""
        return min(self._patience, _PERIOD)

    def wait(self, seconds: float) -> None:
        """Count so many seconds in which nothing was heard."""
        self._patience -= seconds
        if self._patience <= 0:
            raise ServerLost("its process is silent")

    def receive(self) -> list[judge.Reply] | None:
        """Go on with the order after an event. Once all replies are there, this returns them, one
        for each run. Runs that come after one that was lost have none."""
        self._write()
        for frame in self._read():
            kind, content = frame[:1], frame[1:]
            if kind == b"c":
                self._results += content
            elif kind == b"r":
                self._replies.append(self._reply(self._results, content))
                self._results = b""
            elif kind == b"s":
                return self._replies
            elif kind == b"x":
                raise ServerLost(f"it cannot run a candidate: {content.decode()}")
        return None

    def _reply(self, results: bytes, content: bytes) -> judge.Reply:
        """What became of a run. Raises ServerLost if that is not the candidate's doing."""
        out, err, cut, end, *numbers, count = wire.RUN.unpack_from(content)
        status, seconds, cpu_seconds, cpu_limit = numbers
        times = struct.Struct(wire.TIMES.format(count))
        begin, middle = wire.RUN.size + times.size, len(content) - out - err
        mark, *frames = wire.Unpacker().feed(results + content[begin:middle]) or [b"it ended early"]
        if mark:
            raise ServerLost(f"it cannot prepare a candidate: {mark.decode()}")
        reply = judge.Reply(
            frames[: self._runs[len(self._replies)]["frames"]],
            end=wire.ENDS[end],
            status=status,
            milliseconds=[*times.unpack_from(content, wire.RUN.size)],
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            stdout=content[middle : middle + out].decode(errors="replace"),
            stdout_cut=cut,
            stderr=content[middle + out :].decode(errors="replace"),
        )
        killed = reply.end == "exit" and reply.status == -signal.SIGKILL
        if killed and cpu_seconds < cpu_limit:
            # Neither the server nor a limit did that, and the candidate has no means to do it.
            raise ServerLost("something outside, for want of memory perhaps, killed a candidate")
        return reply

    def _restart(self) -> None:
        before = self.layers
        self.start()
        self.greet()
        if self.layers != before:
            self.layers = before
            raise ServerLost("its new process is not confined as the first one was")

    def _write(self) -> None:
        """Write as much as the process takes now."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._input, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise ServerLost(f"its process cannot be reached: {error}") from error

    def _read(self) -> list[bytes]:
        """Read what the process has written. Returns the frames that are complete now."""
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return []
        if not data:
            raise ServerLost("its process has ended")
        self._patience = _PATIENCE
        return self._unpacker.feed(data)


def _scratch_folder() -> str:
    """Make a new folder that only this user can enter, in memory if there is room."""
    try:
        folder = tempfile.mkdtemp(prefix="rlvf-sandbox-", dir=_MEMORY)
    except OSError:
        folder = tempfile.mkdtemp(prefix="rlvf-sandbox-")
    os.chmod(folder, 0o700)  # the umask may have removed some of these rights
    return folder
