import json
from collections import Counter

import pytest

from rlvf.benchmarks import load_tasks
from rlvf.benchmarks.mbpp import SPLITS, content_checksum, load
from rlvf.config import MbppSettings
from rlvf.errors import RlvfError

ROW = {
    "task_id": 11,
    "text": "Write a function to add.",
    "code": "def add(a, b):\r\n  return a + b",
    "test_setup_code": "",
    "test_list": ["assert set(add({1}, {2})) == 3"],
    "challenge_test_list": [],
}


@pytest.fixture
def rows(tmp_path):
    def write(*rows):
        path = tmp_path / "mbpp.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return path

    return write


def tasks_of(rows, *given):
    """The test tasks of a benchmark that consists of these rows."""
    settings = MbppSettings(source=str(rows(*given)), sha256=content_checksum(given))
    return load(settings, "test")


def test_a_row_becomes_a_task(rows):
    (task,) = tasks_of(rows, ROW)
    assert (task.task_id, task.split, task.entry_point) == ("mbpp/11", "test", "add")
    assert task.reference == "def add(a, b):\n  return a + b\n"


def test_an_entry_point_may_have_a_builtins_name(rows):
    for test, name in (("assert sum([1]) == 1", "sum"), ("assert int(sum([1])) == 1", "int")):
        assert tasks_of(rows, ROW | {"test_list": [test]})[0].entry_point == name


def test_a_changed_copy_is_refused(rows):
    with pytest.raises(RlvfError, match=r"mbpp.jsonl: the content is not the pinned MBPP: sha256"):
        load(MbppSettings(source=str(rows(ROW))), "test")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task_id": 1}, "mbpp.jsonl:2: not an MBPP row: no text, code"),
        (ROW | {"test_list": []}, "mbpp.jsonl:2: MBPP task 11 has no tests"),
    ],
)
def test_a_bad_row_is_named(rows, row, message):
    with pytest.raises(RlvfError, match=message):
        load(MbppSettings(source=str(rows(ROW, row))), "test")


def test_the_publishers_file_and_splits(mbpp_path):
    settings = MbppSettings(source=str(mbpp_path))
    tasks = [task for split in SPLITS for task in load(settings, split)]
    assert Counter(task.split for task in tasks) == {
        "prompt": 10,
        "test": 500,
        "validation": 90,
        "train": 374,
    }
    assert all(f"def {task.entry_point}" in task.reference for task in tasks)
    assert not any("\r" in task.reference for task in tasks)
    assert [task.task_id for task in load_tasks(settings, "test", 2)] == ["mbpp/11", "mbpp/12"]


def test_a_split_that_is_not_there_is_named(mbpp_path):
    with pytest.raises(RlvfError, match=r"no split 'dev' \(allowed: prompt, test, validation, tr"):
        load_tasks(MbppSettings(source=str(mbpp_path)), "dev")
