"""What was fetched into a folder, file by file, and whether it still lies there as it was."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from rlvf.errors import RlvfError
from rlvf.files import atomic_writer, file_checksum
from rlvf.records import Record
from rlvf.settings import FetchSettings, to_json

_NAME = "checksums.json"


class FileChecksum(Record):
    """Of one file; `size` in bytes."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileChecksum":
        return cls(size=path.stat().st_size, sha256=file_checksum(path))

    def problem(self, path: Path) -> str | None:
        """What distinguishes a file from this one, if anything."""
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
    """`files` by their paths in the folder; `source` is what was fetched."""

    source: FetchSettings
    files: dict[str, FileChecksum]


def write_checksums(folder: Path, source: FetchSettings, names: Iterable[str]) -> None:
    """Record the files of these names as they are now."""
    files = {name: FileChecksum.of(folder / name) for name in sorted(names)}
    with atomic_writer(folder / _NAME) as file:
        file.write(_Checksums(source=source, files=files).model_dump_json(indent=1) + "\n")


def write_note(folder: Path, note: Path) -> None:
    """Write down, in another place, what a folder with checksums holds."""
    with atomic_writer(note) as file:
        file.write((Path(folder) / _NAME).read_text(encoding="utf-8"))


def noted_source(note: Path) -> FetchSettings:
    """What was fetched, by a note of it.

    Raises:
        RlvfError: it cannot be read.
    """
    return _read(Path(note), f"remove {note} and run Snakemake again").source


def has_checksums(folder: Path) -> bool:
    return (Path(folder) / _NAME).is_file()


def verify_folder(folder: Path) -> FetchSettings | None:
    """Check every file that was fetched into a folder, and return what it is. A folder without
    checksums, such as a pretrained model's, has nothing to check.

    Raises:
        RlvfError: a file is missing or damaged; names the command that repairs it.
    """
    if not has_checksums(folder):
        return None
    checksums = _read(Path(folder) / _NAME, f"remove {folder} and fetch it again")
    for name, expected in checksums.files.items():
        if problem := expected.problem(Path(folder) / name):
            raise RlvfError(
                f"{Path(folder) / name}: {problem}; where there is a network, repair "
                f"it with: {fetch_command(checksums.source, folder)}"
            )
    return checksums.source


def _read(path: Path, remedy: str) -> _Checksums:
    try:
        return _Checksums.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RlvfError(f"{path}: cannot be read; {remedy}") from error


def fetch_command(source: FetchSettings, out: Path) -> str:
    """The command that makes a folder, and repairs it."""
    return f"rlvf fetch --settings {shlex.quote(to_json(source))} --out {shlex.quote(str(out))}"
