"""MBPP (Austin et al. 2021, arXiv 2108.07732): 974 tasks in the publisher's splits.

Read from the hub at a pinned revision, or from a local copy of the publisher's `mbpp.jsonl`.
Either way the content is checked against one checksum, taken over the rows themselves, so that
it does not depend on how the file is packed.
"""

import ast
import builtins
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rlvf.config import MbppSettings
from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Task

# The publisher's splits, by task_id.
SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
_FIELDS = ("task_id", "text", "code", "test_setup_code", "test_list", "challenge_test_list")


def load(settings: MbppSettings, split: str) -> list[Task]:
    """The tasks of a split; all 974 rows are checked against `settings.sha256`.

    Raises:
        RlvfError: the hub or the local copy cannot be read, or its content is not the pinned one.
    """
    if settings.source is not None:
        rows, origin = _read_rows(Path(settings.source)), settings.source
    else:
        rows, origin = _fetch_rows(settings), f"{settings.repo}@{settings.revision}"
    found = content_checksum(rows)
    if found != settings.sha256:
        raise RlvfError(
            f"{origin}: the content is not the pinned MBPP: sha256 of the rows is {found}, "
            f"expected {settings.sha256}; fetch it again or correct benchmarks.mbpp.sha256"
        )
    return [_task(row) for row in rows if row["task_id"] in SPLITS[split]]


def size(settings: MbppSettings, split: str) -> int:
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
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                try:
                    row = json.loads(line)
                except (json.JSONDecodeError, UnicodeDecodeError) as error:
                    raise RlvfError(f"{where}: not a line of JSON: {error}") from error
                if missing := [key for key in _FIELDS if key not in row]:
                    raise RlvfError(f"{where}: not an MBPP row: no {', '.join(missing)}")
                if not row["test_list"]:
                    raise RlvfError(f"{where}: MBPP task {row['task_id']} has no tests")
                rows.append(row)
    except OSError as error:
        raise RlvfError(f"{path}: cannot read MBPP: {error.strerror}") from error
    return rows


def _fetch_rows(settings: MbppSettings) -> list[dict[str, Any]]:
    # Imported here: it takes a second, and only a download needs it.
    from datasets import load_dataset

    try:
        splits = load_dataset(settings.repo, "full", revision=settings.revision)
    except Exception as error:  # the hub's client raises many unrelated types
        raise RlvfError(
            f"cannot fetch MBPP from {settings.repo}@{settings.revision}: "
            f"{' '.join(str(error).split())[:300]}; where there is no network, set "
            "benchmarks.mbpp.source to a local copy of mbpp.jsonl"
        ) from error
    return sorted((dict(row) for split in splits.values() for row in split), key=_by_id)


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
    """The function that a test is about: the first call of no builtin, else the first call."""
    names = [
        node.func.id
        for node in ast.walk(ast.parse(test))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return next((name for name in names if not hasattr(builtins, name)), names[0])
