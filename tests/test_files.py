import contextlib
import subprocess
import sys

import pytest

from rlvf.errors import RlvfError
from rlvf.files import atomic_directory, atomic_writer, is_left_over, take_lock


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_writer(path) as file:
        file.write("half")
        assert not path.exists()
    assert path.read_text() == "half"


def test_a_folder_appears_when_it_is_complete_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_directory(path) as folder:
            (folder / name).touch()
    assert [child.name for child in path.iterdir()] == ["new"]


@pytest.mark.parametrize("atomic", [atomic_writer, atomic_directory])
def test_a_failure_leaves_nothing(tmp_path, atomic):
    with pytest.raises(KeyError), atomic(tmp_path / "out"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("atomic", [atomic_writer, atomic_directory])
def test_a_place_that_takes_no_file_is_named(tmp_path, atomic):
    (tmp_path / "file").touch()
    with (
        pytest.raises(RlvfError, match=r"file/out: cannot write: (Not a directory|File exists)"),
        atomic(tmp_path / "file" / "out"),
    ):
        pass


# ---------------------------------------------------------------- writers that are killed

_WRITER = """
import os, sys, time
from pathlib import Path
from rlvf import files
from rlvf.files import atomic_directory, atomic_writer
path = Path(sys.argv[1])
{what}
"""
_FILE = """
with atomic_writer(path) as file:
    file.write("half")
    print(flush=True)
    time.sleep(60)
"""
_FOLDER = """
with atomic_directory(path) as folder:
    (folder / "half").touch()
    print(flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def at_work(what, path):
    """A process that has begun to make `path`; it is killed at the end."""
    command = [sys.executable, "-c", _WRITER.format(what=what), path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def make(atomic, path):
    with atomic(path) as made:
        if atomic is atomic_writer:
            made.write("all")
        else:
            (made / "all").touch()


def content(path):
    return path.read_text() if path.is_file() else "".join(names(path))


def names(folder):
    return [child.name for child in folder.iterdir()]


@pytest.mark.parametrize(
    ("atomic", "what"),
    [(atomic_writer, _FILE), (atomic_directory, _FOLDER)],
    ids=["file", "folder"],
)
def test_what_a_killed_process_left_is_known_and_removed_by_the_next(tmp_path, atomic, what):
    path = tmp_path / "out[1].x"
    for _ in range(2):
        with at_work(what, path):
            pass
    assert not path.exists()
    assert all(is_left_over(name) for name in names(tmp_path))
    make(atomic, path)
    assert names(tmp_path) == ["out[1].x"]
    assert content(path) == "all"


@pytest.mark.parametrize(
    ("atomic", "what"),
    [(atomic_writer, _FILE), (atomic_directory, _FOLDER)],
    ids=["file", "folder"],
)
def test_what_another_process_is_making_is_left_alone(tmp_path, atomic, what):
    path = tmp_path / "out"
    with at_work(what, path):
        (unfinished,) = tmp_path.iterdir()
        make(atomic, path)
        assert (unfinished / "out").exists()


def test_of_things_with_similar_names_nothing_is_removed(tmp_path):
    for name in (".out.txt.abcdefgh.partial", ".out.abcdefgh", ".out.partial", ".other.12345678.x"):
        (tmp_path / name).mkdir()
    make(atomic_writer, tmp_path / "out")
    assert len(names(tmp_path)) == 5


def test_the_old_folder_is_there_until_the_new_one_is(tmp_path):
    """Killed between the two steps of the change, it is there again as soon as somebody comes."""
    path = tmp_path / "out"
    make(atomic_directory, path)
    killed = _FOLDER.replace(
        "    print(flush=True)\n    time.sleep(60)\n",
        "    rename = Path.rename\n"
        "    Path.rename = lambda *paths: rename(*paths) and os.kill(os.getpid(), 9)\n",
    )
    with at_work(killed, path):
        pass
    assert not path.exists()
    with pytest.raises(KeyError), atomic_directory(path):
        assert content(path) == "all"
        raise KeyError
    assert content(path) == "all"
    assert names(tmp_path) == ["out"]


def test_many_processes_may_make_the_same_folder(tmp_path):
    what = "for _ in range(200):\n    with atomic_directory(path) as folder:\n"
    what += "        (folder / 'all').touch()\n"
    command = [sys.executable, "-c", _WRITER.format(what=what), tmp_path / "out"]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert names(tmp_path) == ["out"]
    assert content(tmp_path / "out") == "all"


def test_a_file_is_not_replaced_by_a_folder_nor_a_folder_by_a_file(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(RlvfError, match="file: cannot be replaced by a folder"):
        make(atomic_directory, tmp_path / "file")
    with pytest.raises(RlvfError, match="is a folder; name a file"):
        make(atomic_writer, tmp_path)
    assert content(tmp_path / "file") == "text"


def test_a_lock_that_was_removed_while_waiting_for_it_is_none(tmp_path):
    with take_lock(tmp_path / "lock", "taken"):
        with pytest.raises(RlvfError, match="taken"):
            take_lock(tmp_path / "lock", "taken")
        (tmp_path / "lock").unlink()
        with take_lock(tmp_path / "lock", "taken"), pytest.raises(RlvfError, match="taken"):
            take_lock(tmp_path / "lock", "taken")
