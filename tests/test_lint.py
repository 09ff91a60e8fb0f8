import os
import subprocess
import sys

import pytest

from rlvf.errors import RlvfError
from rlvf.lint import INVALID_SYNTAX, count_lines, lint, lint_report, severity_of
from rlvf.settings import LintSettings, parse_settings


def rules(snippets, settings=None):
    settings = settings or LintSettings()
    return [[finding.code for finding in found] for found in lint(snippets, settings)]


def test_findings_belong_to_their_snippet_in_order():
    assert rules(["import os\n", "x = 1\n", None, "", "x = 1;\nl = 2\n"]) == [
        ["F401"],
        [],
        [],
        [],
        ["E703", "E741"],
    ]


@pytest.mark.parametrize(
    "comment", ["# noqa", "# noqa: F401", "# ruff: noqa", "# flake8: noqa", "# ruff: ignore[F401]"]
)
def test_suppression_comments_do_not_count(comment):
    assert rules([f"import os  {comment}\n", f"{comment}\nimport os\n"]) == [["F401"], ["F401"]]


def test_a_syntax_error_counts_once():
    (found,) = rules(["def f(:\n    x = (\ny = ]\n"])
    assert found.count(INVALID_SYNTAX) == 1


def test_text_that_no_file_can_hold_is_a_syntax_error():
    assert INVALID_SYNTAX in rules(["\ud800x = 1\n"])[0]


def test_only_the_configured_rules_count():
    settings = LintSettings(select=["F"], ignore=["F841"])
    assert rules(["import os\ndef f():\n    n = 0;\n"], settings) == [["F401"]]


def test_the_longest_prefix_decides_the_level():
    settings = LintSettings(
        severities={"error": ["E9", "F"], "info": ["E", "F84"]}, default_severity="warning"
    )
    levels = {code: severity_of(code, settings) for code in ("E999", "E501", "F401", "F841", "B1")}
    assert levels == {
        "E999": "error",
        "E501": "info",
        "F401": "error",
        "F841": "info",
        "B1": "warning",
    }


def test_unknown_rules_are_named():
    with pytest.raises(RlvfError, match="NOPE"):
        lint(["x = 1\n"], LintSettings(select=["NOPE"]))


def test_a_report_counts_every_level_and_the_lines_of_code():
    code = "import os\n\nx = 1;\n"
    report = lint_report("t/1", 0, code, lint([code], LintSettings())[0])
    assert report.counts == {"error": 1, "warning": 1, "info": 0}
    assert report.lines == 2


def test_a_snippet_that_ruff_dies_on_is_set_apart_and_named(capfd):
    deadly = f"x = {'-' * 200_000}1\n"
    snippets = ["import os\n", deadly, "x = 1\n", None, deadly, "l = 2\n"]
    found = lint(snippets, LintSettings(), [f"t/{number}" for number in range(6)])
    codes = [[finding.code for finding in one] for one in found]
    assert codes == [["F401"], [INVALID_SYNTAX], [], [], [INVALID_SYNTAX], ["E741"]]
    log = capfd.readouterr().err
    assert log.count("counts as a syntax error") == 2
    assert "t/1: Ruff failed with status -6" in log and "t/4: Ruff" in log


def test_how_a_snippet_fares_depends_on_no_other():
    """A single file would be read on Ruff's main thread, whose stack has another size."""
    snippets = [f"x = {'-' * 2500}1\n", f"x = {'1+' * 2500}1\n", f"x = {'-' * 200_000}1\n"]
    together = lint(snippets, LintSettings())
    assert together == [lint([snippet], LintSettings())[0] for snippet in snippets]


def test_the_environment_of_ruff_is_its_own(monkeypatch, tmp_path):
    expected = lint(["import os\nx = 1;\n"], LintSettings())
    output = tmp_path / "taken"
    for name, value in {
        "RUFF_OUTPUT_FILE": str(output),
        "RUFF_OUTPUT_FORMAT": "concise",
        "RUFF_NO_CACHE": "false",
        "RUST_MIN_STACK": "1",
        "RUST_LOG": "trace",
        "RUST_BACKTRACE": "full",
    }.items():
        monkeypatch.setenv(name, value)
    assert lint(["import os\nx = 1;\n"], LintSettings()) == expected
    assert not output.exists()


@pytest.mark.parametrize("name", ["a b", "*[x]{y}", "@files", "ä\udcff", "-x", "build"])
def test_any_temporary_folder_does(name, tmp_path, monkeypatch):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert rules(["import os\n", "x = 1;\n"]) == [["F401"], ["E703"]]
    assert not list(folder.iterdir())


def test_a_umask_changes_nothing():
    before = os.umask(0o777)
    try:
        assert rules(["import os\n"]) == [["F401"]]
    finally:
        os.umask(before)


def test_what_the_machine_lacks_is_no_finding(monkeypatch):
    monkeypatch.setattr("rlvf.lint._ruff_program", lambda: "/nowhere/ruff")
    with pytest.raises(RlvfError, match="ruff"):
        lint(["x = 1\n"], LintSettings())


def test_a_ruff_that_others_end_is_no_finding(monkeypatch, tmp_path):
    """As the kernel does where memory is short."""
    program = tmp_path / "ruff"
    program.write_text("#!/bin/sh\nkill -KILL $$\n")
    program.chmod(0o755)
    monkeypatch.setattr("rlvf.lint._ruff_program", lambda: str(program))
    with pytest.raises(RlvfError, match=r"status -9.*memory"):
        lint(["x = 1\n", "y = 1\n"], LintSettings())


def test_lines_end_where_python_ends_them():
    assert count_lines("# a\x0cb\u2028c\x0b\x1cd\r\n\n  \t\nx = 1\ry = 2") == 3


def test_messages_are_not_longer_than_a_reader_likes():
    (found,) = lint([f"x = {'not ' * 2000}1\n"], LintSettings())
    assert max(len(finding.message) for finding in found) == 1000


def test_the_target_is_the_python_that_runs_the_code():
    code = "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]): pass\n"
    found = ["UP046"] if sys.version_info >= (3, 12) else []
    assert rules([code], LintSettings(select=["UP046"])) == [found]


def test_a_target_in_the_settings_is_refused_with_the_reason():
    with pytest.raises(RlvfError, match="--settings: target_version: Ruff's target is the Python"):
        parse_settings('{"target_version": "py311"}', LintSettings)


def test_a_ruff_that_waits_for_ever_is_an_error(monkeypatch, tmp_path):
    """It does where it may not start its threads."""
    program = tmp_path / "ruff"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr("rlvf.lint._ruff_program", lambda: str(program))
    monkeypatch.setattr("rlvf.lint._PATIENCE", 0.5)
    with pytest.raises(RlvfError, match="ruff hangs"):
        lint(["x = 1\n"], LintSettings())


def test_a_small_stack_of_the_session_changes_nothing():
    program = (
        "from rlvf.lint import lint; from rlvf.settings import LintSettings, parse_settings;"
        "snippets = [f'x = {op * 2500}1\\n' for op in ('-', '1+', 'not ')];"
        "print([any(f.code == 'invalid-syntax' for f in one) for one in "
        "lint(snippets, LintSettings())])"
    )
    done = subprocess.run(
        ["sh", "-c", 'ulimit -s 256; exec "$0" -c "$1"', sys.executable, program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[False, False, False]\n"


def test_too_little_address_space_is_an_error():
    program = (
        "from rlvf.lint import lint; from rlvf.settings import LintSettings;"
        "lint(['import os'], LintSettings())"
    )
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 300000; exec "$0" -c "$1"', sys.executable, program],
        capture_output=True,
        text=True,
    )
    assert "MiB of address space; this session allows 292 (ulimit -v)" in done.stderr
