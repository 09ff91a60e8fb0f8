"""Files and folders that appear under their names only when they are complete."""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rlvf.errors import RlvfError

# What only a disk says. Other OSErrors while a file is being filled may be about anything.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under its name only when everything was written.

    Raises:
        RlvfError: the folder or the disk does not take it; nothing is left behind.
    """
    path = Path(path)
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
    with _all_or_nothing(path) as temporary:
        temporary.mkdir()
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = lock.open("w")
    except OSError as error:
        raise RlvfError(f"{path}: cannot write: {error.strerror}") from error
    with lock_file, _disk_errors_named(path):
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RlvfError(
                f"{path}: another process is filling it; wait until that one is done"
            ) from error
        except OSError:
            # A file system without locks: two at once could spoil, not pass, each other's files.
            pass
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


@contextlib.contextmanager
def _all_or_nothing(path: Path) -> Iterator[Path]:
    """A name beside `path`; whatever still stands under it at the end is removed."""
    temporary = None
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A folder of its own gives what is put into it the usual permissions.
            temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        except OSError as error:
            raise RlvfError(f"{path}: cannot write: {error.strerror}") from error
        with _disk_errors_named(path):
            yield temporary / path.name
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


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
    """The operating system's number of an error; libraries in Rust have it in their message."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None
