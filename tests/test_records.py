import gzip
import json
import math

import pytest
from pydantic import ValidationError

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


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


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
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b"null", "a JSON object was expected"),
        (line()[:-1] + b', "tokens": 4}', "the key 'tokens' stands twice in one object"),
        (line(tokens="@").replace(b'"@"', b"1e999"), "1e999 is larger than a number can be"),
        (line(tokens="@").replace(b'"@"', b"7" * 200_000), "an integer of 200000 digits"),
        (line(task_id="@").replace(b'"@"', b"7" * 5000), "task_id: .*int, too long to show"),
        (line(sample_id="@").replace(b'"@"', b"7" * 5000), "sample_id: .*less than"),
        (line(sample_id=1.0), "sample_id: .*valid integer"),
        (b"\xef\xbb\xbf" + line(), "not valid JSON"),
        (line().replace(b"x = 1", b"x\0"), "not valid JSON: Invalid control character"),
        (line() + line(), "not valid JSON: Extra data"),
        (str(GOOD).encode(), "not valid JSON"),
    ],
)
def test_a_bad_line_is_named_with_file_and_line(tmp_path, bad, message):
    path = tmp_path / "c.jsonl"
    path.write_bytes(line() + b"\n" + bad + b"\n" + line(sample_id=2) + b"\n")
    with pytest.raises(RlvfError, match=message) as error:
        read_jsonl(path, Completion)
    assert str(error.value).startswith(f"{path}:2: ")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(line()), "c.jsonl: is compressed .gzip.; unpack it first"),
        (line().decode().encode("utf-16"), "c.jsonl:1: not valid UTF-8 .*write the file as UTF-8"),
        (b"\xef\xbb\xbf", "c.jsonl:1: blank line"),
        (b"[\n" + line() + b"\n]", "c.jsonl:1: not valid JSON"),
    ],
    ids=["gzip", "utf-16", "mark only", "one array"],
)
def test_a_file_of_another_kind_is_named(tmp_path, content, message):
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(RlvfError, match=message):
        read_jsonl(path, Completion)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + line(), line() + b"\r\n", line() + b" \t\n"])
def test_what_editors_add_does_not_matter(tmp_path, content):
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    assert read_jsonl(path, Completion) == [Completion.model_validate(GOOD)]


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(RlvfError, match=f"{tmp_path}: cannot read: Is a directory"):
        read_jsonl(tmp_path, Completion)


def call_task(**test):
    tests = [{"kind": "call", "function": "f", "args": [], "expected": 1} | test]
    return Task.model_validate(TASK | {"tests": tests})


@pytest.mark.parametrize(
    "value",
    [
        *(10**5000 + 7, -(10**5000), 10**4299, -(10**640), [{"a": 10**10_000}], 2**53 + 1),
        *(math.inf, [-math.inf], 1e308, -0.0, "\0", "\U0001f600"),
    ],
    ids=range(12),
)
def test_values_of_tests_survive_writing_and_reading(tmp_path, value):
    write_jsonl(tmp_path / "t.jsonl", [call_task(expected=value, args=[value])])
    (task,) = read_tasks(tmp_path / "t.jsonl")
    assert task == call_task(expected=value, args=[value])
    assert math.copysign(1, task.tests[0].expected) < 0 if value == 0 else True


def test_what_is_not_a_number_is_read_as_it_was_written(tmp_path):
    write_jsonl(tmp_path / "t.jsonl", [call_task(expected=math.nan)])
    (task,) = read_tasks(tmp_path / "t.jsonl")
    assert math.isnan(task.tests[0].expected)


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, nested(500)], ids=range(3))
def test_what_no_file_can_hold_is_named(tmp_path, value):
    with pytest.raises(RlvfError, match=r"t.jsonl: record 1 cannot be written: .*"):
        write_jsonl(tmp_path / "t.jsonl", [call_task(expected=value)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("atol", [-1, -1e-9, math.nan, math.inf, -math.inf, True, "1", None])
@pytest.mark.parametrize("kind", ["call", "stdio"])
def test_a_tolerance_is_a_number_from_0_up_for_each_kind_of_test(kind, atol):
    call = {"function": "f", "args": [], "expected": 1}
    test = {"kind": kind, "atol": atol} | (call if kind == "call" else {"stdin": "", "stdout": ""})
    with pytest.raises(ValidationError, match="atol"):
        Task.model_validate(TASK | {"tests": [test]})
    assert Task.model_validate(TASK | {"tests": [test | {"atol": 2}]}).tests[0].atol == 2


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
