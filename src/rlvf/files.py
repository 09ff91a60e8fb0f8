"""Files and folders that appear under their names only when they are complete.

What is not complete lies beside its place, in a folder `.NAME.xxxxxxxx.partial`, where its process
holds a lock. The lock ends with the process, however the process ends. So whoever makes the same
thing next removes what a killed process has left, and nothing of one that is at work.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rlvf.errors import RlvfError

# Only disks cause these errors. Other OSErrors while a file is being filled may be about anything.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
# The folder of what is not complete also holds the lock, and what stood under the name before.
_LOCK, _FORMER = ".lock", ".former"
_LEFT = re.compile(r"\..+\.(partial|lock)")


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under its name only when everything was written.

    Raises:
        RlvfError: the folder or the disk does not take it; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise RlvfError(f"{path}: is a folder; name a file")
    with _all_or_nothing(path) as temporary:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A folder to fill that appears under its name, replacing what was there, at the end.

    Raises:
        RlvfError: the folder or the disk does not take it; nothing is left behind.
    """
    path = Path(path)
    if path.name in ("", "..") or path.is_file():
        raise RlvfError(f"{path}: cannot be replaced by a folder; name another one")
    with _all_or_nothing(path) as temporary:
        temporary.mkdir()
        yield temporary
        former = temporary.with_name(_FORMER)
        while True:
            with contextlib.suppress(FileNotFoundError):
                path.rename(former)
            try:
                temporary.rename(path)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                # Another process has put its own there since.
                shutil.rmtree(former, ignore_errors=True)


@contextlib.contextmanager
def resumable_directory(path: Path) -> Iterator[Path]:
    """A folder to fill that appears under its name at the end, over several attempts if need be.

    What an attempt had put into it when it failed or was killed is there for the next one, and so
    is what stood under the name before.

    Raises:
        RlvfError: the folder or the disk does not take it, or another process is filling it.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    lock = path.with_name(f".{path.name}.lock")
    with (
        take_lock(lock, f"{path}: another process is filling it; wait until that one is done"),
        _disk_errors_named(path),
    ):
        try:
            if path.exists() and not partial.exists():
                path.rename(partial)
            partial.mkdir(exist_ok=True)
            yield partial
            if path.exists():
                shutil.rmtree(path)
            partial.rename(path)
        finally:
            lock.unlink(missing_ok=True)


def is_left_over(name: str) -> bool:
    """Whether files and folders of this name are what a process leaves here when it is killed."""
    return _LEFT.fullmatch(name) is not None


def take_lock(path: Path, taken: str) -> IO[str]:
    """Lock a file until it is closed. The end of the process closes it, too, however that comes.

    Raises:
        RlvfError: the folder takes no file, or, with the message `taken`, another process has it.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = _lock(path)
    except OSError as error:
        raise RlvfError(f"{path}: cannot write: {error.strerror}") from error
    if file is None:
        raise RlvfError(taken)
    return file


def _lock(path: Path) -> IO[str] | None:
    """Open and lock the file. Where the file system has no locks, it is only opened. Returns None
    where another process has locked it."""
    while True:
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:
            return file
        # Whoever had it until now may have removed it; then nobody else would see this lock.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(Path(path).stat(), os.fstat(file.fileno())):
                return file
        file.close()


@contextlib.contextmanager
def _all_or_nothing(path: Path) -> Iterator[Path]:
    """Yield a name beside `path`. Whatever still stands under it at the end is removed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder, lock = _folder_beside(path)
    except OSError as error:
        raise RlvfError(f"{path}: cannot write: {error.strerror}") from error
    with lock:
        try:
            _remove_what_was_left(path, folder)
            with _disk_errors_named(path):
                yield folder / path.name
        finally:
            _remove(folder, path)


def _folder_beside(path: Path) -> tuple[Path, IO[str]]:
    """Make a new folder, and lock it. What is put into it gets the usual permissions."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"))
        # Until it is locked, another process may take it for one that was left, and remove it.
        with contextlib.suppress(FileNotFoundError):
            if lock := _lock(folder / _LOCK):
                return folder, lock


def _remove_what_was_left(path: Path, own: Path) -> None:
    if lock := _lock(own / _LOCK):  # Locks keep nobody out here, so any of them may be at work.
        lock.close()
        return
    for folder in path.parent.glob(f".{glob.escape(path.name)}.????????.partial"):
        # The folder may vanish, or be somebody else's.
        with contextlib.suppress(OSError):
            if folder != own and (lock := _lock(folder / _LOCK)):
                with lock:
                    _remove(folder, path)


def _remove(folder: Path, path: Path) -> None:
    """Remove a folder beside `path`. If nothing stands under that name now, put back what did."""
    former = folder / _FORMER
    if former.exists() and not path.exists():
        with contextlib.suppress(OSError):  # Another process has just put its own there.
            former.rename(path)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        number = _error_number(error)
        if number not in _DISK_ERRORS:
            raise
        raise RlvfError(f"{path}: cannot write: {os.strerror(number)}") from error


def file_checksum(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _error_number(error: Exception) -> int | None:
    """The operating system's number of an error. Libraries in Rust have it in their message."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None
