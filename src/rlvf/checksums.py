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


class _File(Record):
    size: int
    sha256: str


class _Checksums(Record):
    """`files` by their paths in the folder; `source` is what was fetched."""

    source: FetchSettings
    files: dict[str, _File]


def write_checksums(folder: Path, source: FetchSettings, names: Iterable[str]) -> None:
    """Record the files of these names as they are now."""
    files = {
        name: _File(size=(folder / name).stat().st_size, sha256=file_checksum(folder / name))
        for name in sorted(names)
    }
    with atomic_writer(folder / _NAME) as file:
        file.write(_Checksums(source=source, files=files).model_dump_json(indent=1) + "\n")


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
    path = Path(folder) / _NAME
    try:
        checksums = _Checksums.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RlvfError(f"{path}: cannot be read; remove {folder} and fetch it again") from error
    for name, expected in checksums.files.items():
        if problem := _problem(Path(folder) / name, expected):
            raise RlvfError(
                f"{Path(folder) / name}: {problem}; where there is a network, repair it with: "
                f"{fetch_command(checksums.source, folder)}"
            )
    return checksums.source


def fetch_command(source: FetchSettings, out: Path) -> str:
    """The command that makes a folder, and repairs it."""
    return f"rlvf fetch --settings {shlex.quote(to_json(source))} --out {shlex.quote(str(out))}"


def _problem(path: Path, expected: _File) -> str | None:
    try:
        size = path.stat().st_size
        if size != expected.size:
            return f"damaged: {size} bytes instead of {expected.size}"
        found = file_checksum(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if found != expected.sha256:
        return f"damaged: sha256 is {found[:12]}... instead of {expected.sha256[:12]}..."
    return None
