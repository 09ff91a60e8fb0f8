"""Checkpoints: what an interrupted training run needs to go on as if nothing had happened."""

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


class Checkpoints:
    """The checkpoints of one run, in a folder of their own: the latest complete one, no others. A
    context manager, during which no other process can use the folder.

    `every` so many generations there is one. The folder belongs to the run that `run_identity`
    describes: checkpoints of another one, which had other settings, tasks, model or code, are
    removed when it is opened.

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
        """Where a checkpoint is made that is not complete yet."""
        return self._folder / _PARTIAL

    def latest(self) -> Path | None:
        """The folder of the checkpoint to go on from, if there is one."""
        return max(self._folder.glob("step-*"), key=_step, default=None)

    def complete(self, made: Path, step: int) -> None:
        """Take the folder `made` as the checkpoint after so many optimiser steps."""
        before = list(self._folder.glob("step-*"))
        for file in made.iterdir():  # what is not on the disk is lost with the node
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
        made.rename(self._folder / f"step-{step}")
        for folder in before:
            shutil.rmtree(folder)

    def remove(self) -> None:
        """All of them: the run has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _step(folder: Path) -> int:
    return int(folder.name.partition("-")[2])


def run_identity(model: Path, tasks: Sequence[Task], settings: TrainSettings) -> dict[str, str]:
    """What two runs must have in common for one to go on where the other stopped: checksums of
    settings, tasks, model files and the code that this process has loaded."""
    texts = [task.model_dump_json() for task in tasks]
    code = {
        Path(module.__file__)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == __name__.partition(".")[0] and module.__file__
    }
    return {
        "settings": to_json(settings),
        "tasks": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        "model": _checksum(path for path in Path(model).rglob("*") if path.is_file()),
        "code": _checksum(code),
    }


def _checksum(paths: Iterator[Path] | set[Path]) -> str:
    lines = (f"{path.name} {file_checksum(path)}" for path in sorted(paths))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class StopRequest:
    """Set by the signals with which a cluster announces that a job is about to be ended: SIGTERM
    (preemption, time limit) and SIGUSR1 (`sbatch --signal`). A second one has no more effect."""

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
