"""Records the files of a folder that a stage made, and checks whether they are still the same.

A folder that was fetched has its checksums inside, and a note of them elsewhere. Any other folder
has a note beside it. The note stands for the folder, since Snakemake compares the content of a note
but only the times of a folder.
"""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer, file_checksum
from rlvf.records import Record
from rlvf.settings import FetchSettings, to_json

_NAME = "checksums.json"
# Snakemake knows a folder's age by this file. It is no part of what a stage made.
TIMESTAMP = ".snakemake_timestamp"


class FileChecksum(Record):
    """The size in bytes and the checksum of one file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileChecksum":
        return cls(size=path.stat().st_size, sha256=file_checksum(path))

    def problem(self, path: Path) -> str | None:
        """How a file differs from this one, or None if it does not."""
        try:
            size = path.stat().st_size
            if size != self.size:
                return f"changed: {size} bytes instead of {self.size}"
            found = file_checksum(path)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if found != self.sha256:
            return f"changed: sha256 is {found[:12]}... instead of {self.sha256[:12]}..."
        return None


class _Checksums(Record):
    """`files` are by their paths in the folder, and `source` is what was fetched, if it was."""

    source: FetchSettings | None = None
    files: dict[str, FileChecksum]

    def write(self, path: Path) -> None:
        with atomic_writer(path) as file:
            file.write(self.model_dump_json(indent=1, exclude_none=True) + "\n")


def files_of(folder: Path) -> Iterator[Path]:
    """The files of a folder that a stage made."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return iter(sorted(path for path in files if path.name != TIMESTAMP))


def note_of(folder: Path | str) -> str:
    """Where the note of a folder that was not fetched lies: beside it."""
    return f"{folder}.checksums.json"


def write_checksums(folder: Path, source: FetchSettings, names: Iterable[str]) -> None:
    """Record the files of these names, which were fetched, as they are now."""
    _checksums(folder, names, source).write(folder / _NAME)


def write_note(folder: Path, note: Path | None = None) -> None:
    """Write down what a folder holds. The note lies beside the folder or, if that was fetched, at
    the place `note`."""
    if note is None:
        names = (path.relative_to(folder).as_posix() for path in files_of(folder))
        _checksums(folder, names).write(Path(note_of(folder)))
    else:
        _read(folder / _NAME, f"remove {folder} and fetch it again").write(note)


def _checksums(
    folder: Path, names: Iterable[str], source: FetchSettings | None = None
) -> _Checksums:
    files = {name: FileChecksum.of(folder / name) for name in sorted(names)}
    return _Checksums(source=source, files=files)


def noted_source(note: Path) -> FetchSettings:
    """What was fetched, as a note says.

    Raises:
        RlvfError: it cannot be read.
    """
    return _read(Path(note), f"remove {note} and run Snakemake again").source


def has_checksums(folder: Path) -> bool:
    return (Path(folder) / _NAME).is_file()


def fetched_source(folder: Path) -> FetchSettings | None:
    """What was fetched into a folder, if it was."""
    return noted_source(Path(folder) / _NAME) if has_checksums(folder) else None


def check_folder(folder: Path) -> FetchSettings | None:
    """Check every file that a stage put into a folder, and return what was fetched, if it was. The
    folder may be part of a folder that a stage made. Of a folder that no stage made there is
    nothing to check.

    Raises:
        RlvfError: a file is missing or damaged; says how to repair it.
    """
    folder = Path(folder)
    for made in (folder, folder.parent):
        note = made / _NAME if has_checksums(made) else Path(note_of(made))
        if note.is_file():
            break
    else:
        return None
    checksums = _read(note, f"remove {made} and make it again")
    part = "" if made == folder else f"{folder.name}/"
    for name, expected in checksums.files.items():
        path = folder / name.removeprefix(part)
        if name.startswith(part) and (problem := expected.problem(path)):
            raise RlvfError(f"{path}: {problem}; {_remedy(checksums, made)}")
    return checksums.source


def _remedy(checksums: _Checksums, folder: Path) -> str:
    if checksums.source:
        command = fetch_command(checksums.source, folder)
        return f"where there is a network, repair it with: {command}"
    return f"remove {folder} and make it again, which Snakemake does by itself when it is gone"


def _read(path: Path, remedy: str) -> _Checksums:
    try:
        return _Checksums.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RlvfError(f"{path}: cannot be read; {remedy}") from error


def fetch_command(source: FetchSettings, out: Path) -> str:
    """The command that makes a folder, and repairs it."""
    return f"rlvf fetch --settings {shlex.quote(to_json(source))} --out {shlex.quote(str(out))}"
