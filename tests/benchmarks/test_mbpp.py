import json
import re
import shlex
from collections import Counter

import pytest

from rlvf.benchmarks import load_tasks, mbpp
from rlvf.benchmarks.mbpp import SPLITS, content_checksum, load
from rlvf.errors import RlvfError
from rlvf.settings import to_json
from tests.hub import REVISION, command, mbpp_files, run

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
    settings = mbpp.Settings(source=str(rows(*given)), sha256=content_checksum(given))
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
        load(mbpp.Settings(source=str(rows(ROW))), "test")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task_id": 1}, "mbpp.jsonl:2: not an MBPP row: no text, code"),
        (ROW | {"test_list": []}, "mbpp.jsonl:2: MBPP task 11 has no tests"),
    ],
)
def test_a_bad_row_is_named(rows, row, message):
    with pytest.raises(RlvfError, match=message):
        load(mbpp.Settings(source=str(rows(ROW, row))), "test")


def test_the_publishers_file_and_splits(mbpp_path):
    settings = mbpp.Settings(source=str(mbpp_path))
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
        load_tasks(mbpp.Settings(source=str(mbpp_path)), "dev")


# ---------------------------------------------------------------- from the hub


@pytest.fixture
def fetched(hub, tmp_path):
    """A folder that `rlvf fetch` made of a dataset with two tasks; the hub is down since then."""
    hub.repos["datasets/some/mbpp"] = mbpp_files([ROW, ROW | {"task_id": 601}])
    done = run(command(tmp_path / "mbpp", "some/mbpp", "mbpp"), hub.environment(tmp_path))
    assert done.returncode == 0, done.stderr
    hub.down = True
    return tmp_path / "mbpp"


def tasks(folder, hub, *more):
    """`rlvf tasks` for the benchmark of `fetched`, into tasks.jsonl."""
    checksum = content_checksum([ROW, ROW | {"task_id": 601}])
    settings = mbpp.Settings(repo="some/mbpp", revision=REVISION, sha256=checksum)
    options = ["--benchmark", "mbpp", "--split", "test", "--settings", to_json(settings)]
    line = shlex.join(["rlvf", "tasks", *options, *more, "--out", str(folder / "tasks.jsonl")])
    return run(line, hub.environment(folder))


def test_tasks_are_read_from_a_fetched_folder_while_the_hub_is_down(fetched, hub, tmp_path, rows):
    done = tasks(tmp_path, hub, "--source", str(fetched))
    assert done.returncode == 0, done.stderr
    (task,) = tasks_of(rows, ROW)
    assert (tmp_path / "tasks.jsonl").read_text() == task.model_dump_json() + "\n"


def test_a_damaged_file_is_named_with_the_command_that_repairs_it(fetched, hub, tmp_path):
    damaged = fetched / "full" / "test-00000-of-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = tasks(tmp_path, hub, "--source", str(fetched))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"{damaged}: changed: sha256 is" in done.stderr

    hub.down = False
    repair = re.search(r"rlvf fetch --settings.*", done.stderr)[0]
    assert run(repair, hub.environment(tmp_path)).returncode == 0
    assert tasks(tmp_path, hub, "--source", str(fetched)).returncode == 0


@pytest.mark.parametrize("source", [[], ["--source", "mbpp"]])
def test_without_a_source_the_command_that_fetches_it_is_named(hub, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    hub.repos["datasets/some/mbpp"] = mbpp_files([ROW, ROW | {"task_id": 601}])
    done = tasks(tmp_path, hub, *source)
    assert done.returncode == 1 and done.stderr.count("\n") == 1

    fetch, read = re.search(r"(rlvf fetch .*) and read it with (.*)", done.stderr).groups()
    assert run(fetch, hub.environment(tmp_path)).returncode == 0
    assert tasks(tmp_path, hub, *shlex.split(read)).returncode == 0


def test_a_folder_that_holds_something_else_is_named(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "test.parquet").write_bytes(b"a note")
    with pytest.raises(RlvfError, match=r"full/test\.parquet: not a Parquet file"):
        load(mbpp.Settings(source=str(tmp_path)), "test")


def test_the_publishers_file_and_the_hubs_dataset_are_the_same(mbpp_path, tmp_path):
    published = [json.loads(line) for line in mbpp_path.read_text().splitlines()]
    for name, body in mbpp_files(published).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    for split in SPLITS:
        found = load(mbpp.Settings(source=str(tmp_path)), split)
        assert found == load(mbpp.Settings(source=str(mbpp_path)), split)
