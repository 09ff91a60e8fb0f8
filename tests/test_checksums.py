"""The note of a folder that a stage made, and folders that are not as their notes say."""

import shutil
from pathlib import Path

import pytest

from rlvf.checksums import check_folder, note_of, write_note
from rlvf.errors import RlvfError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(b"1234")
    (folder / "inner" / "empty").touch()
    (folder / ".snakemake_timestamp").touch()
    write_note(folder)
    return folder


def test_equal_folders_have_equal_notes_whatever_their_times(folder, tmp_path):
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "model"
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    (copy / ".snakemake_timestamp").unlink()
    write_note(copy)
    notes = [Path(note_of(one)).read_text(encoding="utf-8") for one in (folder, copy)]
    assert notes[0] == notes[1]
    assert ".snakemake_timestamp" not in notes[0]
    assert check_folder(copy) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "weights").write_bytes(b"1235"), "weights: changed: sha256 is"),
        (lambda folder: (folder / "weights").write_bytes(b"123"), "weights: changed: 3 bytes inst"),
        (
            lambda folder: (folder / "inner" / "empty").unlink(),
            "inner/empty: cannot be read: No",
        ),
        (shutil.rmtree, "inner/empty: cannot be read: No such file"),
    ],
)
def test_what_is_not_as_in_the_note_is_named_with_what_to_do(folder, change, said):
    change(folder)
    with pytest.raises(RlvfError, match=f"{said}.*; remove .*model and make it again"):
        check_folder(folder)


def test_a_folder_that_no_stage_made_has_nothing_to_check(tmp_path):
    assert check_folder(tmp_path) is None


def test_a_note_that_cannot_be_read_is_named(folder):
    Path(note_of(folder)).write_text("{", encoding="utf-8")
    with pytest.raises(RlvfError, match=r"model\.checksums\.json: cannot be read; remove .*model "):
        check_folder(folder)
