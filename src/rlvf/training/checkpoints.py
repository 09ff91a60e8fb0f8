"""Keeps the checkpoints with which an interrupted training goes on as if it had not stopped."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from rlvf.config import TrainSettings
from rlvf.errors import RlvfError
from rlvf.files import file_checksum, take_lock
from rlvf.records import Task
from rlvf.settings import to_json

_RUN = "run.json"
_PARTIAL = "partial"
_KEPT = "kept"


class Checkpoints:
    """Keeps the latest complete checkpoint of one run in a folder of its own. This is a context
    manager; within it, no other process can use the folder.

    A checkpoint is made after every `every` generations. The folder belongs to the run that
    `identity` describes (see `run_identity`). Checkpoints of another run, which had other settings,
    tasks, another model or other code, are removed when the folder is opened.

    Raises:
        RlvfError: the folder cannot be written, or another process is using it.
    """

    def __init__(self, folder: Path, every: int, identity: dict[str, str]):
        self._folder, self.every = Path(folder), every
        self._lock = take_lock(
            self._folder.with_name(f".{self._folder.name}.lock"),
            f"{self._folder}: another process is training with it; end that one or wait for it",
        )
        try:
            if self._folder.exists() and self._identity() != identity:
                print(
                    f"train: {self._folder}: checkpoints of a run with other settings, tasks, "
                    "model or code are removed; training starts anew",
                    file=sys.stderr,
                )
                shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.partial, ignore_errors=True)
            (self._folder / _RUN).write_text(json.dumps(identity), encoding="utf-8")
        except OSError as error:
            raise RlvfError(f"{self._folder}: cannot write: {error.strerror}") from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        Path(self._lock.name).unlink(missing_ok=True)
        self._lock.close()

    def _identity(self) -> object:
        try:
            return json.loads((self._folder / _RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    @property
    def partial(self) -> Path:
        """The folder in which a checkpoint is made until it is complete."""
        return self._folder / _PARTIAL

    @property
    def kept(self) -> Path:
        """The folder of the adapters that the run has kept so far."""
        return self._folder / _KEPT

    def move_kept(self, folder: Path) -> None:
        """Move the kept adapters to the folder of the final one."""
        for adapter in self.kept.glob("[0-9]*"):
            shutil.move(adapter, folder / adapter.name)

    def latest(self) -> Path | None:
        """Return the folder of the checkpoint to go on from, if there is one."""
        return max(self._folder.glob("step-*"), key=_step, default=None)

    def complete(self, made: Path, step: int) -> None:
        """Take the folder `made` as the checkpoint after `step` optimiser steps."""
        before = list(self._folder.glob("step-*"))
        write_through(made)
        made.rename(self._folder / f"step-{step}")
        for folder in before:
            shutil.rmtree(folder)

    def remove(self) -> None:
        """Remove all checkpoints, at the end of the run."""
        shutil.rmtree(self._folder, ignore_errors=True)


def write_through(folder: Path) -> None:
    """Make sure that a folder's files are on the disk, which is all that remains if the node
    fails."""
    for file in folder.iterdir():
        with open(file, "rb") as opened:
            os.fsync(opened.fileno())


def _step(folder: Path) -> int:
    return int(folder.name.partition("-")[2])


def run_identity(
    model: Path, tasks: Sequence[Task], settings: TrainSettings, start: Path | None = None
) -> dict[str, str]:
    """Return what two runs must have in common for one to go on where the other stopped: the
    settings, and checksums of the tasks, of the files of the model and of the adapter that the run
    starts with, and of the code that this process has loaded."""
    texts = [task.model_dump_json() for task in tasks]
    code = {
        Path(module.__file__)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == __name__.partition(".")[0] and module.__file__
    }
    return {
        "settings": to_json(settings),
        "tasks": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        "model": _checksum(_files(model)),
        "start": _checksum(_files(start)) if start else "",
        "code": _checksum(code),
    }


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in Path(folder).rglob("*") if path.is_file())


def _checksum(paths: Iterator[Path] | set[Path]) -> str:
    lines = (f"{path.name} {file_checksum(path)}" for path in sorted(paths))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class StopRequest:
    """Becomes true when a cluster announces with a signal that it will end the job: SIGTERM (for a
    preemption or the time limit) or SIGUSR1 (`sbatch --signal`). Further signals have no effect."""

    SIGNALS = (signal.SIGTERM, signal.SIGUSR1)

    def __init__(self):
        self.reason: str | None = None

    def __bool__(self) -> bool:
        return self.reason is not None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.reason = signal.Signals(number).name

    @classmethod
    @contextlib.contextmanager
    def listening(cls) -> Iterator["StopRequest"]:
        """Listen to the signals, in the main thread, until the end of the context."""
        request = cls()
        before = {number: signal.signal(number, request._handle) for number in cls.SIGNALS}
        try:
            yield request
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
