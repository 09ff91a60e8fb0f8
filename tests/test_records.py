import json

import pytest

from rlvf.errors import RlvfError
from rlvf.records import (
    MAX_COMPLETION_CHARACTERS,
    Completion,
    Task,
    read_jsonl,
    read_tasks,
    write_jsonl,
)

GOOD = {"task_id": "t/1", "sample_id": 0, "completion": "x = 1", "tokens": 3}
TASK = {
    "task_id": "t/1",
    "prompt": "p",
    "entry_point": "f",
    "tests": [{"kind": "assert", "code": "assert f() == 1"}],
    "reference": "def f():\n    return 1\n",
    "split": "test",
}


def line(**changes):
    return json.dumps(GOOD | changes).encode()


def test_records_survive_writing_and_reading(tmp_path):
    records = [
        Completion(task_id="t/1", sample_id=n, completion='\u2028"\n\x00é', code=None, tokens=n)
        for n in range(3)
    ]
    write_jsonl(tmp_path / "c.jsonl", records)
    assert read_jsonl(tmp_path / "c.jsonl", Completion) == records
    assert (tmp_path / "c.jsonl").read_bytes().count(b"\n") == 3


def test_the_last_line_needs_no_newline(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(line() + b"\n" + line(sample_id=1))
    assert len(read_jsonl(path, Completion)) == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"", "blank line where a Completion"),
        (line()[:-9], "not valid JSON: .*cut short"),
        (b"[1]", "not a Completion record"),
        (b'{"task_id": "t/\xff"}', "not valid UTF-8 at byte 15"),
        (b'{"task_id": "t/1"}', "sample_id: Field required"),
        (line(sample_id="0"), r"sample_id: .*integer \(given: '0'\)"),
        (line(sample_id=-1), r"sample_id: .*given: -1"),
        (line(colour="red"), r"colour: .*not permitted"),
        (line(completion="\ud800"), "completion: .*unicode"),
        (line(completion="x" * 1_000_000), f"completion: .*at most {MAX_COMPLETION_CHARACTERS}"),
        (b"[" * 100_000, "nested too deeply|not valid JSON"),
    ],
)
def test_a_bad_line_is_named_with_file_and_line(tmp_path, bad, message):
    path = tmp_path / "c.jsonl"
    path.write_bytes(line() + b"\n" + bad + b"\n" + line(sample_id=2) + b"\n")
    with pytest.raises(RlvfError, match=message) as error:
        read_jsonl(path, Completion)
    assert str(error.value).startswith(f"{path}:2: ")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RlvfError, match=r"none.jsonl: cannot read: No such file"):
        read_jsonl(tmp_path / "none.jsonl", Completion)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no task"),
        ([TASK, TASK], r":2: task 't/1' stands in line 1 too"),
        ([TASK | {"tests": []}], r":1: not a Task record: tests: .*at least 1 item"),
        ([TASK | {"tests": [{"kind": "magic"}]}], ":1: .*'magic'"),
    ],
)
def test_tasks_are_checked(tmp_path, lines, message):
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in lines))
    with pytest.raises(RlvfError, match=message):
        read_tasks(path)


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "tasks.jsonl"
    write_jsonl(path, [Task.model_validate(TASK)])
    before = path.read_bytes()

    def records():
        yield Task.model_validate(TASK)
        raise ValueError("stopped in the middle")

    with pytest.raises(ValueError, match="stopped"):
        write_jsonl(path, records())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
