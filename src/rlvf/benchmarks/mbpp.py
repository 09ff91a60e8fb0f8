"""MBPP (Austin et al. 2021, arXiv 2108.07732): 974 tasks in the publisher's splits.

They are read from the hub's dataset as `rlvf fetch` made it, or from a copy of the publisher's
`mbpp.jsonl`, and never over the network. Either way the content is checked against one checksum. It
is taken over the rows themselves, so that it does not depend on how the file is packed.
"""

import ast
import builtins
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from rlvf.checksums import check_folder, fetch_command
from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Task, json_lines
from rlvf.settings import Commit, Repo, Section, UsersPath, fetch_settings

ENVIRONMENT = "program"
# The publisher's splits, by task_id.
SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
_FIELDS = ("task_id", "text", "code", "test_setup_code", "test_list", "challenge_test_list")


class Settings(Section):
    """MBPP from `source`: a folder made by `rlvf fetch`, or a local copy of its JSON Lines. Where
    it is None the workflow fetches the dataset at the pinned revision.

    `sha256` is taken over the tasks' content (see rlvf.benchmarks.mbpp), so that it holds for
    either origin.
    """

    kind: Literal["mbpp"] = "mbpp"
    repo: Repo = "google-research-datasets/mbpp"
    revision: Commit = "4bb6404fdc6cacfda99d4ac4205087b89d32030c"
    source: UsersPath | None = None
    sha256: str = "74096fcd5ab1cba45dfed503d2fd175efe9bd72ebb86f2a03d8a8d5abeae4488"


def load(settings: Settings, split: str) -> list[Task]:
    """The tasks of a split; all 974 rows are checked against `settings.sha256`.

    Raises:
        RlvfError: there is no source, it cannot be read, or its content is not the pinned one.
    """
    source = Path(settings.source or "mbpp")
    if settings.source is None or not source.exists():
        folder = source.with_suffix("")
        raise RlvfError(
            f"{settings.source or 'MBPP'}: there is no such source; fetch it once with "
            f"{fetch_command(fetch_settings(settings), folder)} and read it with --source {folder}"
        )
    rows = _read_rows(source)
    found = content_checksum(rows)
    if found != settings.sha256:
        raise RlvfError(
            f"{source}: the content is not the pinned MBPP: sha256 of the rows is {found}, "
            f"expected {settings.sha256}; fetch it again or correct benchmarks.mbpp.sha256"
        )
    return [_task(row) for row in rows if row["task_id"] in SPLITS[split]]


def size(settings: Settings, split: str) -> int:
    """The number of tasks in a split."""
    return len(SPLITS[split])


def content_checksum(rows: Iterable[dict[str, Any]]) -> str:
    """sha256 over the rows in order of task_id, as canonical JSON, independent of packing."""
    ordered = sorted(({key: row[key] for key in _FIELDS} for row in rows), key=_by_id)
    text = "\n".join(json.dumps(row, sort_keys=True) for row in ordered)
    return hashlib.sha256(text.encode()).hexdigest()


def _by_id(row: dict[str, Any]) -> int:
    return row["task_id"]


def _read_rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for where, row in _parquet_rows(path) if path.is_dir() else json_lines(path, "an MBPP row"):
        if missing := [key for key in _FIELDS if key not in row]:
            raise RlvfError(f"{where}: not an MBPP row: no {', '.join(missing)}")
        if not row["test_list"]:
            raise RlvfError(f"{where}: MBPP task {row['task_id']} has no tests")
        rows.append(row)
    return rows


def _parquet_rows(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a folder that `rlvf fetch` made, by task_id, and where each stands."""
    # This is imported here, since mbpp.jsonl is read without it.
    from pyarrow import ArrowException, parquet

    check_folder(folder)
    rows = []
    for path in sorted(folder.glob("full/*.parquet")):
        try:
            found = parquet.read_table(path).to_pylist()
        except (OSError, ArrowException) as error:
            raise RlvfError(f"{path}: not a Parquet file: {error}") from error
        rows += [(f"{path}: row {number}", row) for number, row in enumerate(found, 1)]
    # One file holds one split, but the benchmark's order is that of the numbers.
    return iter(sorted(rows, key=lambda place: place[1].get("task_id", 0)))


def _task(row: dict[str, Any]) -> Task:
    number = row["task_id"]
    return Task(
        task_id=f"mbpp/{number}",
        prompt=row["text"].replace("\r\n", "\n"),
        entry_point=_entry_point(row["test_list"][0]),
        setup=row["test_setup_code"].replace("\r\n", "\n"),
        tests=[AssertTest(kind="assert", code=code) for code in row["test_list"]],
        reference=row["code"].replace("\r\n", "\n").rstrip() + "\n",
        split=next(name for name, ids in SPLITS.items() if number in ids),
    )


def _entry_point(test: str) -> str:
    """The function that a test is about. It is the first that is called and is no builtin, or else
    the first that is called."""
    names = [
        node.func.id
        for node in ast.walk(ast.parse(test))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return next((name for name in names if not hasattr(builtins, name)), names[0])
