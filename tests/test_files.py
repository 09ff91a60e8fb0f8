import pytest

from rlvf.errors import RlvfError
from rlvf.files import atomic_directory, atomic_writer


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
